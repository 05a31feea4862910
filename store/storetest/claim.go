package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

var claimProofs = []proof{
	{"Claim/Order", claimOrder},
	{"Claim/NamedLanesOnly", claimNamedLanesOnly},
	{"Claim/Visible", claimVisible},
	{"Claim/PendingOnly", claimPendingOnly},
	{"Claim/Content", claimContent},
	{"Claim/EachEventOnce", claimEachEventOnce},
	{"Claim/Endpoint", claimEndpoint},
	{"Claim/Token", claimToken},
	{"Claim/Once", claimOnce},
	{"Claim/RepeatedLane", claimRepeatedLane},
}

// taken returns the events of a batch's deliveries, in its order.
func taken(b store.Batch) []string {
	var ids []string
	for _, c := range b.Deliveries {
		ids = append(ids, c.Delivery.EventID)
	}
	return ids
}

// Neither the order of insertion nor that of ids is that of VisibleAt here.
func claimOrder(t *tester) {
	now := t.now()
	var want []string
	var events []store.NewEvent
	for i := range 12 {
		at := (i*5 + 3) % 12
		e := event("", fmt.Sprintf("e%02d", at))
		e.At = now.Add(5*t.unit + time.Duration(at)*t.unit/6)
		events = append(events, with(e, "l"))
		want = append(want, fmt.Sprintf("e%02d", i))
	}
	t.insert(events...) // at once, so that it is over before the first is due
	t.pass(8 * t.unit)
	t.publish("", "last", "l")
	want = append(want, "last")
	var got []string
	for _, n := range []int{1, 2, 1, 3, 5, 10} {
		part := taken(t.take(held, n, "l"))
		slices.Sort(part) // within a batch any order will do
		got = append(got, part...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("claimed in the order %q, want the earliest VisibleAt first: %q", got, want)
	}

	// A retry takes its place by its time, not by its age.
	l := "retries"
	ids := make(map[string]string)
	for _, id := range []string{"x", "y", "z"} {
		ids[id] = t.publish("", id, l)[0]
	}
	delays := map[string]int{"x": 3, "y": 1, "z": 2}
	var outcomes []store.Outcome
	for _, c := range t.take(held, 3, l).Deliveries {
		o := outcome(c, store.StatePending)
		o.Delay = time.Duration(delays[c.Delivery.EventID]) * t.unit / 2
		outcomes = append(outcomes, o)
	}
	t.settled(outcomes...) // at once: a delay begins with its call
	t.pass(2 * t.unit)
	got = nil
	for range 3 {
		got = append(got, taken(t.take(held, 1, l))...)
	}
	if strings.Join(got, "") != "yzx" {
		t.Errorf("retries were claimed in the order %q, want y z x", got)
	}
}

func claimNamedLanesOnly(t *tester) {
	for _, l := range []string{"a", "b", "c", "ab"} {
		t.publish("", "1"+l, l)
		t.publish("t", "2"+l, l)
	}
	if b := t.claim(store.ClaimParams{Max: 10, Lease: held}); len(b.Deliveries)+len(b.Events)+len(b.Endpoints)+len(b.Visited) != 0 {
		t.Errorf("without a lane Claim took %+v", b)
	}
	b := t.take(held, 10, "a", "c")
	if got := taken(b); !equalSets(got, []string{"1a", "2a", "1c", "2c"}) {
		t.Errorf("claimed %q of lanes a and c", got)
	}
	for _, id := range []string{"b", "ab"} {
		if b := t.take(held, 10, id); len(b.Deliveries) != 2 {
			t.Errorf("lane %s has %d deliveries left, want 2", id, len(b.Deliveries))
		}
	}
}

// A delivery is claimable from VisibleAt on, not before and not later.
func claimVisible(t *tester) {
	t.publish("", "e", "l")
	c := t.takeOne(held, "l")
	o := outcome(c, store.StatePending)
	o.Delay = 3 * t.unit
	t.settled(o)
	at := t.delivery("", c.Delivery.ID).VisibleAt
	if t.Advance == nil {
		t.eventually("the delivery to become visible", func() bool {
			b := t.take(held, 1, "l")
			if len(b.Deliveries) == 1 && b.Now.Before(at.Add(-precision)) {
				t.Errorf("claimed at %v, before VisibleAt %v", b.Now, at)
			}
			if len(b.Deliveries) == 0 && b.Now.After(at.Add(precision)) {
				t.Errorf("not claimed at %v, after VisibleAt %v", b.Now, at)
			}
			return len(b.Deliveries) == 1 || t.hasFailed()
		})
		return
	}
	t.Advance(at.Sub(t.now()) - 2*precision)
	if b := t.take(held, 1, "l"); len(b.Deliveries) != 0 && b.Now.Before(at.Add(-precision)) {
		t.Errorf("claimed at %v, before VisibleAt %v", b.Now, at)
	}
	if left := at.Sub(t.now()); left > 0 {
		t.Advance(left)
	}
	if b := t.take(held, 1, "l"); len(b.Deliveries) != 1 {
		t.Errorf("not claimed at %v, with VisibleAt %v", b.Now, at)
	}
}

func claimPendingOnly(t *tester) {
	for _, s := range []store.State{store.StateDelivered, store.StateFailed, store.StateCancelled} {
		t.publish("", s.String(), "l")
		t.finish(s, "l")
	}
	t.cancel("", t.publish("", "by host", "l")...)
	t.takeNone("l", "all its deliveries ended")
	t.pass(2 * t.unit)
	b := t.take(held, 10, "l")
	if len(b.Deliveries) != 0 {
		t.Errorf("claimed %q, which had ended", taken(b))
	}
	if v := t.next(b, "l"); !v.Next.IsZero() {
		t.Errorf("the next time of a lane without pending deliveries is %v, want zero", v.Next)
	}
}

func claimContent(t *tester) {
	ep, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint("t", "l"))
	t.noError(err, "CreateEndpoint")
	id := t.publish("t", "e", "l")[0]
	for round := range 3 {
		before := t.now()
		b := t.take(held, 10, "l")
		after := t.now()
		if len(b.Deliveries) != 1 {
			t.Fatalf("claimed %d deliveries, want 1", len(b.Deliveries))
		}
		if !between(b.Now, before, after) {
			t.Errorf("Now is %v, want the store's time, %v to %v", b.Now, before, after)
		}
		c := b.Deliveries[0]
		if d := same(c.Delivery, t.delivery("t", id)); d != "" {
			t.Errorf("round %d: claimed otherwise than read: %s", round, d)
		}
		e, err := t.Store.Event(t.ctx, "t", "e")
		t.noError(err, "Event")
		if d := same(b.Events[c.Event], e); d != "" {
			t.Errorf("round %d: the event comes otherwise than read: %s", round, d)
		}
		if d := same(b.Endpoints[c.Endpoint], ep); d != "" {
			t.Errorf("round %d: the endpoint comes otherwise than created: %s", round, d)
		}
		o := outcome(c, store.StatePending)
		o.Reason = store.Code(fmt.Sprint("round_", round))
		t.settled(o)
	}
}

