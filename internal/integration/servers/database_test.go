package servers

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"
)

// sqlServers lists all SQL servers, with what they say of themselves.
func sqlServers() map[string]func(tb testing.TB) (_ *Database, banner string) {
	list := map[string]func(tb testing.TB) (*Database, string){
		"pgbouncer": func(tb testing.TB) (*Database, string) {
			return PgBouncer(tb, SharedPostgres(tb, "17")), "PostgreSQL 17."
		},
	}
	for _, v := range PostgresVersions {
		list["postgres "+v] = func(tb testing.TB) (*Database, string) { return Postgres(tb, v), "PostgreSQL " + v + "." }
	}
	for _, v := range MySQLVersions {
		list["mysql "+v] = func(tb testing.TB) (*Database, string) { return MySQL(tb, v), v + "." }
	}
	for _, v := range MariaDBVersions {
		list["mariadb "+v] = func(tb testing.TB) (*Database, string) { return MariaDB(tb, v), v + "." }
	}
	return list
}

// TestSQLServers holds that each server answers the driver, and keeps address and data over a restart and a kill.
func TestSQLServers(t *testing.T) {
	t.Parallel()
	for name, start := range sqlServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, banner := start(t)
			if d.Name != name && !strings.HasPrefix(d.Name, name+" ") {
				t.Errorf("its name is %q", d.Name)
			}
			db := open(t, d.Driver, d.NewDatabase(t))
			if version := queryString(t, db, "SELECT version()"); !strings.HasPrefix(version, banner) {
				t.Errorf("version is %q, not %s…", version, banner)
			}
			mustExec(t, db, "CREATE TABLE kept (n int PRIMARY KEY)")
			mustExec(t, db, "INSERT INTO kept VALUES (1)")
			d.NewDatabase(t) // whose connection the restart ends
			mustDo(t, d.Restart)
			mustExec(t, db, "INSERT INTO kept VALUES (2)")
			d.NewDatabase(t)
			mustDo(t, d.Kill)
			mustDo(t, d.Start)
			d.NewDatabase(t)
			if n := queryString(t, db, "SELECT count(*) FROM kept"); n != "2" {
				t.Errorf("%s rows are left, not 2", n)
			}
			mustDo(t, d.Pause)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			var one int
			if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err == nil || ctx.Err() == nil {
				t.Errorf("a paused server answers: %v", err)
			}
			mustDo(t, d.Unpause)
			queryString(t, db, "SELECT 1")
		})
	}
}

// TestDatabasesApart holds that what NewDatabase and NewSchema return is empty, and ends with the test on a shared server.
func TestDatabasesApart(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		make func(d *Database, tb testing.TB) string
	}{
		{"database", (*Database).NewDatabase}, {"schema", (*Database).NewSchema},
	} {
		for _, server := range []struct {
			name  string
			share func(tb testing.TB) *Database
		}{
			{"postgres", func(tb testing.TB) *Database { return SharedPostgres(tb, "17") }},
			{"mariadb", func(tb testing.TB) *Database { return SharedMariaDB(tb, "10.11") }},
		} {
			t.Run(server.name+" "+way.name, func(t *testing.T) {
				t.Parallel()
				d := server.share(t)
				if again := server.share(t); again != d {
					t.Error("a second server is started")
				}
				var first *sql.DB
				t.Run("use", func(t *testing.T) {
					dsn := way.make(d, t)
					first = open(t, d.Driver, dsn)
					second := open(t, d.Driver, way.make(d, t))
					for _, db := range []*sql.DB{first, second} {
						mustExec(t, db, "CREATE TABLE same (n int)") // fails where it exists
					}
					first = openLate(t, d.Driver, dsn)
				})
				defer first.Close()
				var n int
				if err := first.QueryRowContext(t.Context(), "SELECT count(*) FROM same").Scan(&n); err == nil {
					t.Error("the table outlives its test")
				}
			})
		}
	}
}

// TestNoSchemaThroughPgBouncer holds that a search path is refused where it would be lost.
func TestNoSchemaThroughPgBouncer(t *testing.T) {
	t.Parallel()
	d := PgBouncer(t, SharedPostgres(t, "17"))
	fake := &fakeTB{TB: t}
	fake.run(func() { d.NewSchema(fake) })
	if !strings.Contains(fake.failed, "use NewDatabase") {
		t.Errorf("failed with %q", fake.failed)
	}
}

// TestPgBouncerMode holds that statements of one client run on different connections of the server, and that settings
// reach the configuration.
func TestPgBouncerMode(t *testing.T) {
	t.Parallel()
	d := PgBouncer(t, SharedPostgres(t, "17"), "max_prepared_statements = 0")
	db := open(t, d.Driver, d.NewDatabase(t)+"&default_query_exec_mode=exec")
	mustExec(t, db, "SET application_name = 'kept'")
	held, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Rollback() })
	var pid, other int
	if err := held.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&other); err != nil {
		t.Fatal(err)
	}
	if pid == other {
		t.Error("one connection of the server serves a transaction and another statement")
	}
	// A statement that is prepared on one connection and unknown to the pooler is not found on the next.
	prepared := open(t, d.Driver, d.NewDatabase(t)) // pgx prepares by default
	err = prepareElsewhere(t.Context(), prepared)
	if err == nil || !strings.Contains(err.Error(), "prepared statement") {
		t.Errorf("max_prepared_statements = 0 has no effect: %v", err)
	}
}

// prepareElsewhere runs one statement on two client connections, so that the pooler mixes up the connections of the server
// that have it prepared.
func prepareElsewhere(ctx context.Context, db *sql.DB) error {
	for range 10 {
		a, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		b, err := db.Conn(ctx)
		if err != nil {
			return errors.Join(err, a.Close())
		}
		for _, c := range []*sql.Conn{a, b, a} {
			var n int
			if err := c.QueryRowContext(ctx, "SELECT 1 + $1::int", 1).Scan(&n); err != nil {
				return errors.Join(err, a.Close(), b.Close())
			}
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			return err
		}
	}
	return nil
}

// open opens a DSN for the test.
func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db := openLate(t, driver, dsn)
	t.Cleanup(func() { db.Close() })
	return db
}

// openLate opens a DSN, which nothing connects to yet.
func openLate(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// mustExec and queryString try again when a connection turns out to be broken, which the drivers notice when they use it.
func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := until(ctx, func(ctx context.Context) error {
		if err := db.PingContext(ctx); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func queryString(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var s string
	err := until(ctx, func(ctx context.Context) error { return db.QueryRowContext(ctx, query).Scan(&s) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func mustDo(t *testing.T, do func(ctx context.Context) error) {
	t.Helper()
	if err := do(t.Context()); err != nil {
		t.Fatal(err)
	}
}
