package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/postrider/postrider/store"
)

var fenceProofs = []proof{
	{"Fence/Stale", fenceStale},
	{"Fence/LateButHeld", fenceLateButHeld},
	{"Fence/Requeued", fenceRequeued},
	{"Fence/Cancelled", fenceCancelled},
	{"Fence/Repeat", fenceRepeat},
	{"Fence/RepeatChanged", fenceRepeatChanged},
	{"Fence/RepeatLater", fenceRepeatLater},
	{"Fence/ManyTokens", fenceManyTokens},
	{"Fence/TwiceInBatch", fenceTwiceInBatch},
	{"Fence/Unknown", fenceUnknown},
	{"Fence/Race", fenceRace},
	{"Fence/ErrorSettlesNothing", fenceErrorSettlesNothing},
}

// wantLost settles outcomes all of which have to be lost, and checks that
// nothing about the delivery changed.
func (t *tester) wantLost(why, tenant, id string, outcomes ...store.Outcome) {
	t.tb.Helper()
	before, attempts, stats := t.delivery(tenant, id), t.attempts(tenant, id), t.stats(store.StatsQuery{Scope: store.Scope{All: true}})
	for _, o := range outcomes {
		if lost := t.settle(o); !slices.Equal(lost, []string{id}) {
			t.Errorf("%s: settled as %v with token %d: lost %q, want %q", why, o.State, o.Token, lost, id)
		}
	}
	t.wantUnchanged(why, before, attempts)
	if d := same(t.stats(store.StatsQuery{Scope: store.Scope{All: true}}), stats); d != "" {
		t.Errorf("%s: the counts changed: %s", why, d)
	}
}

func (t *tester) wantUnchanged(why string, before store.Delivery, attempts []store.Attempt) {
	t.tb.Helper()
	if d := same(t.delivery(before.Tenant, before.ID), before); d != "" {
		t.Errorf("%s: the delivery changed: %s", why, d)
	}
	if d := same(t.attempts(before.Tenant, before.ID), attempts); d != "" {
		t.Errorf("%s: the attempts changed: %s", why, d)
	}
}

// each returns every kind of outcome of a claim.
func each(c store.Claimed) []store.Outcome {
	cancelled := release(c)
	cancelled.State, cancelled.Reason = store.StateCancelled, "late"
	return []store.Outcome{outcome(c, store.StateDelivered), outcome(c, store.StateFailed), outcome(c, store.StatePending), release(c), cancelled}
}

func fenceStale(t *tester) {
	id := t.publish("t", "e", "l")[0]
	first := t.expire("l")
	second := t.takeOne(held, "l")
	t.wantLost("claimed again", "t", id, each(first)...)
	future := second
	future.Delivery.Token++
	t.wantLost("a token to come", "t", id, each(future)...)
	t.settled(outcome(second, store.StatePending))
	third := t.takeOne(held, "l")
	t.settled(outcome(third, store.StateDelivered))
	t.wantLost("delivered by another", "t", id, each(first)...)
	if a := t.attempts("t", id); len(a) != 2 {
		t.Errorf("%d attempts are recorded, want those of the two holders", len(a))
	}
}

// Time is no fence: who still holds the token settles, however late.
func fenceLateButHeld(t *tester) {
	for i, s := range []store.State{store.StateDelivered, store.StateFailed, store.StateCancelled, store.StatePending} {
		lane := fmt.Sprint("l", i)
		id := t.publish("t", lane, lane)[0]
		c := t.expire(lane)
		t.pass(t.unit)
		t.sweep(2, nil) // nor does looking at it take it away
		t.settled(outcome(c, s))
		if d := t.delivery("t", id); d.State != s || d.Attempts != 1 || d.Expiries != 0 || d.Interrupted != 0 || d.Claimed {
			t.Errorf("settled late as %v: %+v", s, d)
		}
	}
}

func fenceRequeued(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
	t.wantLost("requeued in flight", "t", id, each(c)...)
	again := t.takeOne(held, "l")
	t.wantLost("requeued and claimed again", "t", id, each(c)...)
	t.settled(outcome(again, store.StateDelivered))
	t.requeue(store.RequeueItem{Tenant: "t", EventID: "e", EndpointID: "l"})
	if d := t.delivery("t", id); d.State != store.StatePending {
		t.Fatalf("requeued by its names: %v", d.State)
	}
	t.wantLost("requeued by its names", "t", id, each(c)...)
}