func claimEachEventOnce(t *tester) {
	t.endpoint("", "a")
	t.endpoint("", "b")
	var events []store.NewEvent
	for i := range 5 {
		events = append(events, with(event("", fmt.Sprint("e", i)), "a", "b", "c"))
	}
	events = append(events, with(event("t", "e0"), "a", "c")) // another event, of the same id
	t.insert(events...)
	b := t.take(held, 100, "a", "b", "c")
	if len(b.Deliveries) != 17 || len(b.Events) != 6 || len(b.Endpoints) < 3 {
		t.Errorf("%d deliveries, %d events, %d endpoints in the batch; want 17, 6 and 3", len(b.Deliveries), len(b.Events), len(b.Endpoints))
	}
	for _, c := range b.Deliveries {
		if e := b.Events[c.Event]; kept(e.Body, event(e.Tenant, e.ID).Body) != "" {
			t.Errorf("event %q of tenant %q has the body %q", e.ID, e.Tenant, e.Body)
		}
	}
}

// The endpoint comes as it stands at the claim, not as it was at the insert.
func claimEndpoint(t *tester) {
	e := t.endpoint("", "l")
	t.publish("", "e", "l", "unknown")
	e.URL, e.Secrets = "https://example.com/new", fullEndpoint("", "").Secrets
	e, err := t.Store.UpdateEndpoint(t.ctx, e)
	t.noError(err, "UpdateEndpoint")
	b := t.take(held, 10, "l")
	if d := same(b.Endpoints[0], e); d != "" {
		t.Errorf("the endpoint comes otherwise than updated: %s", d)
	}
	b = t.take(held, 10, "unknown")
	if len(b.Deliveries) != 1 {
		t.Fatalf("claimed %d deliveries to an endpoint that never was, want 1", len(b.Deliveries))
	}
	if e := b.Endpoints[0]; e.ID != "unknown" || e.DeletedAt.IsZero() {
		t.Errorf("it comes with %+v, want a tombstone", e)
	}
}

