package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

var statusProofs = []proof{
	{"Status/Set", statusSet},
	{"Status/Revision", statusRevision},
	{"Status/Paused", statusPaused},
	{"Status/Resumed", statusResumed},
	{"Status/Disabled", statusDisabled},
	{"Status/Deleted", statusDeleted},
	{"Status/DeleteTwice", statusDeleteTwice},
	{"Status/Backlog", statusBacklog},
}

func statusSet(t *tester) {
	given := fullEndpoint("t", "e")
	created, err := t.Store.CreateEndpoint(t.ctx, given)
	t.noError(err, "CreateEndpoint")
	for _, s := range []store.EndpointStatus{store.EndpointPaused, store.EndpointDisabled, store.EndpointActive} {
		t.pass(t.unit)
		before := t.now()
		got := t.status("t", "e", s, "because")
		want := created
		want.Status, want.StatusReason, want.Revision, want.UpdatedAt = s, "because", got.Revision, got.UpdatedAt
		if d := same(got, want); d != "" {
			t.Errorf("SetEndpointStatus changed more than the status: %s", d)
		}
		if !between(got.UpdatedAt, before, t.now()) {
			t.Errorf("updated at %v, want the time of the write, from %v", got.UpdatedAt, before)
		}
		if d := same(t.readEndpoint("t", "e"), got); d != "" {
			t.Errorf("Endpoint returns otherwise than SetEndpointStatus did: %s", d)
		}
	}
	if got := t.status("t", "e", store.EndpointPaused, ""); got.StatusReason != "" {
		t.Errorf("a status without a reason keeps the reason %q of the last one", got.StatusReason)
	}
}

func statusRevision(t *tester) {
	t.endpoint("t", "e")
	for i, c := range []struct {
		status   store.EndpointStatus
		reason   store.Code
		revision int64
	}{
		{store.EndpointActive, "", 1}, // as created
		{store.EndpointPaused, "", 2},
		{store.EndpointPaused, "", 2},
		{store.EndpointPaused, "x", 3}, // another reason
		{store.EndpointPaused, "x", 3},
		{store.EndpointActive, "x", 4}, // another status
		{store.EndpointActive, "x", 4},
		{store.EndpointActive, "", 5},
		{store.EndpointDisabled, "", 6},
		{store.EndpointActive, "", 7},
	} {
		if got := t.status("t", "e", c.status, c.reason); got.Revision != c.revision || got.Status != c.status || got.StatusReason != c.reason {
			t.Errorf("step %d: status %d, reason %q, revision %d; want %d, %q, %d", i, got.Status, got.StatusReason, got.Revision, c.status, c.reason, c.revision)
		}
		if got := t.readEndpoint("t", "e"); got.Revision != c.revision {
			t.Errorf("step %d: reads revision %d, want %d", i, got.Revision, c.revision)
		}
	}
}

func statusPaused(t *tester) {
	t.endpoint("t", "e")
	t.endpoint("t", "other")
	ids := t.publish("t", "first", "e", "other")
	t.status("t", "e", store.EndpointPaused, "")
	ids = append(ids, t.publish("t", "second", "e")...)
	b := t.take(held, 10, "e", "other")
	if len(b.Deliveries) != 1 || b.Deliveries[0].Delivery.ID != ids[1] {
		t.Errorf("Claim took %d deliveries, want the one of the endpoint that is not paused", len(b.Deliveries))
	}
	if v := t.next(b, "e"); !v.Next.IsZero() {
		t.Errorf("the paused lane's next time is %v, want zero: nothing is to come", v.Next)
	}
	for _, id := range []string{ids[0], ids[2]} {
		if d := t.delivery("t", id); d.State != store.StatePending || d.Claimed || d.Expiries != 0 {
			t.Errorf("a waiting delivery is %+v", d)
		}
	}
	// Neither time nor a requeue changes it.
	t.pass(2 * t.unit)
	t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: ids[0]})
	t.takeNone("e", "it is paused")
}

// A lease that runs when the endpoint is paused stays what it is.
func statusResumed(t *tester) {
	t.endpoint("t", "e")
	first := t.publish("t", "first", "e")[0]
	c := t.takeOne(held, "e")
	t.status("t", "e", store.EndpointPaused, "")
	second := t.publish("t", "second", "e")[0]
	o := outcome(c, store.StatePending)
	o.Delay = -1
	t.settled(o)
	if d := t.delivery("t", first); d.Attempts != 1 || d.State != store.StatePending {
		t.Errorf("settled while paused: %+v", d)
	}
	t.takeNone("e", "it is paused")
	t.status("t", "e", store.EndpointActive, "")
	var got []string
	for _, c := range t.take(held, 10, "e").Deliveries {
		got = append(got, c.Delivery.ID)
	}
	if !equalSets(got, []string{first, second}) {
		t.Errorf("after resuming Claim took %q, want %q and %q", got, first, second)
	}
}

