package gormstore_test

import (
	"fmt"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// TestSlowStatistics holds that counts are added up on a server that does not come to
// take statistics within the time of a compaction.
func TestSlowStatistics(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	h.connect = func() gorm.Dialector {
		return postgres.Open(with(servers.SharedPostgres(t, "17").DSN, "vacuum_cost_delay=100ms&vacuum_cost_limit=1"))
	}
	db := h.open(t, 2)
	s := h.store(t, db)
	if err := db.Exec("ALTER TABLE " + h.table("deliveries") + " SET (autovacuum_enabled = off)").Error; err != nil {
		t.Fatal(err)
	}
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprint("ep", i))
	}
	insert(t, s, newEvent("grown", many...))
	for i := range 300 {
		insert(t, s, newEvent(fmt.Sprint("e", i), "ep"))
	}
	stats, err := s.Stats(t.Context(), store.StatsQuery{})
	if err != nil || stats.Total.Pending != 5300 {
		t.Errorf("counted %+v, %v; want 5300 pending", stats.Total, err)
	}
	var deltas int
	if err := db.Raw("SELECT COUNT(*) FROM " + h.table("deltas")).Scan(&deltas).Error; err != nil || deltas >= 256 {
		t.Errorf("%d deltas are not added up, %v", deltas, err)
	}
}
