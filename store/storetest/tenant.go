package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var tenantProofs = []proof{
	{"Tenant/Endpoints", tenantEndpoints},
	{"Tenant/Reads", tenantReads},
	{"Tenant/Names", tenantNames},
	{"Tenant/Lists", tenantLists},
	{"Tenant/Writes", tenantWrites},
	{"Tenant/Match", tenantMatch},
	{"Tenant/ForeignEndpoint", tenantForeignEndpoint},
	{"Tenant/SharedLane", tenantSharedLane},
	{"Tenant/Scope", tenantScope},
}

// The tenants of these tests. "" is one of them, and not all of them.
var tenants = []string{"", "a", "A", "b"}

func tenantEndpoints(t *tester) {
	for _, owner := range tenants {
		id := "ep-" + owner
		want := t.endpoint(owner, id)
		for _, other := range tenants {
			if other != owner {
				t.wantNoEndpoint("of tenant "+owner+", asked by "+other, other, id)
			}
		}
		if d := same(t.readEndpoint(owner, id), want); d != "" {
			t.Errorf("other tenants changed the endpoint of %q: %s", owner, d)
		}
	}
	// The update of an endpoint cannot move it.
	e := t.readEndpoint("a", "ep-a")
	e.Tenant = "b"
	if _, err := t.Store.UpdateEndpoint(t.ctx, e); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an update in another tenant: %v, want ErrNotFound", err)
	}
}

func tenantReads(t *tester) {
	for _, owner := range tenants {
		event := "event-of-" + owner
		id := t.publish(owner, event, "l-"+owner)[0]
		t.finish(store.StateDelivered, "l-"+owner)
		for _, other := range tenants {
			if other == owner {
				continue
			}
			if e, err := t.Store.Event(t.ctx, other, event); !errors.Is(err, store.ErrNotFound) || e.ID != "" || e.Body != nil {
				t.Errorf("tenant %q reads the event of %q: %q, %v", other, owner, e.ID, err)
			}
			if d, err := t.Store.Delivery(t.ctx, other, id); !errors.Is(err, store.ErrNotFound) || d.ID != "" {
				t.Errorf("tenant %q reads the delivery of %q: %q, %v", other, owner, d.ID, err)
			}
			if a, err := t.Store.Attempts(t.ctx, other, id); !errors.Is(err, store.ErrNotFound) || a != nil {
				t.Errorf("tenant %q reads the attempts of %q: %d, %v", other, owner, len(a), err)
			}
		}
		if d := t.delivery(owner, id); d.Tenant != owner || len(t.attempts(owner, id)) != 1 {
			t.Errorf("the delivery of %q reads as of %q", owner, d.Tenant)
		}
	}
	for _, tenant := range append(tenants, "none") {
		if _, err := t.Store.Event(t.ctx, tenant, "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an event that is not: %v, want ErrNotFound", err)
		}
		for _, id := range []string{"none", ""} {
			if _, err := t.Store.Delivery(t.ctx, tenant, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a delivery that is not: %v, want ErrNotFound", err)
			}
			if a, err := t.Store.Attempts(t.ctx, tenant, id); !errors.Is(err, store.ErrNotFound) || a != nil {
				t.Errorf("attempts of a delivery that is not: %v, want ErrNotFound", err)
			}
		}
	}
}

