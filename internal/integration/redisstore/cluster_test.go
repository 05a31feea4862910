package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// traffic publishes, one worker batches and one single events, claims and settles
// until it is stopped. Every call may fail; what was acknowledged must be delivered
// in the end.
type traffic struct {
	s            *redisstore.Store
	acknowledged sync.Map // by event id
	count        atomic.Int64
	failures     atomic.Int64
	errs         sync.Map // what they said, with how often
	stop         context.CancelFunc
	wg           sync.WaitGroup
}

func startTraffic(t *testing.T, s *redisstore.Store) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	x := &traffic{s: s, stop: cancel}
	for w := range 2 {
		x.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				var batch []store.NewEvent
				for j := range []int{5, 1}[w] {
					batch = append(batch, newEvent(fmt.Sprintf("%d-%d-%d", w, i, j), fmt.Sprint("ep_", j), fmt.Sprint("ep_", j+5)))
				}
				in, err := s.Insert(context.WithoutCancel(ctx), batch)
				if err != nil {
					x.failed("insert", err)
					continue
				}
				for _, e := range in {
					x.acknowledged.Store(e.EventID, true)
					x.count.Add(1)
				}
			}
		})
		x.wg.Go(func() {
			for ctx.Err() == nil {
				x.work(ctx)
			}
		})
	}
	return x
}

// failed counts a call that failed.
func (x *traffic) failed(what string, err error) {
	x.failures.Add(1)
	n, _ := x.errs.LoadOrStore(fmt.Sprintf("%s: %.120v", what, err), new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// told writes what failed to the log of the test.
func (x *traffic) told(t *testing.T) {
	x.errs.Range(func(what, n any) bool {
		t.Logf("%d times %s", n.(*atomic.Int64).Load(), what)
		return true
	})
}

// work claims and settles once, and returns how many it took.
func (x *traffic) work(ctx context.Context) int {
	ctx = context.WithoutCancel(ctx)
	p := store.ClaimParams{Max: 50, Lease: 5 * time.Second}
	for i := range benchLanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("ep_", i), N: 10})
	}
	b, err := x.s.Claim(ctx, p)
	if err != nil {
		x.failed("claim", err)
		return 0
	}
	outcomes := make([]store.Outcome, len(b.Deliveries))
	for i, c := range b.Deliveries {
		outcomes[i] = drained(c)
	}
	if _, err := x.s.Settle(ctx, outcomes); err != nil {
		x.failed("settle", err)
	}
	return len(outcomes)
}

