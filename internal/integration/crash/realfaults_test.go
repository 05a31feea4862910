//go:build unix

package crash

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
)

// What the checker finds in the lab it finds in the histories of real processes,
// too.
func testFaults(t *testing.T, p place) {
	for _, c := range []struct {
		fault string
		rule  history.Rule
	}{
		{"the fence is dropped", history.Fence},
		{"a settle is answered and not written", history.Unsaved},
		{"the lease is taken from a clock that is behind", history.Exclusive},
	} {
		t.Run(c.fault, func(t *testing.T) {
			f := newFleet(t, p)
			f.receiver.delay = 300 * time.Millisecond
			f.tuning.Concurrency = 32
			stop := f.keepPublishing(300)
			first := f.start(func(o *orders) { o.Fault = c.fault })
			f.start(func(o *orders) { o.Fault = c.fault })
			f.reach(50, time.Minute)
			if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			pause(2 * f.tuning.lease())
			if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			taken, _ := f.receiver.distinct()
			f.reach(taken+200, time.Minute)
			stop()
			// A store with a fault need not come to an end with what it has; the
			// breach is in the history already.
			r := history.Check(f.history())
			if !slices.Contains(r.Broken(), c.rule) {
				t.Errorf("not found: broken are %v, want %v", r.Broken(), c.rule)
			}
		})
	}
}