func statusDisabled(t *tester) {
	t.endpoint("t", "e")
	id := t.publish("t", "first", "e")[0]
	want := t.status("t", "e", store.EndpointDisabled, "gone")
	c := t.take(held, 10, "e")
	if len(c.Deliveries) != 1 || c.Deliveries[0].Delivery.ID != id {
		t.Fatalf("Claim took %d deliveries of a disabled endpoint, want 1", len(c.Deliveries))
	}
	if d := same(c.Endpoints[0], want); d != "" {
		t.Errorf("the endpoint comes otherwise than it stands: %s", d)
	}
	t.settled(store.Outcome{DeliveryID: id, Token: c.Deliveries[0].Delivery.Token, State: store.StateCancelled, Reason: "endpoint_disabled"})
	if d := t.delivery("t", id); d.State != store.StateCancelled || d.Reason != "endpoint_disabled" || d.Attempts != 0 {
		t.Errorf("cancelled by the engine: %+v", d)
	}
}

func statusDeleted(t *tester) {
	t.endpoint("t", "e")
	ids := t.publish("t", "first", "e")
	ids = append(ids, t.publish("t", "second", "e")...)
	held1 := t.take(held, 1, "e")
	before := t.now()
	t.remove("t", "e")
	after := t.now()
	ids = append(ids, t.publish("t", "third", "e")...)
	b := t.take(held, 10, "e")
	if len(b.Deliveries) != 2 || len(b.Endpoints) != 1 {
		t.Fatalf("Claim took %d deliveries with %d endpoints, want 2 with 1", len(b.Deliveries), len(b.Endpoints))
	}
	if e := b.Endpoints[0]; e.ID != "e" || !between(e.DeletedAt, before, after) {
		t.Errorf("the tombstone is %q, deleted at %v; want e, between %v and %v", e.ID, e.DeletedAt, before, after)
	}
	t.settled(outcome(held1.Deliveries[0], store.StateDelivered))
	for _, c := range b.Deliveries {
		t.settled(store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateCancelled, Reason: "endpoint_deleted"})
	}
	for _, id := range ids {
		if d := t.delivery("t", id); !d.State.Terminal() {
			t.Errorf("delivery %s is still %v", id, d.State)
		}
	}
	t.wantNoEndpoint("deleted", "t", "e")

	// One that was paused before is claimed as well: nothing else ends it.
	t.endpoint("t", "p")
	t.publish("t", "fourth", "p")
	t.status("t", "p", store.EndpointPaused, "")
	t.remove("t", "p")
	if b := t.take(held, 10, "p"); len(b.Deliveries) != 1 || b.Endpoints[0].DeletedAt.IsZero() {
		t.Errorf("Claim took %d deliveries of an endpoint that was paused and then deleted, want 1 with a tombstone", len(b.Deliveries))
	}
}

func statusDeleteTwice(t *tester) {
	t.endpoint("t", "e")
	t.remove("t", "e")
	if err := t.Store.DeleteEndpoint(t.ctx, "t", "e"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting it again: %v, want ErrNotFound", err)
	}
}

// However many deliveries wait, a change of status holds for all of them at
// once and leaves them as they are.
func statusBacklog(t *tester) {
	t.endpoint("t", "e")
	events := make([]store.NewEvent, 300)
	for i := range events {
		events[i] = with(event("t", fmt.Sprintf("e%03d", i)), "e")
	}
	t.insert(events...)
	all := t.deliveries(store.DeliveryQuery{Scope: store.Scope{Tenant: "t"}})
	before := everything(t, all)
	t.status("t", "e", store.EndpointPaused, "")
	t.takeNone("e", "it is paused")
	if d := t.due(store.DueParams{Sweep: true, Limit: 10}); slices.ContainsFunc(d.Lanes, func(l store.LaneAt) bool { return l.ID == "e" }) {
		t.Errorf("Due reports a paused lane")
	}
	t.status("t", "e", store.EndpointActive, "")
	if d := same(everything(t, all), before); d != "" {
		t.Errorf("pausing and resuming changed deliveries: %s", d)
	}
	if b := t.take(held, 1000, "e"); len(b.Deliveries) != len(events) {
		t.Errorf("Claim took %d of %d after resuming", len(b.Deliveries), len(events))
	}
}
