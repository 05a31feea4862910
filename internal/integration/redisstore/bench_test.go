package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

const (
	benchLanes = 10
	benchBatch = 256
)

func benchClients(b *testing.B) map[string]redis.UniversalClient {
	if addr := os.Getenv("POSTRIDER_REDIS"); addr != "" {
		return map[string]redis.UniversalClient{"given": standalone(b, addr)}
	}
	return map[string]redis.UniversalClient{
		"alone":   standalone(b, servers.Redis(b, "7.0", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "").Addr()),
		"cluster": clustered(b, servers.SharedRedisCluster(b, "7.0")),
	}
}

// fill inserts n events of 1 KiB, each to one of ten endpoints, so many by a call.
func fill(b *testing.B, s store.Store, n, size int) {
	b.Helper()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				from := int(next.Add(int64(size))) - size
				if from >= n {
					return
				}
				var batch []store.NewEvent
				for i := from; i < min(from+size, n); i++ {
					batch = append(batch, newEvent(strconv.Itoa(i), fmt.Sprint("ep_", i%benchLanes)))
				}
				if _, err := s.Insert(context.Background(), batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func newEvent(id string, endpoints ...string) store.NewEvent {
	e := store.NewEvent{Event: store.Event{
		ID: "evt_" + id, Type: "invoice.paid", ContentType: "application/json", Body: make([]byte, 1024),
		Digest: make([]byte, 32), Time: time.Now(),
	}}
	for _, ep := range endpoints {
		e.Deliveries = append(e.Deliveries, store.NewDelivery{EndpointID: ep})
	}
	return e
}

func endpoints(b testing.TB, s store.Store) {
	b.Helper()
	for i := range benchLanes {
		if _, err := s.CreateEndpoint(context.Background(), store.Endpoint{
			ID: fmt.Sprint("ep_", i), URL: "https://example.com/hook", Patterns: []string{"*"}, Status: store.EndpointActive,
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// drained is what an engine would settle with: an attempt with usual headers.
func drained(c store.Claimed) store.Outcome {
	return store.Outcome{
		DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered,
		Attempt: &store.Attempt{
			StartedAt: time.Now(), Duration: 12 * time.Millisecond, URL: "https://example.com/hook", RemoteAddr: "192.0.2.1:443", Status: 200,
			RequestHeader: []store.Header{
				{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Postrider/1"},
				{Name: "Webhook-Id", Value: "evt_0123456789abcdefghijklmnop"}, {Name: "Webhook-Timestamp", Value: "1700000000"},
				{Name: "Webhook-Signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
			},
			ResponseHeader: []store.Header{{Name: "Date", Value: "Tue, 14 Nov 2023 22:13:20 GMT"}, {Name: "Content-Length", Value: "2"}},
			ResponseBody:   []byte("ok"),
		},
	}
}

// BenchmarkClaimSettle drains a backlog: claim 256, settle 256, with attempts.
func BenchmarkClaimSettle(b *testing.B) {
	for name, client := range benchClients(b) {
		for _, backlog := range []int{10_000, 1_000_000} {
			for _, workers := range []int{1, 2, 4} {
				if backlog > 100_000 && (workers != 2 || testing.Short()) {
					continue
				}
				b.Run(fmt.Sprintf("%s/backlog=%d/workers=%d", name, backlog, workers), func(b *testing.B) {
					s := open(b, client, redisstore.WithBestEffort())
					endpoints(b, s)
					fill(b, s, max(backlog, b.N), 500)
					b.ResetTimer()
					drain(b, s, workers)
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
					erase(b, s)
				})
			}
		}
	}
}

// drain claims b.N deliveries, and settles them with attempts.
func drain(b *testing.B, s store.Store, workers int) {
	b.Helper()
	p := store.ClaimParams{Max: benchBatch, MaxBytes: 16 << 20, Lease: time.Minute}
	for i := range benchLanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("ep_", i), N: 26})
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for left.Add(-benchBatch) > -benchBatch {
				batch, err := s.Claim(b.Context(), p)
				if err != nil {
					b.Error(err)
					return
				}
				outcomes := make([]store.Outcome, len(batch.Deliveries))
				for i, c := range batch.Deliveries {
					outcomes[i] = drained(c)
				}
				if r, err := s.Settle(b.Context(), outcomes); err != nil || len(r.Lost) > 0 {
					b.Error(err, r.Lost)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkShards drains stores of more and more shards on one server, and tells
// what a delivery costs the server: a claim looks at every shard, which is what
// bounds a large cluster (docs/redis.md).
func BenchmarkShards(b *testing.B) {
	client := standalone(b, servers.Redis(b, "7.0", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "").Addr())
	for _, shards := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprint("shards=", shards), func(b *testing.B) {
			s := open(b, client, redisstore.WithShards(shards))
			endpoints(b, s)
			fill(b, s, b.N, 1) // a batch would lie in one shard
			before := serverCPU(b, client)
			b.ResetTimer()
			drain(b, s, 2)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64((serverCPU(b, client)-before).Microseconds())/float64(b.N), "server-µs/delivery")
			erase(b, s)
		})
	}
}

// serverCPU is the processor time that a server has used.
func serverCPU(b *testing.B, client redis.UniversalClient) time.Duration {
	b.Helper()
	info, err := client.InfoMap(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		n, err := strconv.ParseFloat(info["CPU"][name], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum * float64(time.Second))
}

func erase(b *testing.B, s store.Store) {
	b.Helper()
	for {
		r, err := s.EraseTenant(context.Background(), "", 5000)
		if err != nil {
			b.Fatal(err)
		}
		if !r.More {
			return
		}
	}
}

// BenchmarkInsert publishes one event per call.
func BenchmarkInsert(b *testing.B) {
	for name, client := range benchClients(b) {
		for _, fanout := range []int{1, 10} {
			for _, batch := range []int{1, 100} {
				b.Run(fmt.Sprintf("%s/fanout=%d/batch=%d", name, fanout, batch), func(b *testing.B) {
					s := open(b, client, redisstore.WithBestEffort())
					var eps []string
					for i := range fanout {
						eps = append(eps, fmt.Sprint("ep_", i))
					}
					var next atomic.Int64
					b.ResetTimer()
					var wg sync.WaitGroup
					for range 32 {
						wg.Go(func() {
							for {
								from := int(next.Add(int64(batch))) - batch
								if from >= b.N {
									return
								}
								var events []store.NewEvent
								for i := range batch {
									events = append(events, newEvent(strconv.Itoa(from+i), eps...))
								}
								if _, err := s.Insert(b.Context(), events); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					wg.Wait()
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
					erase(b, s)
				})
			}
		}
	}
}
