package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// minMajor and minMinor are the lowest version: 6.2 has LPOP with a count and
// ZRANGE in its present form, and later than 5 the effects of a script are
// replicated, not its text.
const minMajor, minMinor = 6, 2

// checkServers looks at every master. It asks INFO, which managed services allow
// where they forbid CONFIG.
func checkServers(ctx context.Context, client redis.UniversalClient, c *config) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	check := func(ctx context.Context, node redis.Cmdable) error {
		text, err := node.Info(ctx).Result()
		if err != nil {
			if c.bestEffort && isReply(err, "NOPERM") {
				return nil
			}
			return fmt.Errorf("redisstore: to check Redis, which WithBestEffort does without if INFO is forbidden: %w", err)
		}
		return judge(parseInfo(text), c.bestEffort)
	}
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return check(ctx, client)
	}
	var mu sync.Mutex
	var first error
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		err := check(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
		return err
	})
	if first != nil {
		return first
	}
	if err != nil {
		return fmt.Errorf("redisstore: to check the cluster: %w", err)
	}
	return nil
}

func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// judge tells what is wrong with a server.
func judge(info map[string]string, bestEffort bool) error {
	version := info["redis_version"] // Valkey tells the version it is compatible with
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	if err == nil && err2 == nil && (x < minMajor || x == minMajor && y < minMinor) {
		return fmt.Errorf("%w: Redis %s; it must be %d.%d or later", ErrVersion, version, minMajor, minMinor)
	}
	if bestEffort {
		return nil
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		return fmt.Errorf("%w: maxmemory-policy is %q and must be noeviction, or events are lost when memory is short (see WithBestEffort)", ErrUnsafe, policy)
	}
	if info["aof_enabled"] != "1" {
		return fmt.Errorf("%w: appendonly must be yes, or what was acknowledged since the last snapshot is lost with the server (see WithBestEffort)", ErrUnsafe)
	}
	return nil
}
