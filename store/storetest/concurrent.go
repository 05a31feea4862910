package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

var concurrentProofs = []proof{
	{"Concurrent/History", concurrentHistory},
	{"Concurrent/SharedHistory", concurrentSharedHistory},
	{"Concurrent/Sweep", concurrentSweep},
}

func concurrentHistory(t *tester) { runHistory(t, []*tester{t}) }

// The same with callers on two handles, as in two processes.
func concurrentSharedHistory(t *tester) { runHistory(t, []*tester{t, t.reopened()}) }

// storm is a concurrent test under way: eight claimers with leases of which
// some run out, publishers, requeuers and the clock.
type storm struct {
	handles []*tester
	history *history
	lanes   []string
	ids     struct {
		sync.Mutex
		list []store.DeliveryRef
	}
	drained atomic.Bool
	inserts atomic.Int64
}

func runHistory(t *tester, handles []*tester) {
	s := &storm{handles: handles, history: newHistory(), lanes: []string{"a", "b", "c", "d", "e", "f", "unknown"}}
	for i, lane := range s.lanes[:6] {
		t.endpoint([]string{"", "t"}[i%2], lane)
	}
	events := 150
	if testing.Short() {
		events = 50
	}
	t.tb.Logf("seed %d", t.seed)

	var publishers, others sync.WaitGroup
	for i := range 3 {
		t.spawn(&publishers, func() { s.publish(s.on(i), i, events) })
	}
	for i := range 2 {
		t.spawn(&publishers, func() { s.recover(s.on(i), i, events) })
	}
	for i := range 2 {
		t.spawn(&publishers, func() { s.meddle(s.on(i), i, events) })
	}
	for i := range 8 {
		t.spawn(&others, func() { s.work(s.on(i), i) })
	}
	t.spawn(&others, func() { s.clock(t) })
	publishers.Wait()
	s.drained.Store(true) // the workers go on until nothing is pending
	others.Wait()
	if t.ctx.Err() != nil {
		t.Errorf("the deliveries were not drained in time: %+v", t.stats(store.StatsQuery{Scope: store.Scope{All: true}}).Total)
		return
	}
	s.history.judge(t)
	claims := len(s.history.claims)
	if claims < len(s.history.made) || len(s.history.made) < events {
		t.Errorf("only %d leases of %d deliveries; the test did not test", claims, len(s.history.made))
	}
}

func (s *storm) on(i int) *tester { return s.handles[i%len(s.handles)] }

func (s *storm) rng(t *tester, kind, i int) *rand.Rand {
	return rand.New(rand.NewPCG(t.seed, uint64(kind*100+i)))
}

// clock lets leases run out. A clock that runs by itself needs no help.
func (s *storm) clock(t *tester) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for t.Advance != nil && t.ctx.Err() == nil && !s.done(t) {
		t.Advance(t.unit / 16)
		<-tick.C
	}
}

// done tells whether all deliveries have ended and no more are made.
func (s *storm) done(t *tester) bool {
	if !s.drained.Load() {
		return false
	}
	stats, err := t.Store.Stats(t.ctx, store.StatsQuery{Scope: store.Scope{All: true}})
	return err == nil && stats.Total.Pending == 0
}

func (s *storm) publish(t *tester, i, events int) {
	rng := s.rng(t, 1, i)
	for n := range events {
		tenant := []string{"", "t"}[rng.IntN(2)]
		e := event(tenant, fmt.Sprintf("e-%d-%d", i, n))
		in, err := t.Store.Insert(t.ctx, []store.NewEvent{
			with(e, s.lanes[rng.IntN(3)], s.lanes[3+rng.IntN(4)]),
			with(event(tenant, fmt.Sprintf("everyone-%d", n)), s.lanes[rng.IntN(7)]), // all publishers insert it
		})
		if err != nil || len(in) != 2 || in[0].Duplicate || in[1].Conflict {
			t.Errorf("concurrent Insert: %+v, %v", in, err)
			return
		}
		s.inserts.Add(1)
		s.history.inserted(tenant, in)
		s.ids.Lock()
		s.ids.list = append(s.ids.list, in[0].Deliveries...)
		s.ids.Unlock()
	}
}

// recover requeues and cancels whatever there is, in flight or not.
func (s *storm) recover(t *tester, i, events int) {
	rng := s.rng(t, 2, i)
	for n := 0; n < events && t.ctx.Err() == nil; n++ {
		s.ids.Lock()
		var id string
		if len(s.ids.list) > 0 {
			id = s.ids.list[rng.IntN(len(s.ids.list))].ID
		}
		s.ids.Unlock()
		var tenant string
		s.history.note(func() { tenant = s.history.made[id] })
		var err error
		switch rng.IntN(3) {
		case 0:
			_, err = t.Store.Cancel(t.ctx, tenant, []string{id}, "host")
		case 1:
			_, err = t.Store.Requeue(t.ctx, store.RequeueParams{Items: []store.RequeueItem{{Tenant: tenant, DeliveryID: id}}})
		case 2:
			name := fmt.Sprintf("e-%d-%d", rng.IntN(3), n)
			var r []store.Requeued
			r, err = t.Store.Requeue(t.ctx, store.RequeueParams{Items: []store.RequeueItem{{Tenant: "t", EventID: name, EndpointID: "unknown"}}})
			if err == nil && r[0].DeliveryID != "" {
				s.history.note(func() { s.history.made[r[0].DeliveryID] = "t" })
			}
		}
		if err != nil {
			t.Errorf("concurrent Cancel or Requeue: %v", err)
			return
		}
		if t.hasFailed() {
			return
		}
	}
}

