package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/postrider/postrider/store"
)

var everyProofs = []proof{
	{"Every/EmptyBatch", everyEmptyBatch},
	{"Every/ContextEnded", everyContextEnded},
	{"Every/ContextEndsMidway", everyContextEndsMidway},
	{"Every/Repeat", everyRepeat},
}

func everyEmptyBatch(t *tester) {
	id := t.publish("", "e", "l")[0]
	before := t.delivery("", id)
	if got, err := t.Store.Match(t.ctx, "", nil); err != nil || len(got) != 0 {
		t.Errorf("Match of no types: %v, %v", got, err)
	}
	if got, err := t.Store.Insert(t.ctx, nil); err != nil || len(got) != 0 {
		t.Errorf("Insert of no events: %v, %v", got, err)
	}
	if got, err := t.Store.Insert(t.ctx, []store.NewEvent{}); err != nil || len(got) != 0 {
		t.Errorf("Insert of no events: %v, %v", got, err)
	}
	if got, err := t.Store.Claim(t.ctx, store.ClaimParams{Max: 1, Lease: held}); err != nil || len(got.Deliveries) != 0 {
		t.Errorf("Claim of no lanes: %v, %v", got, err)
	}
	if got, err := t.Store.Settle(t.ctx, nil); err != nil || len(got.Lost) != 0 {
		t.Errorf("Settle of no outcomes: %v, %v", got, err)
	}
	for _, dry := range []bool{true, false} {
		if got, err := t.Store.Requeue(t.ctx, store.RequeueParams{DryRun: dry}); err != nil || len(got) != 0 {
			t.Errorf("Requeue of no items: %v, %v", got, err)
		}
	}
	if got, err := t.Store.Cancel(t.ctx, "", nil, "x"); err != nil || len(got) != 0 {
		t.Errorf("Cancel of no ids: %v, %v", got, err)
	}
	t.wantUnchanged("empty batches", before, nil)
}

// call is one call of a method. It tells whether it returned anything beside an
// error.
type call struct {
	name string
	do   func(ctx context.Context) (result bool, err error)
}

// calls are all methods of a store, with arguments that would do something to
// what setUp made.
func (t *tester) calls(c store.Claimed) []call {
	page := func(n int, next string) bool { return n > 0 || next != "" }
	s, id := t.Store, c.Delivery.ID
	return []call{
		{"Match", func(ctx context.Context) (bool, error) {
			r, err := s.Match(ctx, "", []string{"x"})
			return r != nil, err
		}},
		{"Insert", func(ctx context.Context) (bool, error) {
			r, err := s.Insert(ctx, []store.NewEvent{with(event("", "new"), "l"), with(event("", "new2"), "l")})
			return r != nil, err
		}},
		{"Due", func(ctx context.Context) (bool, error) {
			r, err := s.Due(ctx, store.DueParams{Sweep: true, Limit: 5})
			return len(r.Lanes) > 0 || r.Mark != "" || r.Wrapped || !r.Now.IsZero(), err
		}},
		{"Claim", func(ctx context.Context) (bool, error) {
			r, err := s.Claim(ctx, store.ClaimParams{Lanes: lanes("l", 5), Max: 5, Lease: held})
			return len(r.Deliveries)+len(r.Visited)+len(r.Events)+len(r.Endpoints) > 0 || !r.Now.IsZero(), err
		}},
		{"Settle", func(ctx context.Context) (bool, error) {
			r, err := s.Settle(ctx, []store.Outcome{outcome(c, store.StateDelivered)})
			return r.Lost != nil, err
		}},
		{"CreateEndpoint", func(ctx context.Context) (bool, error) {
			r, err := s.CreateEndpoint(ctx, store.Endpoint{ID: "new", Status: store.EndpointActive, Patterns: []string{"*"}})
			return r.ID != "", err
		}},
		{"Endpoint", func(ctx context.Context) (bool, error) {
			r, err := s.Endpoint(ctx, "", "l")
			return r.ID != "", err
		}},
		{"Endpoints", func(ctx context.Context) (bool, error) {
			r, err := s.Endpoints(ctx, store.EndpointQuery{Limit: 5})
			return page(len(r.Items), r.Next), err
		}},
		{"UpdateEndpoint", func(ctx context.Context) (bool, error) {
			r, err := s.UpdateEndpoint(ctx, store.Endpoint{ID: "l", Revision: 1, Name: "new"})
			return r.ID != "", err
		}},
		{"SetEndpointStatus", func(ctx context.Context) (bool, error) {
			r, err := s.SetEndpointStatus(ctx, "", "l", store.EndpointPaused, "x")
			return r.ID != "", err
		}},
		{"DeleteEndpoint", func(ctx context.Context) (bool, error) { return false, s.DeleteEndpoint(ctx, "", "l") }},
		{"Event", func(ctx context.Context) (bool, error) {
			r, err := s.Event(ctx, "", "e")
			return r.ID != "", err
		}},
		{"Events", func(ctx context.Context) (bool, error) {
			r, err := s.Events(ctx, store.EventQuery{Limit: 5})
			return page(len(r.Items), r.Next), err
		}},
		{"Delivery", func(ctx context.Context) (bool, error) {
			r, err := s.Delivery(ctx, "", id)
			return r.ID != "", err
		}},
		{"Deliveries", func(ctx context.Context) (bool, error) {
			r, err := s.Deliveries(ctx, store.DeliveryQuery{Limit: 5})
			return page(len(r.Items), r.Next), err
		}},
		{"Attempts", func(ctx context.Context) (bool, error) {
			r, err := s.Attempts(ctx, "", id)
			return r != nil, err
		}},
		{"Stats", func(ctx context.Context) (bool, error) {
			r, err := s.Stats(ctx, store.StatsQuery{})
			return r.Total != (store.Counts{}) || r.Endpoints != nil, err
		}},
		{"Requeue", func(ctx context.Context) (bool, error) {
			r, err := s.Requeue(ctx, store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: id}, {EventID: "e", EndpointID: "new"}}})
			return r != nil, err
		}},
		{"Cancel", func(ctx context.Context) (bool, error) {
			r, err := s.Cancel(ctx, "", []string{id}, "x")
			return r != nil, err
		}},
		{"Purge", func(ctx context.Context) (bool, error) {
			r, err := s.Purge(ctx, store.PurgeParams{Limit: 5})
			return r != store.Purged{}, err
		}},
		{"EraseTenant", func(ctx context.Context) (bool, error) {
			r, err := s.EraseTenant(ctx, "", 5)
			return r != store.Purged{}, err
		}},
	}
}

