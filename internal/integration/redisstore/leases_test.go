package redisstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// Several deliveries of a lane that a claim takes share a lease. Whichever way one
// of them leaves it, the others are had again when it runs out, each once, with the
// expiry noted; and nothing is left of it.
func TestSharedLeases(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	for _, shards := range []int{1, 3} {
		prefix := fmt.Sprint("leases", shards, t.Name())
		s, err := redisstore.New(client, redisstore.WithPrefix(prefix), redisstore.WithShards(shards))
		if err != nil {
			t.Fatal(err)
		}
		endpoints(t, s)
		const n = 200
		inserted(t, s, "e", n)
		const lease = 2 * time.Second
		taken := claimedFor(t, s, n, lease)
		if len(taken) != n {
			t.Fatalf("claimed %d", len(taken))
		}
		if keys := keysOf(t, client, prefix); !slices.ContainsFunc(keys, isLease) {
			t.Fatalf("no lease is shared, the test tests nothing: %q", keys)
		}
		if again := claimed(t, s, n); len(again) > 0 {
			t.Errorf("%d are claimed twice", len(again))
		}

		left := make(map[string]bool) // what is under the lease to its end
		requeued := make(map[string]bool)
		for i, c := range taken {
			id := c.Delivery.ID
			switch i % 5 {
			case 0:
				o := drained(c)
				if r, err := s.Settle(t.Context(), []store.Outcome{o}); err != nil || len(r.Lost) > 0 {
					t.Fatal(r, err)
				}
			case 1:
				if r, err := s.Cancel(t.Context(), "", []string{id}, "x"); err != nil || !r[0] {
					t.Fatal(r, err)
				}
			case 2:
				r, err := s.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: id}}})
				if err != nil || r[0].Result != store.RequeueDone {
					t.Fatal(r, err)
				}
				requeued[id] = true
			default:
				left[id] = true
			}
		}
		first := claimed(t, s, n)
		for _, c := range first {
			switch {
			case c.Expired && left[c.Delivery.ID]: // on a slow machine
				delete(left, c.Delivery.ID)
			case !c.Expired && requeued[c.Delivery.ID]:
				delete(requeued, c.Delivery.ID)
			default:
				t.Errorf("%s is claimed, expired: %v", c.Delivery.ID, c.Expired)
			}
		}
		if len(requeued) > 0 {
			t.Errorf("%d that were requeued are not to be had", len(requeued))
		}
		due, err := s.Due(t.Context(), store.DueParams{Sweep: true, Limit: 100})
		if err != nil || len(left) > 0 && len(due.Lanes) == 0 {
			t.Errorf("%d lanes are to come, %v", len(due.Lanes), err)
		}
		rest := first
		await(t, "the leases to run out", func() bool {
			for _, c := range claimed(t, s, 7) {
				if !c.Expired || !left[c.Delivery.ID] || c.Delivery.Expiries != 1 {
					t.Errorf("%s is claimed, expired: %v, %d times", c.Delivery.ID, c.Expired, c.Delivery.Expiries)
				}
				delete(left, c.Delivery.ID)
				rest = append(rest, c)
			}
			return len(left) == 0
		})
		for _, c := range rest {
			if r, err := s.Settle(t.Context(), []store.Outcome{drained(c)}); err != nil || len(r.Lost) > 0 {
				t.Fatal(r, err)
			}
		}
		for _, key := range keysOf(t, client, prefix) {
			if isLease(key) || strings.HasSuffix(key, "}timed") {
				t.Errorf("%s is left", key)
			}
		}
	}
}

func isLease(key string) bool {
	return strings.HasSuffix(key, "}held") || strings.HasSuffix(key, "}leases")
}
