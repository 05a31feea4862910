package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// storeTimeout bounds a call to the store.
const storeTimeout = 30 * time.Second

// run is one run of an engine: claim → attempt → settle, and beside it the
// goroutines that look for work and purge. It ends in stages: claiming stops,
// attempts finish or are cut off, outcomes are stored.
type run struct {
	e       *Engine
	started time.Time
	settler *settler

	// ctx is that of attempts, and of the last claim; cutOff ends it, at the end of
	// the time to drain.
	ctx    context.Context
	cutOff context.CancelFunc

	attempts sync.WaitGroup
	// jobs are for workers that are free; free counts those that no job was
	// promised to.
	jobs     chan *job
	free     atomic.Int64
	workers  sync.WaitGroup
	suspects suspects
	pace     *pace

	// stopping asks for the end, with the context that bounds the draining; nil
	// leaves that to WithDrainTimeout.
	stopping chan context.Context
	ended    chan struct{}
	err      error
}

func newRun(e *Engine) *run {
	r := &run{
		e: e, started: time.Now(), settler: newSettler(e),
		stopping: make(chan context.Context, 1), jobs: make(chan *job, (1+slowFactor)*e.cfg.concurrency), ended: make(chan struct{}),
	}
	r.pace = newPace(r.launch)
	r.ctx, r.cutOff = context.WithCancel(r.mark(context.Background()))
	return r
}

// runKey is the key of the run in the contexts that it hands to callbacks.
type runKey struct{}

// mark makes a context from which Stop can tell that a callback of this run, for
// which it would wait, is what called it.
func (r *run) mark(ctx context.Context) context.Context { return context.WithValue(ctx, runKey{}, r) }

// errWithin is what Stop says to a callback.
var errWithin = errors.New("dispatcher: Stop cannot wait within a callback, which Run waits for; Run ends when the callback has returned")

// until runs until ctx ends or stop is called, and drains.
func (r *run) until(ctx context.Context) error {
	defer r.cutOff()
	r.e.lanes.open()
	defer r.e.lanes.close()
	work, endWork := context.WithCancel(r.mark(context.WithoutCancel(ctx)))
	defer endWork()
	var claiming, looking sync.WaitGroup
	claiming.Go(func() { r.claimLoop(work) })
	looking.Go(func() { r.watch(work) })
	looking.Go(func() { r.purgeLoop(work) })
	looking.Go(func() { r.announce(work) })

	settling := make(chan struct{})
	settled := make(chan struct{})
	settleCtx, endSettling := context.WithCancel(r.mark(context.WithoutCancel(ctx)))
	defer endSettling()
	go func() {
		defer close(settled)
		r.settler.loop(settleCtx, settling)
	}()

	var drain context.Context
	select {
	case drain = <-r.stopping:
	case <-ctx.Done():
	}
	if drain == nil {
		var cancel context.CancelFunc
		drain, cancel = context.WithTimeout(context.WithoutCancel(ctx), r.e.cfg.drainTimeout)
		defer cancel()
	}
	endWork()
	// A call of the store that is under way ends with the time to drain, too.
	late := context.AfterFunc(drain, r.cutOff)
	defer late()
	claiming.Wait()
	r.attempts.Wait()

	close(r.jobs)
	r.workers.Wait()
	// What is left must be stored even if the time to drain is over: the
	// alternative is to send it all again.
	close(settling)
	select {
	case <-settled:
	case <-drain.Done():
	case <-r.ctx.Done(): // a later call of Stop has less time
	}
	last := time.NewTimer(lastSettle)
	defer last.Stop()
	select {
	case <-settled:
	case <-last.C:
		endSettling()
		<-settled
	}
	looking.Wait()
	if t, ok := r.e.transport.(*http.Transport); ok && r.e.cfg.transport == nil {
		t.CloseIdleConnections()
	}
	if n := r.settler.left(); n > 0 {
		r.err = fmt.Errorf("dispatcher: %d outcomes could not be stored; their deliveries will be repeated", n)
	}
	return r.err
}

// lastSettle is how long the store has for the last outcomes once the time to
// drain is over.
const lastSettle = 5 * time.Second

// stop asks the run to end and waits for it. The first caller's context bounds
// the draining; a later one that ends sooner cuts attempts off, and leaves the last
// outcomes no more than lastSettle.
func (r *run) stop(ctx context.Context) error {
	r.ask(ctx)
	select {
	case <-r.ended:
		return r.err
	case <-ctx.Done():
	}
	r.cutOff()
	<-r.ended
	return r.err
}

// ask asks the run to end, unless somebody has.
func (r *run) ask(drain context.Context) {
	select {
	case r.stopping <- drain:
	default:
	}
}

// newStoreBackoff spaces repeated calls to a store that fails: from 100 ms to
// 2 s with jitter, without an end: a store that is back is found soon, and one that
// is away is not hurried.
func newStoreBackoff() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithRandomizationFactor(0.3),
		backoff.WithMaxElapsedTime(0),
	)
}

// storeFailed reports a failed call and returns how long to wait.
func (e *Engine) storeFailed(ctx context.Context, operation string, err error, b *backoff.ExponentialBackOff) time.Duration {
	wait := min(b.NextBackOff(), 2*time.Second)
	e.cfg.logger.ErrorContext(ctx, "store call failed", "operation", operation, "error", err, "again_in", wait)
	e.observers.storeFailed(ctx, operation, err)
	return wait
}

// sleep waits for d or the end of ctx, and tells whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
