package gormstore

import (
	"context"
	"errors"
	"sync"
	"time"
)

// SQLite has one writer at a time, and a commit costs as much as what it commits
// (with synchronous=FULL, far more). So calls that wait for their turn are
// carried out together: in one transaction, one after another, as they came, but
// for no more than a part of the time that each has: those that are left then run
// by themselves. If one of them fails, nothing of the transaction remains, and each
// of them runs again by itself.

// errCutShort is the result of a call whose transaction was cut short by a panic.
var errCutShort = errors.New("the transaction that was shared with another call was cut short")

// groupMost bounds the calls of one transaction, and groupTime is the part of a
// call's time after which it takes no further ones.
const (
	groupMost = 32
	groupTime = 4
)

// writes is the queue of calls that write. The zero value is ready.
type writes struct {
	mu      sync.Mutex
	busy    bool // somebody leads
	waiting []*write
}

// write is a call that waits.
type write struct {
	ctx context.Context
	f   func(context.Context, conn) error
	// turn ends the wait: true makes the call lead, false tells that err is its
	// result.
	turn chan bool
	err  error
}

// do carries out f in a transaction, perhaps together with other calls.
func (w *writes) do(ctx context.Context, s *Store, f func(context.Context, conn) error) error {
	call := &write{ctx: ctx, f: f}
	w.mu.Lock()
	if w.busy {
		call.turn = make(chan bool, 1)
		w.waiting = append(w.waiting, call)
		w.mu.Unlock()
		select {
		case lead := <-call.turn:
			if !lead {
				return call.err
			}
		case <-ctx.Done():
			if w.leave(call) {
				return ctx.Err()
			}
			if lead := <-call.turn; !lead { // under way: what becomes of it is known soon
				return call.err
			}
		}
	} else {
		w.busy = true
		w.mu.Unlock()
	}
	defer w.next()
	group := append([]*write{call}, w.take()...)
	if len(group) == 1 {
		return s.transact(ctx, f)
	}
	// A driver that panics is the leader's to suffer: the others must not wait.
	for _, other := range group {
		other.err = errCutShort
	}
	defer func() {
		for _, other := range group[1:] {
			other.turn <- false
		}
	}()
	s.together(group)
	return call.err
}

// leave takes a call out of the queue, unless it is under way or leads.
func (w *writes) leave(call *write) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.waiting {
		if other == call {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// take takes the calls that are carried out with the one that leads.
func (w *writes) take() []*write {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), groupMost-1)
	taken := w.waiting[:n:n]
	w.waiting = append([]*write(nil), w.waiting[n:]...)
	return taken
}

// next lets the call lead that has waited longest.
func (w *writes) next() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.busy = false
		return
	}
	w.waiting[0].turn <- true
	w.waiting = w.waiting[1:]
}

// together carries out calls in one transaction, or each in its own.
func (s *Store) together(group []*write) {
	shared := s.share(group)
	for i, call := range group {
		if i < shared {
			call.err = nil
			continue
		}
		call.err = s.transact(call.ctx, call.f) // errCutShort, if that panics
	}
}

// share carries out calls in one transaction, and returns how many of them. If it
// comes to nothing, by an error or by a panic, what was remembered of endpoints is
// forgotten: one of the calls may have read what another had written.
func (s *Store) share(group []*write) (shared int) {
	// No caller's end ends the transaction of the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].ctx), s.cfg.timeout)
	defer cancel()
	committed := false
	defer func() {
		if !committed {
			s.snapshots.forget()
		}
	}()
	err := s.transact(ctx, func(_ context.Context, c conn) error {
		began := time.Now() // after the wait for the writer
		for _, call := range group {
			if shared > 0 && time.Since(began) > s.cfg.timeout/groupTime {
				break
			}
			if err := call.f(call.ctx, c); err != nil {
				return err
			}
			shared++
		}
		return nil
	})
	if committed = err == nil; !committed {
		return 0
	}
	return shared
}
