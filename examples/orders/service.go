package main

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // a driver in pure Go: no C compiler is needed

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/dispatcher"
)

// service is the application. Orders and webhooks are in one database, so that
// one transaction can hold both.
type service struct {
	db    *gorm.DB
	pool  *sql.DB
	store *gormstore.Store
	hooks *dispatcher.Engine
}

type config struct {
	// database is a URL "postgres://…", or the path of a SQLite file.
	database string
	// key seals the endpoints' secrets: 32 bytes, kept apart from the database.
	key []byte
	// local admits endpoints on this machine.
	local bool
}

func open(ctx context.Context, c config) (_ *service, err error) {
	// No values in the log: they may be secret.
	log := logger.NewSlogLogger(slog.Default(), logger.Config{LogLevel: logger.Warn, ParameterizedQueries: true})
	s := &service{}
	if s.db, err = gorm.Open(dialector(c.database), &gorm.Config{Logger: log}); err != nil {
		return nil, err
	}
	if s.pool, err = s.db.DB(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	keyring, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k1", Bytes: c.key})
	if err != nil {
		return nil, err
	}
	catalog, err := dispatcher.NewCatalog(OrderCreated)
	if err != nil {
		return nil, err
	}
	options := []dispatcher.Option{
		dispatcher.WithKeyring(keyring),
		dispatcher.WithCatalog(catalog),
		dispatcher.WithLogger(slog.Default()),
		dispatcher.WithUserAgent("Orders/1"),
	}
	if c.local {
		options = append(options, dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses())
	}
	s.hooks, err = dispatcher.New(s.store, options...)
	return s, err
}

func (s *service) close() { _ = s.pool.Close() }

// migrate makes the tables of the application, and those of the webhooks.
func (s *service) migrate(ctx context.Context) (err error) {
	if err := s.db.WithContext(ctx).AutoMigrate(&Order{}, &Stock{}); err != nil {
		return err
	}
	first := []Stock{{Item: "tea", Quantity: 100}, {Item: "cup", Quantity: 3}}
	if err := s.db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error; err != nil {
		return err
	}
	if s.store, err = gormstore.New(s.db); err != nil {
		return err
	}
	return s.store.Migrate(ctx)
}

// dialector chooses the database.
func dialector(database string) gorm.Dialector {
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		return postgres.Open(database)
	}
	// Transactions must be immediate: one that begins by reading and then writes
	// fails if another one has written meanwhile.
	file := url.URL{Path: filepath.ToSlash(cmp.Or(database, "orders.db"))}
	return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:" + file.EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(1)&_txlock=immediate"})
}
