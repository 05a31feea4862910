package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/postrider/postrider/store"
)

// history is what the callers of a concurrent test saw. It is written while
// they run and judged when all is quiet.
type history struct {
	mu      sync.Mutex
	claims  map[lease]int     // how often a delivery was handed out under a token
	applied map[lease]bool    // settled with an attempt, and not lost
	success map[string]int    // by delivery: successes that were not lost
	made    map[string]string // the tenant, by delivery
	expired map[string]int    // by delivery: claims that found an expired lease
}

// lease is a delivery under a token.
type lease struct {
	id    string
	token int64
}

func newHistory() *history {
	return &history{
		claims: make(map[lease]int), applied: make(map[lease]bool),
		success: make(map[string]int), made: make(map[string]string), expired: make(map[string]int),
	}
}

func (h *history) note(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// inserted notes deliveries that were acknowledged.
func (h *history) inserted(tenant string, in []store.Inserted) {
	h.note(func() {
		for _, in := range in {
			for _, r := range in.Deliveries {
				h.made[r.ID] = tenant
			}
		}
	})
}

func (h *history) claimed(b store.Batch) {
	h.note(func() {
		for _, c := range b.Deliveries {
			h.claims[lease{c.Delivery.ID, c.Delivery.Token}]++
			if c.Expired {
				h.expired[c.Delivery.ID]++
			}
		}
	})
}

// signed makes an outcome whose attempt tells which lease it belongs to.
func signed(c store.Claimed, s store.State) store.Outcome {
	o := outcome(c, s)
	o.Attempt.Error = fmt.Sprintf("%s %d", c.Delivery.ID, c.Delivery.Token)
	return o
}

// settled notes the outcomes that a Settle did not report as lost.
func (h *history) settled(outcomes []store.Outcome, r store.SettleResult) {
	h.note(func() {
		for _, o := range outcomes {
			if slices.Contains(r.Lost, o.DeliveryID) {
				continue
			}
			if o.Attempt != nil {
				h.applied[lease{o.DeliveryID, o.Token}] = true
			}
			if o.State == store.StateDelivered {
				h.success[o.DeliveryID]++
			}
		}
	})
}

// judge compares the history with what the store holds in the end.
func (h *history) judge(t *tester) {
	t.tb.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for l, n := range h.claims {
		if n != 1 {
			t.Errorf("delivery %s was handed out %d times under token %d", l.id, n, l.token)
		}
	}
	recorded := make(map[lease]bool)
	all := everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{All: true}}))
	if len(all) != len(h.made) {
		t.Errorf("%d deliveries are stored, %d were acknowledged", len(all), len(h.made))
	}
	for _, d := range all {
		if tenant, ok := h.made[d.ID]; !ok || tenant != d.Tenant {
			t.Errorf("delivery %s of tenant %q was acknowledged: %v, to %q", d.ID, d.Tenant, ok, tenant)
		}
		if !d.State.Terminal() || d.Claimed {
			t.Errorf("delivery %s is %v, claimed %v, after all was drained", d.ID, d.State, d.Claimed)
		}
		if (h.success[d.ID] > 0) == d.DeliveredAt.IsZero() {
			t.Errorf("delivery %s: %d successes, delivered at %v", d.ID, h.success[d.ID], d.DeliveredAt)
		}
		if d.Interrupted != h.expired[d.ID] {
			t.Errorf("delivery %s: interrupted %d times, but %d claims said that a lease had expired", d.ID, d.Interrupted, h.expired[d.ID])
		}
		h.judgeAttempts(t, d, recorded)
	}
	for l := range h.applied {
		if !recorded[l] {
			t.Errorf("the attempt of delivery %s under token %d was acknowledged and is not recorded", l.id, l.token)
		}
	}
	t.wantCounted("after the history", []string{"", "t"}, nil)
}

// judgeAttempts checks that the numbers have no gap, that tokens rise with them
// and that each belongs to a lease that settled.
func (h *history) judgeAttempts(t *tester, d store.Delivery, recorded map[lease]bool) {
	t.tb.Helper()
	attempts := t.attempts(d.Tenant, d.ID)
	if len(attempts) != d.Attempts || d.Tries > d.Attempts {
		t.Errorf("delivery %s: %d attempts recorded, %d counted, %d tries", d.ID, len(attempts), d.Attempts, d.Tries)
	}
	last := int64(-1)
	for i, a := range attempts {
		id, number, _ := strings.Cut(a.Error, " ")
		token, err := strconv.ParseInt(number, 10, 64)
		l := lease{id, token}
		switch {
		case a.Number != i+1:
			t.Errorf("delivery %s: attempt %d has number %d", d.ID, i+1, a.Number)
		case id != d.ID || err != nil:
			t.Errorf("delivery %s: attempt %d is that of %q", d.ID, a.Number, a.Error)
		case token <= last:
			t.Errorf("delivery %s: attempt %d was settled under token %d, the one before under %d", d.ID, a.Number, token, last)
		case h.claims[l] == 0:
			t.Errorf("delivery %s: attempt %d was settled under token %d, which nobody was given", d.ID, a.Number, token)
		case !h.applied[l]:
			t.Errorf("delivery %s: attempt %d under token %d is recorded, but was reported as lost", d.ID, a.Number, token)
		}
		last = token
		recorded[l] = true
	}
}
