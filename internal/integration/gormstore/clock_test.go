package gormstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

// TestClockOnceAhead holds that what was inserted while the clock was years ahead does
// not date what follows, which would be kept until then.
func TestClockOnceAhead(t *testing.T) {
	h := newHost(t, sqlitePure)
	db := h.open(t, 2)
	s := h.store(t, db)
	published(t, s, "l", "ahead")
	finish(t, s, "l")
	const years = 70 * 365 * 24 * time.Hour
	for _, text := range []string{"UPDATE %sevents SET seq = seq + ?", "UPDATE %sdeliveries SET id = id + ?, event_seq = event_seq + ?", "UPDATE %sattempts SET delivery_id = delivery_id + ?"} {
		args := []any{years.Nanoseconds(), years.Nanoseconds()}
		if err := db.Exec(fmt.Sprintf(text, h.prefix), args[:strings.Count(text, "?")]...).Error; err != nil {
			t.Fatal(err)
		}
	}
	published(t, s, "l", "after", "last")
	finish(t, s, "l")
	refs, err := s.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{{Tenant: "t", EventID: "after", EndpointID: "another"}}})
	if err != nil || refs[0].Result != store.RequeueCreated {
		t.Fatalf("requeued: %+v, %v", refs, err)
	}
	finish(t, s, "another")
	for _, id := range []string{"after", "last"} {
		e, err := s.Event(t.Context(), "t", id)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Until(e.CreatedAt).Abs(); off > time.Minute {
			t.Errorf("event %s is of %v", id, e.CreatedAt)
		}
	}
	purged, err := s.Purge(t.Context(), store.PurgeParams{Limit: 100})
	if err != nil || purged.Events != 2 {
		t.Errorf("purged %+v, %v, want both that are over", purged, err)
	}
	if _, err := s.Event(t.Context(), "t", "ahead"); err != nil {
		t.Errorf("the event of the time ahead: %v", err)
	}
}

// TestNumbersOfWhatIsGone holds that a number is not given again after its row has gone
// and the clock was put back: a claim of the old delivery could settle the new one.
func TestNumbersOfWhatIsGone(t *testing.T) {
	h := newHost(t, sqlitePure)
	db := h.open(t, 2)
	s := h.store(t, db)
	list := func(s *gormstore.Store, want int) (ids []string) {
		t.Helper()
		page, err := s.Deliveries(t.Context(), store.DeliveryQuery{Scope: store.Scope{All: true}, Limit: 10})
		if err != nil || len(page.Items) != want {
			t.Fatalf("%d deliveries, %v, want %d", len(page.Items), err, want)
		}
		for _, d := range page.Items {
			ids = append(ids, d.ID)
		}
		return ids
	}
	published(t, s, "l", "one", "two")
	age(t, h, db, -30*time.Minute) // as if the clock had been that far ahead
	gone := list(s, 2)[0]
	published(t, s, "l", "three")
	if next := list(s, 3)[0]; next <= gone {
		t.Errorf("the delivery after %s is %s", gone, next)
	}
	for range 2 { // what is erased last is not the highest one
		if r, err := s.EraseTenant(t.Context(), "t", 10); err != nil || r.Events == 0 {
			t.Fatalf("erased %+v, %v", r, err)
		}
		s = h.bare(t, h.open(t, 2))
		published(t, s, "l", "after")
		next := list(s, 1)[0]
		if next <= gone {
			t.Errorf("the delivery after %s, which is gone, is %s", gone, next)
		}
		gone = next
	}

	// What is gone of a clock that was years ahead dates nothing.
	const years = 70 * 365 * 24 * time.Hour
	age(t, h, db, -years)
	for _, text := range []string{"", "UPDATE %smeta SET value = CAST(value AS INTEGER) + ? WHERE name = 'last_gone'"} {
		if text != "" {
			if err := db.Exec(fmt.Sprintf(text, h.prefix), years.Nanoseconds()).Error; err != nil {
				t.Fatal(err)
			}
		}
		if r, err := s.EraseTenant(t.Context(), "t", 10); err != nil || r.Events != 1 {
			t.Fatalf("erased %+v, %v, want one event", r, err)
		}
		published(t, s, "l", "last")
		d, err := s.Delivery(t.Context(), "t", list(s, 1)[0])
		if err != nil || time.Until(d.CreatedAt).Abs() > 50*time.Minute {
			t.Errorf("a delivery is of %v, %v", d.CreatedAt, err)
		}
	}
	age(t, h, db, -30*time.Minute)
	gone = list(s, 1)[0]
	if r, err := s.EraseTenant(t.Context(), "t", 10); err != nil || r.Events != 1 {
		t.Fatalf("erased %+v, %v, want one event", r, err)
	}
	published(t, s, "l", "end")
	if next := list(s, 1)[0]; next <= gone {
		t.Errorf("the delivery after %s, which is gone, is %s", gone, next)
	}
}
