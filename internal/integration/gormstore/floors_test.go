package gormstore_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestBelowTheFloor makes what a claim that goes on where the last one ended
// would pass over: deliveries of transactions that commit late, and such whose
// lease ran out.
func TestBelowTheFloor(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		s := h.store(t, db)
		// late publishes in a transaction, does something, and commits.
		late := func(lane, id string, meanwhile func()) {
			tx := db.Begin()
			defer tx.Rollback()
			insert(t, s.Tx(tx), newEvent(id, lane))
			meanwhile()
			if err := tx.Commit().Error; err != nil {
				t.Fatal(err)
			}
		}
		one := func(lane string, lease time.Duration) (string, bool) {
			b, err := s.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: lane, N: 1}}, Max: 1, Lease: lease})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range b.Deliveries {
				return c.Delivery.EventID, c.Expired
			}
			return "", false
		}

		t.Run("Expired", func(t *testing.T) {
			newEndpoint(t, s, "leased")
			insert(t, s, newEvent("leased 1", "leased"))
			insert(t, s, newEvent("leased 2", "leased"))
			if id, _ := one("leased", time.Millisecond); id != "leased 1" {
				t.Fatalf("claimed %q", id)
			}
			second, expired := one("leased", time.Minute)
			if second == "leased 1" && expired {
				return // the machine was slow: it ran out at once
			}
			if second != "leased 2" {
				t.Fatalf("claimed %q", second)
			}
			for ctx := within(t, 10*time.Second); ; {
				id, expired := one("leased", time.Minute)
				if id == "leased 1" && expired {
					break
				}
				if ctx.Err() != nil {
					t.Fatal("what was leased for a millisecond is never to be had again")
				}
			}
		})

		if d.is("sqlite") {
			return // nobody commits late: a transaction that has written keeps all others out
		}
		t.Run("LateCommit", func(t *testing.T) {
			newEndpoint(t, s, "drained")
			late("drained", "drained late", func() {
				insert(t, s, newEvent("drained early", "drained"))
				if id, _ := one("drained", time.Minute); id != "drained early" {
					t.Fatalf("claimed %q", id)
				}
			})
			if id, _ := one("drained", time.Minute); id != "drained late" {
				t.Errorf("claimed %q after the commit, want what it had published", id)
			}
		})

		t.Run("LateCommitInABacklog", func(t *testing.T) {
			newEndpoint(t, s, "busy")
			late("busy", "busy late", func() {
				for _, id := range []string{"busy 1", "busy 2", "busy 3", "busy 4"} {
					insert(t, s, newEvent(id, "busy"))
				}
				if id, _ := one("busy", time.Minute); id != "busy 1" {
					t.Fatalf("claimed %q", id)
				}
			})
			id, _ := one("busy", time.Minute) // here it may be passed over
			if _, err := s.Due(t.Context(), store.DueParams{Mark: "0", Sweep: true, Limit: 100}); err != nil {
				t.Fatal(err)
			}
			if id != "busy late" {
				id, _ = one("busy", time.Minute)
			}
			if id != "busy late" {
				t.Errorf("claimed %q after a sweep, want what was committed late", id)
			}
		})
	})
}
