package servers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
)

// pgbouncerVersion is the version of PgBouncer.
const pgbouncerVersion = "1.24"

// PgBouncer starts PgBouncer in transaction mode in front of PostgreSQL for one test. Its DSNs, also those of NewDatabase,
// lead through it; [Server.Stop] and its like are about PgBouncer itself. Settings are added to its configuration, such as
// "max_prepared_statements = 0", by which it knows nothing of the prepared statements of the protocol.
func PgBouncer(tb testing.TB, behind *Database, settings ...string) *Database {
	tb.Helper()
	return own(tb, "pgbouncer "+pgbouncerVersion, func(ctx context.Context) (*Database, error) {
		return startPgBouncer(ctx, behind, settings)
	})
}

func startPgBouncer(ctx context.Context, behind *Database, settings []string) (*Database, error) {
	const config, users = "/etc/pgbouncer/pgbouncer.ini", "/etc/pgbouncer/userlist.txt"
	s, err := start(ctx, recipe{
		kind: "pgbouncer", version: pgbouncerVersion, stopSignal: "SIGINT", needsHostNetwork: true,
		command: func(string, int) []string { return []string{"pgbouncer", config} },
		files: func(listen string, port int) []testcontainers.ContainerFile {
			lines := append([]string{
				"[databases]",
				fmt.Sprintf("* = host=%s port=%d", behind.Host, behind.Port),
				"[pgbouncer]",
				"listen_addr = " + listen,
				fmt.Sprintf("listen_port = %d", port),
				"unix_socket_dir =",
				"auth_type = scram-sha-256",
				"auth_file = " + users,
				"pool_mode = transaction",
				"max_client_conn = 1000",
				"default_pool_size = 20",
			}, settings...)
			return []testcontainers.ContainerFile{
				file(config, strings.Join(lines, "\n")+"\n"),
				file(users, fmt.Sprintf("%q %q\n", account, account)),
			}
		},
		ready: func(ctx context.Context, addr string) error { return pingPostgres(ctx, postgresDSN(addr, account)) },
	})
	if err != nil {
		return nil, err
	}
	db := newDatabase(s, postgresDialect{})
	db.behind = behind
	return db, nil
}

// file is a file that anybody in the container may read.
func file(path, text string) testcontainers.ContainerFile {
	return testcontainers.ContainerFile{Reader: strings.NewReader(text), ContainerFilePath: path, FileMode: 0o644}
}
