package main

import (
	"context"
	"fmt"
	"time"
)

// runClaim measures whether a claim takes longer when the store holds much that
// it may not take. Two databases are made alike, but for what lies in them
// besides: a big number of deliveries, pending for other endpoints or delivered
// long ago, against a small number. Then the same is claimed and settled in both
// in turn, and only the claims are timed. Both are used by one process at once,
// so that nothing but the contents differs.
func runClaim(ctx context.Context, r *running) (result, error) {
	c := r.Config.Claim
	sizes := [2]int{c.Small, c.BigPending}
	if r.Variant == variantHistory {
		sizes[1] = c.BigHistory
	}
	var sides [2]*claimSide
	for i, n := range sizes {
		side, err := r.newClaimSide(ctx, n)
		if err != nil {
			return result{}, fmt.Errorf("database with %d: %w", n, err)
		}
		sides[i] = side
	}
	var took [2][]time.Duration
	for round := range claimWarmup + c.Claims {
		for i := range sides {
			side := sides[(i+round)%2]
			d, err := side.claimOnce(ctx)
			if err != nil {
				return result{}, err
			}
			if round >= claimWarmup {
				took[(i+round)%2] = append(took[(i+round)%2], d)
			}
		}
	}
	return result{Base: summarize(took[0]), Latency: summarize(took[1])}, nil
}

const (
	// claimWarmup is how many claims are not counted.
	claimWarmup = 20
	// claimLanes have work, a batch of it at a time, and claimOthers the
	// deliveries that may not be taken.
	claimLanes, claimOthers = 10, 100
)

// claimSide is one of the two databases.
type claimSide struct{ *storeAlone }

// newClaimSide makes a database with n deliveries besides.
func (r *running) newClaimSide(ctx context.Context, n int) (*claimSide, error) {
	// Each side is a contender of its own; the run's closes the last one.
	if r.ready {
		first := r.contender
		r.drops = append([]func(context.Context) error{first.close}, r.drops...)
		r.contender = r.entrant.make()
	}
	s, err := r.setupStore(ctx, setup{
		Endpoints: claimLanes + claimOthers, InFlight: r.Config.InFlight,
		Capacity: n + (claimWarmup+r.Config.Claim.Claims+2)*storeBatch,
	})
	if err != nil {
		return nil, err
	}
	side := &claimSide{s}
	if r.Variant == variantHistory {
		err = side.deliver(ctx, n)
	} else {
		err = side.queue.inBatches(ctx, n, func(i int) event {
			return event{Type: narrowType(claimLanes + i%claimOthers), Payload: r.setupInfo.Payload}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	return side, r.Server.settleDown(ctx, r.setupInfo.DSN)
}

// deliver makes n deliveries that have been delivered. On SQL a few are made in
// the ordinary way, and the others are copies of them that the database makes.
func (s *claimSide) deliver(ctx context.Context, n int) error {
	onSQL := s.r.Server.sqlDriver() != ""
	patterns := n
	if onSQL {
		patterns = min(n, claimPatterns)
	}
	err := s.queue.inBatches(ctx, patterns, func(i int) event {
		return event{Type: narrowType(i % (claimLanes + claimOthers)), Payload: s.r.setupInfo.Payload}
	})
	if err != nil {
		return err
	}
	for done := 0; done < patterns; {
		batch, err := s.claim(ctx, s.lanes, storeBatch)
		if err != nil {
			return err
		}
		if err := s.settle(ctx, batch); err != nil {
			return err
		}
		done += len(batch.Deliveries)
		if len(batch.Deliveries) == 0 {
			return fmt.Errorf("%d of %d deliveries can be claimed", done, patterns)
		}
	}
	if !onSQL {
		return nil
	}
	return s.r.Server.multiply(ctx, s.r.setupInfo.DSN, patterns, n)
}

// claimPatterns is how many deliveries are copied to make a history.
const claimPatterns = 10_000

// claimOnce makes a batch wait, times its claim and settles it.
func (s *claimSide) claimOnce(ctx context.Context) (time.Duration, error) {
	batch := make([]event, storeBatch)
	for i := range batch {
		batch[i] = event{Type: narrowType(i % claimLanes), Payload: s.r.setupInfo.Payload}
	}
	if err := s.queue.publishBatch(ctx, batch); err != nil {
		return 0, err
	}
	start := time.Now()
	claimed, err := s.claim(ctx, s.lanes[:claimLanes], storeBatch)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	if len(claimed.Deliveries) != storeBatch {
		return 0, fmt.Errorf("%d of %d deliveries were claimed", len(claimed.Deliveries), storeBatch)
	}
	return took, s.settle(ctx, claimed)
}
