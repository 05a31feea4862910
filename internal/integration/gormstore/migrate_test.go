package gormstore_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/migrate"
	"github.com/postrider/postrider/store"
)

// TestMigrateAtOnce lets eight processes start together.
func TestMigrateAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		const n = 8
		stores := make([]*gormstore.Store, n)
		for i := range stores {
			stores[i] = h.bare(t, h.open(t, 2))
		}
		ctx := within(t, time.Minute)
		start := make(chan struct{})
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i, s := range stores {
			wg.Go(func() {
				<-start
				errs[i] = s.Migrate(ctx)
			})
		}
		close(start)
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, s := range stores {
			works(t, s, fmt.Sprint(i))
		}
		wantCount(t, stores[0], n, n)
		if err := stores[0].Migrate(ctx); err != nil {
			t.Errorf("migrating again: %v", err)
		}
		wantCount(t, stores[0], n, n)
	})
}

// TestNotMigrated uses a store that has no tables, and then has.
func TestNotMigrated(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 1)
		s := h.bare(t, db)
		calls := map[string]func() error{
			"Insert": func() error {
				_, err := s.Insert(t.Context(), []store.NewEvent{newEvent("e", "l")})
				return err
			},
			"Match": func() error {
				_, err := s.Match(t.Context(), "", []string{"x"})
				return err
			},
			"Due": func() error {
				_, err := s.Due(t.Context(), store.DueParams{Limit: 1})
				return err
			},
			"Claim": func() error {
				_, err := s.Claim(t.Context(), store.ClaimParams{Lanes: []store.Lane{{ID: "l", N: 1}}, Max: 1, Lease: time.Minute})
				return err
			},
			"Stats": func() error {
				_, err := s.Stats(t.Context(), store.StatsQuery{})
				return err
			},
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, gormstore.ErrNotMigrated) {
				t.Errorf("%s without tables: %v, want ErrNotMigrated", name, err)
			}
		}
		// The host's transaction goes on: the store looks before it writes.
		err := db.Transaction(func(tx *gorm.DB) error {
			if _, err := s.Tx(tx).Insert(t.Context(), []store.NewEvent{newEvent("e", "l")}); !errors.Is(err, gormstore.ErrNotMigrated) {
				t.Errorf("Insert in a transaction without tables: %v, want ErrNotMigrated", err)
			}
			return tx.Exec("SELECT 1").Error
		})
		if err != nil {
			t.Errorf("the host's transaction: %v", err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		works(t, s, "after")
	})
}

// TestTooNew opens tables of a library that is newer.
func TestTooNew(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 2)
		old := h.store(t, db)
		set := func(name, value string) {
			t.Helper()
			if err := db.Exec("UPDATE "+h.table("meta")+" SET value = ? WHERE name = ?", value, name).Error; err != nil {
				t.Fatal(err)
			}
		}
		set("schema_version", "7")
		s := h.bare(t, db)
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("migrating tables that are newer and compatible: %v", err)
		}
		works(t, s, "compatible")

		set("schema_compatible", "7")
		s = h.bare(t, db)
		for name, err := range map[string]error{
			"Migrate": s.Migrate(t.Context()),
			"Insert":  second(s.Insert(t.Context(), []store.NewEvent{newEvent("e", "l")})),
			"Due":     second(s.Due(t.Context(), store.DueParams{Limit: 1})),
		} {
			if !errors.Is(err, gormstore.ErrSchemaTooNew) || !strings.Contains(err.Error(), "version 7") {
				t.Errorf("%s on tables that are too new: %v, want ErrSchemaTooNew", name, err)
			}
		}
		wantCount(t, old, 1, 1)
	})
}

