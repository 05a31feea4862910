package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var purgeProofs = []proof{
	{"Purge/Old", purgeOld},
	{"Purge/Pending", purgePending},
	{"Purge/ChangedLately", purgeChangedLately},
	{"Purge/Limit", purgeLimit},
	{"Purge/LateWrite", purgeLateWrite},
	{"Purge/BodiesOnly", purgeBodiesOnly},
	{"Purge/Tombstones", purgeTombstones},
}

// before returns an age that separates what happened before the middle, at
// least ten units earlier, from what happened after it. It leaves a purge that
// follows at once eight units to begin.
func (t *tester) before(middle time.Time) time.Duration {
	t.tb.Helper()
	return t.now().Sub(middle) + 8*t.unit
}

func (t *tester) hasEvent(tenant, id string) bool {
	t.tb.Helper()
	_, err := t.Store.Event(t.ctx, tenant, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Event %q: %v", id, err)
	}
	return err == nil
}

// wantGone checks that nothing of an event is left.
func (t *tester) wantGone(tenant, event string, deliveries ...string) {
	t.tb.Helper()
	if t.hasEvent(tenant, event) {
		t.Errorf("event %q is still there", event)
	}
	for _, id := range deliveries {
		if _, err := t.Store.Delivery(t.ctx, tenant, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Delivery of what was purged: %v, want ErrNotFound", err)
		}
		if a, err := t.Store.Attempts(t.ctx, tenant, id); !errors.Is(err, store.ErrNotFound) || a != nil {
			t.Errorf("Attempts of what was purged: %d, %v; want ErrNotFound", len(a), err)
		}
	}
	if left := everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{Tenant: tenant}, EventID: event})); len(left) != 0 {
		t.Errorf("%d deliveries of event %q are still listed", len(left), event)
	}
}

func purgeOld(t *tester) {
	old := t.publish("t", "old", "a", "b", "c")
	for i, s := range states[1:] {
		t.finish(s, []string{"a", "b", "c"}[i])
	}
	t.publish("", "lonely")
	t.pass(10 * t.unit)
	middle := t.now()
	t.publish("t", "young", "a")
	t.publish("", "lonely and young")
	t.finish(store.StateDelivered, "a")

	if n := t.purge(store.PurgeParams{OlderThan: 4000 * t.unit, Limit: 10}); n != 0 {
		t.Errorf("purged %d events though none is that old", n)
	}
	t.wantCount(4, 4)
	if n := t.purge(store.PurgeParams{OlderThan: t.before(middle), Limit: 10}); n != 2 {
		t.Errorf("purged %d events, want the two old ones", n)
	}
	t.wantGone("t", "old", old...)
	t.wantGone("", "lonely")
	t.wantCount(2, 1)
	want := store.Stats{Total: store.Counts{Delivered: 1}, Endpoints: []store.EndpointCounts{{EndpointID: "a", Counts: store.Counts{Delivered: 1}}}}
	if d := same(t.stats(store.StatsQuery{Scope: store.Scope{All: true}}), want); d != "" {
		t.Errorf("the counts after it: %s", d)
	}
	if n := t.purge(store.PurgeParams{OlderThan: t.before(middle), Limit: 10}); n != 0 {
		t.Errorf("a second purge took %d events", n)
	}
	// What is gone is not known any more: its id is free.
	t.insert(with(event("t", "old"), "a"))
	if c := t.takeOne(held, "a"); slices.Contains(old, c.Delivery.ID) || c.Delivery.Attempts != 0 || len(t.attempts("t", c.Delivery.ID)) != 0 {
		t.Errorf("the new delivery is %+v", c.Delivery)
	}
}

// One pending delivery keeps the event, in whatever form it waits.
func purgePending(t *tester) {
	half := func(name string) store.Claimed {
		t.publish("t", name, name, "done-"+name)
		t.finish(store.StateDelivered, "done-"+name)
		return t.takeOne(t.unit, name)
	}
	resting := outcome(half("resting"), store.StatePending)
	resting.Delay = held
	t.settled(resting)
	t.settled(release(half("released")))
	half("expired")
	t.settled(outcome(half("requeued"), store.StateFailed))
	t.requeue(store.RequeueItem{Tenant: "t", EventID: "requeued", EndpointID: "requeued"})
	t.endpoint("t", "paused")
	half("paused")
	t.status("t", "paused", store.EndpointPaused, "")
	t.publish("t", "leased", "leased")
	t.takeOne(held, "leased")
	scheduled := event("t", "scheduled")
	scheduled.At = t.now().Add(held)
	t.insert(with(scheduled, "scheduled"))
	ended := event("t", "of no more use")
	ended.Until = happened
	t.insert(with(ended, "of no more use"))
	t.publish("t", "ended", "ended")
	t.finish(store.StateFailed, "ended")
	t.pass(5 * t.unit)

	for _, bodies := range []bool{true, false} {
		if n := t.purge(store.PurgeParams{OlderThan: t.unit, BodiesOnly: bodies, Limit: 1}); n != 1 {
			t.Errorf("purged %d events (bodies only: %v), want the one that has ended", n, bodies)
		}
		for _, id := range []string{"resting", "released", "expired", "requeued", "paused", "leased", "scheduled", "of no more use"} {
			e, err := t.Store.Event(t.ctx, "t", id)
			if err != nil || e.Body == nil {
				t.Errorf("the event %q with a pending delivery was purged (bodies only: %v): %v", id, bodies, err)
			}
		}
	}
	t.wantGone("t", "ended")
	if b := t.take(held, 10, "released", "expired", "requeued"); len(b.Deliveries) != 3 {
		t.Errorf("claimed %d of 3 after the purge", len(b.Deliveries))
	}
}

