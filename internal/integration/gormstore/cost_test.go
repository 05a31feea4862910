package gormstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

// How much there is in the tables whose plans are looked at: a history, and the
// backlog of an endpoint that cannot take more.
const (
	costHistory = 40_000
	costBacklog = 20_000
	// costLittle bounds the rows that one statement of the hot path may look at,
	// costPage those of one that reads a page of a list: these look at up to 4,000
	// candidates, whatever there is.
	costLittle = 2_000
	costPage   = 10_000
)

// operation is a call of the store whose statements are looked at.
type operation struct {
	name string
	// most bounds the rows of events, deliveries and attempts that one statement
	// looks at.
	most int
	call func() error
}

// fill makes a history of many deliveries to ten endpoints, a backlog of one, and
// twenty endpoints with little to do.
func (h *host) fill(tb testing.TB, db *gorm.DB, s *gormstore.Store) {
	tb.Helper()
	bulk := func(n int, id string, lane func(i int) string) {
		const batch = 500
		for from := 0; from < n; from += batch {
			events := make([]store.NewEvent, batch)
			for i := range events {
				events[i] = newEvent(fmt.Sprint(id, from+i), lane(from+i))
				events[i].Event.Tenant = "big"
			}
			insert(tb, s, events...)
		}
	}
	bulk(costHistory, "done", func(i int) string { return fmt.Sprint("done", i%10) })
	exec := func(text string) {
		if err := db.Exec(text).Error; err != nil {
			tb.Fatal(err)
		}
	}
	exec("UPDATE " + h.table("deliveries") + " SET state = 2, hold = 2, attempts = 1, tries = 1, token = 1")
	exec("INSERT INTO " + h.table("attempts") + ` (delivery_id, number, started_at, duration, status, truncated, code, error, detail)
		SELECT id, 1, updated_at, 1000, 200, 0, 'ok', '', '{}' FROM ` + h.table("deliveries"))
	bulk(costBacklog, "backlog", func(int) string { return "saturated" })
	bulk(1000, "due", func(i int) string { return fmt.Sprint("lane", i%20) })
	for i := range 20 {
		newEndpoint(tb, s, fmt.Sprint("lane", i))
	}
	newEndpoint(tb, s, "saturated")
	switch h.kind() {
	case "mysql", "mariadb":
		exec("ANALYZE TABLE " + h.table("deliveries") + ", " + h.table("events") + ", " + h.table("attempts"))
	default:
		exec("ANALYZE")
	}
}

