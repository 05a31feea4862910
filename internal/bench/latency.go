package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// latency is how long deliveries took from just before their publishing to
// their receipt.
type latency struct {
	P50, P99, Max time.Duration
	Samples       int
}

// runLatency measures latency at a low rate: what a lone event waits.
func runLatency(ctx context.Context, r *running) (result, error) {
	n := samples(r.Config.Rate, r.Config.LatencyDuration)
	err := r.setup(ctx,
		setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n},
		sinkConfig{Record: true})
	if err != nil {
		return result{}, err
	}
	if err := r.contender.open(ctx); err != nil {
		return result{}, err
	}
	lat, u, err := r.measureLatency(ctx, n, r.Config.Rate, 0, r.Config.Endpoints)
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u, Latency: lat}, r.sink.expect(ctx, n)
}

// samples is how many events a rate makes in a time, at least one.
func samples(rate int, d time.Duration) int {
	return max(1, int(float64(rate)*d.Seconds()))
}

// measureLatency sends n events at the rate, to the endpoints in turn from the
// first to before the last, and waits for their receipt.
func (r *running) measureLatency(ctx context.Context, n, rate, first, last int) (latency, usage, error) {
	sent := make(map[string]time.Time, n)
	u, err := r.measure(func() error {
		return pace(ctx, n, rate, func(i int) error {
			id := eventID(i)
			at, err := r.contender.send(ctx, id, first+i%(last-first))
			sent[id] = at
			return err
		})
	})
	if err != nil {
		return latency{}, u, err
	}
	lat, err := r.latencyOf(ctx, sent)
	if err != nil {
		return latency{}, u, err
	}
	start, end := sent[eventID(0)], time.Now()
	return lat, u, checkClock(end.Sub(start), end.Round(0).Sub(start.Round(0)))
}

// latencyOf waits for the receipt of the events that were sent.
func (r *running) latencyOf(ctx context.Context, sent map[string]time.Time) (latency, error) {
	received, err := r.awaitReceipts(ctx, sent)
	if err != nil {
		return latency{}, err
	}
	took := make([]time.Duration, 0, len(sent))
	for id, at := range sent {
		took = append(took, time.Duration(received[id]-at.UnixNano()))
	}
	return summarize(took), nil
}

// pace calls f n times at the rate. A call that comes late, because the one
// before took long, is made at once; those after it come at their own times.
func pace(ctx context.Context, n, rate int, f func(i int) error) error {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range n {
		timer.Reset(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// awaitReceipts returns when each of the events was received, by id. It is an
// error if one was received twice.
func (r *running) awaitReceipts(ctx context.Context, sent map[string]time.Time) (map[string]int64, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		rep, err := r.sink.report(ctx, true)
		if err != nil {
			return nil, err
		}
		received := make(map[string]int64, len(sent))
		for _, rec := range rep.Receipts {
			if _, ok := sent[rec.ID]; !ok {
				continue
			}
			if _, twice := received[rec.ID]; twice {
				return nil, fmt.Errorf("event %s was received twice", rec.ID)
			}
			received[rec.ID] = rec.At
		}
		if len(received) == len(sent) {
			return received, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d events were received: %w", len(received), len(sent), context.Cause(ctx))
		}
	}
}

// checkClock refuses figures that a step of the wall clock may have spoiled:
// between start and end, the monotonic clock must have gone as far. Slewing, of
// at most 0.05 %, does no harm.
func checkClock(monotonic, wall time.Duration) error {
	if off := (wall - monotonic).Abs(); off > monotonic/1000+time.Millisecond {
		return fmt.Errorf("the wall clock was set during the run, by %v", off)
	}
	return nil
}

// summarize sorts d.
func summarize(d []time.Duration) latency {
	slices.Sort(d)
	return latency{
		P50: percentile(d, 50), P99: percentile(d, 99), Max: percentile(d, 100),
		Samples: len(d),
	}
}

// percentile returns the smallest element that at least p percent of the sorted
// elements do not exceed (nearest rank); 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