func purgeChangedLately(t *tester) {
	late := t.publish("t", "settled late", "a", "b")
	late = append(late, t.publish("t", "cancelled late", "c")...)
	t.publish("t", "old", "d")
	t.finish(store.StateDelivered, "a", "d")
	t.pass(10 * t.unit)
	middle := t.now()
	t.finish(store.StateFailed, "b")
	t.cancel("t", late[2])
	for _, bodies := range []bool{true, false} {
		if n := t.purge(store.PurgeParams{OlderThan: t.before(middle), BodiesOnly: bodies, Limit: 10}); n != 1 {
			t.Errorf("purged %d events (bodies only: %v), want the one whose deliveries ended long ago", n, bodies)
		}
		for _, id := range []string{"settled late", "cancelled late"} {
			if e, err := t.Store.Event(t.ctx, "t", id); err != nil || e.Body == nil {
				t.Errorf("the event %q was purged (bodies only: %v): %v", id, bodies, err)
			}
		}
	}
	t.wantGone("t", "old")
	if a := t.attempts("t", late[1]); len(a) != 1 {
		t.Errorf("%d attempts are left of what was kept, want 1", len(a))
	}
	t.pass(3 * t.unit)
	if n := t.purge(store.PurgeParams{OlderThan: 2 * t.unit, Limit: 10}); n != 2 {
		t.Errorf("purged %d events, want the two that have grown old", n)
	}
	t.wantCount(0, 0)

	// Just as old is not older. Only a clock that stands still can tell.
	id := t.publish("t", "just as old", "e")[0]
	t.finish(store.StateDelivered, "e")
	t.pass(5 * t.unit)
	changed := t.delivery("t", id).UpdatedAt
	age := t.now().Sub(changed)
	if n := t.purge(store.PurgeParams{OlderThan: age, Limit: 10}); n != 0 && t.now().Sub(changed) == age {
		t.Errorf("purged %d events that changed exactly OlderThan ago", n)
	}
}

// A call does no more than its Limit, and what may not go does not stand in the
// way of what may.
func purgeLimit(t *tester) {
	t.fill(6, "pending")
	t.fill(7, "done")
	t.fill(3, "pending2")
	t.finish(store.StateDelivered, "done")
	t.pass(2 * t.unit)
	count := func() (bodies, events int) {
		for _, e := range everything(t, t.events(store.EventQuery{})) {
			events++
			if e.Body != nil {
				bodies++
			}
		}
		return bodies, events
	}
	for _, bodiesOnly := range []bool{true, false} {
		p := store.PurgeParams{OlderThan: t.unit, BodiesOnly: bodiesOnly, Limit: 3}
		total := 0
		for range 100 {
			bodies, events := count()
			r, err := t.Store.Purge(t.ctx, p)
			t.noError(err, "Purge")
			bodies2, events2 := count()
			if went := map[bool]int{true: bodies - bodies2, false: events - events2}[bodiesOnly]; went != r.Events || went > 3 {
				t.Errorf("with Limit 3 (bodies only: %v) %d went, and %d were reported", bodiesOnly, went, r.Events)
			}
			total += r.Events
			if !r.More {
				break
			}
		}
		if total != 7 {
			t.Errorf("purged %d events (bodies only: %v), want 7", total, bodiesOnly)
		}
		if r, err := t.Store.Purge(t.ctx, p); err != nil || r != (store.Purged{}) {
			t.Errorf("once all is purged (bodies only: %v): %+v, %v; want nothing more", bodiesOnly, r, err)
		}
	}
	if _, events := count(); events != 9 {
		t.Errorf("%d events are left, want 9", events)
	}
	// Many at once, and one at a time.
	t.finish(store.StateDelivered, "pending", "pending2")
	t.pass(2 * t.unit)
	r, err := t.Store.Purge(t.ctx, store.PurgeParams{OlderThan: t.unit, Limit: 8})
	t.noError(err, "Purge")
	if r.Events != 8 || !r.More {
		t.Errorf("Limit 8 of 9: %+v, want 8 and More", r)
	}
	if n := t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 1}); n != 1 {
		t.Errorf("then %d went, want 1", n)
	}
}