// end stops publishing and waits until nothing is pending; then every
// acknowledged event has to be there with its deliveries delivered.
func (x *traffic) end(t *testing.T) {
	t.Helper()
	x.stop()
	x.wg.Wait()
	await(t, "everything to be delivered", func() bool {
		x.work(t.Context())
		stats, err := x.s.Stats(t.Context(), store.StatsQuery{})
		return err == nil && stats.Total.Pending == 0
	})
	lost := 0
	x.acknowledged.Range(func(id, _ any) bool {
		page, err := x.s.Deliveries(t.Context(), store.DeliveryQuery{EventID: id.(string), Limit: 5})
		if err != nil || len(page.Items) != 2 || page.Items[0].State != store.StateDelivered || page.Items[1].State != store.StateDelivered {
			lost++
			t.Logf("%v: %+v, %v", id, page.Items, err)
		}
		return true
	})
	n := x.count.Load()
	t.Logf("%d events were acknowledged, %d calls failed", n, x.failures.Load())
	if lost > 0 || n < 100 {
		t.Errorf("%d of %d acknowledged events are not delivered", lost, n)
	}
	seen := make(map[string]int)
	cursor := ""
	for {
		page, err := x.s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 1000, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Items {
			seen[d.EventID+" "+d.EndpointID]++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for pair, times := range seen {
		if times != 1 {
			t.Errorf("%s stands in the list %d times", pair, times)
		}
	}
}

// Slots move from one master to another while there is traffic.
func TestReshard(t *testing.T) {
	cluster := servers.RedisCluster(t, "7.0", durable...)
	client := clustered(t, cluster)
	s := open(t, client, redisstore.WithShards(4))
	endpoints(t, s)
	x := startTraffic(t, s)
	defer x.told(t)
	await(t, "some traffic", func() bool { return x.count.Load() > 200 })
	moved := 0
	for _, key := range tags(t, client) {
		slot, err := client.ClusterKeySlot(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		before := x.count.Load()
		moveSlot(t, client, slot)
		moved++
		await(t, "traffic after the move", func() bool { return x.count.Load() > before+100 })
	}
	if moved != 4 {
		t.Errorf("moved %d slots, want those of 4 shards", moved)
	}
	x.end(t)
}

// tags returns a key of each shard.
func tags(t *testing.T, client *redis.ClusterClient) []string {
	t.Helper()
	var mu sync.Mutex
	var keys []string
	err := client.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		iter := node.Scan(ctx, 0, "{t*}meta", 1000).Iterator()
		for iter.Next(ctx) {
			mu.Lock()
			keys = append(keys, iter.Val())
			mu.Unlock()
		}
		return iter.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// moveSlot moves a slot to a master that does not have it, key by key.
func moveSlot(t *testing.T, client *redis.ClusterClient, slot int64) {
	t.Helper()
	ctx := t.Context()
	type master struct {
		node     *redis.Client
		id, addr string
		has      bool
	}
	var mu sync.Mutex
	var masters []master
	err := client.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		id, err := node.Do(ctx, "cluster", "myid").Text()
		if err != nil {
			return err
		}
		shards, err := node.ClusterShards(ctx).Result()
		if err != nil {
			return err
		}
		m := master{node: node, id: id, addr: node.Options().Addr}
		for _, shard := range shards {
			for _, r := range shard.Slots {
				if r.Start <= slot && slot <= r.End {
					m.has = slices.ContainsFunc(shard.Nodes, func(n redis.Node) bool { return n.ID == id })
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		masters = append(masters, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var from, to master
	for _, m := range masters {
		if m.has {
			from = m
		} else {
			to = m
		}
	}
	do := func(node *redis.Client, args ...any) {
		t.Helper()
		if err := node.Do(ctx, args...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			t.Fatalf("%v: %v", args, err)
		}
	}
	do(to.node, "cluster", "setslot", slot, "importing", from.id)
	do(from.node, "cluster", "setslot", slot, "migrating", to.id)
	host, port, _ := strings.Cut(to.addr, ":")
	for {
		keys, err := from.node.ClusterGetKeysInSlot(ctx, int(slot), 10).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"migrate", host, port, "", 0, 10_000, "keys"}
		for _, k := range keys {
			args = append(args, k)
		}
		do(from.node, args...)
	}
	for _, m := range masters {
		do(m.node, "cluster", "setslot", slot, "node", to.id)
	}
}

// Masters die while there is traffic, and what a replica acknowledged is kept.
func TestClusterFailover(t *testing.T) {
	cluster := servers.RedisCluster(t, "7.0", durable...)
	client := clustered(t, cluster)
	s := open(t, client, redisstore.WithShards(4), redisstore.WithWait(1), redisstore.WithWaitTimeout(500*time.Millisecond))
	endpoints(t, s)
	x := startTraffic(t, s)
	defer x.told(t)
	for round := range 2 {
		before := x.count.Load()
		await(t, "some traffic", func() bool { return x.count.Load() > before+100 })
		// That of a shard, so that somebody notices.
		node, err := client.MasterForKey(t.Context(), tags(t, client)[round])
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range cluster.Nodes {
			if n.Addr() != node.Options().Addr {
				continue
			}
			if err := n.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			before, killed := x.count.Load(), time.Now()
			// The new master has no replica yet, so what concerns it is not acknowledged:
			// most batches, and a part of the single events.
			await(t, "traffic after the failover", func() bool { return x.count.Load() > before+20 })
			t.Logf("round %d: traffic again after %v", round, time.Since(killed).Round(100*time.Millisecond))
			if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := cluster.WaitHealthy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	x.end(t)
}