// What no tenant or record can be called, is not found: it may come from a URL,
// and is no failure of the store.
func tenantNames(t *tester) {
	id := t.publish("a", "e", "l")[0]
	t.endpoint("a", "ep")
	for _, none := range []string{"none", "e\x00", "a\x00", "\x00", "\xff", "a\xff", "a' OR 'a' = 'a", strings.Repeat("a", 1000)} {
		for _, c := range []struct{ tenant, event, delivery, endpoint string }{{"a", none, none, none}, {none, "e", id, "ep"}} {
			why := fmt.Sprintf("%.20q", c)
			if _, err := t.Store.Event(t.ctx, c.tenant, c.event); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: Event: %v, want ErrNotFound", why, err)
			}
			if _, err := t.Store.Delivery(t.ctx, c.tenant, c.delivery); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: Delivery: %v, want ErrNotFound", why, err)
			}
			if _, err := t.Store.Attempts(t.ctx, c.tenant, c.delivery); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: Attempts: %v, want ErrNotFound", why, err)
			}
			t.wantNoEndpoint(why, c.tenant, c.endpoint)
			if got := t.cancel(c.tenant, c.delivery); got[0] {
				t.Errorf("%s: Cancel found a delivery", why)
			}
			for _, r := range t.requeue(store.RequeueItem{Tenant: c.tenant, DeliveryID: c.delivery},
				store.RequeueItem{Tenant: c.tenant, EventID: c.event, EndpointID: "l"}) {
				if r.Result != store.RequeueNotFound {
					t.Errorf("%s: Requeue: %+v, want RequeueNotFound", why, r)
				}
			}
		}
		scope := store.Scope{Tenant: none}
		queries := []store.DeliveryQuery{{Scope: scope}, {Scope: scope, EventID: "e"}, {Scope: scope, EndpointID: "l"}}
		for _, s := range []store.Scope{{Tenant: "a"}, {All: true}} {
			queries = append(queries, store.DeliveryQuery{Scope: s, EventID: none}, store.DeliveryQuery{Scope: s, EndpointID: none}, store.DeliveryQuery{Scope: s, EventType: none})
			if n := len(everything(t, t.events(store.EventQuery{Scope: s, Type: none}))); n != 0 {
				t.Errorf("%+v lists %d events of the type %.20q", s, n, none)
			}
			if got := t.stats(store.StatsQuery{Scope: s, EndpointID: none}); got.Total != (store.Counts{}) {
				t.Errorf("%+v counts %+v for the endpoint %.20q", s, got.Total, none)
			}
		}
		for _, q := range queries {
			if n := len(everything(t, t.deliveries(q))); n != 0 {
				t.Errorf("%+v lists %d deliveries", q, n)
			}
		}
		if n := len(everything(t, t.events(store.EventQuery{Scope: scope}))) + len(everything(t, t.endpoints(store.EndpointQuery{Scope: scope}))); n != 0 {
			t.Errorf("%.20q lists %d events and endpoints", none, n)
		}
		if got := t.stats(store.StatsQuery{Scope: scope}); got.Total != (store.Counts{}) {
			t.Errorf("%.20q counts %+v", none, got.Total)
		}
		t.wantMatch(none, "x.y")
		if n := t.erase(none, 10); n != 0 {
			t.Errorf("erasing %.20q erased %d events", none, n)
		}
	}
	if d := t.delivery("a", id); d.State != store.StatePending {
		t.Errorf("the delivery is %v", d.State)
	}
}

func tenantLists(t *tester) {
	for i, tenant := range tenants {
		for j := range i + 1 {
			t.publish(tenant, fmt.Sprint("e", j), "l-"+tenant, "m-"+tenant)
			t.endpoint(tenant, fmt.Sprint("ep", j, "-", tenant))
		}
	}
	check := func(scope store.Scope, want int, events []store.Event, deliveries []store.Delivery, endpoints []store.Endpoint) {
		t.tb.Helper()
		if len(events) != want || len(deliveries) != 2*want || len(endpoints) != want {
			t.Errorf("%+v lists %d events, %d deliveries and %d endpoints; want %d, %d and %d", scope, len(events), len(deliveries), len(endpoints), want, 2*want, want)
		}
		for _, e := range events {
			if !scope.Includes(e.Tenant) {
				t.Errorf("%+v lists an event of %q", scope, e.Tenant)
			}
		}
		for _, d := range deliveries {
			if !scope.Includes(d.Tenant) {
				t.Errorf("%+v lists a delivery of %q", scope, d.Tenant)
			}
		}
		for _, e := range endpoints {
			if !scope.Includes(e.Tenant) {
				t.Errorf("%+v lists an endpoint of %q", scope, e.Tenant)
			}
		}
	}
	for i, scope := range []store.Scope{{}, {Tenant: "a"}, {Tenant: "A"}, {Tenant: "b"}, {Tenant: "none"}, {All: true}, {All: true, Tenant: "a"}} {
		check(scope, []int{1, 2, 3, 4, 0, 10, 10}[i], everything(t, t.events(store.EventQuery{Scope: scope})),
			everything(t, t.deliveries(store.DeliveryQuery{Scope: scope})), everything(t, t.endpoints(store.EndpointQuery{Scope: scope})))
		if got := t.stats(store.StatsQuery{Scope: scope}).Total.Pending; got != int64([]int{2, 4, 6, 8, 0, 20, 20}[i]) {
			t.Errorf("%+v counts %d pending deliveries", scope, got)
		}
	}
}

