package gormstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/store"
)

// published inserts events with one delivery to a lane, each by itself.
func published(t *testing.T, s store.Store, lane string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := s.Insert(t.Context(), []store.NewEvent{{
			Event:      store.Event{ID: id, Tenant: "t", Type: "x", Body: []byte("{}"), Digest: []byte(id)},
			Deliveries: []store.NewDelivery{{EndpointID: lane}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// finish claims what a lane has, and delivers it.
func finish(t *testing.T, s store.Store, lane string) {
	t.Helper()
	b, err := s.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: lane, N: 1000}}, Max: 1000, Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []store.Outcome
	for _, c := range b.Deliveries {
		outcomes = append(outcomes, store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200, ResponseBody: []byte("ok")}})
	}
	if r, err := s.Settle(t.Context(), outcomes); err != nil || len(r.Lost) > 0 {
		t.Fatal(r, err)
	}
}

// age moves everything that is in the store into the past.
func age(t *testing.T, h *host, db *gorm.DB, by time.Duration) {
	t.Helper()
	for _, text := range []string{
		"UPDATE " + h.table("events") + " SET seq = seq - %[1]d",
		"UPDATE " + h.table("deliveries") + " SET id = id - %[1]d, event_seq = event_seq - %[1]d, apart = apart - %[1]d, updated_at = updated_at - %[2]d",
		"UPDATE " + h.table("attempts") + " SET delivery_id = delivery_id - %[1]d",
	} {
		if err := db.Exec(fmt.Sprintf(text, by.Nanoseconds(), by.Microseconds())).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func purged(t *testing.T, s store.Store, p store.PurgeParams) (events int) {
	t.Helper()
	for {
		r, err := s.Purge(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if events += r.Events; !r.More {
			return events
		}
	}
}

// What has to stay is remembered from call to call, and goes when it has ended.
func TestPurgeOfWhatStayed(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		s := h.store(t, db)
		for i := range 30 {
			published(t, s, []string{"ends", "late", "stays"}[i%3], fmt.Sprint("e", i))
		}
		finish(t, s, "ends")
		age(t, h, db, 48*time.Hour)
		for _, bodies := range []bool{true, false} {
			p := store.PurgeParams{OlderThan: 24 * time.Hour, BodiesOnly: bodies, Limit: 3}
			if n := purged(t, s, p); n != 10 {
				t.Errorf("purged %d events (bodies only: %v), want the 10 that had ended", n, bodies)
			}
			if n := purged(t, s, p); n != 0 {
				t.Errorf("then %d (bodies only: %v), want none", n, bodies)
			}
		}
		// What ended lately has to stay for another day.
		finish(t, s, "late")
		p := store.PurgeParams{OlderThan: 24 * time.Hour, Limit: 4}
		if n := purged(t, s, p); n != 0 {
			t.Errorf("purged %d events that ended just now", n)
		}
		if n := purged(t, s, store.PurgeParams{OlderThan: time.Nanosecond, Limit: 4}); n != 10 {
			t.Errorf("purged %d events, want the 10 that have ended since", n)
		}
		published(t, s, "new", "new")
		finish(t, s, "new")
		finish(t, s, "stays")
		age(t, h, db, 25*time.Hour)
		// Their numbers are others now, so the store must begin afresh, as another
		// process does.
		if n := purged(t, h.bare(t, db), p); n != 11 {
			t.Errorf("purged %d events, want the last 11", n)
		}
		stats, err := s.Stats(t.Context(), store.StatsQuery{Scope: store.Scope{All: true}})
		if err != nil || stats.Total != (store.Counts{}) || len(stats.Endpoints) != 0 {
			t.Errorf("counts of nothing: %+v, %v", stats, err)
		}
		for _, table := range []string{"events", "deliveries", "attempts"} {
			var n int64
			if err := db.Table(h.table(table)).Count(&n).Error; err != nil || n != 0 {
				t.Errorf("%d rows are left in %s, %v", n, table, err)
			}
		}
	})
}

// A transaction takes few events where they have many deliveries, for it must end
// in time. Each leaves one change of the counts, as nobody adds them up here.
func TestPurgeOfManyDeliveries(t *testing.T) {
	for _, d := range databases() {
		if !d.is("mysql") && !d.is("mariadb") {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			s := h.store(t, db)
			tx := db.Begin()
			defer tx.Rollback()
			var version string
			if err := tx.Raw("SELECT value FROM " + h.table("meta") + " WHERE name = 'schema_version' FOR UPDATE").Scan(&version).Error; err != nil {
				t.Fatal(err)
			}
			const events, deliveries = 7, 999
			var changes int64
			publish := func(tenant string) {
				t.Helper()
				for i := range events {
					e := newEvent(fmt.Sprint(tenant, i))
					e.Event.Tenant = tenant
					for j := range deliveries {
						e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: fmt.Sprint("l", j)})
					}
					insert(t, s, e)
				}
				if err := db.Table(h.table("deltas")).Count(&changes).Error; err != nil {
					t.Fatal(err)
				}
			}
			wantChanges := func(doing string, want int64) {
				t.Helper()
				var now int64
				if err := db.Table(h.table("deltas")).Count(&now).Error; err != nil || now != changes+want {
					t.Errorf("%s took %d transactions, %v; want %d", doing, now-changes, err, want)
				}
			}
			publish("purged")
			if err := db.Exec("UPDATE " + h.table("deliveries") + " SET state = 2, updated_at = 1").Error; err != nil {
				t.Fatal(err)
			}
			if n := purged(t, s, store.PurgeParams{Limit: 100}); n != events {
				t.Errorf("purged %d events, want %d", n, events)
			}
			wantChanges("a purge", 2)
			publish("erased")
			if p, err := s.EraseTenant(t.Context(), "erased", 100); err != nil || p.Events != events || p.More {
				t.Errorf("erased %+v, %v; want %d events", p, err, events)
			}
			wantChanges("an erasure", 2)
		})
	}
}

