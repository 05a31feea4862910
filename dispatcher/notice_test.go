package dispatcher_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// bell is a store that tells of inserts when the test rings.
type bell struct {
	store.Store
	ring func(lanes ...string)

	mu    sync.Mutex
	looks []bool // for each call of Due, whether it was to sweep
}

func (b *bell) Listen(ctx context.Context, wake func(lanes ...string)) error {
	b.ring = wake
	<-ctx.Done()
	return ctx.Err()
}

func (b *bell) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	b.mu.Lock()
	b.looks = append(b.looks, p.Sweep)
	b.mu.Unlock()
	return b.Store.Due(ctx, p)
}

func (b *bell) looked() []bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	looks := b.looks
	b.looks = nil
	return looks
}

// TestNotice holds what an engine does when another process has inserted: with
// lanes it claims at once, and without it looks at the tail before it sweeps.
func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New()
		keys := dispatcher.WithKeyring(keysNamed(t, "one"))
		other := newEngine(t, shared, &receiver{}, keys)
		ep := register(t, other, dispatcher.EndpointConfig{})
		b := &bell{Store: shared}
		rc := &receiver{}
		stop := start(t, newEngine(t, b, rc, keys, dispatcher.WithPollInterval(time.Minute)))
		defer stop()
		elapse(time.Second)
		b.looked()

		publish(t, other, dispatcher.Event{})
		elapse(time.Second)
		if n := len(rc.log()); n != 0 {
			t.Fatalf("%d requests without a notice: the test proves nothing", n)
		}
		b.ring(ep.ID)
		elapse(5 * time.Millisecond)
		if n, looks := len(rc.log()), b.looked(); n != 1 || len(looks) != 0 {
			t.Errorf("after a notice with the lane: %d requests, %d looks; want 1 and none", n, len(looks))
		}

		publish(t, other, dispatcher.Event{})
		b.ring()
		elapse(5 * time.Millisecond)
		if n, looks := len(rc.log()), b.looked(); n != 2 || !slices.Equal(looks, []bool{false, true}) {
			t.Errorf("after a notice without: %d requests, looks that sweep: %v; want 2, the tail and then a sweep", n, looks)
		}
	})
}

// What there is news of in the middle of a walk over all lanes, more than the tail
// tells, lies in part where the walk has passed: another walk follows at once.
func TestNoticeInTheMiddleOfAWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const endpoints = 3000 // three pages
		shared, rc := memstore.New(), &receiver{}
		other := newEngine(t, shared, rc)
		for i := range endpoints {
			register(t, other, dispatcher.EndpointConfig{URL: fmt.Sprintf("https://receiver%d.example/", i)})
		}
		publish(t, other, dispatcher.Event{At: time.Now().Add(time.Hour)})
		e := newEngine(t, shared, rc, dispatcher.WithPollInterval(time.Minute))
		defer start(t, e)()
		elapse(5 * time.Millisecond) // after the first page
		publish(t, other, dispatcher.Event{})
		e.Wake()
		elapse(10 * time.Second)
		if n := len(rc.log()); n != endpoints {
			t.Errorf("%d of %d requests after ten seconds", n, endpoints)
		}
	})
}

// What was stored by a call whose answer was lost does not wait for the next look at
// everything.
func TestPublishedByACallWhoseAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc, s := &receiver{}, &faultStore{Store: memstore.New()}
		e := newEngine(t, s, rc, dispatcher.WithPollInterval(time.Hour))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		elapse(time.Minute)
		s.mu.Lock()
		s.fail = func(op string) fault {
			if op == "insert" {
				return faultAfter
			}
			return faultNone
		}
		s.mu.Unlock()
		if _, err := e.Publish(t.Context(), dispatcher.Event{Type: "a"}); err == nil {
			t.Fatal("no error")
		}
		elapse(time.Minute)
		if n := len(rc.log()); n != 1 {
			t.Errorf("%d requests after a minute, want 1", n)
		}
	})
}
