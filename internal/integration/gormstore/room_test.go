package gormstore_test

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/store"
)

// TestRowsKeepTheirSize delivers, and looks at the pages of the deliveries before
// and after. SQLite overwrites a row where it stands if its size stays, and
// otherwise splits pages that are full.
func TestRowsKeepTheirSize(t *testing.T) {
	h := newHost(t, sqlitePure)
	db := h.open(t, 2)
	s := h.store(t, db)
	newEndpoint(t, s, "a")
	newEndpoint(t, s, "b")
	for i := range 10 {
		var events []store.NewEvent
		for j := range 50 {
			events = append(events, newEvent(fmt.Sprintf("evt_%d_%d", i, j), "a", "b"))
		}
		insert(t, s, events...)
	}
	before := h.deliveryPages(t, db)
	if before.Pages < 10 {
		t.Fatalf("%+v after the insert: too few to show anything", before)
	}
	claimed := claim(t, s, "a", "b")
	if after := h.deliveryPages(t, db); len(claimed) != 1000 || after != before {
		t.Errorf("%+v after a claim of %d, %+v before", after, len(claimed), before)
	}
	var outcomes []store.Outcome
	for _, c := range claimed {
		outcomes = append(outcomes, store.Outcome{
			DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200, StartedAt: time.Now()},
		})
	}
	if _, err := s.Settle(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
	if after := h.deliveryPages(t, db); after != before {
		t.Errorf("%+v when they are delivered, %+v before", after, before)
	}
}

// pages are those of a table, and what they hold in bytes.
type pages struct{ Pages, Payload int }

func (h *host) deliveryPages(tb testing.TB, db *gorm.DB) (p pages) {
	tb.Helper()
	query := "SELECT count(*) AS pages, sum(payload) AS payload FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
	if err := db.Raw(query, h.table("deliveries")).Scan(&p).Error; err != nil {
		tb.Fatal(err)
	}
	return p
}
