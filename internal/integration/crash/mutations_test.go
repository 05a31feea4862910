//go:build unix

package crash

import (
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// These change what was recorded, to what a faulty engine would have left.

// forgetOutcome lets an engine send a delivery again that it has the outcome of:
// its settle failed, the lease ran out, and it claimed the delivery anew.
func forgetOutcome(h *history.History) {
	for i := range h.Records {
		r := &h.Records[i]
		if r.Kind != history.Responded || r.Attempt.Status != 200 || r.Engine == "" {
			continue
		}
		claim := history.Record{Kind: history.Calling, Process: r.Process, Engine: r.Engine, Call: -1, Op: history.OpClaim,
			At: r.At.Add(h.Terms.Lease), Lease: h.Terms.Lease, Max: 1}
		called := claim
		called.Kind, called.Now = history.Called, claim.At
		called.Claimed = []history.Claimed{{ID: r.Attempt.ID, Token: r.Attempt.Token + 1, Expired: true, VisibleAt: claim.At.Add(h.Terms.Lease)}}
		dial := history.Record{Kind: history.Dialling, Process: r.Process, Engine: r.Engine, At: claim.At,
			Attempt: &history.Attempt{ID: r.Attempt.ID, Token: r.Attempt.Token + 1}}
		id := r.Attempt.ID
		var kept []history.Record
		for _, k := range h.Records { // its settles are gone
			if k.Op == history.OpSettle && len(k.Outcomes) > 0 && k.Engine == r.Engine {
				var rest []history.Outcome
				for _, o := range k.Outcomes {
					if o.ID != id {
						rest = append(rest, o)
					}
				}
				k.Outcomes = rest
			}
			kept = append(kept, k)
		}
		h.Records = append(kept, claim, called, dial)
		return
	}
}

func unknownRequest(h *history.History) {
	r := h.Requests[0]
	r.Token += 1000
	h.Requests = append(h.Requests, r)
}

func hammer(h *history.History) {
	o := h.Outages[0]
	p := h.Processes[len(h.Processes)-1].Name
	for i := range 6 {
		h.Records = append(h.Records, history.Record{Kind: history.Calling, Op: history.OpDue, Process: p, Engine: p + ".0",
			Call: int64(-1 - i), At: o.From.Add(time.Duration(i) * 100 * time.Millisecond)})
	}
}

func lateEnd(h *history.History) {
	d := &h.Final.Deliveries[0]
	d.UpdatedAt = d.UpdatedAt.Add(10 * time.Minute)
}

func failedEarly(h *history.History) {
	h.Terms.Fails = true
	d := &h.Final.Deliveries[0]
	d.State = store.StateFailed
}

func strayEvent(h *history.History) {
	h.Final.Events = append(h.Final.Events, history.FinalEvent{ID: "evt_stray"})
}

// claimedLate lets the answer to a claim come back after the lease it tells of, and
// what it brought be sent.
func claimedLate(h *history.History) {
	at := map[int64]time.Time{} // claims of the first process, by call
	for i := range h.Records {
		r := &h.Records[i]
		if r.Process != h.Processes[0].Name || r.Op != history.OpClaim {
			continue
		}
		if r.Kind == history.Calling {
			at[r.Call] = r.At
		} else if len(r.Claimed) > 0 {
			r.At = at[r.Call].Add(h.Terms.Lease + time.Millisecond)
			return
		}
	}
}
