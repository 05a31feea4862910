package redisstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

// Match implements [store.Writer]. The endpoints of a list stand in the order of
// their creation.
func (s *Store) Match(ctx context.Context, tenant string, types []string) ([][]store.Endpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(types) == 0 {
		return nil, nil
	}
	k := s.home0()
	keys := []string{k.versions}
	args := make([]any, len(types))
	for i, t := range types {
		patterns := store.MatchingPatterns(t)
		args[i] = len(patterns)
		for _, p := range patterns {
			keys = append(keys, k.pattern(tenant, p))
		}
	}
	reply, err := s.do(ctx, request{matchScript, keys, args})
	if err != nil {
		return nil, err
	}
	versions := make(map[string]string)
	var ids []string
	lists := make([][]string, len(types))
	for i, list := range asList(reply) {
		pairs := asList(list)
		for j := 0; j+1 < len(pairs) && i < len(lists); j += 2 {
			id, v := asText(pairs[j]), asText(pairs[j+1])
			if len(v) != versionLen {
				continue
			}
			status := store.EndpointStatus(v[versionLen-1])
			if status != store.EndpointActive && status != store.EndpointPaused {
				continue
			}
			if _, known := versions[id]; !known {
				versions[id] = v
				ids = append(ids, id)
			}
			lists[i] = append(lists[i], id)
		}
	}
	found, err := s.readEndpoints(ctx, ids, versions)
	if err != nil {
		return nil, fmt.Errorf("redisstore: match: %w", err)
	}
	matches := make([][]store.Endpoint, len(types))
	for i, list := range lists {
		matches[i] = make([]store.Endpoint, 0, len(list))
		for _, id := range list {
			if e := found[id]; e != nil && e.Tenant == tenant && e.DeletedAt.IsZero() {
				matches[i] = append(matches[i], clone(e))
			}
		}
		slices.SortFunc(matches[i], func(a, b store.Endpoint) int { return a.CreatedAt.Compare(b.CreatedAt) })
	}
	return matches, nil
}
