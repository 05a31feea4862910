package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

// Stats implements [store.Inspector]. It reads a row for each endpoint in scope
// that has deliveries, and what was not added to these rows yet.
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) (store.Stats, error) {
	var counts tally
	err := s.read(ctx, "counting", func(ctx context.Context, c conn) (err error) {
		counts, err = s.counts(ctx, c, q)
		return err
	})
	if err != nil {
		return store.Stats{}, err
	}
	s.compactor.afterRead(ctx, s)
	return counts.stats(), nil
}

// counts reads the counts in a scope. One statement does it: what the compactor
// moves from one table to the other meanwhile is seen on one side of it.
func (s *Store) counts(ctx context.Context, c conn, q store.StatsQuery) (tally, error) {
	text := "SELECT tenant, endpoint_id, pending, delivered, failed, cancelled, NULL FROM {counts}"
	var args []any
	var filters []string
	if !q.Scope.All {
		filters, args = append(filters, "tenant = ?"), append(args, named(q.Scope.Tenant))
	}
	if q.EndpointID != "" {
		filters, args = append(filters, "endpoint_id = ?"), append(args, named(q.EndpointID))
	}
	if len(filters) > 0 {
		text += " WHERE " + strings.Join(filters, " AND ")
	}
	text += " UNION ALL SELECT NULL, NULL, 0, 0, 0, 0, payload FROM {deltas}"
	counts, deltas := make(tally), make(tally)
	read := int64(0)
	err := c.query(ctx, text, args, func(rows *sql.Rows) error {
		var tenant, endpoint, payload sql.NullString
		var d store.Counts
		if err := rows.Scan(&tenant, &endpoint, &d.Pending, &d.Delivered, &d.Failed, &d.Cancelled, &payload); err != nil {
			return err
		}
		if payload.Valid {
			read++
			return deltas.addPayload(payload.String)
		}
		counts.add(place{tenant.String, endpoint.String}, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.compactor.seen(read)
	for p, d := range deltas {
		if q.Scope.Includes(p.tenant) && (q.EndpointID == "" || q.EndpointID == p.endpoint) {
			counts.add(p, d)
		}
	}
	return counts, nil
}

// stats leaves out tenants: those that use each other's ids are one line.
func (t tally) stats() (stats store.Stats) {
	byEndpoint := make(map[string]store.Counts)
	for p, d := range t {
		c := byEndpoint[p.endpoint]
		addCounts(&c, d)
		byEndpoint[p.endpoint] = c
		addCounts(&stats.Total, d)
	}
	for id, c := range byEndpoint {
		if c != (store.Counts{}) {
			stats.Endpoints = append(stats.Endpoints, store.EndpointCounts{EndpointID: id, Counts: c})
		}
	}
	slices.SortFunc(stats.Endpoints, func(a, b store.EndpointCounts) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	return stats
}
