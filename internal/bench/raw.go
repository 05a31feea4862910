package main

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// raw is the base of every ratio: a net/http loop that signs and posts. It
// keeps nothing and has no time-out.
type raw struct {
	setupInfo setup
	poster    *poster
}

func (r *raw) setup(_ context.Context, s setup) ([][]byte, error) {
	r.setupInfo = s
	r.poster = newPoster(s, s.InFlight)
	return r.poster.keys, nil
}

// fill has nothing to do: what raw sends waits nowhere.
func (r *raw) fill(context.Context, int, int) error { return nil }

func (r *raw) drain(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.setupInfo.InFlight {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				_, err := r.send(ctx, "msg_"+strconv.Itoa(i), i%r.setupInfo.Endpoints)
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// publish is drain: without a store, to publish is to post.
func (r *raw) publish(ctx context.Context, n, _ int) error { return r.drain(ctx, n) }

func (r *raw) open(context.Context) error { return nil }

func (r *raw) send(ctx context.Context, id string, endpoint int) (time.Time, error) {
	return r.poster.post(ctx, id, endpoint, r.setupInfo.Payload)
}

func (r *raw) close(context.Context) error {
	r.poster.close()
	return nil
}
