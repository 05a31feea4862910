package memstore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
)

// Run with -cpu 1 to read the CPU time of a delivery, the collector's included.

var payload = make([]byte, 1024)

// events makes n events with a payload of 1 KiB, each to all of the lanes.
func events(from, n int, lanes []string) []store.NewEvent {
	made := make([]store.NewEvent, n)
	for i := range made {
		id := fmt.Sprintf("evt_%020d", from+i)
		digest := sha256.Sum256([]byte(id))
		made[i].Event = store.Event{
			ID: id, Type: "invoice.paid", Body: payload, ContentType: "application/json", Digest: digest[:], Time: time.Now(),
		}
		for _, l := range lanes {
			made[i].Deliveries = append(made[i].Deliveries, store.NewDelivery{EndpointID: l})
		}
	}
	return made
}

// endpoints creates n endpoints and returns their ids.
func endpoints(tb testing.TB, s *memstore.Store, n int) []string {
	tb.Helper()
	ids := endpointIDs(n)
	for _, id := range ids {
		_, err := s.CreateEndpoint(context.Background(), store.Endpoint{
			ID: id, Name: "Billing", URL: "https://example.com/hooks", Patterns: []string{"invoice.*", "customer.*"},
			Status: store.EndpointActive, Secrets: []store.SealedSecret{{Version: 1, Sealed: make([]byte, 64), Phase: store.SecretActive}},
			Headers: make([]byte, 64), Metadata: map[string]string{"team": "billing"},
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return ids
}

func endpointIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("ep_%020d", i)
	}
	return ids
}

// delivered is an attempt as an engine records it: eight request headers and
// three of the response.
func delivered() *store.Attempt {
	return &store.Attempt{
		StartedAt: time.Now(), Duration: 1234567, URL: "https://example.com/hooks", RemoteAddr: "192.0.2.1:443",
		RequestHeader: []store.Header{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "User-Agent", Value: "Postrider/1.0"},
			{Name: "Webhook-Id", Value: "evt_00000000000000000001"},
			{Name: "Webhook-Timestamp", Value: "1732176000"},
			{Name: "Webhook-Signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
			{Name: "Content-Length", Value: "1024"},
			{Name: "Accept-Encoding", Value: "gzip"},
			{Name: "Host", Value: "example.com"},
		},
		Status: 200,
		ResponseHeader: []store.Header{
			{Name: "Content-Length", Value: "2"},
			{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
			{Name: "Date", Value: "Thu, 21 Nov 2024 08:00:00 GMT"},
		},
		ResponseBody: []byte("ok"), Code: "delivered",
		Timings: store.Timings{FirstByte: 1034567, Reused: true},
	}
}

// filler inserts events one by one.
type filler struct {
	store *memstore.Store
	lanes []string
	next  int
}

func (f *filler) add(tb testing.TB, total, fanOut int) {
	tb.Helper()
	for total > 0 {
		n := min(total, 100)
		batch := events(f.next, n, f.lanes)
		for i := range batch { // in turn, so that all lanes get as much
			first := i * fanOut % len(f.lanes)
			batch[i].Deliveries = batch[i].Deliveries[first : first+fanOut]
		}
		f.next += n
		total -= n
		if _, err := f.store.Insert(context.Background(), batch); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	for _, fanOut := range []int{10, 1} {
		b.Run(fmt.Sprintf("fanout=%d", fanOut), func(b *testing.B) {
			var s *memstore.Store
			const prepared = 1000
			var batch []store.NewEvent
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%prepared == 0 {
					b.StopTimer()
					if i%100_000 == 0 { // it starts afresh, so that memory does not run out
						s = memstore.New(memstore.WithMaxBytes(1 << 62))
					}
					batch = events(i, prepared, endpointIDs(fanOut))
					b.StartTimer()
				}
				if _, err := s.Insert(context.Background(), batch[i%prepared:][:1]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*fanOut), "ns/delivery")
		})
	}
}

// BenchmarkClaimSettle counts deliveries: each is claimed and settled as
// delivered, in batches of 100 of 10 lanes, before a backlog of a certain size.
func BenchmarkClaimSettle(b *testing.B) {
	for _, backlog := range []int{10_000, 1_000_000} {
		for _, fanOut := range []int{10, 1} {
			b.Run(fmt.Sprintf("backlog=%d/fanout=%d", backlog, fanOut), func(b *testing.B) {
				// Room for what is pending, and for some of what was delivered, so
				// that the store evicts as it would after some time of work.
				s := memstore.New(memstore.WithMaxDeliveries(backlog+50_000), memstore.WithMaxBytes(1<<62))
				f := filler{store: s, lanes: endpoints(b, s, 10)}
				f.add(b, backlog/fanOut, fanOut)
				const batch = 100
				drain := func() {
					outcomes := claim(b, s, f.lanes, batch)
					if len(outcomes) != batch {
						b.Fatalf("claimed %d", len(outcomes))
					}
					if r, err := s.Settle(context.Background(), outcomes); err != nil || len(r.Lost) > 0 {
						b.Fatal(r, err)
					}
				}
				b.ReportAllocs()
				n := 0
				begin, filling := cpuTime(), time.Duration(0)
				for b.Loop() {
					if n%batch == 0 {
						drain()
					}
					if n++; n%5000 == 0 {
						b.StopTimer()
						at := cpuTime()
						f.add(b, 5000/fanOut, fanOut)
						filling += cpuTime() - at
						b.StartTimer()
					}
				}
				b.ReportMetric(float64(cpuTime()-begin-filling)/float64(n), "cpu-ns/op")
			})
		}
	}
}

// claim claims n deliveries and returns outcomes for them.
func claim(tb testing.TB, s *memstore.Store, lanes []string, n int) []store.Outcome {
	tb.Helper()
	p := store.ClaimParams{Max: n, MaxBytes: 8 << 20, Lease: time.Minute}
	for _, l := range lanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: l, N: n / len(lanes)})
	}
	b, err := s.Claim(context.Background(), p)
	if err != nil {
		tb.Fatal(err)
	}
	outcomes := make([]store.Outcome, len(b.Deliveries))
	attempt := delivered()
	for i := range b.Deliveries {
		outcomes[i] = store.Outcome{
			DeliveryID: b.Deliveries[i].Delivery.ID, Token: b.Deliveries[i].Delivery.Token, State: store.StateDelivered, Attempt: attempt,
		}
	}
	return outcomes
}

