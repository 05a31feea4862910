package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	// storeClaimers claim and settle at once, in batches of storeBatch.
	storeClaimers = 4
	storeBatch    = 100
	// storeLease is longer than any run.
	storeLease = 10 * time.Minute
)

// runStore measures what the store alone does for a delivery once it is
// published: claim it, settle it, record the attempt. Nothing is sent but the
// one delivery whose recorded attempt serves as the pattern for all others.
//
// As in the backlog scenario, a small backlog is made and worked off until the
// window is full, and a big one is watched for the window from its beginning.
func runStore(ctx context.Context, r *running) (result, error) {
	fanOut := r.Config.Endpoints
	small := (r.Config.SmallBacklog + fanOut - 1) / fanOut * fanOut
	big := (r.Config.BigBacklog + fanOut - 1) / fanOut * fanOut
	// No store settles a delivery in less than 2 µs.
	capacity := fanOut + small + max(big, int(r.Config.BacklogWindow/(2*time.Microsecond)))
	s, err := r.setupStore(ctx, setup{Endpoints: fanOut, InFlight: r.Config.InFlight, Capacity: capacity})
	if err != nil {
		return result{}, err
	}
	if err := s.work(ctx, small, fanOut, r.Config.Timeout, &result{}); err != nil { // warm up
		return result{}, err
	}
	var sum result
	if r.Variant == variantBig {
		if err := s.work(ctx, big, fanOut, r.Config.BacklogWindow, &sum); err != nil {
			return result{}, err
		}
		return sum, r.sink.expect(ctx, fanOut)
	}
	for sum.Usage.Elapsed < r.Config.BacklogWindow {
		if err := s.work(ctx, small, fanOut, r.Config.Timeout, &sum); err != nil {
			return result{}, err
		}
	}
	return sum, r.sink.expect(ctx, fanOut)
}

// storeAlone is a store with endpoints, without an engine that runs.
type storeAlone struct {
	r     *running
	queue *queued
	store store.Store
	lanes []string
	// attempt is what every settle records.
	attempt store.Attempt
}

// setupStore sets the contender up, delivers one event in the ordinary way, and
// ends the engine.
func (r *running) setupStore(ctx context.Context, s setup) (*storeAlone, error) {
	q, err := asQueued(r.contender)
	if err != nil {
		return nil, err
	}
	p, ok := q.queue.(*postrider)
	if !ok {
		return nil, fmt.Errorf("%s has no store of this library", r.Contender)
	}
	if err := r.setup(ctx, s, sinkConfig{}); err != nil {
		return nil, err
	}
	if err := q.fill(ctx, s.Endpoints, s.Endpoints); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	if err := q.drain(ctx, s.Endpoints); err != nil {
		return nil, err
	}
	if err := p.halt(ctx); err != nil {
		return nil, err
	}
	page, err := p.store.Deliveries(ctx, store.DeliveryQuery{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Items) != 1 {
		return nil, errors.New("no delivery after the first one")
	}
	attempts, err := p.store.Attempts(ctx, "", page.Items[0].ID)
	if err != nil {
		return nil, err
	}
	if len(attempts) != 1 {
		return nil, fmt.Errorf("%d attempts of the first delivery", len(attempts))
	}
	return &storeAlone{r: r, queue: q, store: p.store, lanes: p.endpoints, attempt: attempts[0]}, nil
}

// work makes n deliveries wait, works them off for at most the window, and adds
// what that took to sum.
func (s *storeAlone) work(ctx context.Context, n, fanOut int, window time.Duration, sum *result) error {
	if err := s.queue.fill(ctx, n, fanOut); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	var done atomic.Int64
	end := time.Now().Add(window)
	u, err := s.r.measure(func() error {
		return s.inParallel(ctx, func(ctx context.Context) (more bool, err error) {
			batch, err := s.claim(ctx, s.lanes, storeBatch)
			if err != nil {
				return false, err
			}
			if err := s.settle(ctx, batch); err != nil {
				return false, err
			}
			done.Add(int64(len(batch.Deliveries)))
			return done.Load() < int64(n) && time.Now().Before(end), nil
		})
	})
	sum.Deliveries += int(done.Load())
	sum.Usage.add(u)
	return err
}

// inParallel calls f by each of the claimers until it says that there is no
// more.
func (s *storeAlone) inParallel(ctx context.Context, f func(context.Context) (more bool, err error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range storeClaimers {
		wg.Go(func() {
			for {
				more, err := f(ctx)
				if err != nil {
					cancel(err)
				}
				if err != nil || !more {
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// claim takes up to n deliveries of the lanes, in an order of its own, so that
// claimers do not follow each other.
func (s *storeAlone) claim(ctx context.Context, lanes []string, n int) (store.Batch, error) {
	p := store.ClaimParams{Max: n, Lease: storeLease}
	for _, i := range rand.Perm(len(lanes)) {
		p.Lanes = append(p.Lanes, store.Lane{ID: lanes[i], N: (n + len(lanes) - 1) / len(lanes)})
	}
	return s.store.Claim(ctx, p)
}

// settle stores that all were delivered.
func (s *storeAlone) settle(ctx context.Context, batch store.Batch) error {
	if len(batch.Deliveries) == 0 {
		return nil
	}
	outcomes := make([]store.Outcome, len(batch.Deliveries))
	for i, d := range batch.Deliveries {
		attempt := s.attempt
		attempt.Number = 0
		attempt.DeliveryID = d.Delivery.ID
		outcomes[i] = store.Outcome{
			DeliveryID: d.Delivery.ID, Token: d.Delivery.Token, State: store.StateDelivered, Attempt: &attempt,
		}
	}
	settled, err := s.store.Settle(ctx, outcomes)
	if err == nil && len(settled.Lost) > 0 {
		err = fmt.Errorf("%d of %d outcomes were lost", len(settled.Lost), len(outcomes))
	}
	return err
}
