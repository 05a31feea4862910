package servers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	clusterMasters = 3
	clusterSlots   = 16384
)

// Cluster is a Redis Cluster of three masters and three replicas.
type Cluster struct {
	// Nodes are the nodes: at the start the first three are masters, and each of the others the replica of the node three
	// places before it.
	Nodes []*Server
}

// RedisCluster starts a Redis Cluster of a version for one test. A node that does not answer for two seconds is held for
// failed. Arguments go to each server, after those that make it a node.
func RedisCluster(tb testing.TB, version string, args ...string) *Cluster {
	tb.Helper()
	return own(tb, "redis cluster "+version, func(ctx context.Context) (*Cluster, error) {
		return startCluster(ctx, version, args...)
	})
}

// SharedRedisCluster returns a Redis Cluster of a version to all tests of a package, with append-only files that are never
// synced.
func SharedRedisCluster(tb testing.TB, version string) *Cluster {
	tb.Helper()
	return shared(tb, "redis cluster "+version, func(ctx context.Context) (*Cluster, error) {
		return startCluster(ctx, version, sharedRedisArgs...)
	})
}

func startCluster(ctx context.Context, version string, args ...string) (*Cluster, error) {
	buses := make([]int, 2*clusterMasters)
	recipes := make([]recipe, len(buses))
	for i := range buses {
		bus, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		buses[i] = bus
		recipes[i] = redisRecipe("redis", version, slices.Concat([]string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-announce-ip", loopback,
			"--cluster-node-timeout", "2000",
		}, replicationArgs, args)...)
		recipes[i].needsHostNetwork = true
	}
	nodes, err := startAll(ctx, recipes)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Nodes: nodes}
	if err := c.form(ctx, buses); err != nil {
		c.terminate()
		return nil, fmt.Errorf("forming the cluster: %w", err)
	}
	return c, nil
}

// startAll starts servers side by side: all or none.
func startAll(ctx context.Context, recipes []recipe) ([]*Server, error) {
	started := make([]*Server, len(recipes))
	errs := make([]error, len(recipes))
	var wg sync.WaitGroup
	for i, r := range recipes {
		wg.Go(func() { started[i], errs[i] = start(ctx, r) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		terminateAll(started)
		return nil, err
	}
	return started, nil
}

// terminateAll ends servers side by side; nil is none.
func terminateAll(started []*Server) {
	var wg sync.WaitGroup
	for _, s := range started {
		if s != nil {
			wg.Go(s.terminate)
		}
	}
	wg.Wait()
}

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string { return addrs(c.Nodes) }

func addrs(nodes []*Server) []string {
	list := make([]string, len(nodes))
	for i, s := range nodes {
		list[i] = s.Addr()
	}
	return list
}

// Masters returns the nodes that are masters by their own account. Nodes that do not answer are left out.
func (c *Cluster) Masters(ctx context.Context) []*Server {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(s *Server) bool {
		role, err := role(ctx, s.Addr())
		return err != nil || role != "master"
	})
}

// WaitHealthy waits, until the context ends, for all six nodes to be up and to agree: all slots served, and three replicas
// linked with their masters.
func (c *Cluster) WaitHealthy(ctx context.Context) error {
	return until(ctx, func(ctx context.Context) error {
		replicas := 0
		for _, s := range c.Nodes {
			isReplica, err := healthy(ctx, s.Addr(), len(c.Nodes))
			if err != nil {
				return s.failed("health", err)
			}
			if isReplica {
				replicas++
			}
		}
		if want := len(c.Nodes) - clusterMasters; replicas != want {
			return fmt.Errorf("%d replicas, not %d", replicas, want)
		}
		return nil
	})
}

// healthy says what a node of a cluster thinks of the cluster, and whether it is a replica.
func healthy(ctx context.Context, addr string, nodes int) (replica bool, err error) {
	err = ask(ctx, addr, func(c *redis.Client) error {
		cluster, err := c.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		for _, line := range []string{
			"cluster_state:ok", "cluster_slots_ok:" + strconv.Itoa(clusterSlots), "cluster_known_nodes:" + strconv.Itoa(nodes),
		} {
			if !strings.Contains(cluster, line+"\r\n") {
				return fmt.Errorf("no %s", line)
			}
		}
		replication, err := c.Info(ctx, "replication").Result()
		if err != nil {
			return err
		}
		replica = strings.Contains(replication, "role:slave\r\n")
		if replica && !strings.Contains(replication, "master_link_status:up\r\n") {
			return errors.New("no link to its master")
		}
		return nil
	})
	return replica, err
}

// role returns "master" or "slave".
func role(ctx context.Context, addr string) (string, error) {
	var role string
	err := ask(ctx, addr, func(c *redis.Client) error {
		answer, err := c.Do(ctx, "ROLE").Slice()
		if err != nil {
			return err
		}
		role, _ = answer[0].(string)
		return nil
	})
	return role, err
}

// form makes a cluster of nodes that do not know of each other. buses are the ports of their cluster bus.
func (c *Cluster) form(ctx context.Context, buses []int) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ids := make([]string, len(c.Nodes))
	for i, s := range c.Nodes {
		err := ask(ctx, s.Addr(), func(r *redis.Client) error {
			id, err := r.Do(ctx, "CLUSTER", "MYID").Text()
			if err != nil {
				return err
			}
			ids[i] = id
			if err := r.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
				return err
			}
			if i >= clusterMasters {
				return nil
			}
			first, end := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters
			return r.ClusterAddSlotsRange(ctx, first, end-1).Err()
		})
		if err != nil {
			return s.failed("form", err)
		}
	}
	first := c.Nodes[0]
	err := ask(ctx, first.Addr(), func(r *redis.Client) error {
		for i, s := range c.Nodes[1:] {
			if err := r.Do(ctx, "CLUSTER", "MEET", s.Host, s.Port, buses[i+1]).Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return first.failed("meet", err)
	}
	for i, s := range c.Nodes[clusterMasters:] {
		// It fails as long as the node has not heard of its master.
		err := until(ctx, func(ctx context.Context) error {
			return ask(ctx, s.Addr(), func(r *redis.Client) error { return r.ClusterReplicate(ctx, ids[i]).Err() })
		})
		if err != nil {
			return s.failed("replicate", err)
		}
	}
	return c.WaitHealthy(ctx)
}

// until asks again until the answer is no error or the context ends.
func until(ctx context.Context, condition func(ctx context.Context) error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var reason error
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := condition(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil {
			reason = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", reason, ctx.Err())
		}
	}
}

func (c *Cluster) terminate()         { terminateAll(c.Nodes) }
func (c *Cluster) servers() []*Server { return c.Nodes }
