package gormstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/postrider/postrider/store"
)

// Match implements [store.Writer].
func (s *Store) Match(ctx context.Context, tenant string, types []string) (matches [][]store.Endpoint, err error) {
	if len(types) == 0 {
		return nil, ctx.Err()
	}
	err = s.read(ctx, "matching event types", func(ctx context.Context, c conn) error {
		matches, err = s.match(ctx, c, tenant, types)
		return err
	})
	if err != nil {
		return nil, err
	}
	return matches, nil
}

// match looks every pattern up that matches one of the types. It reads which
// revision of which endpoint there is; what that looks like is mostly known.
func (s *Store) match(ctx context.Context, c conn, tenant string, types []string) ([][]store.Endpoint, error) {
	patterns := make([][]string, len(types))
	var all []string
	seen := make(map[string]bool)
	for i, t := range types {
		patterns[i] = store.MatchingPatterns(t)
		for _, p := range patterns[i] {
			if !seen[p] {
				seen[p] = true
				all = append(all, p)
			}
		}
	}
	subscribers := make(map[string][]string)
	endpoints := make(map[string]store.Endpoint)
	var unknown []string
	err := inLists(all, func(list string, args []any) error {
		text := `SELECT s.pattern, e.id, e.created_at, e.revision FROM {subscriptions} s JOIN {endpoints} e ON e.id = s.endpoint_id
			WHERE s.tenant = ? AND s.pattern IN (` + list + `) AND e.status <> 3 AND e.deleted_at IS NULL`
		return c.query(ctx, text, append([]any{named(tenant)}, args...), func(rows *sql.Rows) error {
			var pattern string
			var k snapshotKey
			if err := rows.Scan(&pattern, &k.id, &k.created, &k.revision); err != nil {
				return err
			}
			subscribers[pattern] = append(subscribers[pattern], k.id)
			if _, found := endpoints[k.id]; found {
				return nil
			}
			e, known := s.snapshots.get(k)
			if !known {
				unknown = append(unknown, k.id)
			}
			endpoints[k.id] = e
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		loaded, err := s.loadEndpoints(ctx, c, unknown)
		if err != nil {
			return nil, err
		}
		for _, id := range unknown {
			// It may have ended since the statement before.
			if e, found := loaded[id]; found && e.DeletedAt.IsZero() && e.Status != store.EndpointDisabled {
				endpoints[id] = e
			} else {
				delete(endpoints, id)
			}
		}
	}
	matches := make([][]store.Endpoint, len(types))
	given := make(map[string]bool) // the caller has the endpoint itself, and gets copies from now on
	for i := range types {
		matches[i] = []store.Endpoint{}
		var ids []string
		for _, p := range patterns[i] {
			ids = append(ids, subscribers[p]...)
		}
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			e, found := endpoints[id]
			if !found {
				continue
			}
			if given[id] {
				e = copyEndpoint(e)
			}
			given[id] = true
			matches[i] = append(matches[i], e)
		}
	}
	return matches, nil
}
