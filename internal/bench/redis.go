package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// openRedis returns a client for the DSN: of a cluster if it names several
// addresses, as redis.ParseClusterURL has it.
func openRedis(dsn string, poolSize int) (redis.UniversalClient, error) {
	if strings.Contains(dsn, "addr=") {
		opts, err := redis.ParseClusterURL(dsn)
		if err != nil {
			return nil, err
		}
		opts.PoolSize = poolSize
		return redis.NewClusterClient(opts), nil
	}
	opts, err := redis.ParseURL(dsn)
	if err != nil {
		return nil, err
	}
	opts.PoolSize = poolSize
	return redis.NewClient(opts), nil
}

// eachMaster calls f for each master of a Redis, which is one if it is no
// cluster.
func eachMaster(ctx context.Context, dsn string, f func(context.Context, *redis.Client) error) error {
	client, err := openRedis(dsn, 2)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	switch c := client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, f)
	case *redis.Client:
		return f(ctx, c)
	}
	return fmt.Errorf("unexpected client %T", client)
}

// freshRedis empties the Redis for the first database of a run, and returns one
// by number. A cluster has but one.
func (s server) freshRedis(ctx context.Context, n int) (string, func(context.Context) error, error) {
	if n == 0 {
		return s.DSN, s.flushRedis, s.flushRedis(ctx)
	}
	if s.Kind == redisClusterServer {
		return "", nil, errors.New("a cluster has one database only")
	}
	u, err := url.Parse(s.DSN)
	if err != nil {
		return "", nil, err
	}
	u.Path = "/" + strconv.Itoa(n)
	return u.String(), func(context.Context) error { return nil }, nil // the first one's flush empties all
}

// flushRedis empties a Redis, its log too: the keys of an earlier run would
// otherwise be rewritten in the next one's time.
func (s server) flushRedis(ctx context.Context) error {
	return eachMaster(ctx, s.DSN, func(ctx context.Context, c *redis.Client) error {
		if err := c.FlushAll(ctx).Err(); err != nil {
			return err
		}
		if err := c.BgRewriteAOF(ctx).Err(); err != nil && !strings.Contains(err.Error(), "in progress") {
			return err
		}
		return retry(ctx, func() error {
			info, err := c.Info(ctx, "persistence").Result()
			if err == nil && (strings.Contains(info, "aof_rewrite_in_progress:1") || strings.Contains(info, "aof_rewrite_scheduled:1")) {
				err = errors.New("the log is being rewritten")
			}
			return err
		})
	})
}

// checkEmptyRedis refuses a Redis with keys in it.
func (s server) checkEmptyRedis(ctx context.Context) error {
	return eachMaster(ctx, s.DSN, func(ctx context.Context, c *redis.Client) error {
		n, err := c.DBSize(ctx).Result()
		if err == nil && n > 0 {
			err = fmt.Errorf("the Redis at %s holds %d keys, and would be emptied", c.Options().Addr, n)
		}
		return err
	})
}

func readyRedis(ctx context.Context, dsn string) error {
	client, err := openRedis(dsn, 1)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return retry(ctx, func() error { return client.Ping(ctx).Err() })
}

// clusterSlots is how many slots a Redis Cluster shares out.
const clusterSlots = 16384

// readyRedisCluster joins the nodes of the DSN, all masters, and shares the
// slots out among them.
func readyRedisCluster(ctx context.Context, dsn string) error {
	opts, err := redis.ParseClusterURL(dsn)
	if err != nil {
		return err
	}
	var nodes []*redis.Client
	defer func() {
		for _, node := range nodes {
			_ = node.Close()
		}
	}()
	for i, addr := range opts.Addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		nodes = append(nodes, node)
		if err := retry(ctx, func() error { return node.Ping(ctx).Err() }); err != nil {
			return err
		}
		from, to := i*clusterSlots/len(opts.Addrs), (i+1)*clusterSlots/len(opts.Addrs)-1
		if err := node.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		// go-redis' ClusterMeet cannot name the nodes' own port.
		if err := nodes[0].Do(ctx, "CLUSTER", "MEET", host, port, busPort(port)).Err(); err != nil {
			return err
		}
	}
	// Each node makes up its mind on its own, some of them seconds later than the
	// others, and refuses its slots until then.
	for _, node := range nodes {
		if err := retry(ctx, func() error { return agreesRedisCluster(ctx, node, len(nodes)) }); err != nil {
			return err
		}
	}
	return nil
}

// agreesRedisCluster tells why a node does not take its cluster of so many nodes
// for whole.
func agreesRedisCluster(ctx context.Context, node *redis.Client, nodes int) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{
		"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", nodes), fmt.Sprintf("cluster_slots_ok:%d", clusterSlots),
	} {
		if !strings.Contains(info, want+"\r\n") {
			return fmt.Errorf("the node at %s lacks %s:\n%s", node.Options().Addr, want, info)
		}
	}
	return nil
}
