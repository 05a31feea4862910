package storetest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// limit bounds one test. A store that hangs fails the test that found it, and
// the others still run.
const limit = 2 * time.Minute

// proof is one test of the suite.
type proof struct {
	name string
	run  func(t *tester)
}

// tester is what a proof works with: a fresh target and the ways to fail. The
// body of a proof runs on a goroutine of its own, so that a panic or a deadlock
// of the store is the failure of one test, and so that the failure of an
// excepted test can be awaited instead of reported.
type tester struct {
	Target
	*verdict
	ctx  context.Context
	seed uint64
	// unit is a time that is short enough to wait for and long enough to act in.
	unit time.Duration
	open Factory
}

// verdict is what became of a test so far.
type verdict struct {
	tb       testing.TB
	excepted bool

	mu      sync.Mutex
	failed  bool
	skipped string
	ended   bool
}

func runProof(tb testing.TB, p proof, open Factory, seed uint64, why string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	t := &tester{verdict: &verdict{tb: tb, excepted: why != ""}, ctx: ctx, seed: seed, open: open}
	t.use(open(tb))

	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		p.run(t)
	}()
	select {
	case <-done:
	case <-time.After(limit + 5*time.Second):
		t.Errorf("the test did not end within %v, nor soon after its context did", limit)
	}

	t.mu.Lock()
	t.ended = true
	failed, skipped := t.failed, t.skipped
	t.mu.Unlock()
	switch {
	case skipped != "" && why != "":
		tb.Errorf("exception for a test that is not run (%s); remove it", skipped)
	case skipped != "":
		tb.Skip(skipped)
	case failed && why != "":
		tb.Logf("excepted: %s", why)
	case failed:
		tb.Logf("what the contract says:\n\t%s", strings.Join(Rules(p.name), "\n\t"))
	case why != "":
		tb.Errorf("the test passes, but is excepted (%s); remove the exception", why)
	}
}

// use points the tester at a target.
func (t *tester) use(target Target) {
	t.Target = target
	t.unit = time.Minute
	if target.Advance == nil {
		t.unit = 100 * time.Millisecond
	}
}

// on returns a tester of the same test that works on another handle.
func (t *tester) on(s store.Store) *tester {
	other := *t
	other.Store = s
	return &other
}

// Errorf reports a failure and goes on. It may be called from any goroutine.
func (t *verdict) Errorf(format string, args ...any) {
	t.tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended { // tb must not be used any more
		return
	}
	t.failed = true
	if t.excepted {
		t.tb.Logf("excepted: "+format, args...)
		return
	}
	t.tb.Errorf(format, args...)
}

// Fatalf reports a failure and ends the test. Only the goroutine that runs the
// proof may call it, and functions it calls.
func (t *verdict) Fatalf(format string, args ...any) {
	t.tb.Helper()
	t.Errorf(format, args...)
	runtime.Goexit()
}

// need ends the test as skipped if a hook is missing.
func (t *verdict) need(have bool, hook string) {
	if !have {
		t.mu.Lock()
		t.skipped = "the target has no " + hook
		t.mu.Unlock()
		runtime.Goexit()
	}
}

// noError ends the test on an error.
func (t *verdict) noError(err error, doing string, args ...any) {
	t.tb.Helper()
	if err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(doing, args...), err)
	}
}

// spawn runs f on a goroutine of the group. A panic fails the test, and no more.
func (t *verdict) spawn(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		f()
	})
}

// hasFailed tells whether a failure was reported.
func (t *verdict) hasFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}