func fenceCancelled(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	t.cancel("t", id)
	t.wantLost("cancelled in flight", "t", id, each(c)...)
	t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
	t.wantLost("cancelled and requeued", "t", id, each(c)...)
}

// A settle whose answer was lost on its way can be repeated.
func fenceRepeat(t *tester) {
	for i := range 5 {
		lane := fmt.Sprint("l", i)
		id := t.publish("t", lane, lane)[0]
		o := each(t.takeOne(held, lane))[i]
		t.settled(o)
		before, attempts := t.delivery("t", id), t.attempts("t", id)
		for range 3 {
			t.pass(2 * precision)
			if lost := t.settle(o); len(lost) != 0 {
				t.Errorf("%v repeated: lost %q, want nothing", o.State, lost)
			}
			t.wantUnchanged("repeated", before, attempts)
		}
	}
	want := store.Counts{Delivered: 1, Failed: 1, Pending: 2, Cancelled: 1}
	if got := t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}}).Total; got != want {
		t.Errorf("counts after repeated settles: %+v, want %+v", got, want)
	}
}

// The token decides what a repetition is, not the outcome.
func fenceRepeatChanged(t *tester) {
	for i := range 5 {
		lane := fmt.Sprint("l", i)
		id := t.publish("t", lane, lane)[0]
		c := t.takeOne(held, lane)
		t.settled(each(c)[i])
		before, attempts := t.delivery("t", id), t.attempts("t", id)
		for _, o := range each(c) {
			if lost := t.settle(o); len(lost) != 0 {
				t.Errorf("%v after %v under one token: lost %q, want nothing", o.State, before.State, lost)
			}
			t.wantUnchanged("settled again otherwise", before, attempts)
		}
	}
}

// The delivery may have moved on before the repetition comes: claimed again,
// requeued, cancelled. What was settled was not lost.
func fenceRepeatLater(t *tester) {
	for name, move := range map[string]func(id, lane string){
		"claimed":   func(_, lane string) { t.takeOne(held, lane) },
		"requeued":  func(id, _ string) { t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id}) },
		"cancelled": func(id, _ string) { t.cancel("t", id) },
	} {
		id := t.publish("t", name, name)[0]
		c := t.takeOne(held, name)
		o := outcome(c, store.StatePending)
		t.settled(o)
		move(id, name)
		before, attempts := t.delivery("t", id), t.attempts("t", id)
		for _, o := range each(c) {
			if lost := t.settle(o); len(lost) != 0 {
				t.Errorf("%v repeated after the delivery was %s: lost %q, want nothing", o.State, name, lost)
			}
			t.wantUnchanged("repeated after it was "+name, before, attempts)
		}
	}
}

// A delivery that is claimed more often than bits fit into a word keeps its
// fence, and tells repetitions from what was lost.
func fenceManyTokens(t *tester) {
	id := t.publish("t", "e", "l")[0]
	attempts := 0
	for round := range 140 {
		c := t.takeOne(held, "l")
		if round%3 == 0 {
			t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})
			if lost := t.settle(outcome(c, store.StateDelivered)); len(lost) != 1 {
				t.Fatalf("round %d: a settle under token %d, requeued meanwhile, lost %q", round, c.Delivery.Token, lost)
			}
			continue
		}
		o := release(c)
		if round%10 == 1 {
			o = outcome(c, store.StatePending)
			attempts++
		}
		for range 2 {
			if lost := t.settle(o); len(lost) != 0 {
				t.Fatalf("round %d: settled under token %d and repeated: lost %q", round, c.Delivery.Token, lost)
			}
		}
	}
	if d := t.delivery("t", id); d.Attempts != attempts || len(t.attempts("t", id)) != attempts || d.State != store.StatePending {
		t.Errorf("%v, %d attempts counted, %d recorded; want pending with %d", d.State, d.Attempts, len(t.attempts("t", id)), attempts)
	}
}

func fenceTwiceInBatch(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	first := outcome(c, store.StatePending)
	first.Attempt.Status = 501
	t.settled(first, outcome(c, store.StateDelivered), release(c))
	a := t.attempts("t", id)
	if d := t.delivery("t", id); d.State != store.StatePending || d.Attempts != 1 || len(a) != 1 || a[0].Status != 501 {
		t.Errorf("settled three times in one call: %v, %d attempts; want the first outcome alone", d.State, d.Attempts)
	}

	stale := c
	c = t.takeOne(held, "l")
	stale.Delivery.Token = c.Delivery.Token + 7
	if lost := slices.Compact(t.settle(outcome(stale, store.StateFailed), outcome(c, store.StateDelivered))); !slices.Equal(lost, []string{id}) {
		t.Errorf("a wrong and a right token in one call: lost %q, want %q", lost, id)
	}
	if d := t.delivery("t", id); d.State != store.StateDelivered || d.Attempts != 2 {
		t.Errorf("a wrong and a right token in one call: %v, %d attempts; want the right one's outcome", d.State, d.Attempts)
	}
}

