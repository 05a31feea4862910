package gormstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/postrider/postrider/store"
)

// endpointPlace is a place in the list of endpoints.
type endpointPlace struct {
	created int64
	id      string
}

func (p endpointPlace) bytes() []byte { return append(numberPlace(p.created), p.id...) }

func parseEndpointPlace(b []byte) (endpointPlace, error) {
	if len(b) < 8 {
		return endpointPlace{}, store.ErrInvalidCursor
	}
	created, err := placeNumber(b[:8])
	return endpointPlace{created, string(b[8:])}, err
}

// Endpoints implements [store.Endpoints]. It refuses a Limit below 1.
func (s *Store) Endpoints(ctx context.Context, q store.EndpointQuery) (store.Page[store.Endpoint], error) {
	if q.Scope.All {
		q.Scope.Tenant = ""
	}
	l := listing[endpointPlace, store.Endpoint]{
		kind: "endpoints", filter: []any{q.Scope.All, q.Scope.Tenant, uint8(q.Status)}, cursor: q.Cursor, limit: q.Limit,
		newest: endpointPlace{created: math.MaxInt64}, place: endpointPlace.bytes, parse: parseEndpointPlace,
	}
	l.below = func(ctx context.Context, c conn, before endpointPlace, n int) (places []endpointPlace, end bool, err error) {
		text, args := "SELECT created_at, id FROM {endpoints} WHERE created_at <= ? AND (created_at < ? OR id < ?)", []any{before.created, before.created, before.id}
		if !q.Scope.All {
			text, args = text+" AND tenant = ?", append(args, named(q.Scope.Tenant))
		}
		err = c.query(ctx, text+" ORDER BY created_at DESC, id DESC LIMIT ?", append(args, n), func(rows *sql.Rows) error {
			var p endpointPlace
			err := rows.Scan(&p.created, &p.id)
			places = append(places, p)
			return err
		})
		return places, len(places) < n, err
	}
	l.fetch = func(ctx context.Context, c conn, candidates []endpointPlace, want int) (found []listed[endpointPlace, store.Endpoint], err error) {
		ids := make([]string, len(candidates))
		for i := range candidates {
			ids[i] = candidates[i].id
		}
		filter, values := "", []any{}
		if q.Status != 0 {
			filter, values = " AND e.status = ?", append(values, int(q.Status))
		}
		err = inLists(ids, func(list string, args []any) error {
			left := want - len(found)
			if left <= 0 {
				return nil
			}
			text := "SELECT " + endpointColumns + " FROM {endpoints} e WHERE e.id IN (" + list + ") AND e.deleted_at IS NULL" + filter +
				" ORDER BY e.created_at DESC, e.id DESC LIMIT ?"
			return c.query(ctx, text, append(append(args, values...), left), func(rows *sql.Rows) error {
				var r endpointRow
				if err := rows.Scan(r.dest()...); err != nil {
					return err
				}
				e, err := r.endpoint()
				found = append(found, listed[endpointPlace, store.Endpoint]{endpointPlace{r.created, e.ID}, e})
				return err
			})
		})
		return found, err
	}
	return l.page(ctx, s, "listing endpoints")
}
