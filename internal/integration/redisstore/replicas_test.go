package redisstore_test

import (
	"errors"
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
