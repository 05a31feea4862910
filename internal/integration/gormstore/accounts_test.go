package gormstore_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// worksHard writes so much that the store adds up counts, and would take statistics.
func worksHard(t *testing.T, s *gormstore.Store, deltas func() int64) {
	t.Helper()
	works(t, s, "hard")
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate: %v", err)
	}
	if _, err := s.Announce(t.Context(), store.Announcement{Process: "p"}, 1); err != nil {
		t.Error(err)
	}
	var many []store.NewEvent
	for i := range 500 {
		many = append(many, newEvent(fmt.Sprint("many", i), "a", "b", "c", "d", "e", "f", "g", "h"))
	}
	insert(t, s, many...)
	for i := range 600 {
		insert(t, s, newEvent(fmt.Sprint("one", i), "a"))
	}
	if n := deltas(); n >= 600 {
		t.Errorf("%d changes were not added up", n)
	}
	if n := purged(t, s, store.PurgeParams{Limit: 10}); n != 1 {
		t.Errorf("purged %d events, want 1", n)
	}
	for more := true; more; {
		r, err := s.EraseTenant(t.Context(), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		more = r.More
	}
	wantCount(t, s, 0, 0)
}

// TestAccountPostgres works with an account that may do what docs/sql.md grants it and
// no more. The server has nothing to complain about.
func TestAccountPostgres(t *testing.T) {
	manual, err := os.ReadFile("../../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	_, grants, found := strings.Cut(string(manual), "```sql\nGRANT ")
	grants, _, end := strings.Cut(grants, "```")
	if !found || !end {
		t.Fatal("docs/sql.md has no block that begins with GRANT")
	}
	for _, version := range servers.PostgresVersions {
		t.Run(version, func(t *testing.T) {
			dsn := servers.SharedPostgres(t, version).NewDatabase(t)
			h := &host{database: database{name: "postgres"}, prefix: gormstore.DefaultTablePrefix, connect: fixed(postgres.Open(dsn))(t)}
			owner := h.open(t, 2)
			h.store(t, owner)
			for _, text := range []string{
				"REVOKE ALL ON SCHEMA public FROM public", "DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN PASSWORD 'app'", "GRANT " + grants,
			} {
				if err := owner.Exec(text).Error; err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			t.Cleanup(func() {
				if err := h.open(t, 1).Exec("DROP OWNED BY app; DROP ROLE app").Error; err != nil {
					t.Error(err)
				}
			})
			address, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			address.User = url.UserPassword("app", "app")
			config, err := pgx.ParseConfig(address.String())
			if err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
				once.Do(func() { t.Errorf("the server says %s: %s", n.Severity, n.Message) })
			}
			pool := stdlib.OpenDB(*config)
			defer pool.Close()
			db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			worksHard(t, h.bare(t, db), func() (n int64) {
				if err := db.Table(h.table("deltas")).Count(&n).Error; err != nil {
					t.Error(err)
				}
				return n
			})
		})
	}
}

// TestAccountMySQL does the same on MySQL and MariaDB.
func TestAccountMySQL(t *testing.T) {
	for name, server := range map[string]*servers.Database{"mysql": servers.SharedMySQL(t, "9"), "mariadb": servers.SharedMariaDB(t, "10.11")} {
		t.Run(name, func(t *testing.T) {
			dsn := server.NewDatabase(t)
			h := &host{database: database{name: name}, prefix: gormstore.DefaultTablePrefix, connect: fixed(mysql.Open(dsn))(t)}
			owner := h.open(t, 2)
			h.store(t, owner)
			config, err := mysqldriver.ParseDSN(dsn)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"CREATE USER app@'%' IDENTIFIED BY 'app'", "GRANT SELECT, INSERT, UPDATE, DELETE ON " + config.DBName + ".* TO app@'%'"} {
				if err := owner.Exec(text).Error; err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			t.Cleanup(func() {
				if err := h.open(t, 1).Exec("DROP USER app@'%'").Error; err != nil {
					t.Error(err)
				}
			})
			config.User, config.Passwd = "app", "app"
			db := *h
			db.connect = fixed(mysql.Open(config.FormatDSN()))(t)
			s := db.open(t, 8)
			worksHard(t, h.bare(t, s), func() (n int64) {
				if err := s.Table(h.table("deltas")).Count(&n).Error; err != nil {
					t.Error(err)
				}
				return n
			})
		})
	}
}
