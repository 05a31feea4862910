//go:build unix

package crash

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// A host crashes soon after every start, whatever it delivers. No delivery is
// failed by that: once the host lives, everything arrives.
func testCrashLoop(t *testing.T, p place) {
	few := endpoints
	if theForm().full {
		few *= 3
	}
	// The same few are in flight at every crash.
	t.Run("few", func(t *testing.T) { crashLoop(t, p, few, "", 600*time.Millisecond) })
	if !theForm().full {
		return
	}
	t.Run("many", func(t *testing.T) { crashLoop(t, p, 20*theForm().crashes, "", 100*time.Millisecond) })
	t.Run("few-after-claim", func(t *testing.T) { crashLoop(t, p, few, pointClaimed, 600*time.Millisecond) })
}

func crashLoop(t *testing.T, p place, deliveries int, where string, delay time.Duration) {
	f := newFleet(t, p)
	// As with the defaults, a process counts as one that lives only after much
	// more than it takes to crash.
	f.tuning.Crashes = dispatcher.CrashPolicy{Settled: 3 * f.form.life}
	f.tuning.Concurrency = 2
	f.receiver.delay = delay
	batch := max(deliveries/endpoints, 1)
	var events []dispatcher.Event
	for i := range batch {
		events = append(events, dispatcher.Event{Type: "order.created", ID: fmt.Sprint("evt_", i), Payload: i})
	}
	if _, err := f.host.PublishBatch(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for range f.form.crashes {
		w := f.start(func(o *orders) {
			o.Life = f.form.life/3 + time.Duration(rand.Int64N(int64(f.form.life*2/3)))
			o.Point = point{Name: where, Nth: 1}
		})
		w.await(f.form.life + time.Minute)
		pause(f.tuning.lease()) // what it held is due again
	}
	f.start(nil)
	f.done(5 * time.Minute)
	h := f.history()
	h.Terms.DoneWithin = 0 // suspects rest for delays that double
	if r := f.checked(t.Name()[strings.LastIndex(t.Name(), "/")+1:], h); r.Kills != f.form.crashes || r.Interrupted == 0 {
		t.Errorf("%d kills, %d interrupted: the test proves nothing", r.Kills, r.Interrupted)
	}
}
