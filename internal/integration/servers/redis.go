package servers

import (
	"context"
	"net"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// RedisVersions and ValkeyVersions are the versions that the store is tested with.
var (
	RedisVersions  = []string{"7.0", "8.0"}
	ValkeyVersions = []string{"8.1"}
)

// replicationArgs make a replica's first synchronisation start at once rather than wait for more replicas.
var replicationArgs = []string{"--repl-diskless-sync-delay", "0"}

// sharedRedisArgs let a shared server pass for a durable one without waiting for the disk.
var sharedRedisArgs = []string{"--appendonly", "yes", "--appendfsync", "no", "--save", ""}

// Redis starts Redis of a version for one test. Arguments go to the server, such as "--appendonly", "yes"; by default it
// keeps what a clean stop saves, and no more.
func Redis(tb testing.TB, version string, args ...string) *Server {
	tb.Helper()
	return own(tb, "redis "+version, func(ctx context.Context) (*Server, error) {
		return startRedis(ctx, "redis", version, args...)
	})
}

// SharedRedis returns Redis of a version to all tests of a package, with an append-only file that is never synced. The
// tests' keys differ by a prefix of theirs.
func SharedRedis(tb testing.TB, version string) *Server {
	tb.Helper()
	return shared(tb, "redis "+version, func(ctx context.Context) (*Server, error) {
		return startRedis(ctx, "redis", version, sharedRedisArgs...)
	})
}

// Valkey starts Valkey of a version for one test, as [Redis] does.
func Valkey(tb testing.TB, version string, args ...string) *Server {
	tb.Helper()
	return own(tb, "valkey "+version, func(ctx context.Context) (*Server, error) {
		return startRedis(ctx, "valkey", version, args...)
	})
}

// SharedValkey returns Valkey of a version to all tests of a package, as [SharedRedis] does.
func SharedValkey(tb testing.TB, version string) *Server {
	tb.Helper()
	return shared(tb, "valkey "+version, func(ctx context.Context) (*Server, error) {
		return startRedis(ctx, "valkey", version, sharedRedisArgs...)
	})
}

func startRedis(ctx context.Context, kind, version string, args ...string) (*Server, error) {
	return start(ctx, redisRecipe(kind, version, args...))
}

func redisRecipe(kind, version string, args ...string) recipe {
	return recipe{
		kind: kind, version: version,
		command: func(listen string, port int) []string {
			return slices.Concat([]string{
				kind + "-server", "--bind", listen, "--port", strconv.Itoa(port), "--protected-mode", "no",
			}, args)
		},
		ready: func(ctx context.Context, addr string) error {
			return ask(ctx, addr, func(c *redis.Client) error { return c.Ping(ctx).Err() })
		},
	}
}

// ask asks one server by a connection of its own. The client logs every connection that fails, so that one is made first
// that it does not see.
func ask(ctx context.Context, addr string, question func(c *redis.Client) error) error {
	var d net.Dialer
	probe, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	probe.Close()
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true, ContextTimeoutEnabled: true})
	defer c.Close() //nolint:errcheck // the answer is what counts
	return question(c)
}
