package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

var statsProofs = []proof{
	{"Stats/Empty", statsEmpty},
	{"Stats/EachMove", statsEachMove},
	{"Stats/Scope", statsScope},
	{"Stats/Random", statsRandom},
}

func statsEmpty(t *tester) {
	t.endpoint("", "l")
	t.publish("", "lonely")
	for _, q := range []store.StatsQuery{{}, {Scope: store.Scope{All: true}}, {EndpointID: "l"}, {Scope: store.Scope{Tenant: "none"}}} {
		if s := t.stats(q); s.Total != (store.Counts{}) || len(s.Endpoints) != 0 {
			t.Errorf("Stats(%+v) without a delivery: %+v", q, s)
		}
	}
}

// counted counts what Stats has to say, by listing.
func (t *tester) counted(q store.StatsQuery) store.Stats {
	t.tb.Helper()
	by := make(map[string]*store.Counts)
	var s store.Stats
	for _, d := range everything(t, t.deliveries(store.DeliveryQuery{Scope: q.Scope, EndpointID: q.EndpointID})) {
		if by[d.EndpointID] == nil {
			by[d.EndpointID] = new(store.Counts)
		}
		*by[d.EndpointID].Of(d.State)++
		*s.Total.Of(d.State)++
	}
	for id, c := range by {
		s.Endpoints = append(s.Endpoints, store.EndpointCounts{EndpointID: id, Counts: *c})
	}
	slices.SortFunc(s.Endpoints, func(a, b store.EndpointCounts) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	return s
}

// wantCounted compares Stats with the list, in several scopes.
func (t *tester) wantCounted(step string, tenants, endpoints []string) {
	t.tb.Helper()
	scopes := []store.Scope{{All: true}}
	for _, tenant := range tenants {
		scopes = append(scopes, store.Scope{Tenant: tenant})
	}
	for _, scope := range scopes {
		for _, id := range append([]string{""}, endpoints...) {
			q := store.StatsQuery{Scope: scope, EndpointID: id}
			if d := same(t.stats(q), t.counted(q)); d != "" {
				t.Errorf("%s: Stats(%+v): %s", step, q, d)
			}
		}
	}
}

func statsEachMove(t *tester) {
	want := func(step string, c store.Counts) {
		t.tb.Helper()
		if got := t.stats(store.StatsQuery{}).Total; got != c {
			t.Errorf("%s: %+v, want %+v", step, got, c)
		}
		t.wantCounted(step, []string{""}, []string{"l", "m"})
	}
	id := t.publish("", "e", "l", "m")[0]
	want("insert", store.Counts{Pending: 2})
	t.again(event("", "e"), "l", "m")
	want("duplicate", store.Counts{Pending: 2})
	c := t.takeOne(held, "l")
	want("claim", store.Counts{Pending: 2})
	t.settled(release(c))
	want("release", store.Counts{Pending: 2})
	stale := t.expire("l")
	c = t.takeOne(held, "l")
	t.settle(outcome(stale, store.StateFailed))
	want("lost settle", store.Counts{Pending: 2})
	t.settled(outcome(c, store.StateFailed))
	want("failed", store.Counts{Pending: 1, Failed: 1})
	t.settle(outcome(c, store.StateFailed))
	want("repeated", store.Counts{Pending: 1, Failed: 1})
	t.cancel("", id)
	want("cancel of a failed one", store.Counts{Pending: 1, Failed: 1})
	t.requeue(store.RequeueItem{DeliveryID: id})
	want("requeue", store.Counts{Pending: 2})
	t.requeue(store.RequeueItem{DeliveryID: id})
	want("requeue of a pending one", store.Counts{Pending: 2})
	t.finish(store.StateDelivered, "l")
	want("delivered", store.Counts{Pending: 1, Delivered: 1})
	t.requeueWith(store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: id}, {EventID: "e", EndpointID: "n"}}, DryRun: true})
	want("dry run", store.Counts{Pending: 1, Delivered: 1})
	t.requeue(store.RequeueItem{EventID: "e", EndpointID: "n"})
	want("made by a requeue", store.Counts{Pending: 2, Delivered: 1})
	t.finish(store.StateCancelled, "m", "n")
	want("cancelled", store.Counts{Delivered: 1, Cancelled: 2})
	t.pass(2 * t.unit)
	t.purge(store.PurgeParams{OlderThan: t.unit, BodiesOnly: true, Limit: 5})
	want("purge of bodies", store.Counts{Delivered: 1, Cancelled: 2})
	t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 5})
	want("purge", store.Counts{})
	if s := t.stats(store.StatsQuery{}); len(s.Endpoints) != 0 {
		t.Errorf("after a purge of all there are counts of %d endpoints", len(s.Endpoints))
	}
}

func statsScope(t *tester) {
	t.publish("", "e", "b", "a", "C")
	t.publish("t", "e", "d", "B")
	t.publish("u", "e", "d2")
	t.finish(store.StateDelivered, "a", "d")
	t.wantCounted("three tenants", []string{"", "t", "u", "none"}, []string{"a", "b", "B", "d", "none"})
	var order []string
	for _, e := range t.stats(store.StatsQuery{Scope: store.Scope{All: true}}).Endpoints {
		order = append(order, e.EndpointID)
	}
	if got := strings.Join(order, " "); got != "B C a b d d2" {
		t.Errorf("the endpoints are ordered %q, want by their bytes", got)
	}
	// Whose endpoint it is, nobody else can count.
	if s := t.stats(store.StatsQuery{EndpointID: "d"}); s.Total != (store.Counts{}) || len(s.Endpoints) != 0 {
		t.Errorf("tenant \"\" counts tenant t's endpoint: %+v", s)
	}
}

func statsRandom(t *tester) {
	rng := rand.New(rand.NewPCG(t.seed, 77))
	tenants := []string{"", "t"}
	lanes := []string{"a", "b", "c"}
	var ids [2][]string
	for i := range 120 {
		n := rng.IntN(2)
		tenant := tenants[n]
		pick := func() string {
			if len(ids[n]) == 0 {
				return "none"
			}
			return ids[n][rng.IntN(len(ids[n]))]
		}
		switch rng.IntN(6) {
		case 0, 1:
			ids[n] = append(ids[n], t.publish(tenant, fmt.Sprint("e", i), lanes[rng.IntN(3)]+tenant, lanes[rng.IntN(3)]+tenant+"2")...)
		case 2, 3:
			t.finish(states[rng.IntN(4)], lanes[rng.IntN(3)]+tenant, lanes[rng.IntN(3)]+tenant+"2")
		case 4:
			t.cancel(tenant, pick(), pick())
		case 5:
			t.requeue(store.RequeueItem{Tenant: tenant, DeliveryID: pick()}, store.RequeueItem{Tenant: tenant, EventID: fmt.Sprint("e", rng.IntN(i+1)), EndpointID: "z" + tenant})
		}
	}
	t.wantCounted(fmt.Sprintf("after a random workload (seed %d)", t.seed), tenants, []string{"a", "b2", "at", "z"})
	t.finish(store.StateFailed, "a", "a2", "at", "at2")
	t.pass(2 * t.unit)
	t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 7})
	t.wantCounted("after a purge", tenants, []string{"a", "b2", "at", "z"})
	t.erase("t", 7)
	t.wantCounted("after an erasure", tenants, []string{"a", "b2", "at", "z"})
}
