package main

import (
	"context"
	"net/url"
	"path/filepath"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

func openPostgres(ctx context.Context, s setup) (store.Store, func() error, error) {
	return openGORM(ctx, postgres.Open(s.DSN), sqlConns)
}

func openMySQL(ctx context.Context, s setup) (store.Store, func() error, error) {
	return openGORM(ctx, mysql.Open(s.DSN), sqlConns)
}

// openSQLite opens the database in the directory of the run.
func openSQLite(synchronous string) func(context.Context, setup) (store.Store, func() error, error) {
	return func(ctx context.Context, s setup) (store.Store, func() error, error) {
		return openGORM(ctx, sqlite.Dialector{DriverName: sqliteDriver, DSN: sqliteDSN(s.DSN, synchronous)}, sqliteConns)
	}
}

const (
	// sqlConns is the size of the pool, as River's.
	sqlConns = 16
	// sqliteConns are one that writes and some that read.
	sqliteConns = 4
)

// openGORM opens the store of a host that does nothing else with the database.
func openGORM(ctx context.Context, d gorm.Dialector, conns int) (store.Store, func() error, error) {
	db, err := gorm.Open(d, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	st, err := gormstore.New(db)
	if err == nil {
		err = st.Migrate(ctx)
	}
	if err != nil {
		_ = pool.Close()
		return nil, nil, err
	}
	return st, pool.Close, nil
}

const sqliteDriver = "sqlite"

func sqliteDSN(dir, synchronous string) string {
	q := url.Values{
		"_pragma": {"journal_mode(WAL)", "busy_timeout(10000)", "synchronous(" + synchronous + ")", "wal_autocheckpoint(10000)", "cache_size(-16000)"},
		"_txlock": {"immediate"},
	}
	return "file:" + filepath.Join(dir, "postrider.db") + "?" + q.Encode()
}
