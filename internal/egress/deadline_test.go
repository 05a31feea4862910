package egress

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline that is moved ends its context neither sooner nor later than the
// last one that was set, whatever its timer was set for.
func TestDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		d := newDeadline(cancel)
		defer d.stop()
		start := time.Now()

		// Requests that follow one another for longer than one of them may last.
		for range 100 {
			d.set(time.Now().Add(time.Second))
			time.Sleep(900 * time.Millisecond)
			if d.clear() || ctx.Err() != nil {
				t.Fatalf("ended after %v: %v", time.Since(start), context.Cause(ctx))
			}
		}
		// Nobody waits: the timer rings for nobody, and once.
		time.Sleep(time.Minute)
		d.mu.Lock()
		rings := d.rings
		d.mu.Unlock()
		if !rings.IsZero() || ctx.Err() != nil {
			t.Fatalf("after a minute of rest: rings %v, %v", rings, context.Cause(ctx))
		}
		// A shorter time than the timer was set for.
		d.set(time.Now().Add(time.Hour))
		d.clear()
		began := time.Now()
		d.set(began.Add(time.Second))
		<-ctx.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("ended after %v instead of 1s", took)
		}
		if !errors.Is(context.Cause(ctx), errDeadline) {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		if !d.clear() {
			t.Error("clear does not tell that the time had passed")
		}
	})
}

// A longer time than the timer was set for is granted in full.
func TestDeadlineIsProlonged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		d := newDeadline(cancel)
		defer d.stop()
		d.set(time.Now().Add(time.Second))
		d.clear()
		began := time.Now()
		d.set(began.Add(time.Hour))
		<-ctx.Done()
		if took := time.Since(began); took != time.Hour {
			t.Errorf("ended after %v instead of 1h", took)
		}
	})
}
