package gormstore_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/golang-migrate/migrate/v4"
	migratedb "github.com/golang-migrate/migrate/v4/database"
	migratemysql "github.com/golang-migrate/migrate/v4/database/mysql"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	migratesqlite "github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
)

// kind is what gormstore calls the database.
func (h *host) kind() string {
	kind, _, _ := strings.Cut(h.name, "-")
	return kind
}

// toolPool returns a pool that a migration tool may close.
func (h *host) toolPool(t *testing.T) *sql.DB {
	t.Helper()
	dialector := h.connect()
	if d, ok := dialector.(*mysql.Dialector); ok && !strings.Contains(d.DSN, "multiStatements") {
		join := "?"
		if strings.Contains(d.DSN, "?") {
			join = "&"
		}
		dialector = mysql.Open(d.DSN + join + "multiStatements=true")
	}
	db, err := gorm.Open(dialector, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return poolOf(t, db)
}

func (h *host) scripts(t *testing.T, layout gormstore.Layout) fs.FS {
	t.Helper()
	files, err := gormstore.Migrations(h.kind(), layout, gormstore.WithTablePrefix(h.prefix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// afterTool uses tables that a tool has made, and then lets it drop them.
func (h *host) afterTool(t *testing.T, down func() error) {
	t.Helper()
	db := h.open(t, 4)
	s := h.bare(t, db)
	works(t, s, "tool")
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate beside the tool: %v", err)
	}
	wantCount(t, s, 1, 1)
	if err := down(); err != nil {
		t.Fatal(err)
	}
	again := h.bare(t, db)
	if _, err := again.Match(t.Context(), "", []string{"x"}); !errors.Is(err, gormstore.ErrNotMigrated) {
		t.Errorf("after the way down: %v, want ErrNotMigrated", err)
	}
	for _, table := range []string{"attempts", "deliveries", "events", "subscriptions", "endpoints", "counts", "deltas", "processes", "meta"} {
		if db.Migrator().HasTable(h.table(table)) {
			t.Errorf("the table %s is left", table)
		}
	}
}

func TestGolangMigrate(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		pool := h.toolPool(t)
		history := h.table("history")
		var driver migratedb.Driver
		var err error
		switch h.kind() {
		case "postgres":
			driver, err = migratepgx.WithInstance(pool, &migratepgx.Config{MigrationsTable: history})
		case "sqlite":
			driver, err = migratesqlite.WithInstance(pool, &migratesqlite.Config{MigrationsTable: history})
		default:
			driver, err = migratemysql.WithInstance(pool, &migratemysql.Config{MigrationsTable: history})
		}
		if err != nil {
			t.Fatal(err)
		}
		source, err := iofs.New(h.scripts(t, gormstore.GolangMigrate), ".")
		if err != nil {
			t.Fatal(err)
		}
		m, err := migrate.NewWithInstance("iofs", source, h.name, driver)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if errs := errors.Join(m.Close()); errs != nil {
				t.Error(errs)
			}
		}()
		if err := m.Up(); err != nil {
			t.Fatal(err)
		}
		if err := m.Up(); !errors.Is(err, migrate.ErrNoChange) {
			t.Errorf("up again: %v", err)
		}
		h.afterTool(t, m.Down)
	})
}

func TestGoose(t *testing.T) {
	dialects := map[string]goose.Dialect{
		"postgres": goose.DialectPostgres, "mysql": goose.DialectMySQL, "mariadb": goose.DialectMySQL, "sqlite": goose.DialectSQLite3,
	}
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		pool := h.toolPool(t)
		defer pool.Close()
		p, err := goose.NewProvider(dialects[h.kind()], pool, h.scripts(t, gormstore.Goose), goose.WithTableName(h.table("history")))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			done, err := p.Up(t.Context())
			if err != nil || len(done) != want {
				t.Fatalf("up: %d migrations, %v; want %d", len(done), err, want)
			}
		}
		h.afterTool(t, func() error {
			_, err := p.Down(t.Context())
			return err
		})
	})
}
