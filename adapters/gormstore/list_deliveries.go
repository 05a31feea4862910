package gormstore

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

// mergedEndpoints is how many endpoints' lists are merged into one.
const mergedEndpoints = 50

// Deliveries implements [store.Inspector]. It refuses a Limit below 1.
//
// The deliveries of an event or of an endpoint have an index. Those of a tenant,
// or in one state, are merged from the lists of the endpoints that have any,
// which the counts tell; where these are many, and for all tenants together, the
// list of all deliveries is filtered.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) (store.Page[store.Delivery], error) {
	const doing = "listing deliveries"
	if q.Scope.All {
		q.Scope.Tenant = ""
	}
	between := spanOf(q.From, q.To)
	l := listing[int64, store.Delivery]{
		kind: "deliveries",
		filter: []any{
			q.Scope.All, q.Scope.Tenant, q.EndpointID, q.EventID, q.EventType, uint8(q.State), between.from, between.to,
		},
		cursor: q.Cursor, limit: q.Limit,
		newest: math.MaxInt64, place: numberPlace, parse: placeNumber,
	}
	candidates := deliveryCandidates{Store: s, q: &q}
	l.below = func(ctx context.Context, c conn, before int64, n int) ([]int64, error) {
		return candidates.below(ctx, c, span{between.from, min(before, between.to)}, n)
	}
	l.fetch = func(ctx context.Context, c conn, numbers []int64, want int) (found []listed[int64, store.Delivery], err error) {
		filter, values := deliveryFilter(&q)
		err = among("d.id", numbers, candidates.all, func(condition string, args []any) error {
			left := want - len(found)
			if left <= 0 {
				return nil
			}
			text := "SELECT " + deliveryColumns + " FROM {deliveries} d" + s.dialect.byNumber() + " JOIN {events} e ON e.seq = d.event_seq WHERE " + condition +
				filter + " ORDER BY d.id DESC LIMIT ?"
			return c.query(ctx, text, append(append(args, values...), left), func(rows *sql.Rows) error {
				var r deliveryRow
				if err := rows.Scan(r.dest()...); err != nil {
					return err
				}
				found = append(found, listed[int64, store.Delivery]{r.number, r.delivery()})
				return nil
			})
		})
		return found, err
	}
	return l.page(ctx, s, doing)
}

// deliveryFilter is what a query says, but for the times.
func deliveryFilter(q *store.DeliveryQuery) (filter string, values []any) {
	add := func(condition string, value any) {
		filter += " AND " + condition
		values = append(values, value)
	}
	if !q.Scope.All {
		add("d.tenant = ?", q.Scope.Tenant)
	}
	if q.EndpointID != "" {
		add("d.endpoint_id = ?", q.EndpointID)
	}
	if q.EventID != "" {
		add("e.id = ?", q.EventID)
	}
	if q.EventType != "" {
		add("e.type = ?", q.EventType)
	}
	if q.State != 0 {
		add("d.state = ?", int(q.State))
	}
	return filter, values
}

// deliveryCandidates finds the numbers of deliveries that may belong to a list,
// newest first, by the narrowest index.
type deliveryCandidates struct {
	*Store
	q *store.DeliveryQuery
	// endpoints are those with deliveries that can be in the list.
	endpoints []string
	known     bool
	// all tells that every delivery was a candidate the last time.
	all bool
}

func (d *deliveryCandidates) below(ctx context.Context, c conn, between span, n int) ([]int64, error) {
	switch {
	case d.q.EventID != "":
		return d.ofEvent(ctx, c, between, n)
	case d.q.EndpointID != "":
		return d.ofEndpoints(ctx, c, []string{d.q.EndpointID}, between, n)
	case d.q.Scope.All && d.q.State == 0:
		return d.ofAll(ctx, c, between, n)
	}
	if !d.known {
		if err := d.count(ctx, c); err != nil {
			return nil, err
		}
	}
	if len(d.endpoints) <= mergedEndpoints {
		return d.ofEndpoints(ctx, c, d.endpoints, between, n)
	}
	return d.ofAll(ctx, c, between, n)
}

