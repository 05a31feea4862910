package gormstore_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// newEvent returns an event with a delivery for each endpoint.
func newEvent(id string, endpoints ...string) store.NewEvent {
	digest := sha256.Sum256([]byte(id))
	e := store.NewEvent{Event: store.Event{
		ID: id, Type: "invoice.paid", Body: []byte(`{"id":"` + id + `"}`), ContentType: "application/json", Digest: digest[:],
	}}
	for _, endpoint := range endpoints {
		e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: endpoint})
	}
	return e
}

// newEndpoint makes an endpoint that is subscribed to everything.
func newEndpoint(tb testing.TB, s store.Store, id string) {
	tb.Helper()
	if _, err := s.CreateEndpoint(tb.Context(), store.Endpoint{
		ID: id, Name: id, URL: "https://example.com/" + id, Patterns: []string{"*"}, Status: store.EndpointActive,
		Secrets: []store.SealedSecret{{Version: 1, Sealed: []byte("sealed"), Phase: store.SecretActive}},
	}); err != nil {
		tb.Fatal(err)
	}
}

// insert stores events.
func insert(tb testing.TB, w store.Writer, events ...store.NewEvent) []store.Inserted {
	tb.Helper()
	in, err := w.Insert(tb.Context(), events)
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

// claim takes what there is in lanes.
func claim(tb testing.TB, s store.Store, lanes ...string) []store.Claimed {
	tb.Helper()
	p := store.ClaimParams{Max: 1000, Lease: time.Minute}
	for _, lane := range lanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: lane, N: 1000})
	}
	b, err := s.Claim(tb.Context(), p)
	if err != nil {
		tb.Fatal(err)
	}
	return b.Deliveries
}

// works publishes, delivers and looks, and fails if anything is amiss.
func works(tb testing.TB, s store.Store, id string) {
	tb.Helper()
	lane := "ep_" + id
	newEndpoint(tb, s, lane)
	insert(tb, s, newEvent("evt_"+id, lane))
	claimed := claim(tb, s, lane)
	if len(claimed) != 1 {
		tb.Fatalf("claimed %d deliveries, want 1", len(claimed))
	}
	d := claimed[0].Delivery
	result, err := s.Settle(tb.Context(), []store.Outcome{{
		DeliveryID: d.ID, Token: d.Token, State: store.StateDelivered, Attempt: &store.Attempt{Status: 200, StartedAt: time.Now(), Code: "ok"},
	}})
	if err != nil || len(result.Lost) != 0 {
		tb.Fatalf("settle: lost %v, %v", result.Lost, err)
	}
	wasDelivered(tb, s, d.ID)
}

func wasDelivered(tb testing.TB, s store.Store, delivery string) {
	tb.Helper()
	got, err := s.Delivery(tb.Context(), "", delivery)
	if err != nil || got.State != store.StateDelivered {
		tb.Errorf("delivery %s is %v, %v; want delivered", delivery, got.State, err)
	}
	attempts, err := s.Attempts(tb.Context(), "", delivery)
	if err != nil || len(attempts) != 1 || attempts[0].Status != 200 {
		tb.Errorf("attempts of %s: %+v, %v; want one with status 200", delivery, attempts, err)
	}
}

// count returns how many events and deliveries there are.
func count(tb testing.TB, s store.Store) (events, deliveries int) {
	tb.Helper()
	e, err := s.Events(tb.Context(), store.EventQuery{Limit: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := s.Deliveries(tb.Context(), store.DeliveryQuery{Limit: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	return len(e.Items), len(d.Items)
}

// wantCount fails if there are not so many.
func wantCount(tb testing.TB, s store.Store, events, deliveries int) {
	tb.Helper()
	if e, d := count(tb, s); e != events || d != deliveries {
		tb.Errorf("there are %d events and %d deliveries, want %d and %d", e, d, events, deliveries)
	}
}

// within bounds a test by its own deadline.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}
