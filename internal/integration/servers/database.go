package servers

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// dropTimeout bounds the removal of a test's database from a shared server, which the test may have left in any state.
const dropTimeout = 10 * time.Second

// Database is an SQL server with a first, empty database. The account of its DSNs may do anything.
type Database struct {
	*Server
	// Driver is the name of the driver of database/sql that takes the DSNs: "pgx" or "mysql".
	Driver string
	// DSN is the first database.
	DSN string

	dialect dialect
	admin   func() (*sql.DB, error)
	// behind is the server behind a pooler.
	behind *Database
	// kept says that the server outlives a test, so that what a test has made must be dropped.
	kept  bool
	count *atomic.Int64
}

// dialect is what differs between the kinds of SQL servers.
type dialect interface {
	driver() string
	dsn(addr, database string) string
	drop(database string) string
}

func newDatabase(s *Server, d dialect) *Database {
	db := &Database{Server: s, Driver: d.driver(), DSN: d.dsn(s.Addr(), account), dialect: d, count: new(atomic.Int64)}
	db.admin = sync.OnceValues(func() (*sql.DB, error) {
		admin, err := sql.Open(db.Driver, db.DSN)
		if err == nil {
			admin.SetMaxIdleConns(1) // the one that exec pings
		}
		return admin, err
	})
	return db
}

// NewDatabase makes an empty database and returns its DSN. On a shared server it is dropped when the test ends.
func (d *Database) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := d.newName()
	server := d.server()
	server.exec(tb, "CREATE DATABASE "+name)
	server.dropAtEnd(tb, d.dialect.drop(name))
	return d.dialect.dsn(d.Addr(), name)
}

// NewSchema makes an empty schema in the first database of PostgreSQL and returns a DSN that has it as its search path,
// which takes a millisecond where [Database.NewDatabase] takes dozens. On MySQL and MariaDB, where a schema is a database,
// it is NewDatabase. It cannot be had through PgBouncer, whose server connections keep no search path.
func (d *Database) NewSchema(tb testing.TB) string {
	tb.Helper()
	if _, ok := d.dialect.(postgresDialect); !ok {
		return d.NewDatabase(tb)
	}
	if d.behind != nil {
		tb.Fatalf("%s: a search path cannot be had through a pooler: use NewDatabase", d.Name)
	}
	name := d.newName()
	d.exec(tb, "CREATE SCHEMA "+name)
	d.dropAtEnd(tb, "DROP SCHEMA "+name+" CASCADE")
	return d.DSN + "&search_path=" + name
}

// server returns the server that keeps the data.
func (d *Database) server() *Database {
	if d.behind != nil {
		return d.behind
	}
	return d
}

func (d *Database) newName() string { return "test_" + strconv.FormatInt(d.server().count.Add(1), 10) }

func (d *Database) exec(tb testing.TB, statement string) {
	tb.Helper()
	admin, err := d.admin()
	if err == nil {
		// The ping drops a connection that a restart of the server has ended. What else is wrong, the statement says.
		_ = admin.PingContext(tb.Context())
		_, err = admin.ExecContext(tb.Context(), statement)
	}
	if err != nil {
		tb.Fatalf("%s: %s: %v", d.Name, statement, err)
	}
}

// dropAtEnd runs a statement when the test ends, if the server goes on. What it leaves behind ends with the server.
func (d *Database) dropAtEnd(tb testing.TB, statement string) {
	if !d.kept {
		return
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		admin, err := d.admin()
		if err == nil {
			_, err = admin.ExecContext(ctx, statement)
		}
		if err != nil {
			tb.Logf("%s: %s: %v", d.Name, statement, err)
		}
	})
}

func (d *Database) keep() { d.kept = true }

func (d *Database) terminate() {
	d.Server.terminate()
	if admin, err := d.admin(); err == nil {
		_ = admin.Close() // its server is gone
	}
}

type postgresDialect struct{}

func (postgresDialect) driver() string                   { return "pgx" }
func (postgresDialect) dsn(addr, database string) string { return postgresDSN(addr, database) }
func (postgresDialect) drop(database string) string {
	return "DROP DATABASE " + database + " WITH (FORCE)"
}

// pingPostgres connects anew, asks, and closes the connection.
func pingPostgres(ctx context.Context, dsn string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the answer to the ping is what counts
	return c.Ping(ctx)
}

type mysqlDialect struct{}

func (mysqlDialect) driver() string                   { return "mysql" }
func (mysqlDialect) dsn(addr, database string) string { return mysqlDSN(addr, database) }
func (mysqlDialect) drop(database string) string      { return "DROP DATABASE " + database }

// pingMySQL connects anew, asks, and closes the connection. The driver's own log of broken connections, which are normal
// while a server starts, is switched off.
func pingMySQL(ctx context.Context, dsn string) error {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return fmt.Errorf("connector: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close() //nolint:errcheck // the answer to the ping is what counts
	return db.PingContext(ctx)
}
