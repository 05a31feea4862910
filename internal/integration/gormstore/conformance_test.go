package gormstore_test

import (
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

// conform runs the suite on a database.
func conform(t *testing.T, d database) {
	conformOn(t, d, func(testing.TB, *host, *gorm.DB) {})
}

// conformOn runs it after something was done to the tables.
func conformOn(t *testing.T, d database, prepare func(testing.TB, *host, *gorm.DB)) {
	storetest.Run(t, func(tb testing.TB) storetest.Target {
		h := newHost(tb, d)
		db := h.open(tb, 16)
		s := h.store(tb, db)
		prepare(tb, h, db)
		return storetest.Target{
			Store: s,
			Reopen: func() (store.Store, error) {
				return h.bare(tb, h.open(tb, 16)), nil
			},
			Begin: func() (storetest.Tx, error) {
				tx := db.Begin()
				if tx.Error != nil {
					return storetest.Tx{}, tx.Error
				}
				return storetest.Tx{
					Tx:       s.Tx(tx),
					Commit:   func() error { return tx.Commit().Error },
					Rollback: func() error { return tx.Rollback().Error },
				}, nil
			},
		}
	})
}

func TestSQLite(t *testing.T)    { conform(t, sqlitePure) }
func TestSQLiteCgo(t *testing.T) { conform(t, sqliteCgo) }

func TestPostgres(t *testing.T) {
	for _, v := range servers.PostgresVersions {
		t.Run(v, func(t *testing.T) { conform(t, postgresOf(v)) })
	}
}

func TestMySQL(t *testing.T) {
	for _, v := range servers.MySQLVersions {
		t.Run(v, func(t *testing.T) { conform(t, mysqlOf(v)) })
	}
}

func TestMariaDB(t *testing.T) {
	for _, v := range servers.MariaDBVersions {
		t.Run(v, func(t *testing.T) { conform(t, mariadbOf(v)) })
	}
}

// TestPgBouncer goes through a pooler that gives every transaction another
// connection of the server.
func TestPgBouncer(t *testing.T) {
	conform(t, pgBouncer(t))
}

func pgBouncer(t *testing.T) database {
	dsn := servers.PgBouncer(t, servers.SharedPostgres(t, "17")).DSN
	return database{name: "pgbouncer", shared: true, fresh: func(testing.TB) func() gorm.Dialector {
		return func() gorm.Dialector { return postgres.Open(dsn) }
	}}
}
