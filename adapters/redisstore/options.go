package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Option changes what [New] makes.
type Option func(*config)

type config struct {
	prefix     string
	shards     int
	bestEffort bool
	replicas   int
	// patience is how long the replicas have.
	patience time.Duration
}

const (
	defaultPrefix        = "postrider"
	defaultClusterShards = 16
	defaultWait          = time.Second
	// openTimeout bounds what New asks the servers.
	openTimeout = 30 * time.Second
)

// WithPrefix sets what the names of all keys begin with, so that several stores,
// or a store and other data, share a Redis. The default is "postrider". It must
// not be empty and not have braces.
func WithPrefix(prefix string) Option { return func(c *config) { c.prefix = prefix } }

// WithShards sets into how many parts the store is cut, each with a hash slot of
// its own, 1 to 1024. The number is recorded in the store by the first process;
// another one is refused by [New], with [ErrShards]. Without this option, or with
// 0, what is recorded holds, and a new store gets 1, or 16 on a
// [redis.ClusterClient].
//
// One shard is the fastest on a single Redis. On a cluster a shard is what one
// node serves, so there should be two or three for each master that there will
// be; more cost every claim (docs/redis.md). See the package comment on how to
// change the number later.
func WithShards(n int) Option { return func(c *config) { c.shards = n } }

// WithBestEffort lets [New] accept a Redis that evicts keys or does not persist
// them: for caches, tests and demonstrations. What was acknowledged may then be
// lost with the server.
func WithBestEffort() Option { return func(c *config) { c.bestEffort = true } }

// WithWait lets Insert return nil only if so many replicas have acknowledged the
// write within [WithWaitTimeout] (see the WAIT command). Otherwise it returns
// [ErrNotReplicated]: the events are stored, but a failover could lose them;
// repeating the call, which the dispatcher's host is free to do, finds them as
// duplicates and waits again. For a batch of several events it waits in turn in
// each shard where one of the ids is at home. The default is 0 replicas.
func WithWait(replicas int) Option { return func(c *config) { c.replicas = replicas } }

// WithWaitTimeout sets how long the replicas of [WithWait] have to acknowledge.
// At least 1 ms, and less than the client's ReadTimeout, which is 3 s by default:
// the client takes a longer silence for a broken connection, and repeats the
// command. The default is 1 s.
func WithWaitTimeout(d time.Duration) Option { return func(c *config) { c.patience = d } }

var (
	// ErrShards: the store has another number of shards than was asked for.
	ErrShards = errors.New("redisstore: another number of shards")
	// ErrUnsafe: this Redis may lose what it has acknowledged.
	ErrUnsafe = errors.New("redisstore: unsafe configuration of Redis")
	// ErrVersion: this Redis is too old, or the store was written by a newer
	// version of the library.
	ErrVersion = errors.New("redisstore: unsupported version")
	// ErrNotReplicated: too few replicas acknowledged an Insert in time.
	ErrNotReplicated = errors.New("redisstore: not acknowledged by enough replicas")
)

// readTimeout is how long a client waits for an answer, not above 0 if it waits
// without an end, or is of a kind that does not tell.
func readTimeout(client redis.UniversalClient) time.Duration {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ReadTimeout
	case *redis.ClusterClient:
		return c.Options().ReadTimeout
	}
	return 0
}

func (c *config) check(client redis.UniversalClient) error {
	switch {
	case c.prefix == "" || strings.ContainsAny(c.prefix, "{}\x00"):
		return fmt.Errorf("redisstore: the prefix %q must not be empty and not have braces or a NUL", c.prefix)
	case c.shards < 0 || c.shards > maxShards:
		return fmt.Errorf("redisstore: the number of shards must be 1 to %d, it is %d", maxShards, c.shards)
	case c.replicas < 0:
		return fmt.Errorf("redisstore: the number of replicas to wait for must not be below 0, it is %d", c.replicas)
	case c.patience < time.Millisecond:
		return fmt.Errorf("redisstore: the time to wait for replicas must be at least 1 ms, it is %v", c.patience)
	}
	if t := readTimeout(client); c.replicas > 0 && t > 0 && c.patience >= t {
		return fmt.Errorf("redisstore: the time to wait for replicas, %v, must be less than the client's ReadTimeout, %v", c.patience, t)
	}
	return nil
}
