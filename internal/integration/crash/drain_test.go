//go:build unix

package crash

import (
	"testing"
	"time"
)

// Processes are ended one after another while they deliver, as their
// administrators do at a rollout: every other time with next to no time to drain.
// What they hold goes to the next one, and nothing waits for a lease.
func testDrain(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 40 * time.Millisecond
	// So many come with one claim that some wait for their attempt to begin.
	f.tuning.Concurrency = 128
	stop := f.keepPublishing(1000)
	old := f.start(nil)
	for i := range max(4, f.form.restarts) {
		f.reachFrom(old.Name, 400, time.Minute)
		next := f.start(func(o *orders) {
			if i%2 == 0 {
				o.Tuning.Drain = 10 * time.Millisecond
			}
		})
		f.reachFrom(next.Name, 1, time.Minute)
		old.end()
		old = next
	}
	stop()
	f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
	if r := f.check("drain"); r.CutOff == 0 {
		t.Error("no attempt was cut off: the test proves nothing")
	}
}
