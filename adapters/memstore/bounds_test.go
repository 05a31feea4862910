package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// harness is a store with calls that must not fail.
type harness struct {
	*Store
	t *testing.T
}

func newHarness(t *testing.T, options ...Option) *harness {
	return &harness{New(options...), t}
}

// publish inserts an event with a delivery to each lane.
func (h *harness) publish(id string, size int, lanes ...string) []string {
	h.t.Helper()
	in, err := h.Insert(context.Background(), []store.NewEvent{newEvent(id, size, lanes...)})
	if err != nil {
		h.t.Fatalf("publish %q: %v", id, err)
	}
	var ids []string
	for _, d := range in[0].Deliveries {
		ids = append(ids, d.ID)
	}
	return ids
}

func newEvent(id string, size int, lanes ...string) store.NewEvent {
	e := store.NewEvent{Event: store.Event{ID: id, Type: "x", Body: make([]byte, size)}}
	for _, l := range lanes {
		e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: l})
	}
	return e
}

// refused inserts an event for which there must be no room.
func (h *harness) refused(id string, size int, lanes ...string) {
	h.t.Helper()
	before := h.ids()
	in, err := h.Insert(context.Background(), []store.NewEvent{newEvent(id, size, lanes...)})
	if !errors.Is(err, store.ErrFull) || in != nil {
		h.t.Fatalf("publish %q: %+v, %v, want ErrFull", id, in, err)
	}
	if after := h.ids(); !slices.Equal(before, after) {
		h.t.Fatalf("a refused event changed what is kept from %v to %v", before, after)
	}
}

// claim takes up to n deliveries of a lane.
func (h *harness) claim(lane string, n int) []store.Claimed {
	h.t.Helper()
	b, err := h.Claim(context.Background(), store.ClaimParams{Lanes: []store.Lane{{ID: lane, N: n}}, Max: n, Lease: time.Minute})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.Deliveries
}

// deliver settles the next n deliveries of a lane, with an attempt.
func (h *harness) deliver(lane string, n int, a store.Attempt) {
	h.t.Helper()
	claimed := h.claim(lane, n)
	if len(claimed) != n {
		h.t.Fatalf("claimed %d of lane %q, want %d", len(claimed), lane, n)
	}
	for _, c := range claimed {
		h.settle(store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: &a})
	}
}

func (h *harness) settle(o store.Outcome) {
	h.t.Helper()
	if r, err := h.Settle(context.Background(), []store.Outcome{o}); err != nil || len(r.Lost) > 0 {
		h.t.Fatalf("settle: %+v, %v", r, err)
	}
}

