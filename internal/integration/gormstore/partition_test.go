package gormstore_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// partition replaces the tables of a store by partitioned ones, as docs/sql.md
// says, with partitions so short that what a test makes lies in several.
func (h *host) partition(tb testing.TB, db *gorm.DB) {
	tb.Helper()
	manual, err := os.ReadFile("../../../docs/sql.md")
	if err != nil {
		tb.Fatal(err)
	}
	_, text, found := strings.Cut(string(manual), "```sql\nBEGIN;\n")
	text, _, end := strings.Cut(text, "COMMIT;\n```")
	if !found || !end {
		tb.Fatal("docs/sql.md has no block from BEGIN to COMMIT")
	}
	var lines []string
	months := 0
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "_2026_11 ") {
			lines = append(lines, line)
			continue
		}
		months++
		begin, _, _ := strings.Cut(line, " FOR VALUES")
		start := time.Now()
		for i := range 6 {
			from := start.Add(time.Duration(i) * 150 * time.Millisecond).UnixNano()
			to := start.Add(time.Duration(i+1) * 150 * time.Millisecond).UnixNano()
			lines = append(lines, fmt.Sprintf("%s FOR VALUES FROM (%d) TO (%d);\n", strings.Replace(begin, "_2026_11", fmt.Sprint("_", i), 1), from, to))
		}
	}
	if months != 2 {
		tb.Fatalf("docs/sql.md makes %d partitions of a month, want 2", months)
	}
	err = db.Transaction(func(tx *gorm.DB) error {
		for _, statement := range strings.Split(strings.ReplaceAll(strings.Join(lines, ""), "postrider_", h.prefix), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if err := tx.Exec(statement).Error; err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// TestPartitioned runs the suite on tables that are partitioned.
func TestPartitioned(t *testing.T) {
	d := postgresOf(servers.PostgresVersions[len(servers.PostgresVersions)-1])
	conformOn(t, d, func(tb testing.TB, h *host, db *gorm.DB) { h.partition(tb, db) })
}

// TestPartitionDropped drops the partitions of a time.
func TestPartitionDropped(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 4)
	s := h.store(t, db)
	works(t, s, "kept") // made before: it lies in the partition for the rest
	h.partition(t, db)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		insert(t, s, newEvent(fmt.Sprint("e", time.Now().UnixNano()), "l"))
	}
	claimed := claim(t, s, "l")
	spread := map[int]int{}
	for i := range 6 {
		var n int
		if err := db.Raw(fmt.Sprint("SELECT COUNT(*) FROM ", h.table("deliveries_"), i)).Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			spread[i] = n
		}
	}
	if len(spread) < 3 {
		t.Fatalf("%d deliveries lie in the partitions %v: the test does not test", len(claimed), spread)
	}
	for i := range 3 {
		for _, table := range []string{"deliveries_", "attempts_"} {
			if err := db.Exec(fmt.Sprint("DROP TABLE ", h.table(table), i)).Error; err != nil {
				t.Fatal(err)
			}
		}
	}
	var outcomes []store.Outcome
	for _, c := range claimed {
		outcomes = append(outcomes, store.Outcome{
			DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200, Code: "ok"},
		})
	}
	r, err := s.Settle(t.Context(), outcomes)
	if want := spread[0] + spread[1] + spread[2]; err != nil || len(r.Lost) != want {
		t.Errorf("settled: %d lost, %v; want %d", len(r.Lost), err, want)
	}
	works(t, s, "after")
	if d, err := s.Deliveries(t.Context(), store.DeliveryQuery{EndpointID: "ep_kept", Limit: 10}); err != nil || len(d.Items) != 1 {
		t.Errorf("what was made before the partitions: %d deliveries, %v; want 1", len(d.Items), err)
	} else {
		wasDelivered(t, s, d.Items[0].ID)
	}
}

// scans counts the scans of a table, or its partitions, in a plan.
func (p *plan) scans(table string) (n int) {
	if strings.HasPrefix(p.Relation, table) && strings.Contains(p.Node, "Scan") {
		n = 1
	}
	for i := range p.Plans {
		n += p.Plans[i].scans(table)
	}
	return n
}

// TestPartitionedList holds that what the server plans for a list does not grow with
// partitions times endpoints: with two dozens of each it took seconds.
func TestPartitionedList(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	plain := h.open(t, 2)
	h.store(t, plain)
	h.partition(t, plain)
	db := explain(t, "17", 1)
	s := h.bare(t, db.DB)
	var endpoints []string
	for i := range 30 {
		endpoints = append(endpoints, fmt.Sprint("ep", i))
	}
	insert(t, s, newEvent("e", endpoints...), newEvent("f", endpoints...))
	for _, q := range []store.DeliveryQuery{{}, {State: store.StatePending}, {EndpointID: "ep3"}, {EventID: "f"}} {
		q.Limit = 50
		db.look()
		page, err := s.Deliveries(t.Context(), q)
		if err != nil || len(page.Items) == 0 {
			t.Fatalf("%+v: %d deliveries, %v", q, len(page.Items), err)
		}
		seen := 0
		for _, e := range db.look() {
			n := e.Plan.scans(h.table("deliveries"))
			seen += n
			if n > 30 {
				t.Errorf("%+v: a statement has %d scans of 7 partitions", q, n)
			}
		}
		if seen == 0 {
			t.Errorf("%+v: no plan was seen", q)
		}
	}
}
