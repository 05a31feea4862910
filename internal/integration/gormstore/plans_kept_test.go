package gormstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// TestPlansAreKept fails when the server plans a statement of the hot path anew
// each time, which takes as long as carrying it out for dozens of deliveries. The
// server does that when a plan for the parameters' values looks cheaper than one
// for any values, or did when the tables were smaller.
func TestPlansAreKept(t *testing.T) {
	const (
		rounds = 40
		tries  = 5 // before the server compares, it plans so many times
	)
	for _, version := range servers.PostgresVersions {
		t.Run(version, func(t *testing.T) {
			h := newHost(t, postgresOf(version))
			pool := h.open(t, 1)
			s := h.store(t, pool)
			lanes := make([]store.Lane, 10)
			for i := range lanes {
				lanes[i] = store.Lane{ID: "ep_" + string(rune('a'+i)), N: 20}
				newEndpoint(t, s, lanes[i].ID)
			}
			h.fill(t, pool, s)
			for round := range rounds {
				if round%10 == 9 {
					growTables(t, h, pool, s, fmt.Sprint("growth", round), lanes[2:])
				}
				var events []store.NewEvent
				for i := range 1 + round%3*20 {
					events = append(events, newEvent("evt_"+strings.Repeat("x", round)+string(rune('A'+i)), lanes[i%10].ID, lanes[(i+1)%10].ID))
				}
				insert(t, s, events...)
				mark := store.DueParams{Limit: 10, Sweep: true, Mark: "0"}
				if _, err := s.Due(t.Context(), mark); err != nil {
					t.Fatal(err)
				}
				// Fewer lanes and deliveries than the server expects when it does not
				// look at the values.
				batch, err := s.Claim(t.Context(), store.ClaimParams{Max: 5, Lanes: lanes[:2], Lease: time.Minute, MaxBytes: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				var outcomes []store.Outcome
				for i := range batch.Deliveries {
					d := &batch.Deliveries[i].Delivery
					outcomes = append(outcomes, store.Outcome{DeliveryID: d.ID, Token: d.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200}})
				}
				if r, err := s.Settle(t.Context(), outcomes); err != nil || len(r.Lost) > 0 {
					t.Fatalf("settling: %d lost, %v", len(r.Lost), err)
				}
			}
			rows, err := poolOf(t, pool).QueryContext(t.Context(), "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			seen := 0
			for rows.Next() {
				var text string
				var custom, generic int
				if err := rows.Scan(&text, &custom, &generic); err != nil {
					t.Fatal(err)
				}
				if custom+generic < rounds/2 {
					continue
				}
				seen++
				t.Logf("planned %d times, kept %d times: %.60q", custom, generic, strings.Join(strings.Fields(text), " "))
				if custom > tries {
					t.Errorf("planned %d times in %d: %s", custom, custom+generic, text)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if seen < 4 {
				t.Errorf("saw %d statements: want those of Insert, Due, Claim and Settle", seen)
			}
		})
	}
}

// growTables makes tables larger, by deliveries of the lanes, and has their
// statistics taken.
func growTables(t *testing.T, h *host, db *gorm.DB, s *gormstore.Store, id string, lanes []store.Lane) {
	t.Helper()
	var endpoints []string
	for _, lane := range lanes {
		endpoints = append(endpoints, lane.ID)
	}
	events := make([]store.NewEvent, 500)
	for i := range events {
		events[i] = newEvent(fmt.Sprint(id, i), endpoints...)
	}
	insert(t, s, events...)
	for _, table := range []string{"deliveries", "events", "attempts", "endpoints"} {
		if err := db.Exec("ANALYZE " + h.table(table)).Error; err != nil {
			t.Fatal(err)
		}
	}
}
