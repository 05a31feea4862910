package memstore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// fakeClock is set by hand.
type fakeClock struct{ t time.Time }

func (c *fakeClock) now() time.Time { return c.t }

func newFakeClock() *fakeClock {
	return &fakeClock{time.Date(2024, 11, 21, 8, 0, 0, 0, time.UTC)}
}

// The system's clock may be set back; the store's is not.
func TestClockNeverGoesBack(t *testing.T) {
	c := newFakeClock()
	s := New(WithClock(c.now))
	ctx := context.Background()
	at := func() time.Time {
		d, err := s.Due(ctx, store.DueParams{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return d.Now
	}
	before := at()
	c.t = c.t.Add(-time.Hour)
	if got := at(); !got.Equal(before) {
		t.Errorf("an hour back, the store's time is %v, want still %v", got, before)
	}
	c.t = before.Add(time.Second)
	if got := at(); !got.Equal(c.t) {
		t.Errorf("caught up, the store's time is %v, want %v", got, c.t)
	}
	if at().Location() != time.UTC {
		t.Error("the store's time is not in UTC")
	}
}

// Lists are ordered by (CreatedAt, ID), also while the clock stands still.
func TestCreatedAtIsDistinct(t *testing.T) {
	c := newFakeClock()
	s := New(WithClock(c.now))
	ctx := context.Background()
	for i := range 5 {
		id := fmt.Sprint(9 - i) // ids against the order of insertion
		if _, err := s.CreateEndpoint(ctx, store.Endpoint{ID: id, Status: store.EndpointActive}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Insert(ctx, []store.NewEvent{{Event: store.Event{ID: id}}, {Event: store.Event{ID: id + "b"}}}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Events(ctx, store.EventQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(page.Items); i++ {
		if !page.Items[i].CreatedAt.Before(page.Items[i-1].CreatedAt) {
			t.Errorf("events %d and %d were created at %v and %v", i-1, i, page.Items[i-1].CreatedAt, page.Items[i].CreatedAt)
		}
	}
	if last := page.Items[0].CreatedAt; last.Sub(c.t) > time.Microsecond {
		t.Errorf("ten events on a clock that stands still are created up to %v later", last.Sub(c.t))
	}
}

// Times no nanosecond can count are clamped, not wrapped around.
func TestFarTimes(t *testing.T) {
	s := New()
	ctx := context.Background()
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	event := store.Event{ID: "far", At: far, Until: far, Time: time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)}
	in, err := s.Insert(ctx, []store.NewEvent{{Event: event, Deliveries: []store.NewDelivery{{EndpointID: "l"}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Event(ctx, "", "far")
	if err != nil || !got.At.Equal(far) || !got.Until.Equal(far) || !got.Time.Equal(event.Time) {
		t.Errorf("the event is %+v, %v", got, err)
	}
	d, err := s.Delivery(ctx, "", in[0].Deliveries[0].ID)
	if err != nil || d.VisibleAt.Year() != 2262 {
		t.Errorf("VisibleAt is %v, %v, want 2262", d.VisibleAt, err)
	}
	// The longest lease and delay.
	if _, err := s.Insert(ctx, []store.NewEvent{{Event: store.Event{ID: "e"}, Deliveries: []store.NewDelivery{{EndpointID: "m"}}}}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "m", N: 1}}, Max: 1, Lease: 1<<63 - 1})
	if err != nil || len(b.Deliveries) != 1 || b.Deliveries[0].Delivery.VisibleAt.Year() != 2262 {
		t.Fatalf("the longest lease: %+v, %v", b.Deliveries, err)
	}
	c := b.Deliveries[0].Delivery
	if _, err := s.Settle(ctx, []store.Outcome{{DeliveryID: c.ID, Token: c.Token, State: store.StatePending, Delay: 1<<63 - 1}}); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Delivery(ctx, "", c.ID); err != nil || d.VisibleAt.Year() != 2262 {
		t.Errorf("after the longest delay VisibleAt is %v, %v", d.VisibleAt, err)
	}
}

func TestNanos(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.Time{}, 1}, // 0 would be no time at all
		{time.Unix(-1, 0), 1},
		{time.Unix(0, 0), 1},
		{time.Unix(0, 2), 2},
		{time.Unix(1, 5), 1_000_000_005},
		{time.Unix(1<<40, 0), forever},
		{time.Unix(forever/1_000_000_000, 999_999_999), forever},
	} {
		if got := nanos(c.at); got != c.want {
			t.Errorf("nanos(%v) = %d, want %d", c.at, got, c.want)
		}
	}
}
