package memstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestMemory measures what deliveries cost with a payload of 1 KiB, prints it,
// and holds the store to its account and to what was once reached.
func TestMemory(t *testing.T) {
	const deliveries = 50_000
	for _, fanOut := range []int{1, 10} {
		t.Run(fmt.Sprintf("fanout=%d", fanOut), func(t *testing.T) {
			ctx := context.Background()
			base := heap()
			s := New()
			body := make([]byte, 1024)
			for i := range deliveries / fanOut {
				id := fmt.Sprintf("evt_%020d", i)
				digest := sha256.Sum256([]byte(id))
				e := store.NewEvent{Event: store.Event{ID: id, Type: "invoice.paid", Body: body, Digest: digest[:], Time: time.Now()}}
				for lane := range fanOut {
					e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: fmt.Sprint("lane", (i+lane)%10)})
				}
				if _, err := s.Insert(ctx, []store.NewEvent{e}); err != nil {
					t.Fatal(err)
				}
			}
			pending := heap() - base
			figure(t, s, "pending", pending, deliveries, map[int]int64{1: 1600, 10: 320}[fanOut])

			settleAll(t, s, 10)
			all := heap() - base
			figure(t, s, "delivered, with one attempt", all, deliveries, map[int]int64{1: 2200, 10: 900}[fanOut])
			runtime.KeepAlive(s)
		})
	}
}

// figure prints a figure and checks that it is in bounds, and that the account
// is what the runtime measures.
func figure(t *testing.T, s *Store, what string, measured, deliveries, limit int64) {
	t.Helper()
	t.Logf("%s: %d bytes per delivery, accounted for as %d", what, measured/deliveries, s.bytes/deliveries)
	if measured/deliveries > limit {
		t.Errorf("%s: %d bytes per delivery, want at most %d", what, measured/deliveries, limit)
	}
	if ratio := float64(measured) / float64(s.bytes); ratio < 0.8 || ratio > 1.2 {
		t.Errorf("%s: the runtime measures %.2f times what the store accounts for", what, ratio)
	}
}

// heap is what is live.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// settleAll delivers whatever is in the lanes.
func settleAll(t *testing.T, s *Store, lanes int) {
	t.Helper()
	p := store.ClaimParams{Max: 100, Lease: time.Minute}
	for i := range lanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("lane", i), N: 100})
	}
	attempt := &store.Attempt{
		StartedAt: time.Now(), Duration: 1234567, URL: "https://example.com/hooks", RemoteAddr: "192.0.2.1:443",
		Status: 200, ResponseBody: []byte("ok"), Code: "delivered", Timings: store.Timings{FirstByte: 1034567, Reused: true},
	}
	for _, name := range []string{"Content-Type", "User-Agent", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Length", "Accept-Encoding", "Host"} {
		attempt.RequestHeader = append(attempt.RequestHeader, store.Header{Name: name, Value: "a value of some length"})
	}
	for _, name := range []string{"Content-Length", "Content-Type", "Date"} {
		attempt.ResponseHeader = append(attempt.ResponseHeader, store.Header{Name: name, Value: "a value of some length"})
	}
	for {
		b, err := s.Claim(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Deliveries) == 0 {
			return
		}
		outcomes := make([]store.Outcome, len(b.Deliveries))
		for i, c := range b.Deliveries {
			outcomes[i] = store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered, Attempt: attempt}
		}
		if r, err := s.Settle(context.Background(), outcomes); err != nil || len(r.Lost) > 0 {
			t.Fatal(r, err)
		}
	}
}
