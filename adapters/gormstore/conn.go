package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// conn runs statements: on the pool, in a transaction of the store's own, or in
// one of the host's. Statements go to the pool under GORM and not through its
// builder and its logger, which would print what they are given.
type conn struct {
	s    *Store
	pool gorm.ConnPool
	// own is the transaction, if it is the store's.
	own *sql.Tx
	// host tells that the transaction is the host's.
	host bool
	// notice is what an insert tells other processes, "" if another statement
	// does; see [notices].
	notice string
}

// exec runs a statement and returns the number of rows it changed; see
// [statements] for its text.
func (c conn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	var (
		result sql.Result
		err    error
	)
	if ctx, err = c.uninterrupted(ctx); err != nil {
		return 0, err
	}
	if stmt := c.prepared(ctx, text); stmt != nil { //nolint:sqlclosecheck // kept, see preparedStatements
		result, err = stmt.ExecContext(ctx, args...)
	} else {
		result, err = c.pool.ExecContext(ctx, c.s.sql.of(text), args...)
	}
	if err != nil {
		c.s.makeRoom(err)
		return 0, err
	}
	changed, err := result.RowsAffected()
	c.s.checkpoints.written.Add(changed) // for SQLite
	return changed, err
}

// query runs a statement that returns rows, and calls scan for each.
func (c conn) query(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	var (
		rows *sql.Rows
		err  error
	)
	if ctx, err = c.uninterrupted(ctx); err != nil {
		return err
	}
	if stmt := c.prepared(ctx, text); stmt != nil { //nolint:sqlclosecheck // kept, see preparedStatements
		rows, err = stmt.QueryContext(ctx, args...)
	} else {
		rows, err = c.pool.QueryContext(ctx, c.s.sql.of(text), args...)
	}
	c.s.makeRoom(err)
	return each(rows, err, scan)
}

// uninterrupted returns the context for a statement, or an error if ctx has ended.
// A statement that writes and is interrupted ends the whole transaction on SQLite,
// savepoints included. A host that goes on with its transaction would not notice:
// what it writes then is committed at once, each statement by itself. So its
// transaction is left at the end of a statement, never within one.
func (c conn) uninterrupted(ctx context.Context) (context.Context, error) {
	if !c.host || c.s.dialect != sqlite {
		return ctx, nil
	}
	return context.WithoutCancel(ctx), ctx.Err()
}

// queryOnce is query for a text without parameters that is one of very many: it
// is neither remembered nor prepared.
func (c conn) queryOnce(ctx context.Context, text string, scan func(*sql.Rows) error) error {
	rows, err := c.pool.QueryContext(ctx, c.s.sql.render(text))
	return each(rows, err, scan)
}