// No write reaches what belongs to another tenant, by whatever name.
func tenantWrites(t *tester) {
	for _, owner := range tenants {
		lane := "l-" + owner
		ids := t.publish(owner, "same", lane, "done-"+lane)
		t.finish(store.StateFailed, "done-"+lane)
		pending, done := t.delivery(owner, ids[0]), t.delivery(owner, ids[1])
		attempts := t.attempts(owner, ids[1])
		for _, other := range tenants {
			if other == owner {
				continue
			}
			if got := t.cancel(other, ids...); slices.Contains(got, true) {
				t.Errorf("tenant %q cancelled a delivery of %q: %v", other, owner, got)
			}
			for _, r := range t.requeue(store.RequeueItem{Tenant: other, DeliveryID: ids[0]}, store.RequeueItem{Tenant: other, DeliveryID: ids[1]}) {
				if r.Result != store.RequeueNotFound || r.DeliveryID != "" || r.EndpointID != "" || r.Was != 0 {
					t.Errorf("tenant %q requeued a delivery of %q: %+v", other, owner, r)
				}
			}
			t.wantUnchanged("another tenant's writes", pending, nil)
			t.wantUnchanged("another tenant's writes", done, attempts)
		}
	}
	t.wantCount(4, 8)
	// Names lead to a tenant's own records only: the events have one id.
	r := t.requeue(store.RequeueItem{Tenant: "a", EventID: "same", EndpointID: "done-l-b"})[0]
	if r.Result != store.RequeueCreated {
		t.Errorf("requeue of tenant a's event to a lane of b: %+v, want RequeueCreated", r)
	}
	if d := t.delivery("a", r.DeliveryID); d.Tenant != "a" {
		t.Errorf("it made a delivery of tenant %q", d.Tenant)
	}
}

func tenantMatch(t *tester) {
	for _, tenant := range tenants {
		t.endpoint(tenant, "all-"+tenant, "*")
		t.endpoint(tenant, "x-"+tenant, "x.*", "only."+tenant)
	}
	for _, tenant := range tenants {
		t.wantMatch(tenant, "x.y", "all-"+tenant, "x-"+tenant)
		t.wantMatch(tenant, "only.b", append([]string{"all-" + tenant}, map[string][]string{"b": {"x-b"}}[tenant]...)...)
	}
	t.wantMatch("none", "x.y")
	t.status("a", "all-a", store.EndpointDisabled, "")
	t.remove("a", "x-a")
	for _, tenant := range []string{"", "A", "b"} {
		t.wantMatch(tenant, "x.y", "all-"+tenant, "x-"+tenant)
	}
}

