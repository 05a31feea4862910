package servers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// TestRedisServers holds that each server answers the client, and keeps address and data over a restart and a kill.
func TestRedisServers(t *testing.T) {
	t.Parallel()
	list := map[string]func(tb testing.TB) *Server{}
	for _, v := range RedisVersions {
		list["redis "+v] = func(tb testing.TB) *Server { return Redis(tb, v, durable...) }
	}
	for _, v := range ValkeyVersions {
		list["valkey "+v] = func(tb testing.TB) *Server { return Valkey(tb, v, durable...) }
	}
	for name, start := range list {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if s.Name != name {
				t.Errorf("its name is %q", s.Name)
			}
			kind, version, _ := strings.Cut(name, " ")
			surviveRedis(t, s, kind+"_version:"+version+".")
		})
	}
}

// TestPublishedPort holds that a server is the same where containers cannot use the host's network.
func TestPublishedPort(t *testing.T) {
	t.Parallel()
	s := own(t, "redis 7.0", func(ctx context.Context) (*Server, error) {
		r := redisRecipe("redis", "7.0", durable...)
		r.publish = true
		return start(ctx, r)
	})
	surviveRedis(t, s, "redis_version:7.0.")
}

// surviveRedis takes a server through its life. It syncs every write.
func surviveRedis(t *testing.T, s *Server, banner string) {
	t.Helper()
	ctx := t.Context()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(info, banner) {
		t.Errorf("no %s in:\n%s", banner, info)
	}
	for i, again := range []func(ctx context.Context) error{
		s.Restart,
		func(ctx context.Context) error {
			if err := s.Kill(ctx); err != nil {
				return err
			}
			return s.Start(ctx)
		},
	} {
		if err := c.Incr(ctx, "kept").Err(); err != nil {
			t.Fatal(err)
		}
		mustDo(t, again)
		if n, err := c.Get(ctx, "kept").Int(); err != nil || n != i+1 {
			t.Errorf("the counter is %d, not %d (%v)", n, i+1, err)
		}
	}
	mustDo(t, s.Pause)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := ask(short, s.Addr(), func(c *redis.Client) error { return c.Ping(short).Err() }); err == nil {
		t.Error("a paused server answers")
	}
	mustDo(t, s.Unpause)
	if err := c.Ping(ctx).Err(); err != nil {
		t.Error(err)
	}
}

// TestRedisCluster holds that a cluster serves all slots, that a replica takes over for a master that is killed, and that
// the cluster is whole again when that is back.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := RedisCluster(t, "7.0", durable...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// The client does not look for a new master when the old one refuses its connections, but now and then.
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ClusterStateReloadInterval: time.Second})
	defer c.Close()
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, k := range keys {
		if err := c.Set(ctx, k, k, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing is lost by the failover only because the replicas have it.
	for _, master := range cluster.Nodes[:clusterMasters] {
		if err := ask(ctx, master.Addr(), func(c *redis.Client) error { return c.Wait(ctx, 1, 10*time.Second).Err() }); err != nil {
			t.Fatal(err)
		}
	}
	masters := cluster.Masters(ctx)
	if len(masters) != clusterMasters || masters[0] != cluster.Nodes[0] {
		t.Fatalf("the masters are %q", addrs(masters))
	}
	mustDo(t, cluster.Nodes[0].Kill)
	err := until(ctx, func(ctx context.Context) error {
		for _, k := range keys {
			if v, err := c.Get(ctx, k).Result(); err != nil || v != k {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("after the failover: %v", err)
	}
	mustDo(t, cluster.Nodes[0].Start)
	if err := cluster.WaitHealthy(ctx); err != nil {
		t.Error(err)
	}
	masters = cluster.Masters(ctx)
	if len(masters) != clusterMasters || masters[0] == cluster.Nodes[0] {
		t.Errorf("the masters are %q", addrs(masters))
	}
}

// TestRedisSentinel holds that clients find the master through the Sentinels, before and after it is killed.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	s := RedisSentinel(t, "7.0", durable...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: s.MasterName, SentinelAddrs: s.Addrs()})
	defer c.Close()
	if err := c.Set(ctx, "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := ask(ctx, s.Nodes[0].Addr(), func(c *redis.Client) error { return c.Wait(ctx, sentinelReplicas, 10*time.Second).Err() }); err != nil {
		t.Fatal(err)
	}
	mustDo(t, s.Nodes[0].Kill)
	err := until(ctx, func(ctx context.Context) error { return c.Set(ctx, "after", "yes", 0).Err() })
	if err != nil {
		t.Errorf("after the failover: %v", err)
	}
	if v, err := c.Get(ctx, "kept").Result(); v != "yes" {
		t.Errorf("after the failover the key is %q (%v)", v, err)
	}
	mustDo(t, s.Nodes[0].Start)
	if err := s.WaitHealthy(ctx); err != nil {
		t.Error(err)
	}
	if master, err := s.Master(ctx); err != nil || master == s.Nodes[0] {
		t.Errorf("the master is still the first node (%v)", err)
	}
}
