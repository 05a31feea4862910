package migrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Up brings the tables to the last of versions and returns how far they are
// then. Tables that are further already are left as they are. Several processes
// may do so at once: one works and the others wait. What fails half way can be
// done again, and goes on from there.
func (t Tables) Up(ctx context.Context, db *sql.DB, versions []Version) (State, error) {
	if t.Dialect == "mysql" {
		return t.stepwise(ctx, db, versions)
	}
	return t.atOnce(ctx, db, versions)
}

// atOnce does everything in one transaction. On SQLite that keeps others out by
// itself.
func (t Tables) atOnce(ctx context.Context, db *sql.DB, versions []Version) (State, error) {
	var options *sql.TxOptions
	if t.Dialect == "postgres" {
		// What the process before has committed must be seen behind the lock.
		options = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return State{}, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if t.Dialect == "postgres" {
		if _, err := tx.ExecContext(ctx, postgresPatience); err != nil {
			return State{}, err
		}
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", t.lockNumber()); err != nil {
			return State{}, err
		}
	}
	state, err := t.State(ctx, tx)
	if err != nil {
		return State{}, err
	}
	for _, v := range versions {
		if v.Number <= state.Version {
			continue
		}
		for _, text := range slices.Concat(v.Statements, t.Record(v)) {
			if _, err := tx.ExecContext(ctx, t.Render(text)); err != nil {
				return State{}, inFile(v, err)
			}
		}
		state = State{Version: v.Number, Compatible: v.Compatible}
	}
	return state, tx.Commit()
}

// postgresPatience takes off, for the transaction, what limits of time the role or
// the database has for everyday statements: another process is waited for as long as
// it takes, and what an upgrade does may take long. lock_timeout stays: whoever waits
// for a table makes everybody else wait.
const postgresPatience = `SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')`

// stepwise does one statement after another and notes each, because statements
// that change tables commit by themselves on MySQL.
func (t Tables) stepwise(ctx context.Context, db *sql.DB, versions []Version) (State, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return State{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := t.lock(ctx, conn); err != nil {
		return State{}, err
	}
	defer t.unlock(ctx, conn)
	state, err := t.State(ctx, conn)
	if err != nil {
		return State{}, err
	}
	for _, v := range versions {
		if v.Number <= state.Version {
			continue
		}
		for i, text := range v.Statements[state.step:] {
			err := t.step(ctx, conn, ifNotExists(text), t.set(metaStep, state.step+i+1))
			// The first one may have been done by a process that ended before
			// it could note it.
			if i == 0 && isDone(err) {
				err = t.step(ctx, conn, t.set(metaStep, state.step+1))
			}
			if err != nil {
				return State{}, inFile(v, err)
			}
		}
		if err := t.step(ctx, conn, t.Record(v)...); err != nil {
			return State{}, inFile(v, err)
		}
		state = State{Version: v.Number, Compatible: v.Compatible}
	}
	return state, nil
}

// step runs statements in a transaction, which holds as far as they do not
// commit by themselves.
func (t Tables) step(ctx context.Context, conn *sql.Conn, texts ...string) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	for _, text := range texts {
		if _, err := tx.ExecContext(ctx, t.Render(text)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// lock takes a lock of MySQL's that belongs to the connection. It asks again and
// again: the server may limit the time of a statement that waits (max_execution_time,
// MariaDB's max_statement_time), and a driver give a silent server up (readTimeout).
func (t Tables) lock(ctx context.Context, conn *sql.Conn) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", t.lockName()).Scan(&got); err != nil {
			return err
		}
		switch {
		case !got.Valid:
			return errors.New("the server refuses the lock " + t.lockName())
		case got.Int64 == 1:
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unlock gives the lock back, or the connection up.
func (t Tables) unlock(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", t.lockName()); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// The lock is that of the prefix alone: whether two schemas are one depends on
// the connection.
func (t Tables) lockSum() [sha256.Size]byte { return sha256.Sum256([]byte("postrider " + t.Prefix)) }

func (t Tables) lockName() string {
	sum := t.lockSum()
	return "postrider_" + hex.EncodeToString(sum[:10])
}

func (t Tables) lockNumber() int64 {
	sum := t.lockSum()
	return int64(binary.BigEndian.Uint64(sum[:8])) // #nosec G115 -- any 64 bits will do
}

// ifNotExists makes the creation of a table one that can be repeated.
func ifNotExists(text string) string {
	if rest, ok := strings.CutPrefix(text, "CREATE TABLE {"); ok {
		return "CREATE TABLE IF NOT EXISTS {" + rest
	}
	return text
}

// isDone tells whether a statement failed because its work is done: a table, a
// column or a key is there, or gone. The numbers are MySQL's and MariaDB's
// ER_TABLE_EXISTS_ERROR, ER_DUP_FIELDNAME, ER_DUP_KEYNAME and
// ER_CANT_DROP_FIELD_OR_KEY; drivers print them first.
func isDone(err error) bool {
	if err == nil {
		return false
	}
	for _, number := range []string{"1050", "1060", "1061", "1091"} {
		if strings.Contains(err.Error(), "Error "+number+" ") || strings.Contains(err.Error(), "Error "+number+":") {
			return true
		}
	}
	return false
}

func inFile(v Version, err error) error { return fmt.Errorf("%04d_%s.sql: %w", v.Number, v.Name, err) }
