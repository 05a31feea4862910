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
			// A process that was stopped with the one lock of the database keeps the
			// others from breaking anything, so it takes more than one try now and then.
			var broken []history.Rule
			for range 5 {
				broken = playFault(t, p, c.fault)
				if slices.Contains(broken, c.rule) {
					return
				}
			}
			t.Errorf("not found: broken are %v, want %v", broken, c.rule)
		})
	}
}

// playFault stops one of two processes whose store has a fault for twice the lease,
// and returns the rules that were broken.
func playFault(t *testing.T, p place, fault string) []history.Rule {
	t.Helper()
	f := newFleet(t, p)
	f.receiver.delay = 300 * time.Millisecond
	f.tuning.Concurrency = 32
	stop := f.keepPublishing(300)
	first := f.start(func(o *orders) { o.Fault = fault })
	f.start(func(o *orders) { o.Fault = fault })
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
	// A store with a fault need not come to an end with what it has; the breach is in
	// the history already.
	r := history.Check(f.history())
	return r.Broken()
}
