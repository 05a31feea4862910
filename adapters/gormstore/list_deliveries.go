package gormstore

import (
	"context"
	"database/sql"
	"fmt"
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
	l.below = func(ctx context.Context, c conn, before int64, n int) ([]int64, bool, error) {
		return candidates.below(ctx, c, span{between.from, min(before, between.to)}, n)
	}
	l.fetch = func(ctx context.Context, c conn, numbers []int64, want int) (found []listed[int64, store.Delivery], err error) {
		filter, values := deliveryFilter(&q)
		err = among("d.id", numbers, candidates.all, func(condition string, args []any) error {
			left := want - len(found)
			if left <= 0 {
				return nil
			}
			text := "SELECT " + s.dialect.deliveryColumns() + " FROM {deliveries} d" + s.dialect.byNumber() + s.dialect.itsEvent() + " WHERE " + condition +
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

// itsEvent joins the event e of each delivery d. Postgres, which would like to
// begin with the events of a rare type, is kept to the order.
func (d dialect) itsEvent() string {
	if d == postgres {
		return " CROSS JOIN LATERAL (SELECT e.* FROM {events} e WHERE e.seq = d.event_seq LIMIT 1) e"
	}
	return " JOIN {events} e ON e.seq = d.event_seq"
}

// deliveryFilter is what a query says, but for the times.
func deliveryFilter(q *store.DeliveryQuery) (filter string, values []any) {
	add := func(condition string, value any) {
		filter += " AND " + condition
		values = append(values, value)
	}
	if !q.Scope.All {
		add("d.tenant = ?", named(q.Scope.Tenant))
	}
	if q.EndpointID != "" {
		add("d.endpoint_id = ?", named(q.EndpointID))
	}
	if q.EventID != "" {
		add("e.id = ?", named(q.EventID))
	}
	if q.EventType != "" {
		add("e.type = ?", named(q.EventType))
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

func (d *deliveryCandidates) below(ctx context.Context, c conn, between span, n int) (found []int64, end bool, err error) {
	switch {
	case d.q.EventID != "":
		found, err = d.ofEvent(ctx, c, between, n)
		return found, len(found) < n, err
	case d.q.EndpointID != "":
		return d.ofEndpoints(ctx, c, []string{d.q.EndpointID}, between, n)
	case !d.q.Scope.All || d.q.State != 0:
		if !d.known {
			if err := d.count(ctx, c); err != nil {
				return nil, false, err
			}
		}
		if len(d.endpoints) <= mergedEndpoints {
			return d.ofEndpoints(ctx, c, d.endpoints, between, n)
		}
	}
	d.all = true
	found, err = c.numbers(ctx, "SELECT id FROM {deliveries} WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT ?", between.to, between.from, n)
	return found, len(found) < n, err
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

// ofEndpoints merges the lists of endpoints, each as far as its share of n goes,
// and down to where the first of them was cut off.
func (d *deliveryCandidates) ofEndpoints(ctx context.Context, c conn, endpoints []string, between span, n int) (found []int64, end bool, err error) {
	if len(endpoints) == 0 {
		return nil, true, nil
	}
	each := n
	if len(endpoints) > 1 {
		each = min(n, 2*n/len(endpoints)+8)
	}
	text, args := d.lists(endpoints, between, each)
	read, last := make([]int, len(endpoints)), make([]int64, len(endpoints))
	err = c.query(ctx, text, args, func(rows *sql.Rows) error {
		var i int
		var id int64
		if err := rows.Scan(&i, &id); err != nil {
			return err
		}
		found = append(found, id)
		if read[i]++; read[i] == 1 || id < last[i] {
			last[i] = id
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	cut := int64(0)
	for i := range endpoints {
		if read[i] == each {
			cut = max(cut, last[i])
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	if cut == 0 && len(found) <= n {
		return found, true, nil
	}
	for len(found) > n || found[len(found)-1] < cut {
		found = found[:len(found)-1]
	}
	return found, false, nil
}

// postgresLists reads the lists of endpoints by one sub-select for all of them: the
// server plans one for each of a union's, in each partition if there are any, which
// took seconds.
var postgresLists = func() string {
	condition, order := postgres.between("d", "endpoint_id", "id")
	condition = strings.ReplaceAll(condition, "(?, ?)", "(e.id, ?::bigint)")
	return `SELECT e.place - 1, q.id FROM unnest(?::text[]) WITH ORDINALITY AS e(id, place) CROSS JOIN LATERAL (
		SELECT d.id FROM {deliveries} d WHERE ` + condition + ` ORDER BY ` + order + ` LIMIT ?) q`
}()

// lists is a statement for the first deliveries of each of the endpoints: the place of
// the endpoint, and the number.
func (d *deliveryCandidates) lists(endpoints []string, between span, each int) (text string, args []any) {
	if d.dialect == postgres {
		var ids array
		for _, id := range endpoints {
			if named(id) == nil {
				ids.null()
			} else {
				ids.text(id)
			}
		}
		return postgresLists, []any{ids.String(), between.to, between.from, each}
	}
	condition, order := d.dialect.between("d", "endpoint_id", "id")
	var b strings.Builder
	for i, id := range endpoints {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&b, "SELECT * FROM (SELECT %d, d.id FROM {deliveries} d%s WHERE %s ORDER BY %s LIMIT ?) AS e%d",
			i, d.dialect.through("deliveries_by_endpoint"), condition, order, i)
		args = append(append(args, d.dialect.betweenArgs(named(id), between.to, between.from)...), each)
	}
	return b.String(), args
}

// ofEvent reads the deliveries of an event, or of several, since each tenant can
// have one by that id.
func (d *deliveryCandidates) ofEvent(ctx context.Context, c conn, between span, n int) ([]int64, error) {
	if named(d.q.Scope.Tenant) == nil {
		return nil, nil
	}
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
		return c.query(ctx, "SELECT seq, span FROM {events} WHERE tenant IN ("+list+") AND id = ?", append(args, named(d.q.EventID)), func(rows *sql.Rows) error {
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
