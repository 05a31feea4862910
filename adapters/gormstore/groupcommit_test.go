package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
)

// transactions is a driver that only begins and ends transactions, and notes how.
type transactions struct {
	mu   sync.Mutex
	ends []string
}

func (d *transactions) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *transactions) Driver() driver.Driver                        { return nil }
func (d *transactions) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (d *transactions) Close() error                                 { return nil }
func (d *transactions) Begin() (driver.Tx, error)                    { return d, nil }
func (d *transactions) Commit() error                                { return d.end("commit") }
func (d *transactions) Rollback() error                              { return d.end("rollback") }

func (d *transactions) end(how string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends = append(d.ends, how)
	return nil
}

func newWriter(t *testing.T) (*Store, *transactions) {
	t.Helper()
	d := &transactions{}
	db := sql.OpenDB(d)
	t.Cleanup(func() { _ = db.Close() })
	s := &Store{db: db, dialect: sqlite, cfg: config{timeout: time.Second}}
	s.schema.checked.Store(true)
	return s, d
}

// inOrder has calls wait for one that is under way, and returns what became of
// them: an error, or what they panicked with. They run in a bubble of synctest.
func inOrder(s *Store, calls ...func(context.Context, conn) error) []any {
	results := make([]any, len(calls))
	held := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.writes.do(context.Background(), s, func(context.Context, conn) error { <-held; return nil })
	})
	synctest.Wait()
	for i, f := range calls {
		wait.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					results[i] = p
				}
			}()
			if err := s.writes.do(context.Background(), s, f); err != nil {
				results[i] = err
			}
		})
		synctest.Wait()
	}
	close(held)
	wait.Wait()
	return results
}

func TestSharedTransaction(t *testing.T) {
	errRefused := errors.New("refused")
	fine := func(context.Context, conn) error { return nil }
	refuse := func(context.Context, conn) error { return errRefused }
	panics := func(context.Context, conn) error { panic("driver") }
	runs := 0
	panicsAlone := func(context.Context, conn) error {
		if runs++; runs == 2 {
			panic("driver")
		}
		return nil
	}
	type calls = []func(context.Context, conn) error
	for _, c := range []struct {
		name  string
		calls calls
		want  []any
		ends  []string // without that of the one that the others wait for
	}{
		{"all fine", calls{fine, fine, fine}, []any{nil, nil, nil}, []string{"commit"}},
		{"one refuses", calls{fine, refuse, fine}, []any{nil, errRefused, nil}, []string{"rollback", "commit", "rollback", "commit"}},
		{"one panics", calls{fine, panics, fine}, []any{"driver", errCutShort, errCutShort}, []string{"rollback"}},
		{
			"one panics when it runs alone", calls{fine, panicsAlone, refuse, fine},
			[]any{"driver", errCutShort, errCutShort, errCutShort}, []string{"rollback", "commit", "rollback"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := newWriter(t)
				if got := inOrder(s, c.calls...); !slices.Equal(got, c.want) {
					t.Errorf("results: %v, want %v", got, c.want)
				}
				if got := d.ends[1:]; !slices.Equal(got, c.ends) {
					t.Errorf("transactions ended by %q, want %q", got, c.ends)
				}
				if got := inOrder(s, fine); got[0] != nil {
					t.Errorf("a call after them: %v", got[0])
				}
			})
		})
	}
}

// What a call has read of a transaction that came to nothing is not remembered.
func TestSharedTransactionIsForgotten(t *testing.T) {
	for name, spoil := range map[string]func(context.Context, conn) error{
		"refused":  func(context.Context, conn) error { return errors.New("refused") },
		"panicked": func(context.Context, conn) error { panic("driver") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newWriter(t)
				k := snapshotKey{id: "ep", revision: 2}
				runs := 0
				reads := func(context.Context, conn) error {
					if runs++; runs == 1 { // together with a call that has written this
						s.snapshots.put(store.Endpoint{ID: k.id, CreatedAt: time.UnixMicro(0), Revision: k.revision})
					}
					return nil
				}
				inOrder(s, reads, spoil)
				if runs == 0 {
					t.Error("nothing was read")
				}
				if _, known := s.snapshots.get(k); known {
					t.Error("what was read is remembered")
				}
			})
		})
	}
}

// TestSharedTransactionHasTime has more calls wait than have time. They share
// transactions, but not to the end of the time of all.
func TestSharedTransactionHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newWriter(t)
		const calls, inTime = 16, 8
		var wait sync.WaitGroup
		var done atomic.Int64
		for range calls {
			wait.Go(func() {
				err := s.write(context.Background(), "waiting", once, func(ctx context.Context, _ conn) error {
					select {
					case <-time.After(s.cfg.timeout/inTime - time.Millisecond):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				if err == nil {
					done.Add(1)
				}
			})
		}
		wait.Wait()
		if n := done.Load(); n != inTime {
			t.Errorf("%d of %d calls were carried out, where there was time for %d", n, calls, inTime)
		}
		commits := 0
		for _, how := range d.ends {
			if how == "commit" {
				commits++
			}
		}
		if commits >= inTime {
			t.Errorf("transactions ended by %q, want some that were shared", d.ends)
		}
	})
}