// However many write, count and add up at once, each delivery counts once.
func TestCountsAddUp(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 8)
		stores := []store.Store{h.store(t, db), h.bare(t, h.open(t, 8))}
		const writers, events = 4, 250
		ended := make(chan error, writers)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for w := range writers {
			go func() { ended <- writeAll(ctx, stores[w%2], w, events) }()
		}
		for left := writers; left > 0; {
			stats, err := stores[left%2].Stats(ctx, store.StatsQuery{Scope: store.Scope{All: true}})
			if err != nil {
				t.Fatal(err)
			}
			if c := stats.Total; c.Pending < 0 || c.Delivered < 0 || c.Pending+c.Delivered > writers*events {
				t.Errorf("counts %+v of at most %d deliveries", c, writers*events)
			}
			select {
			case err := <-ended:
				if left--; err != nil {
					t.Fatal(err)
				}
			default:
			}
		}
		for _, s := range stores {
			stats, err := s.Stats(ctx, store.StatsQuery{Scope: store.Scope{All: true}})
			if want := (store.Counts{Delivered: writers * events}); err != nil || stats.Total != want || len(stats.Endpoints) != writers {
				t.Errorf("counts %+v, %v; want %+v of %d endpoints", stats, err, want, writers)
			}
		}
		var left int64
		if err := db.Table(h.table("deltas")).Count(&left).Error; err != nil || left > writers*events {
			t.Errorf("%d of %d changes were not added up, %v", left, 2*writers*events, err)
		}
	})
}

// However long the changes are, they are added up in the end.
func TestLongChangesAddUp(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		s := h.store(t, db)
		const changes, endpoints = 256, 3000
		var b strings.Builder
		for i := range endpoints {
			fmt.Fprintf(&b, `,["tenant","endpoint_of_some_length_%d",1,0,0,0]`, i)
		}
		for range changes {
			if err := db.Exec("INSERT INTO "+h.table("deltas")+" (payload) VALUES (?)", b.String()[1:]).Error; err != nil {
				t.Fatal(err)
			}
		}
		left := int64(changes)
		for range 9 {
			stats, err := s.Stats(t.Context(), store.StatsQuery{Scope: store.Scope{Tenant: "tenant"}})
			if err != nil || stats.Total.Pending != changes*endpoints || len(stats.Endpoints) != endpoints {
				t.Fatalf("counts %+v of %d endpoints, %v", stats.Total, len(stats.Endpoints), err)
			}
			if err := db.Table(h.table("deltas")).Count(&left).Error; err != nil {
				t.Fatal(err)
			}
			if left == 0 {
				return
			}
		}
		t.Errorf("%d changes were not added up", left)
	})
}

// writeAll publishes and delivers events one by one.
func writeAll(ctx context.Context, s store.Store, writer, events int) error {
	lane := fmt.Sprint("l", writer)
	for i := range events {
		_, err := s.Insert(ctx, []store.NewEvent{{
			Event: store.Event{ID: fmt.Sprint(writer, "-", i), Type: "x", Body: []byte("{}")}, Deliveries: []store.NewDelivery{{EndpointID: lane}},
		}})
		if err != nil {
			return err
		}
		b, err := s.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: lane, N: 10}}, Max: 10, Lease: time.Hour})
		if err != nil {
			return err
		}
		for _, c := range b.Deliveries {
			if _, err := s.Settle(ctx, []store.Outcome{{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestEraseWhileUpdated erases a tenant while an endpoint is given other patterns,
// step by step as UpdateEndpoint does it: no pattern is left.
func TestEraseWhileUpdated(t *testing.T) {
	for _, d := range databases() {
		if !d.is("mysql") && !d.is("mariadb") {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			s := h.store(t, db)
			if _, err := s.CreateEndpoint(t.Context(), store.Endpoint{ID: "ep", Tenant: "t", Patterns: []string{"z"}, Status: store.EndpointActive}); err != nil {
				t.Fatal(err)
			}
			tx := db.Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted})
			defer tx.Rollback()
			var id string
			if err := tx.Raw("SELECT id FROM " + h.table("endpoints") + " WHERE id = 'ep' FOR UPDATE").Scan(&id).Error; err != nil {
				t.Fatal(err)
			}
			if err := tx.Exec("DELETE FROM " + h.table("subscriptions") + " WHERE endpoint_id = 'ep'").Error; err != nil {
				t.Fatal(err)
			}
			ctx := within(t, 20*time.Second)
			erased := make(chan error, 1)
			go func() {
				_, err := s.EraseTenant(ctx, "t", 10)
				erased <- err
			}()
			// What the servers tell of transactions is as of the last look, unless that was a
			// tenth of a second ago.
			look := time.NewTicker(200 * time.Millisecond)
			defer look.Stop()
			for waiting := 0; waiting == 0; <-look.C {
				err := db.WithContext(ctx).Raw("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE ?", "%"+h.prefix+"%").Scan(&waiting).Error
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Exec("INSERT INTO " + h.table("subscriptions") + " (tenant, pattern, endpoint_id) VALUES ('t', 'a', 'ep')").Error; err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit().Error; err != nil {
				t.Fatal(err)
			}
			if err := <-erased; err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"endpoints", "subscriptions"} {
				var n int64
				if err := db.Table(h.table(table)).Count(&n).Error; err != nil || n != 0 {
					t.Errorf("%d rows are left in %s, %v", n, table, err)
				}
			}
		})
	}
}
