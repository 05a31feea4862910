package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// Without a replica nobody acknowledges, and a repetition says so again.
func TestWaitWithoutReplica(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	s := open(t, client, redisstore.WithWait(1), redisstore.WithWaitTimeout(20*time.Millisecond))
	for range 2 {
		if in, err := s.Insert(t.Context(), []store.NewEvent{newEvent("e", "ep_0")}); !errors.Is(err, redisstore.ErrNotReplicated) || in != nil {
			t.Errorf("%v, %v; want ErrNotReplicated", in, err)
		}
	}
	if n := delivered(t, s); n != 1 {
		t.Errorf("%d deliveries are stored, want 1", n)
	}
}

// With one, in a cluster and whichever master the events go to, Insert waits for
// it.
func TestWaitInCluster(t *testing.T) {
	client := clustered(t, servers.SharedRedisCluster(t, "7.0"))
	s := open(t, client, redisstore.WithShards(5), redisstore.WithWait(1), redisstore.WithWaitTimeout(2*time.Second))
	inserted(t, s, "batch", 40)
	for range 2 { // the second time all are duplicates
		for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
			in, err := s.Insert(t.Context(), []store.NewEvent{newEvent(id, "ep_0")})
			if err != nil || len(in) != 1 {
				t.Fatal(in, err)
			}
		}
	}
	if n := delivered(t, s); n != 46 {
		t.Errorf("%d deliveries, want 46", n)
	}
}

// The ids of a batch point to the shard that it is stored in. Those of an event that
// was acknowledged are in the memory of a replica, too, wherever they are at home.
func TestWaitForTheIDsOfABatch(t *testing.T) {
	cluster := servers.RedisCluster(t, "7.0", durable...)
	s := open(t, clustered(t, cluster), redisstore.WithShards(4), redisstore.WithWait(1), redisstore.WithWaitTimeout(200*time.Millisecond))
	inserted(t, s, "before", 8)
	replica, master := replicaOf(t, cluster)
	if err := replica.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[string]bool)
	refused := 0
	for i := range 40 {
		ids := []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}
		_, err := s.Insert(t.Context(), []store.NewEvent{newEvent(ids[0], "ep_0"), newEvent(ids[1], "ep_0")})
		switch {
		case errors.Is(err, redisstore.ErrNotReplicated):
			refused++
		case err != nil:
			t.Fatal(err)
		default:
			acknowledged[ids[0]], acknowledged[ids[1]] = true, true
		}
	}
	if len(acknowledged) == 0 || refused == 0 {
		t.Errorf("%d events were acknowledged, %d batches were not", len(acknowledged), refused)
	}
	hashes, err := master.Keys(t.Context(), "*}ids").Result()
	if err != nil || len(hashes) == 0 {
		t.Fatal(hashes, err)
	}
	for _, hash := range hashes {
		for _, field := range master.HKeys(t.Context(), hash).Val() {
			_, id, _ := strings.Cut(field, "\x00evt_")
			if acknowledged[id] {
				t.Errorf("%s was acknowledged, and no replica has its id", id)
			}
		}
	}
	if err := replica.Unpause(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A repetition finds what was not acknowledged, and waits for it.
	for i := range 40 {
		batch := []store.NewEvent{newEvent(fmt.Sprint("a", i), "ep_0"), newEvent(fmt.Sprint("b", i), "ep_0")}
		await(t, "a replica", func() bool {
			in, err := s.Insert(t.Context(), batch)
			if err != nil && !errors.Is(err, redisstore.ErrNotReplicated) {
				t.Fatal(err)
			}
			if err == nil && (!in[0].Duplicate || !in[1].Duplicate) {
				t.Fatalf("batch %d was stored twice: %+v", i, in)
			}
			return err == nil
		})
	}
}

// replicaOf returns a replica of a cluster, and its master.
func replicaOf(t *testing.T, cluster *servers.Cluster) (*servers.Server, *redis.Client) {
	t.Helper()
	for _, node := range cluster.Nodes {
		c := redis.NewClient(&redis.Options{Addr: node.Addr()})
		t.Cleanup(func() { _ = c.Close() })
		role, err := c.Do(t.Context(), "ROLE").Slice()
		if err != nil {
			t.Fatal(err)
		}
		if role[0] != "slave" {
			continue
		}
		master := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("%v:%v", role[1], role[2])})
		t.Cleanup(func() { _ = master.Close() })
		// A replica whose master has no shard would show nothing.
		if n, err := master.Keys(t.Context(), "*}ids").Result(); err == nil && len(n) > 0 {
			return node, master
		}
	}
	t.Fatal("no replica whose master has a shard")
	return nil, nil
}

// Behind Sentinel: what was acknowledged by a replica survives the failover, and
// the store goes on with the new master.
func TestSentinelFailover(t *testing.T) {
	sentinel := servers.RedisSentinel(t, "7.0", durable...)
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: sentinel.MasterName, SentinelAddrs: sentinel.Addrs()})
	t.Cleanup(func() { _ = client.Close() })
	if err := sentinel.WaitHealthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := open(t, client, redisstore.WithWait(1), redisstore.WithWaitTimeout(2*time.Second))
	inserted(t, s, "e", 50)
	c := claimed(t, s, 10)
	master, err := sentinel.Master(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := master.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got store.Stats
	await(t, "the new master", func() bool {
		got, err = s.Stats(t.Context(), store.StatsQuery{})
		return err == nil
	})
	if got.Total != (store.Counts{Pending: 50}) {
		t.Errorf("after the failover: %+v, want 50 pending", got.Total)
	}
	await(t, "a settle", func() bool {
		r, err := s.Settle(t.Context(), []store.Outcome{drained(c[0])})
		return err == nil && len(r.Lost) == 0
	})
	// Claims are not waited for: the failover may have taken some of them back.
	if n := delivered(t, s); n < 40 {
		t.Errorf("%d deliveries after the failover, want at least the 40 that nobody held", n)
	}
}
