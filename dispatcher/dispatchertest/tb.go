package dispatchertest

import (
	"context"
	"sync"
	"time"
)

// TB is the part of [testing.TB] that this package uses, so that an Example or a
// program of one's own can stand in for a test.
type TB interface {
	Helper()
	// Errorf reports a failure; the test goes on.
	Errorf(format string, args ...any)
	// Fatalf reports a failure and must not return.
	Fatalf(format string, args ...any)
	// Cleanup has f called at the end of the test, the last one first.
	Cleanup(f func())
}

// patience is how long a wait lasts whose context has no deadline: long enough
// for a busy machine, and far shorter than the ten minutes of go test.
const patience = 10 * time.Second

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

// board is state that is waited for. Its lock guards whatever its owner keeps
// beside it.
type board struct {
	mu sync.Mutex
	// changed is closed at the next change; nil while nobody waits.
	changed chan struct{}
}

// change runs f under the lock and wakes everybody who waits.
func (b *board) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// look runs f under the lock.
func (b *board) look(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// wait returns nil once done, which is called under the lock, has returned true.
func (b *board) wait(ctx context.Context, done func() bool) error {
	for {
		b.mu.Lock()
		if done() {
			b.mu.Unlock()
			return nil
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
