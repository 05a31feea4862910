package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

// Event implements [store.Inspector].
func (s *Store) Event(ctx context.Context, tenant, id string) (store.Event, error) {
	if err := s.lock(ctx); err != nil {
		return store.Event{}, err
	}
	// The copy shares the body, which nobody writes to; full copies that, without
	// the lock.
	_, found := s.findEvent(tenant, id)
	var e event
	if found != nil {
		e = *found
	}
	s.mu.Unlock()
	if found == nil {
		return store.Event{}, fmt.Errorf("memstore: event %q: %w", id, store.ErrNotFound)
	}
	return e.full(), nil
}

// Events implements [store.Inspector]. It refuses a Limit below 1.
func (s *Store) Events(ctx context.Context, q store.EventQuery) (store.Page[store.Event], error) {
	if q.Scope.All {
		q.Scope.Tenant = "" // it is ignored, so it is no part of the query
	}
	between := spanOf(q.From, q.To)
	list := listing{
		kind: 'e', filter: []any{q.Scope.All, q.Scope.Tenant, q.Type, between}, cursor: q.Cursor, limit: q.Limit,
	}
	list.below = func(before uint64) []uint64 {
		if t := s.tenants.byName[q.Scope.Tenant]; t != nil {
			return t.events.below(before)
		}
		return nil
	}
	if q.Scope.All {
		list.below = everyBelow(&s.events.slab, func(e *event) bool { return e.kind != nil })
	}
	var found []event
	list.visit = func(n uint64) verdict {
		e := s.events.at(n)
		v := between.judge(e.created)
		if v == take && q.Type != "" && e.kind.eventType != q.Type {
			v = pass
		}
		if v == take && len(found) < q.Limit {
			found = append(found, *e)
		}
		return v
	}
	next, err := list.run(ctx, s)
	if err != nil {
		return store.Page[store.Event]{}, err
	}
	page := store.Page[store.Event]{Items: make([]store.Event, len(found)), Next: next}
	for i := range found {
		page.Items[i] = found[i].full()
	}
	return page, nil
}

// Delivery implements [store.Inspector].
func (s *Store) Delivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	if err := s.lock(ctx); err != nil {
		return store.Delivery{}, err
	}
	defer s.mu.Unlock()
	n, r := s.findRow(tenant, id)
	if r == nil {
		return store.Delivery{}, noDelivery(id)
	}
	return s.delivery(n, r), nil
}

// findRow returns the row of a tenant's delivery, nil if there is none.
func (s *Store) findRow(tenant, id string) (uint64, *row) {
	n := s.number(id)
	r := s.rows.get(n)
	if r == nil || s.lanes.slots[r.lane].tenant.name != tenant {
		return 0, nil
	}
	return n, r
}

func (s *Store) delivery(n uint64, r *row) store.Delivery {
	var d store.Delivery
	r.fill(&d, s.deliveryID(n), s.rows.reason(r), s.events.at(r.event), s.lanes.slots[r.lane].id)
	return d
}

func noDelivery(id string) error {
	return fmt.Errorf("memstore: delivery %q: %w", id, store.ErrNotFound)
}

// Deliveries implements [store.Inspector]. It refuses a Limit below 1. Lists of
// an event, an endpoint or a tenant use an index; the other filters are applied
// to what these yield.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) (store.Page[store.Delivery], error) {
	if q.Scope.All {
		q.Scope.Tenant = ""
	}
	between := spanOf(q.From, q.To)
	list := listing{
		kind:   'd',
		filter: []any{q.Scope.All, q.Scope.Tenant, q.EndpointID, q.EventID, q.EventType, uint8(q.State), between},
		cursor: q.Cursor, limit: q.Limit,
	}
	list.below = s.candidates(&q)
	var found []store.Delivery
	list.visit = func(n uint64) verdict {
		r := s.rows.at(n)
		v := between.judge(r.created)
		if v == take && !s.matches(&q, r) {
			v = pass
		}
		if v == take && len(found) < q.Limit {
			found = append(found, s.delivery(n, r))
		}
		return v
	}
	next, err := list.run(ctx, s)
	if err != nil {
		return store.Page[store.Delivery]{}, err
	}
	return store.Page[store.Delivery]{Items: found, Next: next}, nil
}

// matches applies the filters that the index need not have applied.
func (s *Store) matches(q *store.DeliveryQuery, r *row) bool {
	if q.State != 0 && r.state != q.State {
		return false
	}
	if q.EndpointID != "" && s.lanes.slots[r.lane].id != q.EndpointID {
		return false
	}
	if q.EventID == "" && q.EventType == "" {
		return true
	}
	e := s.events.at(r.event)
	return (q.EventID == "" || e.id() == q.EventID) && (q.EventType == "" || e.kind.eventType == q.EventType)
}

// candidates chooses the narrowest index for a query.
func (s *Store) candidates(q *store.DeliveryQuery) func(before uint64) []uint64 {
	// Every function looks its index up anew each time: between two calls the
	// lock may have been let go of.
	switch {
	case q.EventID != "": // at most one for each endpoint
		return func(before uint64) []uint64 { return s.rowsOf(q.Scope, q.EventID, before) }
	case q.EndpointID != "":
		return func(before uint64) []uint64 {
			// More than one lane only if tenants use each other's ids.
			var run []uint64
			for l := s.lanes.byID[q.EndpointID]; l != nil; l = l.next {
				if !q.Scope.Includes(l.tenant.name) {
					continue
				}
				other := l.rows.below(before)
				switch {
				case len(run) == 0:
					run = other
				case len(other) > 0:
					run = []uint64{max(run[len(run)-1], other[len(other)-1])}
				}
			}
			return run
		}
	case q.Scope.All:
		return everyBelow(&s.rows.slab, func(r *row) bool { return r.state != 0 })
	}
	return func(before uint64) []uint64 {
		if t := s.tenants.byName[q.Scope.Tenant]; t != nil {
			return t.rows.below(before)
		}
		return nil
	}
}

// rowsOf returns the deliveries below before of the events with an id.
func (s *Store) rowsOf(scope store.Scope, eventID string, before uint64) []uint64 {
	var all []uint64
	add := func(tenant string) {
		if _, e := s.findEvent(tenant, eventID); e != nil {
			all = append(all, e.rowNumbers()...)
		}
	}
	if scope.All {
		for tenant := range s.tenants.byName {
			add(tenant)
		}
	} else {
		add(scope.Tenant)
	}
	slices.Sort(all)
	end, _ := slices.BinarySearch(all, before)
	return all[:end]
}

// everyBelow walks over all records of a slab that are in use, chunk by chunk.
func everyBelow[T any](table *slab[T], used func(*T) bool) func(before uint64) []uint64 {
	run := make([]uint64, 0, chunkSize)
	return func(before uint64) []uint64 {
		for {
			from, to, ok := table.below(before)
			if !ok {
				return nil
			}
			run = run[:0]
			for n := from; n < to; n++ {
				if used(table.at(n)) {
					run = append(run, n)
				}
			}
			if len(run) > 0 {
				return run
			}
			before = from
		}
	}
}

// Attempts implements [store.Inspector].
func (s *Store) Attempts(ctx context.Context, tenant, deliveryID string) ([]store.Attempt, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	n, r := s.findRow(tenant, deliveryID)
	if r == nil {
		s.mu.Unlock()
		return nil, noDelivery(deliveryID)
	}
	// A log is appended to, but never written over, so this part of it is safe to
	// read without the lock.
	log, count := s.rows.log(n, r), int(r.attempts)
	s.mu.Unlock()
	return decodeAttempts(log, deliveryID, count), nil
}