// BenchmarkBacklog shows that nothing an engine or a host does to a lane costs
// more before a large backlog than before a small one.
func BenchmarkBacklog(b *testing.B) {
	ctx := context.Background()
	for _, backlog := range []int{10_000, 1_000_000} {
		s := memstore.New(memstore.WithMaxBytes(1 << 62))
		lanes := endpoints(b, s, 10)
		f := filler{store: s, lanes: lanes}
		f.add(b, backlog/10, 10)
		page, err := s.Deliveries(ctx, store.DeliveryQuery{EndpointID: lanes[0], Limit: backlog / 20})
		if err != nil {
			b.Fatal(err)
		}
		middle := page.Items[len(page.Items)-1].ID
		due, err := s.Due(ctx, store.DueParams{Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		for name, op := range map[string]func() error{
			"PauseResume": func() error {
				_, err := s.SetEndpointStatus(ctx, "", lanes[0], store.EndpointPaused, "")
				if err == nil {
					_, err = s.SetEndpointStatus(ctx, "", lanes[0], store.EndpointActive, "")
				}
				return err
			},
			"CancelRequeue": func() error {
				_, err := s.Cancel(ctx, "", []string{middle}, "host")
				if err == nil {
					_, err = s.Requeue(ctx, store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: middle}}})
				}
				return err
			},
			"Due": func() error {
				_, err := s.Due(ctx, store.DueParams{Mark: due.Mark, Sweep: true, Limit: 100})
				return err
			},
			"Stats": func() error {
				_, err := s.Stats(ctx, store.StatsQuery{})
				return err
			},
			"Page": func() error {
				_, err := s.Deliveries(ctx, store.DeliveryQuery{EndpointID: lanes[0], Limit: 20, Cursor: page.Next})
				return err
			},
		} {
			b.Run(fmt.Sprintf("%s/backlog=%d", name, backlog), func(b *testing.B) {
				for b.Loop() {
					if err := op(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