// ids returns the ids of the events kept, oldest first.
func (h *harness) ids() []string {
	h.t.Helper()
	p, err := h.Events(context.Background(), store.EventQuery{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	for _, e := range p.Items {
		ids = append(ids, e.ID)
	}
	slices.Reverse(ids)
	return ids
}

func (h *harness) kept(want ...string) {
	h.t.Helper()
	if got := h.ids(); !slices.Equal(got, want) {
		h.t.Errorf("kept are %v, want %v", got, want)
	}
	verify(h.t, h.Store)
}

// What ended first goes first, with its history; what is pending stays.
func TestEvictionOrder(t *testing.T) {
	h := newHarness(t, WithMaxDeliveries(6))
	h.publish("a", 1, "slow")
	h.publish("b", 1, "l")
	h.publish("c", 1, "m")
	h.publish("d", 1, "l", "slow") // ends when both have
	h.publish("e", 1)              // counts as one, has ended
	h.deliver("m", 1, store.Attempt{})
	h.deliver("l", 2, store.Attempt{})
	h.kept("a", "b", "c", "d", "e")

	h.publish("f", 1, "l")
	h.kept("a", "b", "c", "d", "f") // e ended when it was published
	h.publish("g", 1, "l")
	h.kept("a", "b", "d", "f", "g") // then c was delivered
	h.publish("h", 1, "l")
	h.kept("a", "d", "f", "g", "h") // then b
	h.refused("i", 1, "l")          // d waits for slow
	h.deliver("slow", 2, store.Attempt{})
	h.publish("i", 1, "l")
	h.kept("d", "f", "g", "h", "i")
}

// A batch fits whole or not at all, and nothing is evicted in vain for it.
func TestFullIsAtomic(t *testing.T) {
	h := newHarness(t, WithMaxDeliveries(4))
	h.publish("done", 1, "l")
	h.deliver("l", 1, store.Attempt{})
	h.publish("waits", 1, "l", "m")
	batch := []store.NewEvent{newEvent("one", 1, "l"), newEvent("two", 1, "l", "m")}
	if in, err := h.Insert(context.Background(), batch); !errors.Is(err, store.ErrFull) || in != nil {
		t.Fatalf("%+v, %v, want ErrFull", in, err)
	}
	h.kept("done", "waits")
	h.refused("wide", 1, "a", "b", "c")
	h.publish("narrow", 1, "a", "b")
	h.kept("waits", "narrow")
	// What is stored already needs no room.
	if in, err := h.Insert(context.Background(), []store.NewEvent{newEvent("waits", 1, "l")}); err != nil || !in[0].Duplicate {
		t.Errorf("a duplicate in a full store: %+v, %v", in, err)
	}
}

// The account of bytes bounds bodies, attempts and endpoints together.
func TestMaxBytes(t *testing.T) {
	ctx := context.Background()
	const limit = 100_000
	h := newHarness(t, WithMaxBytes(limit))
	for i := range 9 {
		h.publish(fmt.Sprint(i), 10_000, "l")
	}
	h.refused("more", 10_000, "l")
	if _, err := h.CreateEndpoint(ctx, store.Endpoint{ID: "large", Status: store.EndpointActive, Headers: make([]byte, 10_000)}); !errors.Is(err, store.ErrFull) {
		t.Errorf("CreateEndpoint: %v, want ErrFull", err)
	}
	e, err := h.CreateEndpoint(ctx, store.Endpoint{ID: "small", Status: store.EndpointActive})
	if err != nil {
		t.Fatal(err)
	}
	e.Headers = make([]byte, 10_000)
	if _, err := h.UpdateEndpoint(ctx, e); !errors.Is(err, store.ErrFull) {
		t.Errorf("UpdateEndpoint: %v, want ErrFull", err)
	}
	if got, err := h.Endpoint(ctx, "", "small"); err != nil || got.Revision != 1 || got.Headers != nil {
		t.Errorf("after the refused update: %+v, %v", got, err)
	}
	h.deliver("l", 1, store.Attempt{})
	if e, err = h.UpdateEndpoint(ctx, e); err != nil {
		t.Errorf("UpdateEndpoint with room to make: %v", err)
	}
	h.kept("1", "2", "3", "4", "5", "6", "7", "8")
	e.Headers = nil
	if _, err := h.UpdateEndpoint(ctx, e); err != nil {
		t.Fatal(err)
	}
	h.publish("more", 9_000, "l")
	if h.bytes > limit {
		t.Errorf("%d bytes are held, want at most %d", h.bytes, limit)
	}
	h.kept("1", "2", "3", "4", "5", "6", "7", "8", "more")
}

// Settle never fails for lack of room. It evicts, and if that does not help it
// keeps the attempts without what is large.
func TestSettleWithoutRoom(t *testing.T) {
	ctx := context.Background()
	large := store.Attempt{
		URL: "https://example.com", Status: 200, RequestHeader: []store.Header{{Name: "A", Value: "b"}}, ResponseBody: make([]byte, 5000), Code: "delivered",
	}
	h := newHarness(t, WithMaxBytes(20_000))
	first := h.publish("first", 6000, "l")[0]
	second := h.publish("second", 6000, "l")[0]
	third := h.publish("third", 1000, "l")[0]
	h.deliver("l", 1, store.Attempt{Status: 204})

	h.deliver("l", 1, large)
	if _, err := h.Delivery(ctx, "", first); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the delivery that ended first: %v, want it evicted", err)
	}
	a, err := h.Attempts(ctx, "", second)
	if err != nil || len(a) != 1 || !bytes.Equal(a[0].ResponseBody, large.ResponseBody) || a[0].Truncated {
		t.Errorf("with room made, the attempt is %+v, %v", a, err)
	}

	// Nothing left to evict but pending deliveries.
	h.publish("fourth", 16_000, "m")
	h.kept("third", "fourth")
	h.deliver("l", 1, large)
	a, err = h.Attempts(ctx, "", third)
	if err != nil || len(a) != 1 {
		t.Fatalf("without room, attempts are %+v, %v", a, err)
	}
	if got := a[0]; got.Status != 200 || got.URL != large.URL || got.Code != large.Code || got.ResponseBody != nil || got.RequestHeader != nil || !got.Truncated {
		t.Errorf("without room, the attempt is %+v", got)
	}
	if d, err := h.Delivery(ctx, "", third); err != nil || d.State != store.StateDelivered || d.Attempts != 1 {
		t.Errorf("the delivery is %+v, %v", d, err)
	}
	verify(t, h.Store)
}

// A replay that makes deliveries needs room for them, and must not make it by
// evicting what is replayed.
func TestRequeueWithoutRoom(t *testing.T) {
	ctx := context.Background()
	h := newHarness(t, WithMaxDeliveries(3))
	done := h.publish("old", 1, "l")[0]
	h.deliver("l", 1, store.Attempt{})
	h.publish("none", 1)
	h.publish("waits", 1, "m")

	items := []store.RequeueItem{{EventID: "old", EndpointID: "l"}, {EventID: "old", EndpointID: "new"}}
	r, err := h.Requeue(ctx, store.RequeueParams{Items: items})
	if err != nil || r[0].Result != store.RequeueDone || r[1].Result != store.RequeueCreated {
		t.Fatalf("with room to make: %+v, %v", r, err)
	}
	h.kept("old", "waits")

	items = []store.RequeueItem{{DeliveryID: done}, {EventID: "old", EndpointID: "newer"}}
	if r, err := h.Requeue(ctx, store.RequeueParams{Items: items}); !errors.Is(err, store.ErrFull) || r != nil {
		t.Fatalf("without room: %+v, %v, want ErrFull", r, err)
	}
	if r, err := h.Requeue(ctx, store.RequeueParams{Items: items[:1]}); err != nil || r[0].Result != store.RequeueDone {
		t.Errorf("a requeue that makes nothing needs no room: %+v, %v", r, err)
	}
	h.kept("old", "waits")
}

// Bodies that were purged make room, and what has none is evicted first.
func TestBoundsAfterPurgeOfBodies(t *testing.T) {
	c := newFakeClock()
	h := newHarness(t, WithMaxBytes(25_000), WithClock(c.now))
	h.publish("a", 10_000, "l")
	h.publish("b", 10_000, "l")
	h.deliver("l", 2, store.Attempt{ResponseBody: make([]byte, 1000)})
	c.t = c.t.Add(time.Hour)
	p, err := h.Purge(context.Background(), store.PurgeParams{BodiesOnly: true, Limit: 1})
	if err != nil || p.Events != 1 || !p.More {
		t.Fatalf("%+v, %v", p, err)
	}
	h.publish("c", 10_000, "l")
	h.kept("a", "b", "c")
	h.publish("d", 10_000, "l")
	h.kept("c", "d")
}
