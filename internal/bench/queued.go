package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// fillBatch is how many events one call of fill publishes.
const fillBatch = 100

// pollEvery is how often the number of settled deliveries is looked at. The end
// of a run is seen late by half of it on average, to the queue's disadvantage:
// one in two thousand of a run of five seconds.
const pollEvery = 5 * time.Millisecond

// queue is what a contender that keeps deliveries must be able to do; queued
// makes a contender of it.
type queue interface {
	setup(ctx context.Context, s setup) (keys [][]byte, err error)
	// attach connects to what another process has set up, only to publish.
	attach(ctx context.Context, s setup) error
	// publish makes one event wait, in one call.
	publish(ctx context.Context, e event) error
	// publishBatch makes several wait.
	publishBatch(ctx context.Context, events []event) error
	// start begins to send, in the background.
	start(ctx context.Context) error
	// settled is how many deliveries have been delivered, and how many have
	// ended otherwise.
	settled(ctx context.Context) (delivered, failed int64, err error)
	// pause holds back what waits until resume.
	pause(ctx context.Context) error
	resume(ctx context.Context) error
	stop(ctx context.Context) error
}

// event is what is published.
type event struct {
	// ID is what the receiver sees; "" leaves it to the queue.
	ID      string
	Type    string
	Payload []byte
}

// queued is a contender that publishes to a queue.
type queued struct {
	queue
	setupInfo setup
}

func (q *queued) setup(ctx context.Context, s setup) ([][]byte, error) {
	q.setupInfo = s
	return q.queue.setup(ctx, s)
}

func (q *queued) attach(ctx context.Context, s setup) error {
	q.setupInfo = s
	return q.queue.attach(ctx, s)
}

// event returns the i-th event of a series that fans out so.
func (q *queued) event(i, fanOut int) event {
	e := event{Type: wideType, Payload: q.setupInfo.Payload}
	if fanOut == 1 {
		e.Type = narrowType(i % q.setupInfo.Endpoints)
	}
	return e
}

// eventCount is how many events make n deliveries.
func (q *queued) eventCount(n, fanOut int) (int, error) {
	if fanOut != 1 && fanOut != q.setupInfo.Endpoints {
		return 0, fmt.Errorf("fan-out %d is neither 1 nor the number of endpoints, %d", fanOut, q.setupInfo.Endpoints)
	}
	if n%fanOut != 0 {
		return 0, fmt.Errorf("%d deliveries cannot be made at a fan-out of %d", n, fanOut)
	}
	return n / fanOut, nil
}

// fill publishes in batches, several at a time.
func (q *queued) fill(ctx context.Context, n, fanOut int) error {
	count, err := q.eventCount(n, fanOut)
	if err != nil {
		return err
	}
	return q.inBatches(ctx, count, func(i int) event { return q.event(i, fanOut) })
}

// inBatches publishes count events in batches, several batches at a time.
func (q *queued) inBatches(ctx context.Context, count int, at func(i int) event) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range q.setupInfo.Publishers {
		wg.Go(func() {
			for {
				first := int(next.Add(fillBatch)) - fillBatch
				if first >= count || ctx.Err() != nil {
					return
				}
				batch := make([]event, min(fillBatch, count-first))
				for i := range batch {
					batch[i] = at(first + i)
				}
				if err := q.publishBatch(ctx, batch); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fillFirst makes n deliveries wait for the first endpoints, in turn.
func (q *queued) fillFirst(ctx context.Context, n, endpoints int) error {
	return q.inBatches(ctx, n, func(i int) event {
		return event{Type: narrowType(i % endpoints), Payload: q.setupInfo.Payload}
	})
}

func (q *queued) drain(ctx context.Context, n int) error {
	if err := q.start(ctx); err != nil {
		return err
	}
	return q.await(ctx, int64(n))
}

// await returns when n deliveries have been delivered since setup.
func (q *queued) await(ctx context.Context, n int64) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		delivered, err := q.delivered(ctx)
		if err != nil {
			return err
		}
		if delivered >= n {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d deliveries were delivered: %w", delivered, n, context.Cause(ctx))
		}
	}
}

// delivered is settled without failures.
func (q *queued) delivered(ctx context.Context) (int64, error) {
	delivered, failed, err := q.settled(ctx)
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d deliveries failed", failed)
	}
	return delivered, err
}

// publish keeps the backlog short, so that publishing and sending go on side
// by side to the end.
func (q *queued) publish(ctx context.Context, n, fanOut int) error {
	count, err := q.eventCount(n, fanOut)
	if err != nil {
		return err
	}
	if err := q.start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gate := newGate(int64(q.setupInfo.Outstanding))

	var next atomic.Int64
	var wg sync.WaitGroup
	for range q.setupInfo.Publishers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count || !gate.take(ctx, int64(fanOut)) {
					return
				}
				if err := q.queue.publish(ctx, q.event(i, fanOut)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			delivered, err := q.delivered(ctx)
			if err != nil {
				cancel(err)
				return
			}
			gate.release(delivered)
			if delivered >= int64(n) {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	wg.Wait()
	return context.Cause(ctx)
}

func (q *queued) open(ctx context.Context) error { return q.start(ctx) }

func (q *queued) send(ctx context.Context, id string, endpoint int) (time.Time, error) {
	e := event{ID: id, Type: narrowType(endpoint), Payload: q.setupInfo.Payload}
	at := time.Now()
	return at, q.queue.publish(ctx, e)
}

func (q *queued) close(ctx context.Context) error { return q.stop(ctx) }

// gate bounds how much was taken and not yet released.
type gate struct {
	mu              sync.Mutex
	bound           int64
	taken, released int64
	// opened is closed and replaced when something was released.
	opened chan struct{}
}

func newGate(bound int64) *gate { return &gate{bound: bound, opened: make(chan struct{})} }

// take waits for room, and takes n. It returns false when ctx ends.
func (g *gate) take(ctx context.Context, n int64) bool {
	for {
		g.mu.Lock()
		if g.taken-g.released < g.bound {
			g.taken += n
			g.mu.Unlock()
			return ctx.Err() == nil
		}
		opened := g.opened
		g.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return false
		}
	}
}

// release says that total was released since the beginning.
func (g *gate) release(total int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if total > g.released {
		g.released = total
		close(g.opened)
		g.opened = make(chan struct{})
	}
}

// errNoQueue: a scenario about waiting deliveries was asked of a contender
// that has none.
var errNoQueue = errors.New("the contender keeps no deliveries")

func asQueued(c contender) (*queued, error) {
	q, ok := c.(*queued)
	if !ok {
		return nil, errNoQueue
	}
	return q, nil
}
