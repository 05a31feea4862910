//go:build unix

package crash

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// A process with three workers is killed by SIGKILL again and again while it
// delivers. Everything arrives, and twice only what was in flight or not stored
// at a kill.
func testSIGKILL(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 5 * time.Millisecond
	f.receiver.refuse = 2
	kills, deliveries := f.form.kills, f.form.deliveries
	if !f.form.full && !f.form.taste && p.kind != "sqlite" && p.kind != "postgres" {
		kills, deliveries = 3, 600
	}
	own := deliveries / 10 / kills / endpoints // one in ten is published by the workers
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan error, 1)
	go func() {
		published <- f.publish(ctx, deliveries-own*kills*endpoints, 2000)
		close(published)
	}()
	t.Cleanup(func() {
		cancel()
		for range published { // ended
		}
	})

	w := f.start(func(o *orders) { o.Publish, o.Events = own, 1 })
	for i := range kills {
		f.reach((i+1)*deliveries/(kills+2), time.Minute)
		pause(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
		w.kill()
		w = f.start(func(o *orders) { o.Publish, o.Events = own, 1 })
	}
	if err := <-published; err != nil {
		t.Error(err)
	}
	f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
	r := f.check("SIGKILL")
	if r.Kills != kills || r.Deliveries < deliveries*9/10 || r.Interrupted == 0 {
		t.Errorf("%d kills, %d deliveries, %d interrupted: the test proves nothing", r.Kills, r.Deliveries, r.Interrupted)
	}
}

// pause lets time pass before the next thing is done to the processes.
func pause(d time.Duration) { time.Sleep(d) }
