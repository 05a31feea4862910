//go:build unix

package crash

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
)

// The answer to a commit is lost. The publisher repeats the call under the same
// key, and there is one event.
func testCommitCut(t *testing.T, p place) {
	cut := newCutter(t, p.server.Addr())
	f := newFleet(t, p)
	f.start(nil)
	lossy := f.site.through(p, cut.addr())
	lossy.Bare = true
	st, free, err := openPatiently(t.Context(), lossy, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free() }()
	publisher, err := dispatcher.New(record(st, &writer{process: "publisher", sink: f.memory}, "publisher", func(string) {}), f.tuning.options()...)
	if err != nil {
		t.Fatal(err)
	}
	// How many replies does it take? The first publish, on a new connection, takes the
	// most: its statements are prepared.
	replies := 1
	for i := range 3 {
		payload := fmt.Sprintf("before %d.", i)
		cut.count(payload)
		if _, err := publisher.Publish(t.Context(), dispatcher.Event{Type: "order.paid", ID: fmt.Sprint("evt_before_", i), Payload: payload}); err != nil {
			t.Fatal(err)
		}
		replies = max(replies, cut.replies())
	}
	// Which of them answers for the commit is found out: every other publish loses
	// the reply whose loss has hidden the most events.
	hidden := make([]int, replies)
	for i := range f.form.commits {
		key := fmt.Sprintf("key %d", i)
		event := dispatcher.Event{Type: "order.paid", Key: key, Payload: fmt.Sprintf("cut %d.", i)}
		at := i / 2 % replies
		if i%2 == 1 {
			at = slices.Index(hidden, slices.Max(hidden))
		}
		f.during(true, func() { hidden[at] += f.publishCut(publisher, cut, event, at) })
		again, err := f.host.Publish(t.Context(), event)
		if err != nil || !again.Duplicate || len(again.Deliveries) != endpoints {
			t.Fatalf("%s again: %+v, %v", key, again, err)
		}
		f.keyed = append(f.keyed, history.Publish{Key: key, Event: again.EventID, Acknowledged: true})
	}
	stored := 0 // though the publisher was told otherwise, or had to ask again
	for _, n := range hidden {
		stored += n
	}
	if stored < f.form.commits/3 {
		t.Errorf("of %d publishes only %d were stored and not heard of: the test proves nothing", f.form.commits, stored)
	}
	t.Logf("%d of %d were stored and the answer was lost; a publish takes up to %d replies", stored, f.form.commits, replies)
	f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
	if r := f.check("commit cut"); r.Deliveries != (f.form.commits+3)*endpoints {
		t.Errorf("%d deliveries, want %d", r.Deliveries, (f.form.commits+3)*endpoints)
	}
}

// publishCut publishes until that succeeds, and cuts the connection instead of one
// of the first call's replies. It returns 1 if the event was stored by a call
// whose answer was lost.
func (f *fleet) publishCut(publisher *dispatcher.Engine, cut *cutter, event dispatcher.Event, replies int) int {
	stored := 0
	cut.arm(event.Payload.(string), replies)
	for {
		r, err := publisher.Publish(f.t.Context(), event)
		cut.disarm()
		if err == nil {
			f.keyed = append(f.keyed, history.Publish{Key: event.Key, Event: r.EventID, Acknowledged: true})
			if r.Duplicate {
				stored = 1
			}
			return stored
		}
		if f.t.Context().Err() != nil {
			f.t.Fatal(err)
		}
	}
}
