package history

import (
	"slices"
	"time"
)

// call is a call to the store: what went out, and what came back.
type call struct {
	begin, end Record
	// answered tells that it returned nil. A call that was not answered, because
	// the process died or got an error, may have taken effect.
	answered bool
}

// until is when the call is over for its caller: never, if it died in it.
func (c *call) until() time.Time {
	if c.end.At.IsZero() {
		return forever
	}
	return c.end.At
}

var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// thread is the life of one delivery.
type thread struct {
	id       string
	final    *FinalDelivery
	claims   []claim // by rising token
	settles  []settle
	dials    []Record
	answers  []Record // Responded
	requests []*Request
	requeues []*call
}

type claim struct {
	Claimed
	call *call
}

type settle struct {
	Outcome
	call *call
	// lost: the store answered that others have the delivery.
	lost bool
	// unclear: it is not known whether it was.
	unclear bool
}

// accepted: the store answered that it has the outcome.
func (s *settle) accepted() bool { return s.call.answered && !s.lost && !s.unclear }

// index is a history by delivery.
type index struct {
	History
	threads map[string]*thread
	order   []*thread
	calls   []*call
	inserts []*call
	// unclaimed are the claims of which an answer is missing, so that what they
	// took is not known, by the endpoints that they asked for.
	unclaimed map[string][]*call
	processes map[string]*Process
}

func newIndex(h History) *index {
	x := &index{History: h, threads: map[string]*thread{}, unclaimed: map[string][]*call{}, processes: map[string]*Process{}}
	for i := range h.Processes {
		x.processes[h.Processes[i].Name] = &h.Processes[i]
	}
	x.pairCalls()
	for _, c := range x.calls {
		switch c.begin.Op {
		case OpClaim:
			if !c.answered || x.perhapsRepeated(c) {
				for _, l := range c.begin.Asked {
					x.unclaimed[l.ID] = append(x.unclaimed[l.ID], c)
				}
			}
			for _, d := range c.end.Claimed {
				t := x.thread(d.ID)
				t.claims = append(t.claims, claim{d, c})
			}
		case OpSettle:
			for _, o := range c.begin.Outcomes {
				t := x.thread(o.ID)
				lost := slices.Contains(c.end.Lost, o.ID)
				// Of two outcomes of one delivery it does not say which is lost.
				unclear := lost && slices.ContainsFunc(c.begin.Outcomes, func(p Outcome) bool { return p.ID == o.ID && p.Token != o.Token })
				t.settles = append(t.settles, settle{o, c, lost && !unclear, unclear})
			}
		case OpRequeue:
			for _, id := range c.begin.Requeued {
				if !c.answered || slices.Contains(c.end.Requeued, id) {
					t := x.thread(id)
					t.requeues = append(t.requeues, c)
				}
			}
		case OpInsert:
			x.inserts = append(x.inserts, c)
		}
	}
	for _, r := range h.Records {
		switch r.Kind {
		case Dialling:
			t := x.thread(r.Attempt.ID)
			t.dials = append(t.dials, r)
		case Responded:
			t := x.thread(r.Attempt.ID)
			t.answers = append(t.answers, r)
		default:
		}
	}
	for i := range h.Requests {
		t := x.thread(h.Requests[i].Delivery)
		t.requests = append(t.requests, &h.Requests[i])
	}
	for i := range h.Final.Deliveries {
		x.thread(h.Final.Deliveries[i].ID).final = &h.Final.Deliveries[i]
	}
	for _, t := range x.order {
		slices.SortStableFunc(t.claims, func(a, b claim) int {
			if a.Token != b.Token {
				return int(a.Token - b.Token)
			}
			return a.call.end.Now.Compare(b.call.end.Now)
		})
		slices.SortStableFunc(t.settles, func(a, b settle) int { return a.call.begin.At.Compare(b.call.begin.At) })
		slices.SortStableFunc(t.requests, func(a, b *Request) int { return a.At.Compare(b.At) })
	}
	return x
}

func (x *index) thread(id string) *thread {
	t := x.threads[id]
	if t == nil {
		t = &thread{id: id}
		x.threads[id] = t
		x.order = append(x.order, t)
	}
	return t
}

func (x *index) pairCalls() {
	type key struct {
		process string
		call    int64
	}
	open := map[key]*call{}
	for _, r := range x.Records {
		k := key{r.Process, r.Call}
		switch r.Kind {
		case Calling:
			c := &call{begin: r}
			open[k] = c
			x.calls = append(x.calls, c)
		case Called:
			if c := open[k]; c != nil {
				c.end, c.answered = r, r.Err == ""
			}
		default:
		}
	}
}

// resendAfter is how long clients wait for an answer before they ask again: 3 s
// with go-redis.
const resendAfter = 3 * time.Second

// perhapsRepeated tells whether the client below the store, or the store itself,
// may have sent a call again because the first answer was lost. Both may then
// have taken effect, and the caller knows of one.
func (x *index) perhapsRepeated(c *call) bool {
	return c.until().Sub(c.begin.At) >= resendAfter ||
		slices.ContainsFunc(x.Outages, func(o Outage) bool { return o.overlaps(c.begin.At, c.until()) })
}

// perhapsClaimed tells whether a claim whose answer is not known may have taken a
// delivery between two times.
func (x *index) perhapsClaimed(endpoint string, from, to time.Time) bool {
	return slices.ContainsFunc(x.unclaimed[endpoint], func(c *call) bool {
		// What was sent may take effect after its caller has given up.
		return c.begin.At.Before(to) && c.until().Add(lateEffect).After(from)
	})
}

// lateEffect is how long after its caller has given up a statement that is under
// way can take effect, at most.
const lateEffect = 2 * time.Minute

// requeuedWithin returns whether a requeue may have taken effect between.
func (t *thread) requeuedWithin(from, to time.Time) bool {
	return slices.ContainsFunc(t.requeues, func(c *call) bool {
		return !c.begin.At.After(to) && !c.until().Before(from)
	})
}

// of returns the settles that name a token.
func (t *thread) of(token int64) []*settle {
	var found []*settle
	for i := range t.settles {
		if t.settles[i].Token == token {
			found = append(found, &t.settles[i])
		}
	}
	return found
}

// accepted returns the settle of a token that the store took, nil if none.
func (t *thread) accepted(token int64) *settle {
	for _, s := range t.of(token) {
		if s.accepted() {
			return s
		}
	}
	return nil
}

// troubled tells whether a process was killed, stood still, or had no store, at
// some time between.
func (x *index) troubled(process string, from, to time.Time) string {
	if p := x.processes[process]; p != nil {
		if !p.Died.IsZero() && (Span{p.Died, p.Died}).overlaps(from, to) {
			return "kill"
		}
		if slices.ContainsFunc(p.Stopped, func(s Span) bool { return s.overlaps(from, to) }) {
			return "stop"
		}
	}
	if slices.ContainsFunc(x.Outages, func(o Outage) bool { return o.overlaps(from, to) }) {
		return "outage"
	}
	return ""
}

// undone tells whether answers about a delivery may have been taken back.
func (x *index) undone(t *thread) bool {
	for _, o := range x.Outages {
		if o.Undoes == 0 {
			continue
		}
		in := Span{o.From.Add(-o.Undoes), o.To}
		if slices.ContainsFunc(t.claims, func(k claim) bool { return in.overlaps(k.call.begin.At, k.call.until()) }) ||
			slices.ContainsFunc(t.settles, func(s settle) bool { return in.overlaps(s.call.begin.At, s.call.until()) }) {
			return true
		}
	}
	return false
}
