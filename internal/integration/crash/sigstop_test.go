//go:build unix

package crash

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
)

// A process stands still for twice the lease, while another goes on. What it
// holds is taken over, and what it writes when it wakes up changes nothing.
func testSIGSTOP(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 20 * time.Millisecond
	stop := f.keepPublishing(300)
	sleeper := f.start(nil)
	f.start(nil)
	f.reach(100, time.Minute)
	rounds := max(2, f.form.restarts)
	if p.kind == "sqlite" {
		// Where it is stopped with the one lock of the database, nobody can take
		// over what it holds.
		rounds = max(8, rounds)
	}
	for range rounds {
		pause(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
		from := time.Now()
		if err := sleeper.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		pause(2 * f.tuning.lease())
		if err := sleeper.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		span := history.Span{From: from, To: time.Now()}
		sleeper.Stopped = append(sleeper.Stopped, span)
		if p.kind == "sqlite" {
			// It may have held the one lock of the database.
			f.outages = append(f.outages, history.Outage{Span: span, Brief: true})
		}
		taken, _ := f.receiver.distinct()
		f.reach(taken+200, time.Minute)
	}
	stop()
	f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
	if r := f.check("SIGSTOP"); r.Interrupted == 0 {
		t.Error("no lease has run out: the test proves nothing")
	}
}
