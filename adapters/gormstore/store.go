package gormstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/postrider/postrider/store"
)

// Store keeps everything in a SQL database. Make it with [New]; all methods are
// safe for concurrent use.
type Store struct {
	db          *sql.DB
	dialect     dialect
	cfg         config
	info        store.Info
	sql         statements
	prepares    bool
	stmts       preparedStatements
	writes      writes      // on SQLite
	claimed     claimedRows // on SQLite
	checkpoints checkpoints // on SQLite
	lows        lows
	schema      schemaState
	snapshots   snapshots
	starts      starts
	floors      floors
	queue       queue
	notices     notices
	compactor   compactor
	retention   retention
}

// queue is the part of a store that is written for each dialect by itself.
type queue interface {
	// insert stores events that are distinct by tenant and id, and tells for
	// each the numbers of the deliveries it made, nil if the event was there.
	insert(ctx context.Context, c conn, events []*newEvent) error
	due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error)
	claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error)
	settle(ctx context.Context, c conn, outcomes []store.Outcome) (store.SettleResult, error)
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Notifier = (*Store)(nil)
)

// New returns a store on the database of db, which it neither changes nor
// closes. It connects, to find out what the database is, and refuses one that
// cannot hold the contract. It makes no tables: see [Store.Migrate].
//
// The session db must not be a transaction.
func New(db *gorm.DB, options ...Option) (*Store, error) {
	if db == nil || db.Config == nil {
		return nil, errors.New("gormstore: db: must not be nil")
	}
	cfg, err := configOf(options)
	if err != nil {
		return nil, err
	}
	if s := db.Statement; s != nil {
		if _, ok := s.ConnPool.(gorm.TxCommitter); ok { // how gorm itself knows a transaction
			return nil, errors.New("gormstore: db: must not be a transaction")
		}
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("gormstore: db: has no connection pool: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cfg.timeout)
	defer cancel()
	found, err := detect(ctx, pool, db.Name())
	if err != nil {
		return nil, err
	}
	s := &Store{db: pool, dialect: found.dialect, cfg: cfg, prepares: found.dialect != postgres}
	s.checkpoints.begin(found.checkpoint)
	s.sql = statements{dialect: found.dialect, prefix: cfg.prefix, schema: cfg.schema}
	// Two stores of this process on one database, schema and prefix have one id. What
	// others know the tables by is in these, see schemaState.
	sum := sha256.Sum256([]byte(found.identity + "\x00" + cfg.schema + "\x00" + cfg.prefix))
	s.info = store.Info{
		Name: found.dialect.String(), ID: found.dialect.String() + "_" + hex.EncodeToString(sum[:10]),
		Durable: found.durable, Shared: true, SingleWriter: found.dialect == sqlite,
	}
	switch found.dialect {
	case postgres:
		s.queue = postgresQueue{s}
	case sqlite:
		s.queue = sqliteQueue{s}
	case mysql, mariadb:
		s.queue = mysqlQueue{s}
	}
	return s, nil
}

// Info implements [store.Store].
func (s *Store) Info() store.Info { return s.info }
