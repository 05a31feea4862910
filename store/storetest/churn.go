package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/postrider/postrider/store"
)

var churnProofs = []proof{{"Purge/Churn", purgeChurn}}

// Lanes that several tenants use fill, drain, are purged and fill again, and
// tenants are erased between them. What is left is where it was put, and counts
// and lanes tell of it.
func purgeChurn(t *tester) {
	rng := rand.New(rand.NewPCG(t.seed, 5))
	t.tb.Logf("seed %d", t.seed)
	tenants := []string{"a", "b", "c"}
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprint("l", i))
	}
	type place struct{ tenant, lane string }
	placed := make(map[string]place)
	for round := range 18 {
		if round%6 == 5 {
			tenant := tenants[rng.IntN(3)]
			t.erase(tenant, 2)
			for id, p := range placed {
				if p.tenant == tenant {
					delete(placed, id)
				}
			}
		}
		for range 4 {
			tenant := tenants[rng.IntN(3)]
			to := slices.Clone(names)
			rng.Shuffle(len(to), func(i, j int) { to[i], to[j] = to[j], to[i] })
			to = to[:1+rng.IntN(2)]
			for i, id := range t.publish(tenant, fmt.Sprint("e", round, "-", len(placed)), to...) {
				placed[id] = place{tenant, to[i]}
			}
		}
		rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		t.finish(store.StateDelivered, names[:5]...)
		t.pass(2 * t.unit)
		t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 3})
		t.churned(tenants, names, func(d store.Delivery) bool {
			return placed[d.ID] == place{d.Tenant, d.EndpointID}
		})
	}
}

// churned compares the lists, the counts, the sweep and a claim of everything.
func (t *tester) churned(tenants, names []string, right func(store.Delivery) bool) {
	t.tb.Helper()
	t.wantCounted("after a purge", tenants, names[:2])
	lanes := t.sweep(3, nil)
	pending := 0
	for _, d := range everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{All: true}})) {
		if !right(d) {
			t.Fatalf("delivery %s reads as of tenant %q to %q, where it was not put", d.ID, d.Tenant, d.EndpointID)
		}
		if d.State == store.StatePending {
			pending++
			if lanes[d.EndpointID].IsZero() {
				t.Fatalf("the sweep misses lane %s of tenant %q", d.EndpointID, d.Tenant)
			}
		}
	}
	claimed := t.take(held, 1000, names...).Deliveries
	if len(claimed) != pending {
		t.Fatalf("claimed %d of %d pending deliveries", len(claimed), pending)
	}
	for _, c := range claimed {
		if !right(c.Delivery) {
			t.Fatalf("delivery %s was claimed as of tenant %q to %q, where it was not put", c.Delivery.ID, c.Delivery.Tenant, c.Delivery.EndpointID)
		}
		t.settled(release(c))
	}
}
