package gormstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/postrider/postrider/store"
)

// tombstoneWindow is how many endpoints one look takes in.
const tombstoneWindow = 1000

// purgeTombstones deletes the tombstones of endpoints without deliveries.
func (s *Store) purgeTombstones(ctx context.Context) error {
	var used map[string]bool
	for after := ""; ; {
		var tombs []string
		var last string
		n := 0
		err := s.read(ctx, "looking for tombstones", func(ctx context.Context, c conn) error {
			tombs, n = nil, 0
			return c.query(ctx, "SELECT id, deleted_at FROM {endpoints} WHERE id > ? ORDER BY id LIMIT ?", []any{after, tombstoneWindow}, func(rows *sql.Rows) error {
				var id string
				var deleted sql.NullInt64
				if err := rows.Scan(&id, &deleted); err != nil {
					return err
				}
				last = id
				if n++; deleted.Valid && !used[id] {
					tombs = append(tombs, id)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		if len(tombs) > 0 && used == nil {
			// Most of those that are used are known from the counts.
			if used, err = s.usedEndpoints(ctx); err != nil {
				return err
			}
		}
		for _, id := range tombs {
			if used[id] {
				continue
			}
			if err := s.purgeTombstone(ctx, id); err != nil {
				return err
			}
		}
		if n < tombstoneWindow {
			return nil
		}
		after = last
	}
}

// usedEndpoints are those with deliveries, by the counts.
func (s *Store) usedEndpoints(ctx context.Context) (map[string]bool, error) {
	used := make(map[string]bool)
	err := s.read(ctx, "looking for tombstones", func(ctx context.Context, c conn) error {
		counts, err := s.counts(ctx, c, store.StatsQuery{Scope: store.Scope{All: true}})
		for p, n := range counts {
			if n != (store.Counts{}) {
				used[p.endpoint] = true
			}
		}
		return err
	})
	return used, err
}

func (s *Store) purgeTombstone(ctx context.Context, id string) error {
	return s.write(ctx, "purging a tombstone", idempotent, func(ctx context.Context, c conn) error {
		d := deliveryCandidates{Store: s}
		found, _, err := d.ofEndpoints(ctx, c, []string{id}, span{0, math.MaxInt64}, 1)
		if err != nil || len(found) > 0 {
			return err
		}
		_, err = c.exec(ctx, "DELETE FROM {endpoints} WHERE id = ? AND deleted_at IS NOT NULL", id)
		return err
	})
}