// operations are the calls whose cost must not grow with the tables.
func operations(tb testing.TB, s *gormstore.Store) []operation {
	ctx := tb.Context()
	due, err := s.Due(ctx, store.DueParams{Limit: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	scope := store.Scope{Tenant: "big"}
	var claimed []store.Claimed
	var listed store.Delivery
	lanes := make([]store.Lane, 20)
	for i := range lanes {
		lanes[i] = store.Lane{ID: fmt.Sprint("lane", i), N: 4}
	}
	hour := time.Hour
	settle := func() error {
		var outcomes []store.Outcome
		for i, c := range claimed {
			state := store.StateDelivered
			if i%10 == 0 {
				state = store.StateFailed
			}
			outcomes = append(outcomes, store.Outcome{
				DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: state, Attempt: &store.Attempt{Status: 200, Code: "ok", StartedAt: time.Now()},
			})
		}
		r, err := s.Settle(ctx, outcomes)
		if err == nil && len(r.Lost) > 0 {
			err = fmt.Errorf("%d outcomes were lost", len(r.Lost))
		}
		return err
	}
	return []operation{
		{"match", costLittle, func() error { return second(s.Match(ctx, "", []string{"invoice.paid", "a.b.c"})) }},
		{"insert", costLittle, func() error {
			events := make([]store.NewEvent, 20)
			for i := range events {
				events[i] = newEvent(fmt.Sprint("fresh", i), "lane0", "lane1", "lane2")
			}
			return second(s.Insert(ctx, events))
		}},
		{"insert duplicate", costLittle, func() error { return second(s.Insert(ctx, []store.NewEvent{newEvent("fresh1", "lane0")})) }},
		{"due, at the end", costLittle, func() error { return second(s.Due(ctx, store.DueParams{Limit: 1000})) }},
		{"due, tail", costLittle, func() error { return second(s.Due(ctx, store.DueParams{Mark: due.Mark, Limit: 1000})) }},
		{"due, sweep", costLittle, func() error {
			return second(s.Due(ctx, store.DueParams{Mark: due.Mark, Sweep: true, Limit: 1000}))
		}},
		{"claim", costLittle, func() error {
			b, err := s.Claim(ctx, store.ClaimParams{Lanes: lanes, Max: 60, Lease: hour})
			claimed = b.Deliveries
			if err == nil && len(claimed) != 60 {
				err = fmt.Errorf("claimed %d deliveries, want 60", len(claimed))
			}
			return err
		}},
		{"claim of a backlog", costLittle, func() error {
			return second(s.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "saturated", N: 4}, {ID: "lane0", N: 4}}, Max: 60, Lease: hour}))
		}},
		{"settle", costLittle, settle},
		{"settle again", costLittle, settle},
		{"list", costPage, func() error {
			p, err := s.Deliveries(ctx, store.DeliveryQuery{Scope: scope, Limit: 100})
			if err == nil && len(p.Items) == 0 {
				err = errors.New("the list is empty")
			}
			if err == nil {
				listed = p.Items[0]
			}
			return err
		}},
		{"list of all", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Scope: store.Scope{All: true}, Limit: 100}))
		}},
		{"list of an endpoint", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Scope: scope, EndpointID: "done3", Limit: 100}))
		}},
		{"list of what failed", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Scope: scope, State: store.StateFailed, Limit: 100}))
		}},
		{"list of a small tenant", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Limit: 100}))
		}},
		{"list of an event", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Scope: scope, EventID: "done7", Limit: 100}))
		}},
		{"list of a type", costPage, func() error {
			return second(s.Deliveries(ctx, store.DeliveryQuery{Scope: scope, EventType: "none.such", Limit: 100}))
		}},
		{"events", costPage, func() error { return second(s.Events(ctx, store.EventQuery{Scope: scope, Limit: 100})) }},
		{"events of a small tenant", costPage, func() error { return second(s.Events(ctx, store.EventQuery{Limit: 100})) }},
		{"event", costLittle, func() error { return second(s.Event(ctx, "big", "done9")) }},
		{"delivery", costLittle, func() error { return second(s.Delivery(ctx, "big", listed.ID)) }},
		{"attempts", costLittle, func() error { return second(s.Attempts(ctx, "big", listed.ID)) }},
		{"stats", costLittle, func() error { return second(s.Stats(ctx, store.StatsQuery{Scope: store.Scope{All: true}})) }},
		{"requeue", costLittle, func() error {
			return second(s.Requeue(ctx, store.RequeueParams{Items: []store.RequeueItem{
				{Tenant: "big", EventID: "done5", EndpointID: "done5"}, {Tenant: "big", DeliveryID: listed.ID}, {Tenant: "big", EventID: "done6", EndpointID: "lane3"},
			}}))
		}},
		{"cancel", costLittle, func() error { return second(s.Cancel(ctx, "big", []string{listed.ID}, "host")) }},
		{"pause", costLittle, func() error {
			return second(s.SetEndpointStatus(ctx, "", "saturated", store.EndpointPaused, ""))
		}},
		{"due, sweep past what is paused", costLittle, func() error {
			return second(s.Due(ctx, store.DueParams{Mark: due.Mark, Sweep: true, Limit: 1000}))
		}},
		{"purge, nothing old", costLittle, func() error {
			return second(s.Purge(ctx, store.PurgeParams{OlderThan: hour, Limit: 100}))
		}},
		{"purge", costPage, func() error { return second(s.Purge(ctx, store.PurgeParams{Limit: 100})) }},
		{"delete", costLittle, func() error { return s.DeleteEndpoint(ctx, "", "saturated") }},
	}
}