// meddle looks at everything while it moves, and writes what stands in nobody's
// way: endpoints, and a tenant of its own that comes and goes.
func (s *storm) meddle(t *tester, i, rounds int) {
	rng := s.rng(t, 4, i)
	tenant, lane := fmt.Sprint("own", i), fmt.Sprint("own", i)
	all := store.Scope{All: true}
	for n := 0; n < rounds/5 && !t.hasFailed(); n++ {
		t.endpoint(tenant, lane)
		t.publish(tenant, "e", lane)
		t.finish(store.StateFailed, lane)
		t.publish(tenant, "f", lane)
		t.status(tenant, lane, store.EndpointPaused, "")
		t.takeNone(lane, "it was paused before the claim began")
		t.status(tenant, lane, store.EndpointActive, "")
		t.wantMatch(tenant, "x", lane)
		e := t.readEndpoint(tenant, lane)
		if _, err := t.Store.UpdateEndpoint(t.ctx, e); err != nil {
			t.Errorf("UpdateEndpoint of an endpoint that nobody else writes: %v", err)
		}
		d := t.takeOne(held, lane).Delivery
		if got := t.delivery(tenant, d.ID); same(got, d) != "" {
			t.Errorf("a delivery that nobody else has: %s", same(got, d))
		}
		walk(t, t.events(store.EventQuery{Scope: all}), 100+rng.IntN(100), nil)
		walk(t, t.deliveries(store.DeliveryQuery{Scope: all, State: store.State(rng.IntN(5))}), 100+rng.IntN(100), nil)
		walk(t, t.endpoints(store.EndpointQuery{Scope: all}), 1+rng.IntN(3), nil)
		t.attempts(tenant, d.ID)
		t.match("t", "x.y")
		t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}})
		t.tail(t.due(store.DueParams{Limit: 1}).Mark, 1+rng.IntN(3))
		if _, err := t.Store.Event(t.ctx, tenant, "e"); err != nil {
			t.Errorf("an event that nobody else has: %v", err)
		}
		t.purge(store.PurgeParams{OlderThan: 1e6 * time.Hour, BodiesOnly: n%2 == 0, Limit: 5})
		t.remove(tenant, lane)
		t.erase(tenant, 1)
	}
}

// work claims and settles until nothing is left.
func (s *storm) work(t *tester, i int) {
	rng := s.rng(t, 3, i)
	for t.ctx.Err() == nil && !t.hasFailed() {
		p := store.ClaimParams{Max: 1 + rng.IntN(12), Lease: t.unit}
		for _, l := range rng.Perm(len(s.lanes)) {
			p.Lanes = append(p.Lanes, store.Lane{ID: s.lanes[l], N: 1 + rng.IntN(4)})
		}
		if rng.IntN(4) == 0 {
			p.MaxBytes = 1 + rng.IntN(100)
		}
		b, err := t.Store.Claim(t.ctx, p)
		if err == nil {
			err = wellFormed(p, b)
		}
		if err != nil {
			t.Errorf("concurrent Claim: %v", err)
			return
		}
		s.history.claimed(b)
		if len(b.Deliveries) == 0 && s.done(t) {
			return
		}
		s.settle(t, rng, b)
	}
}

// settle brings the outcomes of a batch, in one call or several, now and then
// twice, and leaves some to run out.
func (s *storm) settle(t *tester, rng *rand.Rand, b store.Batch) {
	var outcomes []store.Outcome
	for _, c := range b.Deliveries {
		o := signed(c, store.StateDelivered)
		switch n := rng.IntN(20); {
		case n < 2 && !s.drained.Load():
			continue // this caller dies
		case n < 5:
			o = release(c)
		case n < 9:
			o = signed(c, store.StatePending)
			o.Delay = time.Duration(rng.IntN(3)) * t.unit / 8
		case n < 11:
			o = signed(c, store.StateFailed)
		}
		outcomes = append(outcomes, o)
	}
	for len(outcomes) > 0 {
		n := 1 + rng.IntN(len(outcomes))
		r, err := t.Store.Settle(t.ctx, outcomes[:n])
		if err == nil && rng.IntN(4) == 0 {
			_, err = t.Store.Settle(t.ctx, outcomes[:n]) // the answer was lost
		}
		if err != nil {
			t.Errorf("concurrent Settle: %v", err)
			return
		}
		s.history.settled(outcomes[:n], r)
		outcomes = outcomes[n:]
	}
}

// A sweep beside writers reports every lane that had work all the time.
func concurrentSweep(t *tester) {
	const stay = 40
	for i := range stay {
		id := fmt.Sprintf("l%03d", i*3)
		t.publish("", "to-"+id, id)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		t.spawn(&wg, func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				lane := fmt.Sprintf("l%03d", (n*3+w+1)%120)
				if (n*3+w+1)%120%3 == 0 {
					continue
				}
				if _, err := t.Store.Insert(t.ctx, []store.NewEvent{with(event("", fmt.Sprint("e", w, "-", n)), lane)}); err != nil {
					t.Errorf("Insert: %v", err)
					return
				}
				b, err := t.Store.Claim(t.ctx, store.ClaimParams{Lanes: lanes(lane, 5), Max: 5, Lease: held})
				if err != nil {
					t.Errorf("Claim: %v", err)
					return
				}
				for _, c := range b.Deliveries {
					if _, err := t.Store.Settle(t.ctx, []store.Outcome{outcome(c, store.StateDelivered)}); err != nil {
						t.Errorf("Settle: %v", err)
						return
					}
				}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for limit := 1; limit <= 12 && !t.hasFailed(); limit++ {
		got := t.sweep(limit, nil)
		for i := range stay {
			if id := fmt.Sprintf("l%03d", i*3); got[id].IsZero() {
				t.Errorf("a sweep by %d misses lane %s, which had work all the time", limit, id)
			}
		}
	}
}
