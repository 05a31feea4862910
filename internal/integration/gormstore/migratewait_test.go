package gormstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"

	"github.com/postrider/postrider/internal/integration/servers"
)

// TestMigrateWaits waits for another process on connections whose statements are
// allowed less time than that takes, by the server or by the driver.
func TestMigrateWaits(t *testing.T) {
	pg, my, maria := servers.SharedPostgres(t, "17").DSN, servers.SharedMySQL(t, "9").DSN, servers.SharedMariaDB(t, "10.11").DSN
	for _, tt := range []struct{ name, kind, dsn string }{
		{"postgres, statement_timeout", "postgres", with(pg, "statement_timeout=200")},
		{"postgres, transaction_timeout", "postgres", with(pg, "transaction_timeout=200")},
		{"postgres, lock_timeout", "postgres", with(pg, "lock_timeout=200")},
		{"mysql, readTimeout", "mysql", with(my, "readTimeout=2s")},
		{"mysql, max_execution_time", "mysql", with(my, "max_execution_time=200")},
		{"mariadb, readTimeout", "mariadb", with(maria, "readTimeout=2s")},
		{"mariadb, max_statement_time", "mariadb", with(maria, "max_statement_time=0.2")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dialector := mysql.Open(tt.dsn)
			if tt.kind == "postgres" {
				dialector = postgres.Open(tt.dsn)
			}
			h := newHost(t, database{name: tt.kind, shared: true, fresh: fixed(dialector)})
			s := h.bare(t, h.open(t, 1))
			other, err := poolOf(t, h.open(t, 1)).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			sum := sha256.Sum256([]byte("postrider " + h.prefix))
			take, release, lock := "SELECT GET_LOCK(?, 0)", "DO RELEASE_LOCK(?)", any("postrider_"+hex.EncodeToString(sum[:10]))
			if tt.kind == "postgres" {
				take, release, lock = "SELECT pg_try_advisory_lock($1)::int", "SELECT pg_advisory_unlock($1)", int64(binary.BigEndian.Uint64(sum[:8]))
			}
			var got int
			if err := other.QueryRowContext(t.Context(), take, lock).Scan(&got); err != nil || got != 1 {
				t.Fatalf("the lock of another process: %d, %v", got, err)
			}
			if err := s.Migrate(within(t, 3*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Migrate while another process does: %v, want that it waits", err)
			}
			if _, err := other.ExecContext(t.Context(), release, lock); err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(within(t, 20*time.Second)); err != nil {
				t.Error(err)
			}
		})
	}
}
