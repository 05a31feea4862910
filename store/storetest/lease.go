package storetest

import (
	"time"

	"github.com/postrider/postrider/store"
)

var leaseProofs = []proof{
	{"Lease/Length", leaseLength},
	{"Lease/Holds", leaseHolds},
	{"Lease/Expiry", leaseExpiry},
	{"Lease/ExpiriesInARow", leaseExpiriesInARow},
	{"Lease/SettledIsNotExpired", leaseSettledIsNotExpired},
	{"Lease/StoresClock", leaseStoresClock},
}

func leaseLength(t *tester) {
	for _, lease := range []time.Duration{precision, t.unit, 90 * time.Second, held} {
		t.publish("", "e"+lease.String(), "l")
		b := t.take(lease, 1, "l") // wellFormed compares VisibleAt with Now + Lease
		if len(b.Deliveries) != 1 {
			t.Fatalf("claimed %d deliveries, want 1", len(b.Deliveries))
		}
		d := t.delivery("", b.Deliveries[0].Delivery.ID)
		if !near(d.VisibleAt, b.Now.Add(lease), precision) {
			t.Errorf("leased for %v at %v, VisibleAt reads %v", lease, b.Now, d.VisibleAt)
		}
		t.settled(outcome(b.Deliveries[0], store.StateDelivered))
	}
}

func leaseHolds(t *tester) {
	id := t.publish("", "e", "l")[0]
	c := t.takeOne(held, "l")
	for range 3 {
		t.takeNone("l", "the delivery is leased")
		t.pass(t.unit)
	}
	d := t.delivery("", id)
	if diff := same(d, c.Delivery); diff != "" {
		t.Errorf("a claim that took nothing changed the leased delivery: %s", diff)
	}
	if !d.Claimed || d.State != store.StatePending {
		t.Errorf("a leased delivery: claimed %v, %v", d.Claimed, d.State)
	}
	t.settled(outcome(c, store.StateDelivered))
	if d := t.delivery("", id); d.Claimed {
		t.Errorf("still claimed after it was settled")
	}
}

// expire claims a lane's delivery with a short lease and lets that run out.
func (t *tester) expire(lane string) store.Claimed {
	t.tb.Helper()
	c := t.takeOne(t.unit, lane)
	t.pass(t.unit + 2*precision)
	return c
}

