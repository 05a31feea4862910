package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/postrider/postrider/store"
)

// Tx returns a [store.Tx] on a transaction of the host, for
// dispatcher.Publisher.PublishTx: what is published through it exists when, and
// only when, the host commits, and does not when it rolls back, be it to a
// savepoint. It takes no connection but the transaction's.
//
// tx must be within a transaction, as it is in the function that gorm's
// Transaction calls, and on the database of the store. If it is not within one,
// every method of the result returns an error. Neither tx nor its logger are
// changed, and its hooks and callbacks are not called.
//
// When Insert fails on Postgres, the server ends the whole transaction, as it
// does after any statement that fails; on the other databases nothing of the
// Insert remains, and the transaction can go on.
func (s *Store) Tx(tx *gorm.DB) store.Tx {
	if tx == nil || tx.Statement == nil || tx.Statement.ConnPool == nil {
		return hostTx{s: s, err: errors.New("the *gorm.DB is nil, or has no connection")}
	}
	if name, want := tx.Name(), s.dialect.layout(); !strings.HasPrefix(name, want) {
		return hostTx{s: s, err: fmt.Errorf("the *gorm.DB is of a database %s, the store is on %s", name, want)}
	}
	switch pool := tx.Statement.ConnPool.(type) {
	case *gorm.PreparedStmtTX:
		// Below it is the transaction without a cache of prepared statements, which
		// grows with every text.
		return s.hostTx(pool.Tx)
	case gorm.TxCommitter: // how gorm itself knows a transaction
		return s.hostTx(tx.Statement.ConnPool)
	}
	return hostTx{s: s, err: errors.New("the *gorm.DB is not in a transaction: hand in the one that gorm's Transaction or Begin gives")}
}

// SQLTx does what [Store.Tx] does, for a transaction of database/sql.
func (s *Store) SQLTx(tx *sql.Tx) store.Tx {
	return s.hostTx(tx)
}

func (s *Store) hostTx(pool gorm.ConnPool) store.Tx {
	if tx, ok := pool.(*sql.Tx); pool == nil || ok && tx == nil {
		return hostTx{s: s, err: errors.New("the transaction is nil: it was not begun")}
	}
	return hostTx{s: s, pool: pool}
}

// hostTx is a Writer on the connection of a transaction of the host.
type hostTx struct {
	s    *Store
	pool gorm.ConnPool
	err  error
}

// StoreID implements [store.Tx].
func (t hostTx) StoreID() string { return t.s.info.ID }

// Match implements [store.Writer].
func (t hostTx) Match(ctx context.Context, tenant string, types []string) (matches [][]store.Endpoint, err error) {
	if len(types) == 0 {
		return nil, ctx.Err()
	}
	err = t.run(ctx, "matching event types", func(ctx context.Context, c conn) error {
		matches, err = t.s.match(ctx, c, tenant, types)
		return err
	})
	if err != nil {
		return nil, err
	}
	return matches, nil
}

// Insert implements [store.Writer].
func (t hostTx) Insert(ctx context.Context, events []store.NewEvent) (in []store.Inserted, err error) {
	if len(events) == 0 {
		return nil, ctx.Err()
	}
	err = t.run(ctx, fmt.Sprintf("inserting %d events", len(events)), func(ctx context.Context, c conn) error {
		if t.s.tells() {
			c.notice = lanesOf(events).message("") // of nobody: this process, too, is to hear it
		}
		return t.whole(ctx, c, func() error {
			in, err = t.s.insertOn(ctx, c, events)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// run calls f with the host's connection, once: what is retried after a conflict
// is the host's transaction.
func (t hostTx) run(ctx context.Context, doing string, f func(context.Context, conn) error) error {
	doing += " in the host's transaction"
	if t.err != nil {
		return failed(doing, t.err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.s.cfg.timeout)
	defer cancel()
	c := conn{s: t.s, pool: t.pool, host: true}
	err := t.s.ready(ctx, c)
	if err == nil {
		err = f(ctx, c)
	}
	if err != nil {
		return failed(doing, err)
	}
	return nil
}

// whole lets f do all or nothing. On Postgres f is one statement, and an error
// ends the transaction; elsewhere a savepoint takes back what was done.
func (t hostTx) whole(ctx context.Context, c conn, f func() error) error {
	if t.s.dialect == postgres {
		return f()
	}
	if _, err := c.exec(ctx, "SAVEPOINT postrider_insert"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		if _, err = c.exec(ctx, "RELEASE SAVEPOINT postrider_insert"); err == nil {
			return nil
		}
	}
	// The time for f may be over, and the host's transaction go on. If these fail,
	// the server has rolled back everything, savepoints included, as after a
	// deadlock on MySQL.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.s.cfg.timeout)
	defer cancel()
	if _, failed := c.exec(ctx, "ROLLBACK TO SAVEPOINT postrider_insert"); failed == nil {
		_, _ = c.exec(ctx, "RELEASE SAVEPOINT postrider_insert")
	}
	return err
}
