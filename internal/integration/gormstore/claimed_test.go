package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestWhatWasClaimedHereChangesElsewhere settles a batch in the process that claimed
// it, while another has claimed or cancelled a part of it. A store may believe that
// what it claimed is as it was, but must find out.
func TestWhatWasClaimedHereChangesElsewhere(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		here := h.store(t, h.open(t, 2))
		elsewhere := h.bare(t, h.open(t, 2))
		newEndpoint(t, here, "ep")

		outcomes := func(claimed []store.Claimed) (out []store.Outcome) {
			for _, c := range claimed {
				out = append(out, store.Outcome{
					DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200, StartedAt: time.Now(), Code: "ok"},
				})
			}
			return out
		}
		settle := func(s store.Store, outcomes []store.Outcome) []string {
			t.Helper()
			result, err := s.Settle(t.Context(), outcomes)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(result.Lost)
			return result.Lost
		}
		for round, change := range []struct {
			name string
			call func(ids []string) (again []store.Claimed)
		}{
			{"nothing", func([]string) []store.Claimed { return nil }},
			{"claimed", func(ids []string) (again []store.Claimed) {
				ctx := within(t, 30*time.Second)
				for len(again) < len(ids) { // their leases have run out, by the clock of the database
					b, err := elsewhere.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "short", N: 10}}, Max: 10, Lease: time.Hour})
					if err != nil {
						t.Fatal(err)
					}
					again = append(again, b.Deliveries...)
				}
				return again
			}},
			{"cancelled", func(ids []string) []store.Claimed {
				if _, err := elsewhere.Cancel(t.Context(), "", ids, "host"); err != nil {
					t.Fatal(err)
				}
				return nil
			}},
		} {
			insert(t, here, newEvent("kept"+change.name, "ep", "other"), newEvent("short"+change.name, "short"), newEvent("short too"+change.name, "short"))
			batch := claim(t, here, "ep", "other")
			b, err := here.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: "short", N: 10}}, Max: 10, Lease: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			short := b.Deliveries
			if len(batch) != 2 || len(short) != 2 {
				t.Fatalf("claimed %d and %d, want 2 and 2", len(batch), len(short))
			}
			ids := []string{short[0].Delivery.ID, short[1].Delivery.ID}
			slices.Sort(ids)
			again := change.call(ids)

			all := outcomes(append(batch, short...))
			want := ids
			if change.name == "nothing" {
				want = nil
			}
			for range 2 { // once more, as after an answer that was lost
				if lost := settle(here, all); !slices.Equal(lost, want) {
					t.Errorf("%s: lost %v, want %v", change.name, lost, want)
				}
			}
			for _, c := range batch {
				wasDelivered(t, here, c.Delivery.ID)
			}
			if len(again) > 0 {
				if lost := settle(elsewhere, outcomes(again)); len(lost) > 0 {
					t.Errorf("%s: the later claim lost %v", change.name, lost)
				}
				for _, c := range again {
					wasDelivered(t, here, c.Delivery.ID)
				}
			}
			stats, err := here.Stats(t.Context(), store.StatsQuery{})
			if err != nil {
				t.Fatal(err)
			}
			counts := []store.Counts{{Delivered: 4}, {Delivered: 8}, {Delivered: 10, Cancelled: 2}}[round]
			if stats.Total != counts {
				t.Errorf("%s: counts are %+v, want %+v", change.name, stats.Total, counts)
			}
		}
	})
}

// TestNoToken settles deliveries that nobody has claimed by outcomes without a token.
func TestNoToken(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		s := h.store(t, h.open(t, 2))
		id := insert(t, s, newEvent("e", "l"))[0].Deliveries[0].ID
		for _, token := range []int64{0, -1} {
			r, err := s.Settle(t.Context(), []store.Outcome{{DeliveryID: id, Token: token, State: store.StateDelivered}})
			if err != nil || !slices.Equal(r.Lost, []string{id}) {
				t.Errorf("settled with token %d: %+v, %v; want it lost", token, r, err)
			}
		}
		if got, err := s.Delivery(t.Context(), "", id); err != nil || got.State != store.StatePending {
			t.Errorf("the delivery is %v, %v; want it pending", got.State, err)
		}
	})
}

