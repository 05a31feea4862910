package main

import (
	"context"
	"fmt"
	"time"
)

// runBacklog measures how fast a backlog of a given size drains. The sender is
// running and its connections are warm; the endpoints are paused while the
// backlog is made, and the clock starts when they are resumed.
//
// The small backlog is made and drained again and again, and only the draining
// counts, until the window is full. The big one is watched for the window from
// its beginning, while nearly all of it is still there: draining it to the end
// would measure a small backlog for much of the time.
func runBacklog(ctx context.Context, r *running) (result, error) {
	q, err := asQueued(r.contender)
	if err != nil {
		return result{}, err
	}
	fanOut := r.Config.Endpoints
	small := (r.Config.SmallBacklog + fanOut - 1) / fanOut * fanOut
	big := (r.Config.BigBacklog + fanOut - 1) / fanOut * fanOut
	// How often the small one fits into the window is not known beforehand; no
	// sender on net/http makes more than a delivery in 5 µs.
	capacity := small + max(big, int(r.Config.BacklogWindow/(5*time.Microsecond)))

	err = r.setup(ctx, setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: capacity}, sinkConfig{})
	if err != nil {
		return result{}, err
	}
	if err := q.start(ctx); err != nil {
		return result{}, err
	}
	if _, err := r.drainBacklog(ctx, q, small, fanOut, r.Config.Timeout); err != nil { // warm up
		return result{}, err
	}

	if r.Variant == variantBig {
		return r.drainBacklog(ctx, q, big, fanOut, r.Config.BacklogWindow)
	}
	var sum result
	for sum.Usage.Elapsed < r.Config.BacklogWindow {
		one, err := r.drainBacklog(ctx, q, small, fanOut, r.Config.Timeout)
		if err != nil {
			return result{}, err
		}
		sum.Deliveries += one.Deliveries
		sum.Usage.add(one.Usage)
	}
	return sum, nil
}

// drainBacklog makes n deliveries wait and measures their draining for at most
// the window.
func (r *running) drainBacklog(ctx context.Context, q *queued, n, fanOut int, window time.Duration) (result, error) {
	if err := q.pause(ctx); err != nil {
		return result{}, fmt.Errorf("pause: %w", err)
	}
	before, err := q.delivered(ctx)
	if err != nil {
		return result{}, err
	}
	if err := q.fill(ctx, n, fanOut); err != nil {
		return result{}, fmt.Errorf("fill: %w", err)
	}
	delivered, err := q.delivered(ctx)
	if err != nil {
		return result{}, err
	}
	if delivered != before {
		return result{}, fmt.Errorf("%d deliveries were sent to paused endpoints", delivered-before)
	}

	cpu, serverCPU, err := r.cpu()
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	if err := q.resume(ctx); err != nil {
		return result{}, fmt.Errorf("resume: %w", err)
	}
	// A small backlog lasts a fraction of a second, in which a coarse poll
	// would show.
	tick := time.NewTicker(pollEvery / 5)
	defer tick.Stop()
	for {
		delivered, err := q.delivered(ctx)
		if err != nil {
			return result{}, err
		}
		elapsed := time.Since(start)
		if delivered >= before+int64(n) || elapsed >= window {
			end, serverEnd, err := r.cpu()
			u := usage{Elapsed: elapsed, CPU: end - cpu, ServerCPU: serverEnd - serverCPU}
			return result{Deliveries: int(delivered - before), Usage: u}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return result{}, context.Cause(ctx)
		}
	}
}

// cpu is the CPU time of this process and of the server.
func (r *running) cpu() (own, server time.Duration, err error) {
	if own, err = cpuTime(); err != nil {
		return 0, 0, err
	}
	server, err = treeCPU(r.Server.PIDs)
	return own, server, err
}
