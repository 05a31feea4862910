package gormstore

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

const (
	// echoTime is how long a notice to itself may take, before Listen concludes
	// that there is a pooler in between.
	echoTime = 2 * time.Second
	// quietTime is how long Listen waits for a notice before it looks whether the
	// connection is still there.
	quietTime = 30 * time.Second
	// echoMark begins the payload of a notice that a listener sends itself.
	echoMark = "?"
)

// Listen implements [store.Notifier]. On Postgres it takes one connection of the
// pool for as long as it runs, and wakes when another process commits. Where that
// cannot be it looks at the newest delivery from time to time, between every
// 50 ms while there are some and once a second when there are none (10 to 250 ms
// on SQLite): on the other databases, with [WithoutNotify], with a pool of fewer
// than three connections, with a driver other than pgx, and behind a pooler in
// transaction mode, which it finds out by a notice to itself.
//
// Inserts through this Store do not wake it: the engine that made them knows.
// Those in transactions of the host do.
func (s *Store) Listen(ctx context.Context, wake func(...string)) error {
	if s.hears() {
		if err := s.identify(ctx, "listening"); err != nil {
			return err
		}
		err := s.listen(ctx, wake)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, errDeaf):
			return failed("listening", err)
		}
		s.notices.deaf.Do(func() {
			s.cfg.logger.InfoContext(ctx, "gormstore: notices of other processes cannot be received, so deliveries that they insert are found by polling",
				"reason", "the driver is not pgx, or a pooler in transaction mode is in between")
		})
	}
	return s.poll(ctx, wake)
}

// hears tells whether it is worth trying to listen.
func (s *Store) hears() bool {
	most := s.db.Stats().MaxOpenConnections
	return s.dialect == postgres && s.cfg.notify && (most == 0 || most > 2)
}

// errDeaf tells that notices cannot be received.
var errDeaf = errors.New("notices cannot be received")

// listen calls wake for each notice, until that fails.
func (s *Store) listen(ctx context.Context, wake func(...string)) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	raw := conn.Raw(func(driverConn any) error {
		l, ok := listenerOf(driverConn)
		if !ok {
			return errDeaf
		}
		err = s.hear(ctx, l, wake)
		// The connection may be broken, and if it is not, it still listens: it is
		// not for others.
		return driver.ErrBadConn
	})
	if err == nil {
		err = raw
	}
	return err
}

// hear listens on l until it fails or ctx ends.
func (s *Store) hear(ctx context.Context, l listener, wake func(...string)) error {
	ear := "LISTEN " + postgres.quote(s.channel())
	if err := l.exec(ctx, ear); err != nil {
		return err
	}
	echo := echoMark + rand.Text()
	if err := s.notify(ctx, echo); err != nil {
		return err
	}
	own, echoed, deadline := s.notices.self(), false, time.Now().Add(echoTime)
	for {
		wait := quietTime
		if !echoed {
			wait = time.Until(deadline)
		}
		payload, err := l.wait(ctx, wait)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !echoed:
			return errDeaf
		case errors.Is(err, context.DeadlineExceeded):
			if err := l.ping(ctx); err != nil {
				return err
			}
		case err != nil:
			return err
		case payload == echo:
			echoed = true
			// The session is this connection's, and must not end because nobody publishes.
			// What it was told last is how administrators see what it does.
			for _, text := range []string{"SET idle_session_timeout = 0", ear} {
				if err := l.exec(ctx, text); err != nil {
					return err
				}
			}
		case !strings.HasPrefix(payload, echoMark):
			if teller, lanes := heard(payload); teller != own {
				echoed = true
				wake(lanes...)
			}
		}
	}
}

// listener is pgx's connection. This module requires no driver, so its methods
// are found by their names.
type listener struct{ execute, waitFor, pings reflect.Value }

// listenerOf finds the connection of pgx in that of database/sql, also below
// drivers that wrap others and say so by a method Raw, as otelsql's does.
func listenerOf(driverConn any) (listener, bool) {
	for range 4 {
		if c, ok := result(driverConn, "Conn"); ok {
			l := listener{c.MethodByName("Exec"), c.MethodByName("WaitForNotification"), c.MethodByName("Ping")}
			return l, l.fits()
		}
		below, ok := driverConn.(interface{ Raw() driver.Conn })
		if !ok {
			break
		}
		driverConn = below.Raw()
	}
	return listener{}, false
}

// result calls a method that takes nothing and returns one pointer.
func result(of any, method string) (reflect.Value, bool) {
	m := reflect.ValueOf(of).MethodByName(method)
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 || m.Type().Out(0).Kind() != reflect.Pointer {
		return reflect.Value{}, false
	}
	c := m.Call(nil)[0]
	return c, !c.IsNil()
}

// fits tells whether the methods have the signatures of pgx, version 4 or 5.
func (l listener) fits() bool {
	contextType, errorType := reflect.TypeFor[context.Context](), reflect.TypeFor[error]()
	is := func(m reflect.Value, in, out int) bool {
		return m.IsValid() && m.Type().NumIn() == in && m.Type().NumOut() == out &&
			m.Type().In(0) == contextType && m.Type().Out(out-1) == errorType
	}
	if !is(l.execute, 3, 2) || !is(l.waitFor, 1, 2) || !is(l.pings, 1, 1) {
		return false
	}
	notice := l.waitFor.Type().Out(0)
	if l.execute.Type().In(1).Kind() != reflect.String || notice.Kind() != reflect.Pointer || notice.Elem().Kind() != reflect.Struct {
		return false
	}
	payload, ok := notice.Elem().FieldByName("Payload")
	return ok && payload.Type.Kind() == reflect.String
}

func (l listener) exec(ctx context.Context, text string) error {
	return errorOf(l.execute.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(text)})[1])
}

// ping tells whether the server answers within ten seconds.
func (l listener) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := errorOf(l.pings.Call([]reflect.Value{reflect.ValueOf(ctx)})[0]); err != nil {
		return fmt.Errorf("the connection does not answer: %w", err)
	}
	return nil
}

// wait returns the payload of the next notice; a deadline that was exceeded
// means that there is none.
func (l listener) wait(ctx context.Context, d time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	out := l.waitFor.Call([]reflect.Value{reflect.ValueOf(ctx)})
	if err := errorOf(out[1]); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", err
	}
	return out[0].Elem().FieldByName("Payload").String(), nil
}

func errorOf(v reflect.Value) error {
	err, _ := v.Interface().(error)
	return err
}
