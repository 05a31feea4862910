package gormstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// moved takes the tables of a store elsewhere, as a failover, a copy of the files or
// a change of names does, and returns a store on them.
func (h *host) moved(t *testing.T, db *gorm.DB) *gormstore.Store {
	t.Helper()
	if h.is("sqlite") {
		if err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error; err != nil {
			t.Fatal(err)
		}
		var file string
		if err := db.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file).Error; err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		copied := *h
		copied.connect = func() gorm.Dialector {
			return sqlite.Dialector{DriverName: "sqlite", DSN: "file:" + file + sqliteOptions}
		}
		return h.bare(t, copied.open(t, 4))
	}
	schema := "moved" + strings.TrimSuffix(h.prefix, "_")
	drop := "DROP SCHEMA " + schema
	statements := []string{"CREATE SCHEMA " + schema}
	move := "RENAME TABLE %[1]s TO %[2]s.%[1]s"
	if h.is("postgres") {
		drop += " CASCADE"
		move = "ALTER TABLE %[1]s SET SCHEMA %[2]s"
		statements = append(statements, fmt.Sprintf("ALTER SEQUENCE %snumbers SET SCHEMA %s", h.prefix, schema))
	}
	for _, table := range []string{"attempts", "deliveries", "events", "subscriptions", "endpoints", "counts", "deltas", "processes", "meta"} {
		statements = append(statements, fmt.Sprintf(move, h.table(table), schema))
	}
	t.Cleanup(func() {
		other := h.connect()
		db, err := gorm.Open(other)
		if err != nil {
			t.Error(err)
			return
		}
		defer poolOf(t, db).Close()
		if err := db.Exec(drop).Error; err != nil {
			t.Error(err)
		}
	})
	for _, text := range statements {
		if err := db.Exec(text).Error; err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return h.bare(t, h.open(t, 4), gormstore.WithSchema(schema))
}

// TestCursorsOutliveAMove reads on where a list was left, when the tables are on
// another server, in another file or under another name. Those of another store are
// refused.
func TestCursorsOutliveAMove(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		s := h.store(t, db)
		for i := range 5 {
			works(t, s, fmt.Sprint(i))
		}
		q := store.DeliveryQuery{Limit: 3}
		first, err := s.Deliveries(t.Context(), q)
		if err != nil || len(first.Items) != 3 || first.Next == "" {
			t.Fatalf("the first page: %d deliveries, next %q, %v", len(first.Items), first.Next, err)
		}
		q.Cursor = first.Next
		stranger := newHost(t, d)
		if d.is("sqlite") {
			stranger.connect = h.connect
		}
		if _, err := stranger.store(t, stranger.open(t, 2)).Deliveries(t.Context(), q); !errors.Is(err, store.ErrInvalidCursor) {
			t.Errorf("another store takes the cursor: %v", err)
		}
		rest, err := h.moved(t, db).Deliveries(t.Context(), q)
		if err != nil || len(rest.Items) != 2 {
			t.Fatalf("the next page, elsewhere: %d deliveries, %v; want 2", len(rest.Items), err)
		}
		if rest.Items[0].ID >= first.Items[2].ID {
			t.Errorf("the next page begins with %s, after %s", rest.Items[0].ID, first.Items[2].ID)
		}
	})
}

// TestNoticesOfOneSchema come however a process finds the tables.
func TestNoticesOfOneSchema(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 8)
	schema := "hooks" + strings.TrimSuffix(h.prefix, "_")
	if err := db.Exec("CREATE SCHEMA " + schema).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.open(t, 1).Exec("DROP SCHEMA " + schema + " CASCADE").Error; err != nil {
			t.Error(err)
		}
	})
	s := h.store(t, db, gormstore.WithSchema(schema))
	byPath := *h
	byPath.connect = func() gorm.Dialector {
		return postgres.Open(with(servers.SharedPostgres(t, "17").DSN, "search_path="+schema))
	}
	e := listen(t, byPath.bare(t, byPath.open(t, 8)))
	e.heed(t, func(i int) { insert(t, s, newEvent(fmt.Sprint("e", i), "l")) })
}
