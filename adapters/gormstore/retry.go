package gormstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// retries bounds how often a call is repeated after a conflict, and lostRetries
// after a lost connection: a database that is down is the engine's to wait for.
const (
	retries     = 10
	lostRetries = 1
)

// retry runs f within the store's time, again after errors that pass by
// themselves, and says what was being done when it fails.
func (s *Store) retry(ctx context.Context, doing string, k kind, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.timeout)
	defer cancel()
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(2*time.Millisecond), backoff.WithMaxInterval(200*time.Millisecond), backoff.WithMaxElapsedTime(0))
	lost := 0
	err := backoff.Retry(func() error {
		err := f(ctx)
		s.stmts.closeOver()
		switch classify(err) {
		case conflicted:
			return err
		case disconnected:
			if lost++; lost <= lostRetries && (k == idempotent || errors.Is(err, driver.ErrBadConn)) {
				return err
			}
		case permanent:
		}
		if err == nil {
			return nil
		}
		return backoff.Permanent(err)
	}, backoff.WithContext(backoff.WithMaxRetries(b, retries), ctx))
	if err != nil {
		return failed(doing, err)
	}
	return nil
}

// class says what follows from an error.
type class uint8

const (
	// permanent: to repeat the call would not help.
	permanent class = iota
	// conflicted: the transaction was rolled back for the sake of another.
	conflicted
	// disconnected: the connection was lost, and what became of the statement is
	// not known.
	disconnected
)

// classify tells what kind of error a driver returned. The drivers are the
// host's choice, so they are known by the methods and fields of their errors.
func classify(err error) class {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return permanent
	}
	if errors.Is(err, errNotAsClaimed) || noRoomToPrepare(err) || strings.Contains(err.Error(), "sql: statement is closed") {
		return conflicted // the last two are of statements that were given up
	}
	if state := sqlState(err); state != "" {
		return classifyState(state)
	}
	if number, ok := mysqlNumber(err); ok {
		switch number {
		case 1213, 1205, 3572, 1020: // deadlock; lock wait timeout; NOWAIT; MariaDB's snapshot conflict
			return conflicted
		case 1053, 1077, 1079, 1152, 1184, 1927, 4031, 2006, 2013: // shutdown, connection killed
			return disconnected
		}
		return permanent
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return conflicted
		}
		return permanent
	}
	var network net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || strings.Contains(err.Error(), "invalid connection") || strings.Contains(err.Error(), "conn closed") {
		return disconnected
	}
	return permanent
}

// classifyState knows the SQLSTATE codes of Postgres, whose appendix A lists them.
func classifyState(state string) class {
	switch state {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return conflicted
	case "57P01", "57P02", "57P03", "57P05": // shutdown, crash, starting up, idle timeout
		return disconnected
	}
	if strings.HasPrefix(state, "08") { // connection exception
		return disconnected
	}
	return permanent
}

// sqlState returns the SQLSTATE of an error of pgx or lib/pq.
func sqlState(err error) string {
	var e interface {
		error
		SQLState() string
	}
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// mysqlNumber returns the number of an error of go-sql-driver/mysql, which has
// it in a field.
func mysqlNumber(err error) (uint64, bool) {
	number, ok := field(err, "MySQLError", "Number")
	if !ok || !number.CanUint() {
		return 0, false
	}
	return number.Uint(), true
}

// sqliteCode returns the result code of an error of modernc.org/sqlite, which
// has a method for it, or of mattn/go-sqlite3, which has a field.
func sqliteCode(err error) (int, bool) {
	var e interface {
		error
		Code() int
	}
	if errors.As(err, &e) {
		return e.Code(), true
	}
	for _, name := range []string{"ExtendedCode", "Code"} {
		if code, ok := field(err, "Error", name); ok && code.CanInt() && code.Int() != 0 {
			return int(code.Int()), true
		}
	}
	return 0, false
}

// field looks through the errors that err wraps for a struct of that type with
// that field.
func field(err error, typeName, name string) (reflect.Value, bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() == reflect.Struct && v.Type().Name() == typeName {
			if f := v.FieldByName(name); f.IsValid() {
				return f, true
			}
		}
	}
	return reflect.Value{}, false
}

// noRoomToPrepare tells whether the server keeps as many prepared statements as it
// may.
func noRoomToPrepare(err error) bool {
	number, ok := mysqlNumber(err)
	return ok && number == 1461
}

// duplicateKey tells whether a statement failed because a key exists.
func duplicateKey(err error) bool {
	if sqlState(err) == "23505" {
		return true
	}
	if number, ok := mysqlNumber(err); ok {
		return number == 1062
	}
	if code, ok := sqliteCode(err); ok {
		return code == 1555 || code == 2067 || code&0xff == 19 && strings.Contains(err.Error(), "UNIQUE")
	}
	return false
}
