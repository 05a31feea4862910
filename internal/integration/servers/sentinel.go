package servers

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	sentinelReplicas = 2
	sentinelCount    = 3
)

// Sentinel is a Redis master with two replicas, watched by three Sentinels.
type Sentinel struct {
	// MasterName is the name by which the Sentinels know the master.
	MasterName string
	// Nodes are the servers that keep data; at the start the first is the master.
	Nodes []*Server
	// Sentinels are the Sentinels.
	Sentinels []*Server
}

// RedisSentinel starts Redis of a version under Sentinel for one test. A master that does not answer for a second is held
// for failed. Arguments go to the servers that keep data.
func RedisSentinel(tb testing.TB, version string, args ...string) *Sentinel {
	tb.Helper()
	return own(tb, "redis sentinel "+version, func(ctx context.Context) (*Sentinel, error) {
		return startSentinel(ctx, version, args...)
	})
}

func startSentinel(ctx context.Context, version string, args ...string) (*Sentinel, error) {
	args = slices.Concat(replicationArgs, args)
	master := redisRecipe("redis", version, args...)
	master.needsHostNetwork = true
	nodes, err := startAll(ctx, []recipe{master})
	if err != nil {
		return nil, err
	}
	s := &Sentinel{MasterName: account, Nodes: nodes}
	replica := redisRecipe("redis", version,
		slices.Concat([]string{"--replicaof", s.Nodes[0].Host + " " + strconv.Itoa(s.Nodes[0].Port)}, args)...)
	replicas, err := startAll(ctx, slices.Repeat([]recipe{replica}, sentinelReplicas))
	if err == nil {
		s.Nodes = append(s.Nodes, replicas...)
		err = s.watch(ctx, version)
	}
	if err != nil {
		s.terminate()
		return nil, err
	}
	return s, nil
}

// watch starts the Sentinels. They ask a master for its replicas at once and then every ten seconds, so that these come
// first.
func (s *Sentinel) watch(ctx context.Context, version string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	master := s.Nodes[0]
	if err := until(ctx, func(ctx context.Context) error { return replicated(ctx, master) }); err != nil {
		return err
	}
	sentinels, err := startAll(ctx, slices.Repeat([]recipe{sentinelRecipe(version, s.MasterName, master.Port)}, sentinelCount))
	if err != nil {
		return err
	}
	s.Sentinels = sentinels
	return s.WaitHealthy(ctx)
}

// sentinelRecipe runs a Sentinel. It keeps what it learns in its configuration file, which is therefore written once.
func sentinelRecipe(version, name string, master int) recipe {
	r := redisRecipe("redis", version)
	r.command = func(listen string, port int) []string {
		config := strings.Join([]string{
			"bind " + listen,
			"port " + strconv.Itoa(port),
			"protected-mode no",
			fmt.Sprintf("sentinel monitor %s %s %d %d", name, loopback, master, sentinelCount/2+1),
			"sentinel down-after-milliseconds " + name + " 1000",
			"sentinel failover-timeout " + name + " 5000",
		}, "\n")
		return []string{"sh", "-c", fmt.Sprintf(
			"f=/data/sentinel.conf; [ -s $f ] || printf '%%s\\n' '%s' >$f; exec redis-server $f --sentinel", config)}
	}
	return r
}

// Addrs returns the addresses of the Sentinels.
func (s *Sentinel) Addrs() []string { return addrs(s.Sentinels) }

// Master returns the server that the first Sentinel that answers holds for the master.
func (s *Sentinel) Master(ctx context.Context) (*Server, error) {
	var last error
	for _, sentinel := range s.Sentinels {
		var addr string
		last = ask(ctx, sentinel.Addr(), func(c *redis.Client) error {
			answer, err := c.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.MasterName).StringSlice()
			if err == nil {
				addr = net.JoinHostPort(answer[0], answer[1])
			}
			return err
		})
		if last != nil {
			continue
		}
		for _, node := range s.Nodes {
			if node.Addr() == addr {
				return node, nil
			}
		}
		last = fmt.Errorf("%s: unknown master %s", sentinel.Name, addr)
	}
	return nil, last
}

// WaitHealthy waits, until the context ends, for all servers to be up: every Sentinel knows the others and both replicas,
// one master is agreed upon, and the replicas are linked with it.
func (s *Sentinel) WaitHealthy(ctx context.Context) error {
	return until(ctx, func(ctx context.Context) error {
		for _, sentinel := range s.Sentinels {
			if err := s.sentinelHealthy(ctx, sentinel.Addr()); err != nil {
				return sentinel.failed("sentinel", err)
			}
		}
		master, err := s.Master(ctx)
		if err != nil {
			return err
		}
		return replicated(ctx, master)
	})
}

// replicated fails unless the server is a master whose replicas are all linked with it.
func replicated(ctx context.Context, master *Server) error {
	return ask(ctx, master.Addr(), func(c *redis.Client) error {
		info, err := c.Info(ctx, "replication").Result()
		if err != nil {
			return err
		}
		if !strings.Contains(info, "role:master\r\n") {
			return fmt.Errorf("%s: no master", master.Name)
		}
		if online := strings.Count(info, "state=online"); online != sentinelReplicas {
			return fmt.Errorf("%s: %d replicas online, not %d", master.Name, online, sentinelReplicas)
		}
		return nil
	})
}

// sentinelHealthy says what a Sentinel thinks of the others.
func (s *Sentinel) sentinelHealthy(ctx context.Context, addr string) error {
	return ask(ctx, addr, func(c *redis.Client) error {
		state, err := c.Do(ctx, "SENTINEL", "MASTER", s.MasterName).Result()
		if err != nil {
			return err
		}
		fields := map[string]string{}
		switch state := state.(type) {
		case map[any]any: // protocol 3
			for k, v := range state {
				fields[fmt.Sprint(k)] = fmt.Sprint(v)
			}
		case []any:
			for pair := range slices.Chunk(state, 2) {
				fields[fmt.Sprint(pair[0])] = fmt.Sprint(pair[1])
			}
		}
		want := map[string]string{
			"flags": "master", "num-slaves": strconv.Itoa(sentinelReplicas), "num-other-sentinels": strconv.Itoa(sentinelCount - 1),
		}
		for k, v := range want {
			if fields[k] != v {
				return fmt.Errorf("%s is %q, not %q", k, fields[k], v)
			}
		}
		return nil
	})
}

func (s *Sentinel) terminate()         { terminateAll(s.servers()) }
func (s *Sentinel) servers() []*Server { return slices.Concat(s.Nodes, s.Sentinels) }