func fenceUnknown(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	var outcomes []store.Outcome
	// Ids that hold letters of another case, or what some stores cannot hold.
	unknown := []string{"unknown", "", strings.ToUpper(id) + "x", strings.Repeat("u", 64)}
	for _, u := range unknown {
		o := outcome(c, store.StateDelivered)
		o.DeliveryID = u
		outcomes = append(outcomes, o)
	}
	if lost := t.settle(outcomes...); !equalSets(lost, unknown) {
		t.Errorf("lost %q, want all of %q", lost, unknown)
	}
	if d := same(t.delivery("t", id), c.Delivery); d != "" {
		t.Errorf("the delivery whose token was used changed: %s", d)
	}
	t.wantCount(1, 1)
}

// Sixteen callers with one token: it settles once, and nobody is told that it
// was lost.
func fenceRace(t *tester) {
	const callers, rounds = 16, 12
	for round := range rounds {
		id := t.publish("t", fmt.Sprint("e", round), "l")[0]
		c := t.takeOne(held, "l")
		var lost atomic.Int64
		var wg sync.WaitGroup
		for i := range callers {
			t.spawn(&wg, func() {
				o := outcome(c, []store.State{store.StateDelivered, store.StateFailed}[i%2])
				o.Attempt.Status = 200 + i
				r, err := t.Store.Settle(t.ctx, []store.Outcome{o})
				if err != nil {
					t.Errorf("concurrent Settle: %v", err)
				}
				lost.Add(int64(len(r.Lost)))
			})
		}
		wg.Wait()
		d, a := t.delivery("t", id), t.attempts("t", id)
		if d.Attempts != 1 || len(a) != 1 || lost.Load() != 0 {
			t.Fatalf("%d callers settled one token: %d attempts counted, %d recorded, %d lost; want 1, 1, 0", callers, d.Attempts, len(a), lost.Load())
		}
		if want := []store.State{store.StateDelivered, store.StateFailed}[a[0].Status%2]; d.State != want || d.LastStatus != a[0].Status {
			t.Errorf("the state is %v with status %d, but the attempt says %v with %d", d.State, d.LastStatus, want, a[0].Status)
		}
	}
	if got := t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}}).Total; got.Delivered+got.Failed != rounds || got.Pending != 0 {
		t.Errorf("counts after it: %+v", got)
	}
}

// Whatever a store refuses, it refuses the whole call with it: neither state
// nor attempt of the others is kept.
func fenceErrorSettlesNothing(t *tester) {
	bad := map[string]func(*store.Outcome){
		"a state that is none":     func(o *store.Outcome) { o.State = 9 },
		"the state zero":           func(o *store.Outcome) { o.State = 0 },
		"a NUL in the error":       func(o *store.Outcome) { o.Attempt.Error = "a\x00b" },
		"bad UTF-8 in the error":   func(o *store.Outcome) { o.Attempt.Error = "a\xffb" },
		"bad UTF-8 in the header":  func(o *store.Outcome) { o.Attempt.RequestHeader = []store.Header{{Name: "A", Value: "\xff"}} },
		"a reason of 10,000 bytes": func(o *store.Outcome) { o.Reason = store.Code(strings.Repeat("r", 10_000)) },
	}
	for name, spoil := range bad {
		lane := "lane-" + fmt.Sprint(len(name), name[0])
		t.fill(3, lane)
		c := t.take(held, 3, lane).Deliveries
		outcomes := []store.Outcome{outcome(c[0], store.StateDelivered), outcome(c[1], store.StateFailed), outcome(c[2], store.StateFailed)}
		spoil(&outcomes[1])
		r, err := t.Store.Settle(t.ctx, outcomes)
		if err == nil {
			continue // the store took it; that is up to the store
		}
		if r.Lost != nil {
			t.Errorf("%s: Settle returned a result and an error", name)
		}
		for _, c := range c {
			t.wantUnchanged(name+", refused", c.Delivery, nil)
		}
	}
}