// each calls scan for each of the rows that a query has returned, and closes them.
func each(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one runs a statement that returns one row, or none ([sql.ErrNoRows]).
func (c conn) one(ctx context.Context, text string, args []any, dest ...any) error {
	found := false
	err := c.query(ctx, text, args, func(r *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// now returns the database's time in microseconds since 1970. SQLite is a part
// of this process, and its functions know milliseconds only.
func (c conn) now(ctx context.Context) (int64, error) {
	if c.s.dialect == sqlite {
		return time.Now().UnixMicro(), nil
	}
	var now int64
	err := c.one(ctx, "SELECT {now}", nil, &now)
	return now, err
}

// prepared returns a prepared statement for a text, nil if it is to be run as it
// is. On Postgres the driver prepares by itself, as the host configured it, for
// it may be behind a pooler that cannot. The other drivers parse each text anew.
func (c conn) prepared(ctx context.Context, text string) *sql.Stmt {
	if c.host || !c.s.prepares || c.s.stmts.off.Load() {
		return nil
	}
	stmt := c.s.stmts.get(text)
	switch {
	case stmt == nil && c.own != nil:
		// To prepare takes a connection, and the pool may have none but this
		// transaction's: leave it for later.
		c.s.stmts.want(text)
		return nil
	case stmt == nil:
		stmt = c.s.stmts.prepare(ctx, c.s, text)
	}
	if stmt != nil && c.own != nil {
		return c.own.StmtContext(ctx, stmt)
	}
	return stmt
}

// preparedStatements holds the prepared statements of the hot path.
type preparedStatements struct {
	mu     sync.RWMutex
	ready  map[string]*sql.Stmt
	wanted []string
	// off tells that they were given up; over are those to be closed.
	off  atomic.Bool
	over []*sql.Stmt
}

func (p *preparedStatements) get(text string) *sql.Stmt {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.ready[text]
}

func (p *preparedStatements) want(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = append(p.wanted, text)
}

// prepareWanted prepares what transactions have asked for.
func (p *preparedStatements) prepareWanted(ctx context.Context, s *Store) {
	p.mu.RLock()
	none := len(p.wanted) == 0
	p.mu.RUnlock()
	if none {
		return
	}
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, text := range wanted {
		p.prepare(ctx, s, text)
	}
}

// prepare returns the prepared statement, nil if that fails: whoever then runs
// the text meets the same error.
func (p *preparedStatements) prepare(ctx context.Context, s *Store, text string) *sql.Stmt {
	if stmt := p.get(text); stmt != nil {
		return stmt
	}
	stmt, err := s.db.PrepareContext(ctx, s.sql.of(text))
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.ready[text]; first != nil || p.off.Load() {
		_ = stmt.Close() //nolint:sqlclosecheck // only now
		return first
	}
	if p.ready == nil {
		p.ready = make(map[string]*sql.Stmt)
	}
	p.ready[text] = stmt
	return stmt
}

// giveUp does without prepared statements from now on, and tells whether that is
// news.
func (p *preparedStatements) giveUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = slices.AppendSeq(p.over, maps.Values(p.ready))
	p.ready, p.wanted = nil, nil
	return !p.off.Swap(true)
}

// closeOver closes what was given up. To close a statement is to wait for those who
// use it, and they may wait for a connection: the caller must hold none.
func (p *preparedStatements) closeOver() {
	if !p.off.Load() {
		return
	}
	p.mu.Lock()
	over := p.over
	p.over = nil
	p.mu.Unlock()
	for _, stmt := range over {
		_ = stmt.Close()
	}
}

// makeRoom gives up what is prepared if that is why a statement failed: MySQL and
// MariaDB have room for so many prepared statements, of all connections together,
// and when there is none, nobody can send a statement with parameters, the host
// included.
func (s *Store) makeRoom(err error) {
	if err != nil && noRoomToPrepare(err) && s.stmts.giveUp() {
		s.cfg.logger.Warn("gormstore: the server has no room for more prepared statements, and this process does without from now on, which is slower: raise max_prepared_stmt_count, or have fewer connections")
	}
}

// kind says what a call may be retried after.
type kind uint8

const (
	// once: an error that leaves open whether it was done is the caller's.
	once kind = iota
	// idempotent: to do it again does no harm.
	idempotent
)

// read runs f on the pool.
func (s *Store) read(ctx context.Context, doing string, f func(context.Context, conn) error) error {
	return s.single(ctx, doing, idempotent, f)
}

// single runs f on the pool, where it writes with one statement that is a
// transaction by itself.
func (s *Store) single(ctx context.Context, doing string, k kind, f func(context.Context, conn) error) error {
	return s.retry(ctx, doing, k, func(ctx context.Context) error {
		c := conn{s: s, pool: s.db}
		if err := s.ready(ctx, c); err != nil {
			return err
		}
		return f(ctx, c)
	})
}

// write runs f in a transaction, on SQLite perhaps together with other calls.
func (s *Store) write(ctx context.Context, doing string, k kind, f func(context.Context, conn) error) error {
	return s.retry(ctx, doing, k, func(ctx context.Context) error {
		if s.dialect == sqlite {
			return s.writes.do(ctx, s, f)
		}
		return s.transact(ctx, f)
	})
}

// transact runs f in a transaction.
func (s *Store) transact(ctx context.Context, f func(context.Context, conn) error) error {
	var options *sql.TxOptions
	if s.dialect != sqlite {
		// Under REPEATABLE READ, MySQL's default, a claim locks the gaps
		// beside what it takes.
		options = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		_ = tx.Rollback() // after a commit this does nothing
		s.stmts.prepareWanted(ctx, s)
	}()
	c := conn{s: s, pool: tx, own: tx}
	if err := s.ready(ctx, c); err != nil {
		return err
	}
	if err = f(ctx, c); err == nil {
		err = tx.Commit()
	}
	if err != nil {
		s.floors.forget() // a claim may have raised some
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
			// The transaction ended with it, of which whoever was within says nothing
			// but that.
			err = fmt.Errorf("%w: %w", ended, err)
		}
		return err
	}
	s.checkpoints.committed(s.db)
	return nil
}

// failed adds what was being done to an error.
func failed(doing string, err error) error { return fmt.Errorf("gormstore: %s: %w", doing, err) }
