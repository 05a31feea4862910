package redisstore_test

import (
	"testing"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store/storetest"
)

// The store holds the whole contract on one server, without exceptions.
func TestConformance(t *testing.T) {
	storetest.Run(t, factory(standalone(t, servers.SharedRedis(t, "7.0").Addr())))
}

// And so it does with several shards on one server.
func TestConformanceShards(t *testing.T) {
	storetest.Run(t, factory(standalone(t, servers.SharedRedis(t, "7.0").Addr()), redisstore.WithShards(3)))
}

func TestConformanceRedis8(t *testing.T) {
	storetest.Run(t, factory(standalone(t, servers.SharedRedis(t, "8.0").Addr())))
}

func TestConformanceValkey(t *testing.T) {
	storetest.Run(t, factory(standalone(t, servers.SharedValkey(t, "8.1").Addr())))
}

// Three masters with replicas, and more shards than masters.
func TestConformanceCluster(t *testing.T) {
	storetest.Run(t, factory(clustered(t, servers.SharedRedisCluster(t, "7.0")), redisstore.WithShards(6)))
}