func purgeLateWrite(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	t.cancel("t", id)
	t.pass(2 * t.unit)
	if n := t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 10}); n != 1 {
		t.Fatalf("purged %d events, want 1", n)
	}
	if lost := t.settle(each(c)...); !slices.Equal(slices.Compact(lost), []string{id}) {
		t.Errorf("settles of a purged delivery: lost %q, want %q", lost, id)
	}
	if got := t.cancel("t", id); got[0] {
		t.Errorf("cancel of a purged delivery returned true")
	}
	for _, item := range []store.RequeueItem{{Tenant: "t", DeliveryID: id}, {Tenant: "t", EventID: "e", EndpointID: "l"}} {
		if r := t.requeue(item)[0]; r.Result != store.RequeueNotFound {
			t.Errorf("requeue of what was purged: %+v, want RequeueNotFound", r)
		}
	}
	t.wantGone("t", "e", id)
	if s := t.stats(store.StatsQuery{Scope: store.Scope{All: true}}); s.Total != (store.Counts{}) || len(s.Endpoints) != 0 {
		t.Errorf("counts after late writes: %+v, want nothing", s)
	}
	t.takeNone("l", "it was purged")
}

func purgeBodiesOnly(t *tester) {
	id := t.publish("t", "e", "l")[0]
	t.settled(outcome(t.takeOne(held, "l"), store.StatePending))
	t.finish(store.StateDelivered, "l")
	twice := t.publish("t", "twice", "l")[0] // it ends twice, and is emptied once
	for range 2 {
		t.finish(store.StateFailed, "l")
		t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: twice})
	}
	t.finish(store.StateFailed, "l")
	empty := event("t", "empty")
	empty.Body = []byte{}
	t.insert(with(empty))
	t.endpoint("t", "gone")
	t.remove("t", "gone")
	t.pass(2 * t.unit)
	delivery, attempts, stats := t.delivery("t", id), t.attempts("t", id), t.stats(store.StatsQuery{Scope: store.Scope{All: true}})
	want, err := t.Store.Event(t.ctx, "t", "e")
	t.noError(err, "Event")

	emptied := t.purge(store.PurgeParams{OlderThan: t.unit, BodiesOnly: true, Limit: 1})
	if emptied < 2 || emptied > 3 {
		t.Errorf("emptied %d events, want the 2 that had bytes, or 3 with the empty one", emptied)
	}
	got, err := t.Store.Event(t.ctx, "t", "e")
	t.noError(err, "Event")
	want.Body = nil
	if d := same(got, want); d != "" || got.Body != nil {
		t.Errorf("the emptied event has the body %#v, want nil; %s", got.Body, d)
	}
	for i := range attempts {
		attempts[i].ResponseBody = nil
	}
	t.wantUnchanged("bodies were purged", delivery, attempts)
	if d := same(t.stats(store.StatsQuery{Scope: store.Scope{All: true}}), stats); d != "" {
		t.Errorf("the counts changed: %s", d)
	}
	for _, e := range everything(t, t.events(store.EventQuery{Scope: store.Scope{Tenant: "t"}})) {
		if e.ID == "e" && e.Body != nil {
			t.Errorf("the emptied event is listed with a body")
		}
	}
	if in := t.again(event("t", "e"), "l"); !in.Duplicate || !slices.Equal(refs(in), []string{id}) {
		t.Errorf("an insert of the emptied event: %+v, want Duplicate", in)
	}
	if n := t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 10}); n != 3 {
		t.Errorf("then purged %d whole events, want 3", n)
	}
	t.wantGone("t", "e", id)
	t.wantGone("t", "twice", twice)
}

// A tombstone is kept as long as a delivery needs it.
func purgeTombstones(t *tester) {
	for _, id := range []string{"unused", "ended", "pending", "late", "alive"} {
		t.endpoint("t", id)
	}
	t.publish("t", "e1", "ended")
	t.publish("t", "e2", "pending")
	t.finish(store.StateDelivered, "ended")
	for _, id := range []string{"unused", "ended", "pending", "late"} {
		t.remove("t", id)
	}
	t.publish("t", "e3", "late") // as by somebody who matched before
	t.pass(2 * t.unit)
	taken := func(id string) bool {
		_, err := t.Store.CreateEndpoint(t.ctx, store.Endpoint{ID: id, Tenant: "t", Status: store.EndpointActive})
		if err != nil && !errors.Is(err, store.ErrExists) {
			t.Errorf("CreateEndpoint %q: %v", id, err)
		}
		return err != nil
	}
	for range 2 {
		t.purge(store.PurgeParams{OlderThan: t.unit, BodiesOnly: true, Limit: 10})
	}
	if !taken("ended") {
		t.Errorf("a purge of bodies took a tombstone, which belongs to the history")
	}
	for range 2 { // the events may have to be gone before
		t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 10})
	}
	for id, want := range map[string]bool{"unused": false, "ended": false, "pending": true, "late": true, "alive": true} {
		if got := taken(id); got != want {
			t.Errorf("after the purge the id %q is taken: %v, want %v", id, got, want)
		}
	}
	if b := t.take(held, 10, "pending"); len(b.Deliveries) != 1 || b.Endpoints[0].DeletedAt.IsZero() {
		t.Errorf("claimed %d deliveries to the deleted endpoint, want 1 with its tombstone", len(b.Deliveries))
	}
}
