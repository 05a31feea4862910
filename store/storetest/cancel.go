package storetest

import (
	"slices"

	"github.com/postrider/postrider/store"
)

var cancelProofs = []proof{
	{"Cancel/Pending", cancelPending},
	{"Cancel/NotPending", cancelNotPending},
	{"Cancel/Aligned", cancelAligned},
}

func cancelPending(t *tester) {
	waiting := t.inState("t", "waiting", store.StatePending)
	flying := t.publish("t", "flying", "flying")[0]
	c := t.takeOne(held, "flying")
	for _, before := range []store.Delivery{waiting, c.Delivery} {
		attempts := t.attempts("t", before.ID)
		if got := t.cancel("t", before.ID); !got[0] {
			t.Errorf("cancel of a pending delivery returned false")
		}
		got := t.delivery("t", before.ID)
		want := before
		want.State, want.Reason, want.Claimed = store.StateCancelled, "host", false
		want.Token, want.VisibleAt, want.UpdatedAt = got.Token, got.VisibleAt, got.UpdatedAt
		if d := same(got, want); d != "" || got.Token <= before.Token {
			t.Errorf("a cancelled delivery: token %d after %d; %s", got.Token, before.Token, d)
		}
		t.wantUnchanged("after the cancel", got, attempts)
	}
	t.wantLost("cancelled in flight", "t", flying, outcome(c, store.StateDelivered))
	t.pass(2 * t.unit)
	t.takeNone("flying", "it was cancelled")
	if lanes := coming(t.sweep(10, nil)); lanes != "" {
		t.Errorf("the sweep reports %q, want nothing", lanes)
	}
	id := t.publish("t", "no reason", "l")[0]
	if _, err := t.Store.Cancel(t.ctx, "t", []string{id}, ""); err != nil {
		t.Errorf("cancel without a reason: %v", err)
	}
	if d := t.delivery("t", id); d.State != store.StateCancelled {
		t.Errorf("cancelled without a reason: %v", d.State)
	}
}

func cancelNotPending(t *tester) {
	for _, s := range states[1:] {
		before := t.inState("t", s.String(), s)
		attempts := t.attempts("t", before.ID)
		if got := t.cancel("t", before.ID); got[0] {
			t.Errorf("cancel of a %v delivery returned true", s)
		}
		t.wantUnchanged("cancel of a "+s.String()+" delivery", before, attempts)
	}
	id := t.publish("t", "e", "l")[0]
	t.cancel("t", id)
	before := t.delivery("t", id)
	if got := t.cancel("t", id); got[0] {
		t.Errorf("the second cancel returned true")
	}
	t.wantUnchanged("a second cancel", before, nil)
}

func cancelAligned(t *tester) {
	ids := t.publish("t", "e", "a", "b", "c")
	foreign := t.publish("other", "e", "d")[0]
	t.finish(store.StateDelivered, "b")
	if got := t.cancel("t", ids[0], "unknown", ids[1], foreign, ids[2], ""); !slices.Equal(got, []bool{true, false, false, false, true, false}) {
		t.Errorf("cancel of pending, unknown, delivered, foreign, pending, empty returned %v", got)
	}
	if d := t.delivery("other", foreign); d.State != store.StatePending {
		t.Errorf("the delivery of another tenant is %v", d.State)
	}
	if got := t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}}).Total; got != (store.Counts{Delivered: 1, Cancelled: 2}) {
		t.Errorf("counts after it: %+v", got)
	}
}
