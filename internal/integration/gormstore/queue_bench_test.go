package gormstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/store"
)

// BenchmarkQueue claims deliveries of ten lanes and settles them with their
// attempts, by one caller, in the sizes of a busy store and of an engine with
// few places. One operation is one delivery.
func BenchmarkQueue(b *testing.B) {
	for _, d := range databases() {
		for _, size := range []struct{ fanOut, claim, settle int }{{1, 256, 256}, {10, 256, 256}, {1, 16, 48}} {
			b.Run(fmt.Sprintf("%s/fanout=%d/claim=%d/settle=%d", d.name, size.fanOut, size.claim, size.settle), func(b *testing.B) {
				h := newHost(b, d)
				s := h.store(b, h.open(b, 4))
				lanes := fillLanes(b, s, size.fanOut, b.N)
				b.ReportAllocs()
				b.ResetTimer()
				drainLanes(b, s, lanes, size.claim, size.settle)
			})
		}
	}
}

const benchLanes = 10

// fillLanes publishes events of 1 KiB until there are so many deliveries.
func fillLanes(b *testing.B, s *gormstore.Store, fanOut, deliveries int) []store.Lane {
	b.Helper()
	lanes := make([]store.Lane, benchLanes)
	for i := range lanes {
		lanes[i].ID = fmt.Sprintf("ep_0123456789abcdef%02d", i)
		_, err := s.CreateEndpoint(b.Context(), store.Endpoint{
			ID: lanes[i].ID, Name: "bench", URL: "https://example.com/hook", Patterns: []string{"*"}, Status: store.EndpointActive,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	body := make([]byte, 1024)
	for made := 0; made < deliveries; {
		var events []store.NewEvent
		for range 100 {
			e := store.NewEvent{Event: store.Event{
				ID: fmt.Sprintf("evt_0123456789abcdef%08d", made), Type: "invoice.paid", ContentType: "application/json",
				Body: body, Digest: body[:32], Time: time.Now(),
			}}
			for i := range fanOut {
				e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: lanes[(made+i)%benchLanes].ID})
			}
			made += fanOut
			events = append(events, e)
		}
		if _, err := s.Insert(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	return lanes
}

// drainLanes claims and settles b.N deliveries.
func drainLanes(b *testing.B, s *gormstore.Store, lanes []store.Lane, claim, settle int) {
	b.Helper()
	attempt := store.Attempt{
		StartedAt: time.Now(), Duration: 1234567, URL: "https://example.com/hook", RemoteAddr: "192.0.2.1:443",
		RequestHeader: []store.Header{
			{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Postrider"},
			{Name: "Webhook-Id", Value: "evt_0123456789abcdef"}, {Name: "Webhook-Timestamp", Value: "1674087231"},
			{Name: "Webhook-Signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
		},
		Status:         200,
		ResponseHeader: []store.Header{{Name: "Content-Length", Value: "2"}, {Name: "Content-Type", Value: "text/plain; charset=utf-8"}},
		ResponseBody:   []byte("ok"), Timings: store.Timings{FirstByte: 123456, Reused: true},
	}
	p := store.ClaimParams{Max: claim, Lease: time.Minute, Lanes: lanes}
	for i := range p.Lanes {
		p.Lanes[i].N = (claim + benchLanes - 1) / benchLanes
	}
	var outcomes []store.Outcome
	for settled := 0; settled < b.N; {
		batch, err := s.Claim(b.Context(), p)
		if err != nil {
			b.Fatal(err)
		}
		for i := range batch.Deliveries {
			d := &batch.Deliveries[i].Delivery
			outcomes = append(outcomes, store.Outcome{DeliveryID: d.ID, Token: d.Token, State: store.StateDelivered, Attempt: &attempt})
		}
		if len(batch.Deliveries) > 0 && len(outcomes) < settle && settled+len(outcomes) < b.N {
			continue
		}
		result, err := s.Settle(b.Context(), outcomes)
		if err != nil || len(result.Lost) > 0 || len(outcomes) == 0 {
			b.Fatalf("settled %d, lost %d: %v", len(outcomes), len(result.Lost), err)
		}
		settled += len(outcomes)
		outcomes = outcomes[:0]
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