// TestNoBounds asks for as much as a number can say.
func TestNoBounds(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		s := h.store(t, h.open(t, 2))
		insert(t, s, newEvent("e", "a", "b"), newEvent("f", "a"))
		for _, most := range []int{math.MaxInt, math.MaxInt/4 + 1, math.MaxInt32} {
			for _, p := range []store.DueParams{{Mark: "0", Limit: most}, {Sweep: true, Limit: most}} {
				due, err := s.Due(t.Context(), p)
				if err != nil || len(due.Lanes) != 2 || due.Behind || p.Sweep && !due.Wrapped {
					t.Errorf("due %+v: %+v, %v; want two lanes, and no more", p, due, err)
				}
			}
		}
		for _, p := range []store.ClaimParams{
			{Lanes: []store.Lane{{ID: "a", N: math.MaxInt}, {ID: "a", N: math.MaxInt}}, Max: 1},
			{Lanes: []store.Lane{{ID: "b", N: 0}, {ID: "a", N: 1}}, Max: math.MaxInt32},
			{Lanes: []store.Lane{{ID: "b", N: math.MaxInt}, {ID: "b", N: 1}}, Max: math.MaxInt, MaxBytes: math.MaxInt},
		} {
			p.Lease = math.MaxInt64
			if b, err := s.Claim(t.Context(), p); err != nil || len(b.Deliveries) != 1 {
				t.Errorf("claimed %d by %+v, %v; want one", len(b.Deliveries), p, err)
			}
		}
	})
}

// TestNoSuchName asks for what cannot be stored: it is not found.
func TestNoSuchName(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		s := h.store(t, h.open(t, 2))
		id := insert(t, s, newEvent("e", "l"))[0].Deliveries[0].ID
		for _, name := range []string{"\x00", "a\xff"} {
			for what, ask := range map[string]func(tenant, name string) error{
				"Event":          func(tenant, name string) error { _, err := s.Event(t.Context(), tenant, name); return err },
				"Delivery":       func(tenant, _ string) error { _, err := s.Delivery(t.Context(), tenant+name, id); return err },
				"Attempts":       func(tenant, _ string) error { _, err := s.Attempts(t.Context(), tenant+name, id); return err },
				"Endpoint":       func(tenant, name string) error { _, err := s.Endpoint(t.Context(), tenant, name); return err },
				"DeleteEndpoint": func(tenant, name string) error { return s.DeleteEndpoint(t.Context(), tenant, name) },
				"SetEndpointStatus": func(tenant, name string) error {
					_, err := s.SetEndpointStatus(t.Context(), tenant, name, store.EndpointPaused, "")
					return err
				},
			} {
				for _, tenant := range []string{"", name} {
					if err := ask(tenant, name); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("%s of tenant %q, %q: %v, want that it is not found", what, tenant, name, err)
					}
				}
			}
		}
	})
}

// TestClaimCutShort lets the context of a claim end at some time within it.
func TestClaimCutShort(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		s := h.store(t, h.open(t, 2))
		var to []string
		var lanes []store.Lane
		for i := range 1000 {
			to = append(to, fmt.Sprint("l", i))
			lanes = append(lanes, store.Lane{ID: to[i], N: 1})
		}
		insert(t, s, newEvent("e", to...))
		for after := time.Millisecond; ; after = after * 3 / 2 {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			_, err := s.Claim(ctx, store.ClaimParams{Lanes: lanes, Max: len(lanes), Lease: time.Minute})
			cancel()
			if err == nil {
				return
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v, want that the context has ended", after, err)
			}
		}
	})
}
