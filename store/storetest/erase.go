package storetest

import (
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

var eraseProofs = []proof{
	{"Erase/Everything", eraseEverything},
	{"Erase/Limit", eraseLimit},
}

func eraseEverything(t *tester) {
	leased := make(map[string]store.Claimed)
	for _, tenant := range []string{"", "a", "b"} {
		t.endpoint(tenant, "ep-"+tenant)
		t.endpoint(tenant, "gone-"+tenant)
		t.remove(tenant, "gone-"+tenant)
		t.publish(tenant, "lonely")
		t.publish(tenant, "done", "done-"+tenant)
		t.finish(store.StateDelivered, "done-"+tenant)
		t.publish(tenant, "leased", "ep-"+tenant)
		leased[tenant] = t.takeOne(held, "ep-"+tenant)
		t.publish(tenant, "waiting", "ep-"+tenant, "gone-"+tenant)
	}
	wantTenants := func(tenants ...string) {
		t.tb.Helper()
		t.wantCount(4*len(tenants), 4*len(tenants))
		for _, tenant := range tenants {
			scope := store.Scope{Tenant: tenant}
			if n := len(everything(t, t.endpoints(store.EndpointQuery{Scope: scope}))); n != 1 {
				t.Errorf("tenant %q has %d endpoints, want 1", tenant, n)
			}
			if got := t.stats(store.StatsQuery{Scope: scope}).Total; got != (store.Counts{Pending: 3, Delivered: 1}) {
				t.Errorf("tenant %q counts %+v", tenant, got)
			}
			if got := t.match(tenant, "x")[0]; !slices.Equal(got, []string{"ep-" + tenant}) {
				t.Errorf("tenant %q matches %q", tenant, got)
			}
		}
		want := store.Counts{Pending: int64(3 * len(tenants)), Delivered: int64(len(tenants))}
		if got := t.stats(store.StatsQuery{Scope: store.Scope{All: true}}).Total; got != want {
			t.Errorf("all tenants count %+v, want %+v", got, want)
		}
	}
	wantTenants("", "a", "b")
	if n := t.erase("none", 10); n != 0 {
		t.Errorf("erasing a tenant without records took %d events", n)
	}
	wantTenants("", "a", "b")
	for i, tenant := range []string{"", "a"} {
		if n := t.erase(tenant, 100); n != 4 {
			t.Errorf("erasing tenant %q took %d events, want 4", tenant, n)
		}
		wantTenants([]string{"", "a", "b"}[i+1:]...)
		c := leased[tenant]
		t.wantGone(tenant, "leased", c.Delivery.ID)
		t.wantNoEndpoint("erased", tenant, "ep-"+tenant)
		if lost := t.settle(outcome(c, store.StateDelivered)); !slices.Equal(lost, []string{c.Delivery.ID}) {
			t.Errorf("a late settle lost %q, want %q", lost, c.Delivery.ID)
		}
		if got := t.match(tenant, "x")[0]; len(got) != 0 {
			t.Errorf("the erased tenant still matches %q", got)
		}
		for _, lane := range []string{"ep-" + tenant, "gone-" + tenant} {
			t.takeNone(lane, "the tenant was erased")
			if next := t.sweep(10, nil)[lane]; !next.IsZero() {
				t.Errorf("the sweep still reports lane %q", lane)
			}
			t.endpoint(tenant, lane) // the ids are free
		}
		if n := t.erase(tenant, 100); n != 0 {
			t.Errorf("erasing tenant %q again took %d events", tenant, n)
		}
	}
	t.settled(outcome(leased["b"], store.StateDelivered))
}

func eraseLimit(t *tester) {
	const n = 25
	for i := range n {
		t.publish("t", fmt.Sprint("e", i), "a", "b")
		t.publish("u", fmt.Sprint("e", i), "a")
	}
	left := n
	for range 1000 {
		r, err := t.Store.EraseTenant(t.ctx, "t", 4)
		t.noError(err, "EraseTenant")
		now := len(everything(t, t.events(store.EventQuery{Scope: store.Scope{Tenant: "t"}})))
		if left-now != r.Events || r.Events > 4 {
			t.Errorf("with limit 4, %d events went and %d were reported", left-now, r.Events)
		}
		left = now
		if !r.More {
			break
		}
	}
	if left != 0 {
		t.Errorf("EraseTenant says it is done, with %d events left", left)
	}
	t.wantCount(n, n)
	if got := t.stats(store.StatsQuery{Scope: store.Scope{All: true}}); same(got, store.Stats{Total: store.Counts{Pending: n}, Endpoints: []store.EndpointCounts{{EndpointID: "a", Counts: store.Counts{Pending: n}}}}) != "" {
		t.Errorf("counts after it: %+v", got)
	}
}
