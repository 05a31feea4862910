package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/store"
)

// Stats implements [store.Inspector]. Its cost grows with the number of
// endpoints: of the tenant, or of all tenants.
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) (store.Stats, error) {
	if err := ctx.Err(); err != nil {
		return store.Stats{}, err
	}
	by := make(map[string]*store.Counts)
	var err error
	if q.Scope.All {
		err = s.countAll(ctx, by)
	} else {
		err = s.countTenant(ctx, q.Scope.Tenant, q.EndpointID, by)
	}
	if err != nil {
		return store.Stats{}, fmt.Errorf("redisstore: stats: %w", err)
	}
	var stats store.Stats
	for id, c := range by {
		if *c == (store.Counts{}) || q.EndpointID != "" && id != q.EndpointID {
			continue
		}
		stats.Endpoints = append(stats.Endpoints, store.EndpointCounts{EndpointID: id, Counts: *c})
		stats.Total.Pending += c.Pending
		stats.Total.Delivered += c.Delivered
		stats.Total.Failed += c.Failed
		stats.Total.Cancelled += c.Cancelled
	}
	slices.SortFunc(stats.Endpoints, func(a, b store.EndpointCounts) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	return stats, nil
}

// count adds a field of the counts: the state in one digit, lane and tenant.
func count(by map[string]*store.Counts, field, value string) {
	if field == "" {
		return
	}
	lane, _, _ := strings.Cut(field[1:], "\x00")
	c := by[lane]
	if c == nil {
		c = new(store.Counts)
		by[lane] = c
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if of := c.Of(store.State(field[0] - '0')); of != nil && err == nil {
		*of += n
	}
}

func (s *Store) countAll(ctx context.Context, by map[string]*store.Counts) error {
	p := s.client.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(s.shards))
	for i, k := range s.shards {
		cmds[i] = p.HGetAll(ctx, k.counts)
	}
	_, _ = p.Exec(ctx) // each command has its own error
	for _, cmd := range cmds {
		counts, err := cmd.Result()
		if err != nil {
			return err
		}
		for field, value := range counts {
			count(by, field, value)
		}
	}
	return nil
}

func (s *Store) countTenant(ctx context.Context, tenant, endpoint string, by map[string]*store.Counts) error {
	for _, k := range s.shards {
		lanes := []string{endpoint}
		if endpoint == "" {
			members, err := s.client.ZRangeByLex(ctx, k.tenants, &redis.ZRangeBy{Min: "[" + tenant + "\x00", Max: "[" + tenant + "\x00\xff"}).Result()
			if err != nil {
				return err
			}
			lanes = lanes[:0]
			for _, m := range members {
				lanes = append(lanes, m[len(tenant)+1:])
			}
		}
		for part := range slices.Chunk(lanes, 500) {
			var fields []string
			for _, lane := range part {
				for state := range 4 {
					fields = append(fields, strconv.Itoa(state+1)+countKey(lane, tenant))
				}
			}
			values, err := s.client.HMGet(ctx, k.counts, fields...).Result()
			if err != nil {
				return err
			}
			for i, v := range values {
				if v != nil {
					count(by, fields[i], asText(v))
				}
			}
		}
	}
	return nil
}