// TestUpgradeByAnother begins an upgrade that a tool then does by the scripts: the
// upgrade after it begins at its first statement.
func TestUpgradeByAnother(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		works(t, h.store(t, db), "before")
		const next = "-- compatible: 1\nALTER TABLE {events} ADD COLUMN shape integer;\nUPDATE {events} SET shape = 8;\n"
		tables, versions := h.upgrade(t, "-- compatible: 1\nALTER TABLE {events} ADD COLUMN colour integer;\nUPDATE {nowhere} SET colour = 7;\n")
		if state, err := tables.Up(t.Context(), poolOf(t, db), versions); err == nil {
			t.Fatalf("a broken upgrade: %+v", state)
		}
		tables, versions = h.upgrade(t, "-- compatible: 1\nUPDATE {events} SET span = span;\n", next)
		for _, text := range tables.Forward(versions[1]) {
			if err := db.Exec(tables.Render(text)).Error; err != nil {
				t.Fatal(err)
			}
		}
		if state, err := tables.Up(t.Context(), poolOf(t, db), versions); err != nil || state.Version != 3 {
			t.Fatalf("upgrade: %+v, %v", state, err)
		}
		var wrong int
		if err := db.Raw("SELECT COUNT(*) FROM " + h.table("events") + " WHERE shape <> 8").Scan(&wrong).Error; err != nil || wrong != 0 {
			t.Errorf("%d events were not upgraded, %v", wrong, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// upgrade returns the migrations of a dialect with more of them after the first.
func (h *host) upgrade(tb testing.TB, more ...string) (migrate.Tables, []migrate.Version) {
	tb.Helper()
	dialect := "sqlite"
	if h.is("postgres") {
		dialect = "postgres"
	} else if h.is("mysql") || h.is("mariadb") {
		dialect = "mysql"
	}
	first, err := os.ReadFile("../../../adapters/gormstore/migrations/" + dialect + "/0001_init.sql")
	if err != nil {
		tb.Fatal(err)
	}
	files := fstest.MapFS{"0001_init.sql": {Data: first}}
	for i, text := range more {
		files[fmt.Sprintf("%04d_more.sql", i+2)] = &fstest.MapFile{Data: []byte(text)}
	}
	versions, err := migrate.Read(files)
	if err != nil {
		tb.Fatal(err)
	}
	name := regexp.MustCompile(`\{(\w+)\}`)
	return migrate.Tables{Dialect: dialect, Prefix: h.prefix, Render: func(text string) string {
		return name.ReplaceAllString(text, h.prefix+"$1")
	}}, versions
}

const (
	compatibleUpgrade = "-- compatible: 1\nALTER TABLE {events} ADD COLUMN colour integer;\nUPDATE {events} SET colour = 7;\n"
	breakingUpgrade   = "-- compatible: 3\nALTER TABLE {events} ADD COLUMN shape integer;\n"
)

// TestUpgrade brings tables with data to a version 2 that this library can work
// with, while it works, and to a version 3 that it cannot.
func TestUpgrade(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		running := h.store(t, db)
		works(t, running, "before")

		tables, versions := h.upgrade(t, compatibleUpgrade)
		state, err := tables.Up(t.Context(), poolOf(t, db), versions)
		if err != nil || state.Version != 2 || state.Compatible != 1 {
			t.Fatalf("upgrade: %+v, %v", state, err)
		}
		var colour int
		if err := db.Raw("SELECT colour FROM " + h.table("events")).Scan(&colour).Error; err != nil || colour != 7 {
			t.Errorf("the upgrade set colour to %d, %v", colour, err)
		}
		works(t, running, "meanwhile")
		works(t, h.store(t, h.open(t, 2)), "later") // an older library that starts, and migrates
		wantCount(t, running, 3, 3)

		tables, versions = h.upgrade(t, compatibleUpgrade, breakingUpgrade)
		if state, err = tables.Up(t.Context(), poolOf(t, db), versions); err != nil || state.Version != 3 {
			t.Fatalf("upgrade: %+v, %v", state, err)
		}
		if err := h.bare(t, db).Migrate(t.Context()); !errors.Is(err, gormstore.ErrSchemaTooNew) {
			t.Errorf("an old library on version 3: %v, want ErrSchemaTooNew", err)
		}
		wantCount(t, running, 3, 3)
	})
}

// TestUpgradeFails stops an upgrade in its middle, and does it again.
func TestUpgradeFails(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		db := h.open(t, 4)
		s := h.store(t, db)
		works(t, s, "before")

		const (
			broken = "-- compatible: 1\nALTER TABLE {events} ADD COLUMN colour integer;\nUPDATE {nowhere} SET colour = 7;\n"
			whole  = "-- compatible: 1\nALTER TABLE {events} ADD COLUMN colour integer;\nUPDATE {events} SET colour = COALESCE(colour, 0) + 7;\n"
		)
		tables, versions := h.upgrade(t, broken)
		if state, err := tables.Up(t.Context(), poolOf(t, db), versions); err == nil || !strings.Contains(err.Error(), "0002_more.sql") {
			t.Fatalf("a broken upgrade: %+v, %v; want an error that names the file", state, err)
		}
		works(t, s, "between")
		if tables.Dialect == "mysql" {
			// As if the process had ended before it could note the first statement.
			if err := db.Exec("DELETE FROM " + h.table("meta") + " WHERE name = 'schema_step'").Error; err != nil {
				t.Fatal(err)
			}
		}
		tables, versions = h.upgrade(t, whole)
		for range 2 {
			if state, err := tables.Up(t.Context(), poolOf(t, db), versions); err != nil || state.Version != 2 {
				t.Fatalf("upgrade: %+v, %v", state, err)
			}
		}
		var wrong int
		if err := db.Raw("SELECT COUNT(*) FROM " + h.table("events") + " WHERE colour <> 7").Scan(&wrong).Error; err != nil || wrong != 0 {
			t.Errorf("%d events were upgraded twice or not at all, %v", wrong, err)
		}
		wantCount(t, s, 2, 2)
	})
}
