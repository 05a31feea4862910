package gormstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/postrider/postrider/store"
)

// Events implements [store.Inspector]. It refuses a Limit below 1.
func (s *Store) Events(ctx context.Context, q store.EventQuery) (store.Page[store.Event], error) {
	if q.Scope.All {
		q.Scope.Tenant = "" // it is ignored, so it is no part of the query
	}
	between := spanOf(q.From, q.To)
	between.from, between.to = max(between.from-1, 0), between.to-1 // see eventCreated
	l := listing[int64, store.Event]{
		kind: "events", filter: []any{q.Scope.All, q.Scope.Tenant, q.Type, between.from, between.to}, cursor: q.Cursor, limit: q.Limit,
		newest: math.MaxInt64, place: numberPlace, parse: placeNumber,
	}
	l.below = func(ctx context.Context, c conn, before int64, n int) (found []int64, end bool, err error) {
		if q.Scope.All {
			found, err = c.numbers(ctx, "SELECT seq FROM {events} WHERE seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?",
				min(before, between.to), between.from, n)
			return found, len(found) < n, err
		}
		condition, order := s.dialect.between("e", "tenant", "seq")
		args := s.dialect.betweenArgs(named(q.Scope.Tenant), min(before, between.to), between.from)
		found, err = c.numbers(ctx, "SELECT e.seq FROM {events} e"+s.dialect.through("events_by_tenant")+" WHERE "+condition+" ORDER BY "+order+" LIMIT ?",
			append(args, n)...)
		return found, len(found) < n, err
	}
	l.fetch = func(ctx context.Context, c conn, candidates []int64, want int) (found []listed[int64, store.Event], err error) {
		filter, values := "", []any{}
		if q.Type != "" {
			filter, values = " AND e.type = ?", append(values, named(q.Type))
		}
		err = among("e.seq", candidates, q.Scope.All, func(condition string, args []any) error {
			left := want - len(found)
			if left <= 0 {
				return nil
			}
			text := "SELECT " + eventColumns + " FROM {events} e" + s.dialect.byNumber() + " WHERE " + condition + filter + " ORDER BY e.seq DESC LIMIT ?"
			return c.query(ctx, text, append(append(args, values...), left), func(rows *sql.Rows) error {
				var r eventRow
				if err := rows.Scan(r.dest()...); err != nil {
					return err
				}
				e, err := r.event()
				found = append(found, listed[int64, store.Event]{r.seq, e})
				return err
			})
		})
		return found, err
	}
	return l.page(ctx, s, "listing events")
}
