package dispatcher

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	// duePage is how many lanes a Due call reports.
	duePage = 1000
	// minSweepGap and sweepGapFactor space the pages of a sweep, so that it takes
	// at most a tenth of the store's time.
	minSweepGap    = 20 * time.Millisecond
	sweepGapFactor = 10
)

// watch asks the store for work that this engine was not told of: what other
// processes published, what was left by processes that died, what was committed
// late. The tail finds new work at once; the sweep over all lanes finds
// everything, a page at a time.
func (r *run) watch(ctx context.Context) {
	e := r.e
	if n, ok := e.store.(store.Notifier); ok {
		stop := make(chan struct{})
		defer func() { <-stop }()
		go func() {
			defer close(stop)
			e.listen(ctx, n)
		}()
	}
	retry := newStoreBackoff()
	p := store.DueParams{Sweep: true, Limit: duePage}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var nextSweep, sweepAllowed time.Time
	woken := false
	// walking: a walk is under way. What there is news of may lie where it has passed,
	// so that another one has to follow: again.
	walking, again := false, false
	for {
		began := time.Now()
		// Whoever wakes it has just inserted something, which the tail finds at
		// once: it need not wait for a sweep, unless that waits already.
		late := began.Sub(nextSweep)
		p.Sweep = late >= 0 && (!woken || late > minSweepGap)
		woken = false
		callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		found, err := e.store.Due(callCtx, p)
		cancel()
		var wait time.Duration
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = e.storeFailed(ctx, "due", err, retry)
		default:
			retry.Reset()
			e.lanes.seen(found.Lanes, found.Now)
			p.Mark = found.Mark
			if found.Behind {
				p.Mark = "" // too much to follow: go on from the end, and sweep
				nextSweep = sweepAllowed
				again = again || walking
			}
			if p.Sweep {
				p.Cursor = found.Cursor
				walking = !found.Wrapped
				sweepAllowed = time.Now().Add(max(minSweepGap, sweepGapFactor*time.Since(began)))
				nextSweep = sweepAllowed
				if found.Wrapped && !again {
					nextSweep = laterOf(nextSweep, began.Add(e.cfg.pollInterval))
				}
				again = again && walking
			}
			wait = min(time.Until(nextSweep), e.cfg.pollInterval)
		}
		look := e.look
		if err != nil {
			look = nil // nobody hurries a store that fails
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-look:
			// What was committed late lies behind the mark; only a sweep finds it.
			woken, again = true, again || walking
			if soon := laterOf(sweepAllowed, time.Now()); soon.Before(nextSweep) {
				nextSweep = soon
			}
		case <-ctx.Done():
			return
		}
	}
}

// noticed takes in a notice of the store: of lanes with work, or that there is
// some.
func (e *Engine) noticed(lanes ...string) {
	if len(lanes) == 0 {
		e.Wake()
		return
	}
	now := time.Now()
	for _, l := range lanes {
		e.lanes.wake(l, now)
	}
}

// listen lets the store wake the engine.
func (e *Engine) listen(ctx context.Context, n store.Notifier) {
	retry := newStoreBackoff()
	for {
		began := time.Now()
		err := n.Listen(ctx, e.noticed)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			retry.Reset()
		}
		if !sleep(ctx, e.storeFailed(ctx, "listen", err, retry)) {
			return
		}
	}
}