// The token rises whatever ends the lease, and with a requeue and a cancel.
func claimToken(t *tester) {
	id := t.publish("", "e", "l")[0]
	last := t.delivery("", id).Token
	higher := func(step string) store.Claimed {
		t.tb.Helper()
		c := t.takeOne(2*t.unit, "l")
		if c.Delivery.Token <= last {
			t.Errorf("%s: token %d after %d", step, c.Delivery.Token, last)
		}
		last = c.Delivery.Token
		return c
	}
	t.settled(release(higher("first claim")))
	t.settled(outcome(higher("after a release"), store.StatePending))
	higher("after an attempt")
	t.pass(3 * t.unit)
	higher("after an expiry")
	for _, step := range []string{"requeue in flight", "requeue at rest"} {
		t.requeue(store.RequeueItem{DeliveryID: id})
		if d := t.delivery("", id); d.Token <= last {
			t.Errorf("%s: token %d after %d", step, d.Token, last)
		} else {
			last = d.Token
		}
	}
	t.settled(outcome(higher("after a requeue"), store.StateDelivered))
	t.requeue(store.RequeueItem{DeliveryID: id})
	higher("after a requeue of a delivered one")
	t.cancel("", id)
	if d := t.delivery("", id); d.Token <= last {
		t.Errorf("cancel: token %d after %d", d.Token, last)
	} else {
		last = d.Token
	}
	t.requeue(store.RequeueItem{DeliveryID: id})
	higher("after a cancel and a requeue")
}

// Eight callers, one delivery, again and again: it goes to one of them.
func claimOnce(t *tester) {
	const callers, rounds = 8, 25
	for round := range rounds {
		t.publish("", fmt.Sprint("e", round), "l", "m")
		var mu sync.Mutex
		got := make(map[string]int)
		var wg sync.WaitGroup
		for i := range callers {
			t.spawn(&wg, func() {
				lanes := []store.Lane{{ID: "l", N: 5}, {ID: "m", N: 5}}
				if i%2 == 1 {
					slices.Reverse(lanes)
				}
				b, err := t.Store.Claim(t.ctx, store.ClaimParams{Lanes: lanes, Max: 10, Lease: held})
				if err != nil {
					t.Errorf("concurrent Claim: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, c := range b.Deliveries {
					got[c.Delivery.ID]++
				}
			})
		}
		wg.Wait()
		// Whoever came too late may have been passed over; what is left is left.
		for _, c := range t.take(held, 10, "l", "m").Deliveries {
			got[c.Delivery.ID]++
		}
		if len(got) != 2 {
			t.Errorf("round %d: %d deliveries were claimed, want 2", round, len(got))
		}
		for id, n := range got {
			if n != 1 {
				t.Fatalf("round %d: delivery %s was claimed %d times", round, id, n)
			}
		}
	}
}

func claimRepeatedLane(t *tester) {
	for i := range 6 {
		t.publish("", fmt.Sprint("e", i), "l")
	}
	t.publish("", "other", "m")
	b := t.claim(store.ClaimParams{Lanes: []store.Lane{{ID: "l", N: 2}, {ID: "m", N: 2}, {ID: "l", N: 2}}, Max: 10, Lease: held})
	fromL := 0
	for _, c := range b.Deliveries {
		if c.Delivery.EndpointID == "l" {
			fromL++
		}
	}
	if fromL < 2 || fromL > 4 || len(b.Deliveries) != fromL+1 {
		t.Errorf("a lane named twice with 2 gave %d, the other %d; want 2 to 4, and 1", fromL, len(b.Deliveries)-fromL)
	}
	if rest := t.take(held, 10, "l"); len(rest.Deliveries) != 6-fromL {
		t.Errorf("%d deliveries are left of 6 after %d", len(rest.Deliveries), fromL)
	}
}
