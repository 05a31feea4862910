package gormstore_test

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// database is a kind of database that the store is tested on.
type database struct {
	name string
	// fresh returns how to connect to an empty one, or to one where every test
	// has tables of its own.
	fresh func(tb testing.TB) func() gorm.Dialector
	// shared tells that tests meet in one database, and have to clean up.
	shared bool
}

func (d database) is(kind string) bool { return strings.HasPrefix(d.name, kind) }

// sqliteOptions are what the manual of gormstore recommends.
const sqliteOptions = "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(1)&_txlock=immediate"

var sqlitePure = database{name: "sqlite", fresh: func(tb testing.TB) func() gorm.Dialector {
	dsn := "file:" + filepath.Join(tb.TempDir(), "postrider.db") + sqliteOptions
	return func() gorm.Dialector { return sqlite.Dialector{DriverName: "sqlite", DSN: dsn} }
}}

// sqliteCgo has other names for the options.
var sqliteCgo = database{name: "sqlite-cgo", fresh: func(tb testing.TB) func() gorm.Dialector {
	dsn := "file:" + filepath.Join(tb.TempDir(), "postrider.db") + "?_journal_mode=WAL&_busy_timeout=5000&_synchronous=1&_txlock=immediate"
	return func() gorm.Dialector { return sqlite.Open(dsn) }
}}

func postgresOf(version string) database {
	return database{name: "postgres-" + version, shared: true, fresh: func(tb testing.TB) func() gorm.Dialector {
		dsn := servers.SharedPostgres(tb, version).DSN
		return func() gorm.Dialector { return postgres.Open(dsn) }
	}}
}

func mysqlOf(version string) database {
	return database{name: "mysql-" + version, shared: true, fresh: func(tb testing.TB) func() gorm.Dialector {
		dsn := servers.SharedMySQL(tb, version).DSN
		return func() gorm.Dialector { return mysql.Open(dsn) }
	}}
}

func mariadbOf(version string) database {
	return database{name: "mariadb-" + version, shared: true, fresh: func(tb testing.TB) func() gorm.Dialector {
		dsn := servers.SharedMariaDB(tb, version).DSN
		return func() gorm.Dialector { return mysql.Open(dsn) }
	}}
}

// databases are one of each kind: the newest version of every server.
func databases() []database {
	last := func(versions []string) string { return versions[len(versions)-1] }
	return []database{
		sqlitePure, postgresOf(last(servers.PostgresVersions)), mysqlOf(last(servers.MySQLVersions)), mariadbOf(last(servers.MariaDBVersions)),
	}
}

// each runs a test on one database of each kind.
func each(t *testing.T, test func(t *testing.T, d database)) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

// host is what an application has: ways to the database, each with a pool of
// its own.
type host struct {
	database
	prefix  string
	connect func() gorm.Dialector
}

// newHost returns an application whose store has no tables yet.
func newHost(tb testing.TB, d database) *host {
	tb.Helper()
	h := &host{database: d, prefix: "t" + strings.ToLower(rand.Text()[:8]) + "_", connect: d.fresh(tb)}
	if d.shared {
		tb.Cleanup(func() { h.drop(tb) })
	}
	return h
}

// open returns a session with a pool of its own, of at most connections.
func (h *host) open(tb testing.TB, connections int) *gorm.DB {
	tb.Helper()
	db, err := gorm.Open(h.connect(), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		tb.Fatal(err)
	}
	pool := poolOf(tb, db)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// store returns a store on a session, with its tables.
func (h *host) store(tb testing.TB, db *gorm.DB, options ...gormstore.Option) *gormstore.Store {
	tb.Helper()
	s := h.bare(tb, db, options...)
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// bare returns a store on a session, with what tables there are.
func (h *host) bare(tb testing.TB, db *gorm.DB, options ...gormstore.Option) *gormstore.Store {
	tb.Helper()
	s, err := gormstore.New(db, append([]gormstore.Option{gormstore.WithTablePrefix(h.prefix)}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func poolOf(tb testing.TB, db *gorm.DB) *sql.DB {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	return pool
}

// drop removes the tables from a database that others go on using.
func (h *host) drop(tb testing.TB) {
	db, err := gorm.Open(h.connect(), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		tb.Error(err)
		return
	}
	pool := poolOf(tb, db)
	defer pool.Close()
	for _, table := range []string{"attempts", "deliveries", "events", "subscriptions", "endpoints", "counts", "deltas", "processes", "meta", "history"} {
		if err := db.Exec("DROP TABLE IF EXISTS " + h.prefix + table).Error; err != nil {
			tb.Error(err)
		}
	}
	if h.is("postgres") {
		if err := db.Exec("DROP SEQUENCE IF EXISTS " + h.prefix + "numbers").Error; err != nil {
			tb.Error(err)
		}
	}
}

// table returns the name of a table of the store.
func (h *host) table(name string) string { return h.prefix + name }