// count learns from the counts which endpoints have deliveries for the list. A
// delivery and its count change in one transaction.
func (d *deliveryCandidates) count(ctx context.Context, c conn) error {
	counts, err := d.counts(ctx, c, store.StatsQuery{Scope: d.q.Scope})
	if err != nil {
		return err
	}
	d.endpoints = nil
	for p, n := range counts {
		if one := n.Of(d.q.State); one != nil && *one != 0 || d.q.State == 0 && n != (store.Counts{}) {
			d.endpoints = append(d.endpoints, p.endpoint)
		}
	}
	slices.Sort(d.endpoints)
	d.endpoints = slices.Compact(d.endpoints)
	d.known = true
	return nil
}

func (d *deliveryCandidates) ofAll(ctx context.Context, c conn, between span, n int) ([]int64, error) {
	d.all = true
	return c.numbers(ctx, "SELECT id FROM {deliveries} WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT ?", between.to, between.from, n)
}

// ofEndpoints merges the lists of endpoints.
func (d *deliveryCandidates) ofEndpoints(ctx context.Context, c conn, endpoints []string, between span, n int) ([]int64, error) {
	if len(endpoints) == 0 {
		return nil, nil
	}
	condition, order := d.dialect.between("d", "endpoint_id", "id")
	one := "SELECT d.id FROM {deliveries} d" + d.dialect.through("deliveries_by_endpoint") + " WHERE " + condition + " ORDER BY " + order + " LIMIT ?"
	var args []any
	for _, id := range endpoints {
		args = append(append(args, d.dialect.betweenArgs(id, between.to, between.from)...), n)
	}
	if len(endpoints) == 1 {
		return c.numbers(ctx, one, args...)
	}
	return c.numbers(ctx, strings.Repeat("SELECT id FROM ("+one+") AS d UNION ALL ", len(endpoints)-1)+"SELECT id FROM ("+one+") AS d ORDER BY id DESC LIMIT ?",
		append(args, n)...)
}

// ofEvent reads the deliveries of an event, or of several, since each tenant can
// have one by that id.
func (d *deliveryCandidates) ofEvent(ctx context.Context, c conn, between span, n int) ([]int64, error) {
	tenants := []string{d.q.Scope.Tenant}
	if d.q.Scope.All {
		counts, err := d.counts(ctx, c, store.StatsQuery{Scope: d.q.Scope})
		if err != nil {
			return nil, err
		}
		tenants = tenants[:0]
		for p := range counts {
			tenants = append(tenants, p.tenant)
		}
		slices.Sort(tenants)
		tenants = slices.Compact(tenants)
	}
	type event struct{ seq, end int64 }
	var events []event
	err := inLists(tenants, func(list string, args []any) error {
		return c.query(ctx, "SELECT seq, span FROM {events} WHERE tenant IN ("+list+") AND id = ?", append(args, d.q.EventID), func(rows *sql.Rows) error {
			var e event
			err := rows.Scan(&e.seq, &e.end)
			e.end += e.seq
			events = append(events, e)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	// The second order is not that of the primary key, so that nothing walks down
	// that in search of rows that are apart.
	text := `SELECT id FROM (SELECT id FROM {deliveries} WHERE id > ? AND id <= ? AND id < ? AND id >= ? ORDER BY id DESC LIMIT ?) AS a
		UNION ALL SELECT id FROM (SELECT id FROM {deliveries}` + d.dialect.through("deliveries_apart") + ` WHERE apart = ? AND id < ? AND id >= ? ORDER BY id + 0 DESC LIMIT ?) AS b`
	var all []int64
	for _, e := range events {
		numbers, err := c.numbers(ctx, text, e.seq, e.end, between.to, between.from, n, e.seq, between.to, between.from, n)
		if err != nil {
			return nil, err
		}
		all = append(all, numbers...)
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all[:min(n, len(all))], nil
}