// setUp fills the store so that each of the calls has something to do, and
// returns a claimed delivery.
func (t *tester) setUp() store.Claimed {
	t.tb.Helper()
	t.endpoint("", "l")
	t.publish("", "e", "l")
	c := t.takeOne(held, "l")
	t.publish("", "waiting", "l")
	t.publish("", "old", "done")
	t.finish(store.StateDelivered, "done")
	t.pass(t.unit)
	return c
}

// all reads everything that can be read.
func (t *tester) snapshot() []any {
	t.tb.Helper()
	scope := store.Scope{All: true}
	deliveries := everything(t, t.deliveries(store.DeliveryQuery{Scope: scope}))
	var attempts [][]store.Attempt
	for _, d := range deliveries {
		attempts = append(attempts, t.attempts(d.Tenant, d.ID))
	}
	return []any{
		everything(t, t.endpoints(store.EndpointQuery{Scope: scope})), everything(t, t.events(store.EventQuery{Scope: scope})),
		deliveries, attempts, t.stats(store.StatsQuery{Scope: scope}), coming(t.sweep(100, nil)),
	}
}

// sameSnapshot returns what differs, "" if nothing does.
func sameSnapshot(got, want []any) string {
	for i := range want {
		if d := same(got[i], want[i]); d != "" {
			return d
		}
	}
	return ""
}

func everyContextEnded(t *tester) {
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	calls := t.calls(t.setUp())
	before := t.snapshot()
	for _, c := range calls {
		result, err := c.do(ended)
		if err == nil {
			t.Errorf("%s with an ended context returned no error", c.name)
		}
		for _, sentinel := range []error{store.ErrNotFound, store.ErrConflict, store.ErrExists, store.ErrFull, store.ErrForeignTx, store.ErrInvalidCursor} {
			if errors.Is(err, sentinel) {
				t.Errorf("%s with an ended context returned %v", c.name, err)
			}
		}
		if err != nil && result {
			t.Errorf("%s returned a result and an error", c.name)
		}
		if d := sameSnapshot(t.snapshot(), before); d != "" {
			t.Fatalf("%s with an ended context changed: %s", c.name, d)
		}
	}
}

// fuse is a context that ends once it was looked at so many times: wherever a
// method looks whether it shall go on, it is stopped there once.
type fuse struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newFuse(ctx context.Context, looks int) *fuse {
	ctx, cancel := context.WithCancel(ctx)
	f := &fuse{Context: ctx, cancel: cancel}
	f.left.Store(int64(looks))
	return f
}

func (f *fuse) look() {
	if f.left.Add(-1) < 0 {
		f.cancel()
	}
}

func (f *fuse) Err() error {
	f.look()
	return f.Context.Err()
}

func (f *fuse) Done() <-chan struct{} {
	f.look()
	return f.Context.Done()
}

