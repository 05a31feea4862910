package redisstore_test

import (
	"crypto/rand"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

func TestMain(m *testing.M) { servers.Main(m) }

// standalone returns a client of one server.
func standalone(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("close the client: %v", err)
		}
	})
	return client
}

// clustered returns a client of a cluster.
func clustered(tb testing.TB, c *servers.Cluster) *redis.ClusterClient {
	tb.Helper()
	var addrs []string
	for _, node := range c.Nodes {
		addrs = append(addrs, node.Addr())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("close the client: %v", err)
		}
	})
	return client
}

// open opens an empty store: a prefix of its own makes it one.
func open(tb testing.TB, client redis.UniversalClient, options ...redisstore.Option) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(client, append([]redisstore.Option{redisstore.WithPrefix("t" + rand.Text())}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// factory opens targets of the conformance suite.
func factory(client redis.UniversalClient, options ...redisstore.Option) storetest.Factory {
	return func(tb testing.TB) storetest.Target {
		prefix := redisstore.WithPrefix("t" + rand.Text())
		open := func() (store.Store, error) {
			return redisstore.New(client, append([]redisstore.Option{prefix}, options...)...)
		}
		s, err := open()
		if err != nil {
			tb.Fatal(err)
		}
		return storetest.Target{Store: s, Reopen: open}
	}
}
