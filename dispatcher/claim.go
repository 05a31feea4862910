package dispatcher

import (
	"context"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/store"
)

const (
	// maxClaim and maxClaimBytes bound a batch.
	maxClaim      = 256
	maxClaimBytes = 16 << 20
)

// claimLoop takes deliveries for as long as ctx lasts, no more than there are
// free places, and starts an attempt for each.
func (r *run) claimLoop(ctx context.Context) {
	retry := newStoreBackoff()
	lanes := r.e.lanes
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	patience := batchPatience
	for ctx.Err() == nil {
		if rest := patience - time.Since(last); rest > 0 && lanes.busy() {
			// A claim costs the same for one as for many: more places, or more work,
			// are worth a moment's wait, of as long as claiming took.
			timer.Reset(rest)
			select {
			case <-lanes.signal:
			case <-timer.C:
			case <-ctx.Done():
			}
			continue
		}
		began, claimed := time.Now(), false
		// Fresh ones first: fast ones may take every place, fresh ones half.
		for _, c := range [...]class{fresh, fast, slow} {
			if wait := r.settler.backlogged(); wait != nil {
				select {
				case <-wait:
				case <-ctx.Done():
					return
				}
			}
			p := lanes.pick(c, time.Now())
			if p == nil {
				continue
			}
			claimed = true
			if err := r.claim(ctx, p); err != nil {
				if !sleep(ctx, r.e.storeFailed(ctx, "claim", err, retry)) {
					return
				}
				continue
			}
			retry.Reset()
		}
		if claimed {
			last = time.Now()
			patience = min(max(batchPatience, last.Sub(began)), maxPatience)
			continue
		}
		var due <-chan time.Time
		if d, ok := lanes.wait(time.Now()); ok {
			timer.Reset(d)
			due = timer.C
		}
		select {
		case <-lanes.signal:
		case <-due:
		case <-ctx.Done():
		}
	}
}

// claim takes one batch. It does not end with ctx, for what is claimed must be
// attempted or given back, but when the time to drain is over: then the leases run
// out by themselves.
func (r *run) claim(ctx context.Context, p *picked) error {
	ends := time.Now().Add(r.e.lease())
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	detach := context.AfterFunc(r.ctx, cancel)
	batch, err := r.e.store.Claim(callCtx, store.ClaimParams{
		Lanes: p.ask, Max: p.max, MaxBytes: maxClaimBytes, Lease: r.e.lease(),
	})
	detach()
	cancel()
	now := time.Now()
	if err != nil {
		r.e.lanes.unclaimed(p, now)
		return err
	}
	flights := r.e.lanes.claimed(p, &batch, now)
	jobs := make([]job, len(batch.Deliveries))
	for i := range batch.Deliveries {
		c := &batch.Deliveries[i]
		j := &jobs[i]
		j.delivery, j.flight, j.ends = &c.Delivery, &flights[i], ends
		j.event, j.endpoint = &batch.Events[c.Event], &batch.Endpoints[c.Endpoint]
		if ctx.Err() != nil {
			r.giveBack(j)
			continue
		}
		r.start(ctx, j, c.Expired, batch.Now)
	}
	return nil
}

// start begins an attempt, unless there is a reason not to send.
func (r *run) start(ctx context.Context, j *job, expired bool, storeNow time.Time) {
	e, d := r.e, j.delivery
	if expired {
		e.cfg.logger.WarnContext(ctx, "lease expired", "delivery", d.ID, "endpoint", d.EndpointID, "expiries", d.Expiries)
		e.observers.leaseExpired(ctx, d)
	}
	if r.settler.reclaimed(d) {
		// Its outcome is here and could not be stored in time: it is stored under
		// the new token, and nothing is sent again.
		e.lanes.finish(j.flight, landedUnsent, time.Now())
		return
	}
	o, send := r.mayNotSend(j, expired, storeNow)
	if !send {
		e.lanes.finish(j.flight, landedUnsent, time.Now())
		r.settler.add(j, o)
		return
	}
	r.attempts.Add(1)
	if j.suspect {
		go r.attemptAlone(j)
		return
	}
	r.pace.add(j)
}

func (r *run) giveBack(j *job) {
	r.e.lanes.finish(j.flight, landedUnsent, time.Now())
	r.settler.add(j, outcome{state: StatePending})
}

// mayNotSend returns the outcome of a delivery that is not to be sent now, or
// that it is.
func (r *run) mayNotSend(j *job, expired bool, storeNow time.Time) (outcome, bool) {
	cancelled := func(reason Code) (outcome, bool) { return outcome{state: StateCancelled, reason: reason}, false }
	switch {
	case !j.endpoint.DeletedAt.IsZero():
		return cancelled(CodeEndpointDeleted)
	case j.endpoint.Status == EndpointDisabled:
		return cancelled(CodeEndpointDisabled)
	case !j.event.Until.IsZero() && !storeNow.Before(j.event.Until):
		return cancelled(CodeExpired)
	case len(j.event.Body) == 0:
		return cancelled(CodePurged)
	}
	return r.checkCrashes(j, expired)
}

// launch hands a job to a worker that is free, or to a new one. Workers stay:
// the stack of a new goroutine would have to grow, by copying, to what net/http
// needs, for every attempt.
func (r *run) launch(j *job) {
	if r.free.Add(-1) >= 0 {
		r.jobs <- j // has room for every worker there can be: never blocks
		return
	}
	r.free.Add(1)
	r.workers.Go(func() { r.work(j) })
}

// work makes attempts until the run ends, or there are enough free workers.
func (r *run) work(j *job) {
	// A transport of the host may hang things on the context of a request that
	// only its end releases, so that it gets one of its own for each.
	var s *egress.Sender
	if r.e.guard != nil {
		s = egress.NewSender(r.ctx)
		defer s.Close()
	}
	for ok := true; ok; j, ok = <-r.jobs {
		for j != nil {
			r.attempt(j, s)
			j = r.pace.done(j)
		}
		if r.free.Load() >= int64(r.e.cfg.concurrency) {
			return
		}
		r.free.Add(1)
	}
}