// A delivery that names the endpoint of another tenant names none: nothing of
// that endpoint, least of all its secrets, may come with it.
func tenantForeignEndpoint(t *tester) {
	for _, c := range []struct{ owner, publisher string }{{"a", "b"}, {"a", ""}, {"", "b"}} {
		id := "ep-" + c.owner + "-" + c.publisher
		_, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint(c.owner, id))
		t.noError(err, "CreateEndpoint")
		t.publish(c.publisher, "to-"+id, id)
		b := t.take(held, 10, id)
		if len(b.Deliveries) != 1 {
			t.Errorf("claimed %d deliveries of tenant %q to an endpoint of %q, want 1", len(b.Deliveries), c.publisher, c.owner)
			continue
		}
		if e := b.Endpoints[0]; e.DeletedAt.IsZero() || len(e.Secrets) != 0 || len(e.Headers) != 0 || e.URL != "" {
			t.Errorf("tenant %q got the endpoint of %q: %+v, want a tombstone", c.publisher, c.owner, e)
		}
	}
}

// A lane is the queue of an endpoint id. If a tenant publishes to another's, the
// lane gives the deliveries of both, by their time, and tells the earliest.
func tenantSharedLane(t *tester) {
	now := t.now()
	publish := func(tenant, id string, at time.Duration) {
		e := event(tenant, id)
		e.At = now.Add(at)
		t.insert(with(e, "l"))
	}
	for i, tenant := range []string{"a", "b", "a", "c", "b"} {
		publish(tenant, fmt.Sprint("later", i), time.Duration(50-10*i)*time.Hour)
		if next := t.laneNext("l"); !near(next, now.Add(time.Duration(50-10*i)*time.Hour), precision) {
			t.Errorf("next is %v, want that of tenant %q, the earliest", next, tenant)
		}
	}
	publish("c", "last", 60*time.Hour)
	if next := t.laneNext("l"); !near(next, now.Add(10*time.Hour), precision) {
		t.Errorf("next is %v, want that of the earliest", next)
	}
	for i, tenant := range []string{"b", "a", "c", "b", "a"} {
		publish(tenant, fmt.Sprint("now", i), 0)
		t.pass(2 * precision)
	}
	for i, tenant := range []string{"b", "a", "c", "b", "a"} {
		b := t.take(held, 1, "l")
		if len(b.Deliveries) != 1 || b.Deliveries[0].Delivery.Tenant != tenant || b.Deliveries[0].Delivery.EventID != fmt.Sprint("now", i) {
			t.Fatalf("claim %d took %q, want tenant %q's", i, taken(b), tenant)
		}
	}
	t.takeNone("l", "the rest has time")
	if got := t.stats(store.StatsQuery{Scope: store.Scope{All: true}, EndpointID: "l"}); got.Total.Pending != 11 || len(got.Endpoints) != 1 {
		t.Errorf("counts of the lane over all tenants: %+v, want 11 in one line", got)
	}
}

// Scope.All is for reading; its Tenant is ignored.
func tenantScope(t *tester) {
	for _, tenant := range tenants {
		t.publish(tenant, "e", "l")
	}
	for _, scope := range []store.Scope{{All: true}, {All: true, Tenant: "none"}} {
		if n := len(everything(t, t.deliveries(store.DeliveryQuery{Scope: scope, EventID: "e"}))); n != 4 {
			t.Errorf("%+v lists %d deliveries, want 4", scope, n)
		}
		if n := len(everything(t, t.events(store.EventQuery{Scope: scope, Type: "invoice.paid"}))); n != 4 {
			t.Errorf("%+v lists %d events, want 4", scope, n)
		}
	}
	// A tenant that is ignored does not make another query of it, either.
	first, err := t.Store.Events(t.ctx, store.EventQuery{Scope: store.Scope{All: true, Tenant: "a"}, Limit: 2})
	t.noError(err, "Events")
	rest, err := t.Store.Events(t.ctx, store.EventQuery{Scope: store.Scope{All: true, Tenant: "b"}, Cursor: first.Next, Limit: 5})
	if err != nil || len(rest.Items) != 2 {
		t.Errorf("the following page of all tenants, with another one ignored: %d events, %v; want 2", len(rest.Items), err)
	}
}