// An error may mean that it is not known whether the write took place. It never
// means that half of it did, and repeating it makes it whole.
func everyContextEndsMidway(t *tester) {
	const size = 4
	for looks := range 40 {
		var events []store.NewEvent
		for i := range size {
			events = append(events, with(event("", fmt.Sprintf("e-%d-%d", looks, i)), fmt.Sprint("l", i), "all"))
		}
		f := newFuse(t.ctx, looks)
		_, err := t.Store.Insert(f, events)
		have := 0
		for _, e := range events {
			if t.hasEvent("", e.Event.ID) {
				have++
			}
		}
		if have != size && (err == nil || have != 0) {
			t.Fatalf("Insert stopped at look %d (%v): %d of %d events are stored", looks, err, have, size)
		}
		_, err2 := t.Store.Insert(t.ctx, events)
		t.noError(err2, "Insert repeated")
		claimed := t.take(held, 100, "all", "l0", "l1", "l2", "l3").Deliveries
		if len(claimed) != 2*size {
			t.Fatalf("after Insert stopped at look %d and was repeated, %d deliveries were claimed, want %d", looks, len(claimed), 2*size)
		}

		var outcomes []store.Outcome
		for i, c := range claimed {
			outcomes = append(outcomes, outcome(c, states[1+i%3]))
		}
		f2 := newFuse(t.ctx, looks)
		r, err2 := t.Store.Settle(f2, outcomes)
		applied, attempts := 0, 0
		for _, c := range claimed {
			d := t.delivery("", c.Delivery.ID)
			if d.State.Terminal() {
				applied++
			}
			if n := len(t.attempts("", d.ID)); n != d.Attempts {
				t.Errorf("Settle stopped at look %d: %d attempts recorded, %d counted", looks, n, d.Attempts)
			} else {
				attempts += n
			}
		}
		if applied != attempts || applied != len(claimed) && (err2 == nil || applied != 0) || err2 != nil && r.Lost != nil {
			t.Fatalf("Settle stopped at look %d (%v): %d of %d applied with %d attempts", looks, err2, applied, len(claimed), attempts)
		}
		t.settled(outcomes...)
		for _, c := range claimed {
			if n := len(t.attempts("", c.Delivery.ID)); n != 1 {
				t.Errorf("after Settle stopped at look %d and was repeated: %d attempts, want 1", looks, n)
			}
		}

		var items []store.RequeueItem
		for i, c := range claimed {
			items = append(items, store.RequeueItem{DeliveryID: c.Delivery.ID}, store.RequeueItem{EventID: c.Delivery.EventID, EndpointID: fmt.Sprint("made", i)})
		}
		f3 := newFuse(t.ctx, looks)
		_, err3 := t.Store.Requeue(f3, store.RequeueParams{Items: items})
		pending := t.stats(store.StatsQuery{}).Total.Pending
		if pending != int64(len(items)) && (err3 == nil || pending != 0) {
			t.Fatalf("Requeue stopped at look %d (%v): %d of %d are pending", looks, err3, pending, len(items))
		}
		t.requeue(items...)
		if n := len(everything(t, t.deliveries(store.DeliveryQuery{State: store.StatePending}))); n != len(items) {
			t.Fatalf("after Requeue stopped at look %d and was repeated: %d are pending, want %d", looks, n, len(items))
		}
		for _, d := range everything(t, t.deliveries(store.DeliveryQuery{State: store.StatePending})) {
			t.cancel("", d.ID)
		}
		if err == nil && err2 == nil && err3 == nil && f.left.Load() > 0 && f2.left.Load() > 0 && f3.left.Load() > 0 {
			return // nothing looks that often
		}
	}
}

// Every write is done three times, as by a caller whose answers were lost.
func everyRepeat(t *tester) {
	c := t.setUp()
	for _, call := range t.calls(c) {
		if slices.Contains([]string{"Claim", "Requeue", "Purge", "EraseTenant"}, call.name) {
			continue // these do what is there to do; a lost claim's leases run out
		}
		_, err := call.do(t.ctx)
		t.noError(err, "%s", call.name)
		before := t.snapshot()
		for range 2 {
			_, err := call.do(t.ctx)
			if err != nil && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s repeated: %v", call.name, err)
			}
			if d := sameSnapshot(t.snapshot(), before); d != "" {
				t.Errorf("%s repeated changed: %s", call.name, d)
			}
		}
	}
	// A requeue that is repeated leaves one pending delivery, afresh.
	item := store.RequeueItem{EventID: "old", EndpointID: "fresh"}
	first := t.requeue(item, item)
	second := t.requeue(item)
	if first[0].DeliveryID != first[1].DeliveryID || second[0].DeliveryID != first[0].DeliveryID {
		t.Errorf("one item requeued again made several deliveries: %+v, %+v", first, second)
	}
	t.takeOne(held, "fresh")
	t.takeNone("fresh", "it was taken once")
}
