//go:build unix

package crash

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
)

// A process ends itself by SIGKILL at each of the points where something has been
// done and the next thing has not.
func testPoints(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 2 * time.Millisecond
	stop := f.keepPublishing(300)
	kills := 0
	for i := range f.form.perPoint {
		for _, name := range points {
			w := f.start(func(o *orders) {
				o.Point = point{Name: name, Nth: 4 + rand.Int64N(12), Within: 3 * time.Millisecond}
				if name == pointDial || name == pointResponse {
					o.Point.Nth = 30 + rand.Int64N(150)
				}
			})
			w.await(time.Minute)
			if at := diedAt(t, w); at != name {
				t.Errorf("round %d: ended at %q, want %q\n%s", i, at, name, w.complaints())
			}
			kills++
		}
	}
	stop()
	f.start(nil)
	f.done(90 * time.Second)
	h := f.history()
	if f.form.full {
		// A host that crashes three times a second is in a crash loop: what was in
		// flight each time is tried one by one.
		h.Terms.DoneWithin = time.Minute
	}
	if r := f.checked("named points", h); r.Kills != kills || r.Interrupted == 0 {
		t.Errorf("%d kills of %d, %d interrupted: the test proves nothing", r.Kills, kills, r.Interrupted)
	}
}

// diedAt returns the point at which a process has ended itself.
func diedAt(t *testing.T, p *process) string {
	t.Helper()
	records, err := history.ReadLog(p.log)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Kind == history.Dying {
			return r.Point
		}
	}
	return ""
}

// keepPublishing publishes, a bit ahead of the receiver, until the returned
// function is called.
func (f *fleet) keepPublishing(ahead int) (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.publish(ctx, 1<<30, ahead) // ends with ctx
	}()
	stop = func() {
		cancel()
		<-ended
	}
	f.t.Cleanup(stop)
	return stop
}
