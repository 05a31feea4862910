package servers

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"testing"
)

// PostgresVersions are the versions of PostgreSQL that the stores are tested with.
var PostgresVersions = []string{"15", "17"}

// User, password and first database of all SQL servers.
const account = "postrider"

// Postgres starts PostgreSQL of a major version for one test. Arguments go to the server, such as "-c", "fsync=off".
func Postgres(tb testing.TB, version string, args ...string) *Database {
	tb.Helper()
	return own(tb, "postgres "+version, func(ctx context.Context) (*Database, error) {
		return startPostgres(ctx, version, "", args...)
	})
}

// SharedPostgres returns PostgreSQL of a major version to all tests of a package. Its files are in memory, and it
// takes 500 connections.
func SharedPostgres(tb testing.TB, version string) *Database {
	tb.Helper()
	return shared(tb, "postgres "+version, func(ctx context.Context) (*Database, error) {
		return startPostgres(ctx, version, postgresData,
			"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=500")
	})
}

// postgresData is where the images keep their databases.
const postgresData = "/var/lib/postgresql/data"

func startPostgres(ctx context.Context, version, memory string, args ...string) (*Database, error) {
	s, err := start(ctx, recipe{
		kind: "postgres", version: version, memory: memory, stopSignal: "SIGINT",
		env: map[string]string{"POSTGRES_USER": account, "POSTGRES_PASSWORD": account},
		command: func(listen string, port int) []string {
			return slices.Concat([]string{
				"postgres", "-c", "listen_addresses=" + listen, "-c", "port=" + strconv.Itoa(port),
			}, args)
		},
		ready: func(ctx context.Context, addr string) error { return pingPostgres(ctx, postgresDSN(addr, account)) },
	})
	if err != nil {
		return nil, err
	}
	return newDatabase(s, postgresDialect{}), nil
}

// postgresDSN returns a DSN as pgx takes it.
func postgresDSN(addr, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(account, account), Host: addr, Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}