func leaseExpiry(t *tester) {
	id := t.publish("", "e", "l")[0]
	if c := t.expire("l"); c.Expired || c.Delivery.Expiries != 0 || c.Delivery.Interrupted != 0 {
		t.Errorf("the first claim: expired %v, %d expiries, %d interrupted", c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
	}
	c := t.takeOne(held, "l")
	if !c.Expired || c.Delivery.Expiries != 1 || c.Delivery.Interrupted != 1 {
		t.Errorf("after the lease ran out: expired %v, %d expiries, %d interrupted; want true, 1, 1", c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
	}
	if d := t.delivery("", id); d.Expiries != 1 || d.Interrupted != 1 || d.Attempts != 0 || d.Tries != 0 {
		t.Errorf("it reads: %+v", d)
	}
	t.settled(release(c))
	c = t.takeOne(held, "l")
	if c.Expired || c.Delivery.Expiries != 1 || c.Delivery.Interrupted != 1 {
		t.Errorf("after a release: expired %v, %d expiries, %d interrupted; want false, 1, 1", c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
	}
	t.settled(outcome(c, store.StatePending))
	if d := t.delivery("", id); d.Expiries != 0 || d.Interrupted != 1 {
		t.Errorf("after an attempt: %d expiries, %d interrupted; want 0, 1", d.Expiries, d.Interrupted)
	}
}

func leaseExpiriesInARow(t *tester) {
	t.publish("", "e", "l")
	for i := range 4 {
		if c := t.expire("l"); c.Delivery.Expiries != i || c.Delivery.Interrupted != i || c.Expired != (i > 0) {
			t.Errorf("claim %d: expired %v, %d expiries, %d interrupted", i, c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
		}
	}
	c := t.takeOne(held, "l")
	t.settled(outcome(c, store.StatePending))
	t.expire("l")
	if c = t.takeOne(held, "l"); c.Delivery.Expiries != 1 || c.Delivery.Interrupted != 5 {
		t.Errorf("after an attempt and another expiry: %d expiries, %d interrupted; want 1, 5", c.Delivery.Expiries, c.Delivery.Interrupted)
	}
	t.requeue(store.RequeueItem{DeliveryID: c.Delivery.ID})
	c = t.takeOne(held, "l")
	if c.Expired || c.Delivery.Expiries != 0 || c.Delivery.Interrupted != 5 {
		t.Errorf("after a requeue in flight: expired %v, %d expiries, %d interrupted; want false, 0, 5", c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
	}
}

// A lease that was settled, even late, and the waiting of a delivery are no
// expiries.
func leaseSettledIsNotExpired(t *tester) {
	id := t.publish("", "e", "l")[0]
	t.pass(t.unit)
	c := t.expire("l")
	o := outcome(c, store.StatePending)
	o.Delay = t.unit
	t.settled(o) // late, but nobody else has it
	t.pass(2 * t.unit)
	c = t.expire("l")
	t.settled(release(c))
	t.pass(t.unit)
	c = t.takeOne(held, "l")
	if c.Expired || c.Delivery.Expiries != 0 || c.Delivery.Interrupted != 0 {
		t.Errorf("after late settles: expired %v, %d expiries, %d interrupted; want none", c.Expired, c.Delivery.Expiries, c.Delivery.Interrupted)
	}
	t.settled(outcome(c, store.StateFailed))
	t.requeue(store.RequeueItem{DeliveryID: id})
	t.pass(t.unit)
	if c = t.takeOne(held, "l"); c.Expired || c.Delivery.Interrupted != 0 {
		t.Errorf("after a requeue: expired %v, %d interrupted; want none", c.Expired, c.Delivery.Interrupted)
	}
}

// All times come from one clock. Where it can be moved, it is moved far away
// from the process's.
func leaseStoresClock(t *tester) {
	if t.Advance != nil {
		t.Advance(10_000 * time.Hour)
	}
	check := func(what string, at, from time.Time) {
		t.tb.Helper()
		if to := t.now(); !between(at, from, to) {
			t.Errorf("%s is %v, want the store's time, %v to %v", what, at, from, to)
		}
		if at.Location() != time.UTC {
			t.Errorf("%s is in %v, want UTC", what, at.Location())
		}
	}
	before := t.now()
	if before.Location() != time.UTC {
		t.Errorf("Due's Now is in %v, want UTC", before.Location())
	}
	e := t.endpoint("", "l")
	check("Endpoint.CreatedAt", e.CreatedAt, before)
	check("Endpoint.UpdatedAt", e.UpdatedAt, before)
	t.publish("", "e", "l")
	ev, err := t.Store.Event(t.ctx, "", "e")
	t.noError(err, "Event")
	check("Event.CreatedAt", ev.CreatedAt, before)
	b := t.take(time.Hour, 1, "l")
	check("Batch.Now", b.Now, before)
	c := b.Deliveries[0]
	check("Delivery.CreatedAt", c.Delivery.CreatedAt, before)
	check("VisibleAt of a lease, less the lease,", c.Delivery.VisibleAt.Add(-time.Hour), before)
	check("Next of a lease, less the lease,", t.next(b, "l").Next.Add(-time.Hour), before)
	o := outcome(c, store.StatePending)
	o.Delay = 2 * time.Hour
	t.pass(t.unit)
	before = t.now()
	t.settled(o)
	d := t.delivery("", c.Delivery.ID)
	check("VisibleAt of a retry, less the delay,", d.VisibleAt.Add(-2*time.Hour), before)
	check("UpdatedAt of a settled delivery", d.UpdatedAt, before)
	t.pass(t.unit)
	before = t.now()
	t.requeue(store.RequeueItem{DeliveryID: d.ID})
	d = t.delivery("", d.ID)
	check("VisibleAt of a requeued delivery", d.VisibleAt, before)
	check("UpdatedAt of a requeued delivery", d.UpdatedAt, before)
	t.pass(t.unit)
	before = t.now()
	t.finish(store.StateDelivered, "l")
	d = t.delivery("", d.ID)
	check("DeliveredAt", d.DeliveredAt, before)
	t.requeue(store.RequeueItem{DeliveryID: d.ID})
	t.pass(t.unit)
	before = t.now()
	t.cancel("", d.ID)
	check("UpdatedAt of a cancelled delivery", t.delivery("", d.ID).UpdatedAt, before)
	if diff := kept(ev.Time, happened); diff != "" || ev.Time.IsZero() {
		t.Errorf("the host's Time of the event became %v", ev.Time)
	}
}
