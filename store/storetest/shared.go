package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

var infoProofs = []proof{{"Info/Stable", infoStable}}

var sharedProofs = []proof{
	{"Shared/SeesWrites", sharedSeesWrites},
	{"Shared/Status", sharedStatus},
	{"Shared/Fence", sharedFence},
	{"Shared/Tail", sharedTail},
}

var notifierProofs = []proof{
	{"Notifier/Wakes", notifierWakes},
	{"Notifier/Ends", notifierEnds},
}

func infoStable(t *tester) {
	before := t.Store.Info()
	if before.Name == "" || before.ID == "" {
		t.Errorf("Info is %+v, want a name and an id", before)
	}
	t.publish("", "e", "l")
	t.finish(store.StateDelivered, "l")
	if after := t.Store.Info(); after != before {
		t.Errorf("Info changed from %+v to %+v", before, after)
	}
	if t.Reopen != nil && !before.Shared {
		t.Errorf("other processes can open the store, but Info does not say Shared")
	}
	if t.Begin != nil && !before.Durable {
		t.Errorf("the store lives in a database, but Info does not say Durable")
	}
}

// reopened returns a tester on another handle of the same store.
func (t *tester) reopened() *tester {
	t.tb.Helper()
	t.need(t.Reopen != nil, "Reopen hook")
	s, err := t.Reopen()
	t.noError(err, "Reopen")
	return t.on(s)
}

func sharedSeesWrites(t *tester) {
	other := t.reopened()
	_, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint("t", "l"))
	t.noError(err, "CreateEndpoint")
	id := t.publish("t", "e", "l", "m")[0]
	t.settled(outcome(t.takeOne(held, "l"), store.StatePending))
	t.settled(outcome(t.takeOne(held, "l"), store.StateDelivered))
	if d := sameSnapshot(other.snapshot(), t.snapshot()); d != "" {
		t.Errorf("another handle sees otherwise: %s", d)
	}
	if n := len(other.attempts("t", id)); n != 2 {
		t.Errorf("another handle sees %d attempts, want 2", n)
	}
	if in := other.again(event("t", "e"), "l"); !in.Duplicate {
		t.Errorf("an insert through another handle: %+v, want Duplicate", in)
	}
	if in := other.Store.Info(); in != t.Store.Info() {
		t.Errorf("another handle has the Info %+v, want %+v", in, t.Store.Info())
	}
	// A handle that is opened later finds it, too.
	if d := sameSnapshot(t.reopened().snapshot(), t.snapshot()); d != "" {
		t.Errorf("a handle opened later sees otherwise: %s", d)
	}
}

// A change of status holds at once, whoever made it.
func sharedStatus(t *tester) {
	other := t.reopened()
	t.endpoint("", "l")
	t.publish("", "e", "l")
	other.wantMatch("", "x", "l")
	other.take(held, 1, "m") // so that it may have something to remember
	t.status("", "l", store.EndpointPaused, "")
	other.takeNone("l", "another process paused it")
	if got := coming(other.sweep(10, nil)); got != "" {
		t.Errorf("another handle's sweep reports %q", got)
	}
	t.status("", "l", store.EndpointDisabled, "")
	other.wantMatch("", "x")
	t.status("", "l", store.EndpointActive, "")
	other.wantMatch("", "x", "l")
	t.remove("", "l")
	other.wantMatch("", "x")
	if b := other.take(held, 1, "l"); len(b.Deliveries) != 1 || b.Endpoints[0].DeletedAt.IsZero() {
		t.Errorf("another handle claimed %d deliveries of the deleted endpoint, want 1 with its tombstone", len(b.Deliveries))
	}
}

func sharedFence(t *tester) {
	other := t.reopened()
	id := t.publish("", "e", "l")[0]
	c := t.takeOne(t.unit, "l")
	other.takeNone("m", "there is nothing")
	t.pass(2 * t.unit)
	again := other.takeOne(held, "l")
	if again.Delivery.Token <= c.Delivery.Token || again.Delivery.Interrupted != 1 {
		t.Errorf("another process claimed with token %d after %d, interrupted %d", again.Delivery.Token, c.Delivery.Token, again.Delivery.Interrupted)
	}
	t.wantLost("claimed by another process", "", id, outcome(c, store.StateDelivered))
	t.takeNone("l", "another process has it")
	// The outcome can be brought by any handle: the token counts.
	t.settled(outcome(again, store.StateDelivered))
	if lost := other.settle(outcome(again, store.StateDelivered)); len(lost) != 0 {
		t.Errorf("repeated through another handle: lost %q", lost)
	}
}

func sharedTail(t *tester) {
	other := t.reopened()
	mark := other.due(store.DueParams{Limit: 10}).Mark
	t.publish("", "e", "a", "b")
	if lanes, _ := other.tail(mark, 10); coming(lanes) != "a b" {
		t.Errorf("the tail of another handle reports %q, want a b", coming(lanes))
	}
	if lanes := other.sweep(1, nil); coming(lanes) != "a b" {
		t.Errorf("the sweep of another handle reports %q, want a b", coming(lanes))
	}
}

// A notice may be lost. If ten inserts in ten seconds bring none, there are no
// notices.
func notifierWakes(t *tester) {
	n, ok := t.Store.(store.Notifier)
	t.need(ok, "Notifier")
	other := t.reopened()
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	woken := make(chan struct{}, 1)
	var inside atomic.Int64
	ended := make(chan error, 1)
	go func() {
		ended <- n.Listen(ctx, func(lanes ...string) {
			if inside.Add(1) != 1 {
				t.Errorf("wake was called from two goroutines at once")
			}
			defer inside.Add(-1)
			if len(lanes) > 0 && (!slices.Contains(lanes, "l") || !slices.Contains(lanes, "m")) {
				t.Errorf("told of the lanes %q, want l and m, or none", lanes)
			}
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	for i := range 10 {
		other.publish("", fmt.Sprint("e", i), "l", "m")
		select {
		case <-woken:
			return
		case err := <-ended:
			t.Fatalf("Listen ended: %v", err)
		case <-time.After(time.Second):
		}
	}
	t.Errorf("no wake after 10 inserts by another process")
}

func notifierEnds(t *tester) {
	n, ok := t.Store.(store.Notifier)
	t.need(ok, "Notifier")
	ctx, cancel := context.WithCancel(t.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.Listen(ctx, func(...string) {}) // it may say why it ended, or nothing
	}()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Errorf("Listen goes on after its context ended")
	}
}
