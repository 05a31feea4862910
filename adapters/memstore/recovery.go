package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

// Cancel implements [store.Recovery].
func (s *Store) Cancel(ctx context.Context, tenant string, ids []string, reason store.Code) ([]bool, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if len(ids) == 0 {
		return nil, nil
	}
	// A Cancel raises the token, so that an attempt under way is lost to its
	// sender. To leave the queue takes no search.
	now := s.now()
	cancelled := make([]bool, len(ids))
	for i, id := range ids {
		_, r := s.findRow(tenant, id)
		if r == nil || r.state != store.StatePending {
			continue
		}
		cancelled[i] = true
		r.token++
		s.rows.setReason(r, reason)
		s.end(s.lanes.slots[r.lane], r, store.StateCancelled, now)
	}
	return cancelled, nil
}

// Requeue implements [store.Recovery]. Items are taken in their order, as if
// each was a call of its own. It returns [store.ErrFull] if there is no room for
// the deliveries to be made, and refuses to make one for an EndpointID that is
// empty or has more than 64 bytes.
func (s *Store) Requeue(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if len(p.Items) == 0 {
		return nil, nil
	}
	// First all items are judged, then all are done: an error may come of the
	// first pass only, and a dry run is the first pass.
	plan := plan{made: make(map[pair]bool), pending: make(map[uint64]bool), units: make(map[uint64]int64)}
	results := make([]store.Requeued, len(p.Items))
	for i := range p.Items {
		var err error
		if results[i], err = s.plan(&plan, &p.Items[i]); err != nil {
			return nil, fmt.Errorf("memstore: requeue: item %d: %w", i, err)
		}
	}
	if p.DryRun {
		return results, nil
	}
	if len(plan.made) > 0 && !s.roomFor(&plan) {
		return nil, fmt.Errorf("memstore: requeue: %w", store.ErrFull)
	}
	for i := range p.Items {
		switch results[i].Result {
		case store.RequeueDone:
			n, r, _ := s.target(&p.Items[i])
			s.requeue(n, r)
			results[i].DeliveryID = s.deliveryID(n)
		case store.RequeueCreated:
			results[i].DeliveryID = s.deliveryID(s.create(&p.Items[i]))
		case store.RequeueSkipped, store.RequeueNotFound, store.RequeueNoBody:
		}
	}
	return results, nil
}

// plan is what a Requeue is going to do, so that it can be refused, or only
// told, before anything is done.
type plan struct {
	// made are the deliveries that are missing; pending those that will be
	// pending then.
	made    map[pair]bool
	pending map[uint64]bool
	// units are the missing deliveries by event.
	units map[uint64]int64
	// events are those that must not be evicted meanwhile.
	events []uint64
	lanes  int64
}

type pair struct {
	event    uint64
	endpoint string
}

// target finds what an item names: the delivery, if it exists, and the event.
func (s *Store) target(item *store.RequeueItem) (n uint64, r *row, event uint64) {
	if item.DeliveryID != "" {
		if n, r = s.findRow(item.Tenant, item.DeliveryID); r != nil {
			event = r.event
		}
		return n, r, event
	}
	event, e := s.findEvent(item.Tenant, item.EventID)
	l := s.lanes.find(item.Tenant, item.EndpointID)
	if e == nil || l == nil {
		return 0, nil, event
	}
	// The rows that Insert made for an event are numbered one after another, and
	// a lane has at most one of them.
	n, found := l.rows.find(e.first, e.first+uint64(e.n))
	if !found {
		n, found = e.extra[l.slot]
	}
	if !found {
		return 0, nil, event
	}
	return n, s.rows.at(n), event
}

// plan tells what becomes of an item, after those planned before.
func (s *Store) plan(p *plan, item *store.RequeueItem) (store.Requeued, error) {
	n, r, number := s.target(item)
	if number == 0 {
		return store.Requeued{Result: store.RequeueNotFound}, nil
	}
	// Each case leaves in the plan what a later item would find.
	e := s.events.at(number)
	missing := pair{number, item.EndpointID}
	var result store.Requeued
	switch {
	case r != nil:
		result = store.Requeued{DeliveryID: s.deliveryID(n), EndpointID: s.lanes.slots[r.lane].id, Was: r.state}
		if p.pending[n] {
			result.Was = store.StatePending
		}
	case p.made[missing]:
		result = store.Requeued{EndpointID: item.EndpointID, Was: store.StatePending}
	case e.noBody:
		return store.Requeued{Result: store.RequeueNoBody}, nil
	default:
		if err := checkEndpointID(item.EndpointID); err != nil {
			return store.Requeued{}, err
		}
		p.made[missing] = true
		p.units[number]++
		if s.lanes.find(item.Tenant, item.EndpointID) == nil {
			p.lanes++
		}
		p.events = append(p.events, number)
		return store.Requeued{Result: store.RequeueCreated, EndpointID: item.EndpointID}, nil
	}
	switch {
	case len(item.If) > 0 && !slices.Contains(item.If, result.Was):
		result.Result = store.RequeueSkipped
	case e.noBody:
		result.Result = store.RequeueNoBody
	default:
		result.Result = store.RequeueDone
		p.events = append(p.events, number)
		if n != 0 {
			p.pending[n] = true
		}
	}
	return result, nil
}

// roomFor makes room for the deliveries of a plan, but not by evicting events
// that it needs.
func (s *Store) roomFor(p *plan) bool {
	units, bytes := int64(0), p.lanes*laneCost
	for number, n := range p.units {
		e := s.events.at(number)
		if units += n; e.n == 0 && len(e.extra) == 0 {
			units-- // the event itself counted as one
		}
		bytes += n * extraCost
	}
	for _, n := range p.events {
		s.events.at(n).pinned = true
	}
	ok := s.room(units, bytes)
	for _, n := range p.events {
		s.events.at(n).pinned = false
	}
	return ok
}

// create makes the delivery that an item names, and returns its number.
func (s *Store) create(item *store.RequeueItem) uint64 {
	number, e := s.findEvent(item.Tenant, item.EventID)
	// It leaves the ended events before its size and its deliveries change.
	if e.ended != 0 {
		s.unend(e)
	}
	now := s.tick()
	l := s.lane(s.tenants.get(item.Tenant), item.EndpointID)
	s.units -= e.units()
	if e.extra == nil {
		e.extra = make(map[uint32]uint64)
	}
	n := s.addRow(number, e, l, now, now)
	e.extra[l.slot] = n
	s.units += e.units()
	s.grow(e, extraCost)
	return n
}

// requeue makes a delivery pending and visible now.
func (s *Store) requeue(n uint64, r *row) {
	l, e, now := s.lanes.slots[r.lane], s.events.at(r.event), s.now()
	r.token++
	r.tries, r.expiries = 0, 0
	r.claimed = false
	r.visible, r.updated = now, now
	s.rows.setReason(r, "")
	// To the heap, though it is visible now: its number is not the highest, which
	// a fresh row's must be.
	if r.state == store.StatePending {
		s.lease(l, n, r, now)
		return
	}
	l.counts[r.state]--
	r.state = store.StatePending
	s.enter(l, e)
	s.pushTimed(l, n, r)
}
