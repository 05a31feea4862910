package main

import (
	"context"
	"fmt"
	"time"
)

// runIsolation measures the latency of healthy endpoints, alone and beside ones
// that hang and have a backlog of their own. The contender runs with its own
// default limits: those are what must keep endpoints apart.
func runIsolation(ctx context.Context, r *running) (result, error) {
	q, err := asQueued(r.contender)
	if err != nil {
		return result{}, err
	}
	c := r.Config.Isolation
	n := samples(c.Rate, c.Duration)
	err = r.setup(ctx,
		setup{Endpoints: c.Endpoints, AttemptTimeout: c.AttemptTimeout, Capacity: n + c.Backlog},
		sinkConfig{Record: true, Hang: c.Hanging})
	if err != nil {
		return result{}, err
	}
	if r.Variant == variantWith {
		if err := q.fillFirst(ctx, c.Backlog, c.Hanging); err != nil {
			return result{}, fmt.Errorf("fill: %w", err)
		}
	}
	if err := q.open(ctx); err != nil {
		return result{}, err
	}
	if r.Variant == variantWith {
		if err := r.awaitHanging(ctx); err != nil {
			return result{}, err
		}
	}
	lat, u, err := r.measureLatency(ctx, n, c.Rate, c.Hanging, c.Endpoints)
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u, Latency: lat}, nil
}

// awaitHanging returns when requests hang and their number has ceased to grow.
func (r *running) awaitHanging(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for before := int64(0); ; {
		rep, err := r.sink.report(ctx, false)
		if err != nil {
			return err
		}
		if rep.Hanging > 0 && rep.Hanging <= before {
			return nil
		}
		before = rep.Hanging
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d requests hang: %w", before, context.Cause(ctx))
		}
	}
}
