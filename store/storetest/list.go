package storetest

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// The three lists differ in their records and queries only; a list treats them
// alike.
type list[T any] struct {
	name string
	// page reads a page in a scope. The limit and cursor replace the query's.
	page func(ctx context.Context, cursor string, limit int) (store.Page[T], error)
	// id identifies a record over all tenants, at is its place in the order.
	id func(T) string
	at func(T) (time.Time, string)
}

func (t *tester) events(q store.EventQuery) list[store.Event] {
	return list[store.Event]{
		"Events", func(ctx context.Context, cursor string, limit int) (store.Page[store.Event], error) {
			q.Cursor, q.Limit = cursor, limit
			return t.Store.Events(ctx, q)
		},
		func(e store.Event) string { return e.Tenant + "/" + e.ID },
		func(e store.Event) (time.Time, string) { return e.CreatedAt, e.ID },
	}
}

func (t *tester) deliveries(q store.DeliveryQuery) list[store.Delivery] {
	return list[store.Delivery]{
		"Deliveries", func(ctx context.Context, cursor string, limit int) (store.Page[store.Delivery], error) {
			q.Cursor, q.Limit = cursor, limit
			return t.Store.Deliveries(ctx, q)
		},
		func(d store.Delivery) string { return d.ID },
		func(d store.Delivery) (time.Time, string) { return d.CreatedAt, d.ID },
	}
}

func (t *tester) endpoints(q store.EndpointQuery) list[store.Endpoint] {
	return list[store.Endpoint]{
		"Endpoints", func(ctx context.Context, cursor string, limit int) (store.Page[store.Endpoint], error) {
			q.Cursor, q.Limit = cursor, limit
			return t.Store.Endpoints(ctx, q)
		},
		func(e store.Endpoint) string { return e.ID },
		func(e store.Endpoint) (time.Time, string) { return e.CreatedAt, e.ID },
	}
}

// walk reads a list to its end, calls between after every page but the last,
// and checks the order, the limit and that no record comes twice.
func walk[T any](t *tester, l list[T], limit int, between func()) []T {
	t.tb.Helper()
	var all []T
	seen := make(map[string]bool)
	cursor := ""
	for {
		p, err := l.page(t.ctx, cursor, limit)
		t.noError(err, "%s at %q", l.name, cursor)
		if len(p.Items) > limit {
			t.Fatalf("%s with limit %d returned %d records", l.name, limit, len(p.Items))
		}
		for _, r := range p.Items {
			if seen[l.id(r)] {
				t.Fatalf("%s: %s came twice over the pages", l.name, l.id(r))
			}
			seen[l.id(r)] = true
			if len(all) > 0 && !newer(l, all[len(all)-1], r) {
				t.Fatalf("%s: %s follows %s, which is older: want newest first", l.name, l.id(r), l.id(all[len(all)-1]))
			}
			all = append(all, r)
		}
		if p.Next == "" {
			return all
		}
		if len(p.Items) == 0 {
			t.Fatalf("%s: an empty page has a following page", l.name)
		}
		if between != nil {
			between()
		}
		cursor = p.Next
	}
}

// newer tells whether a may stand before b.
func newer[T any](l list[T], a, b T) bool {
	atA, idA := l.at(a)
	atB, idB := l.at(b)
	if !atA.Equal(atB) {
		return atA.After(atB)
	}
	return idA >= idB // equal for records of two tenants only
}

// everything reads a list in one page.
func everything[T any](t *tester, l list[T]) []T {
	t.tb.Helper()
	return walk(t, l, 10_000, nil)
}

// idsOf returns what identifies the records.
func idsOf[T any](l list[T], records []T) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = l.id(r)
	}
	return ids
}

// equalSets tells whether two lists hold the same strings in any order.
func equalSets(a, b []string) bool {
	count := make(map[string]int)
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
