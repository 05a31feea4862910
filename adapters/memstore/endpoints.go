package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// CreateEndpoint implements [store.Endpoints]. It refuses an empty ID, one of
// more than 64 bytes and an invalid Status, and returns [store.ErrFull] if
// there is no room.
func (s *Store) CreateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	if given.ID == "" || len(given.ID) > 64 {
		return store.Endpoint{}, fmt.Errorf("memstore: create endpoint: the ID must have 1 to 64 bytes, it has %d", len(given.ID))
	}
	if err := checkStatus(given.Status); err != nil {
		return store.Endpoint{}, fmt.Errorf("memstore: create endpoint %q: %w", given.ID, err)
	}
	e := clone(&given)
	if err := s.lock(ctx); err != nil {
		return store.Endpoint{}, err
	}
	defer s.mu.Unlock()
	// The id is unique over all tenants, and over tombstones.
	for l := s.lanes.byID[e.ID]; l != nil; l = l.next {
		if l.endpoint != nil {
			return store.Endpoint{}, fmt.Errorf("memstore: create endpoint %q: %w", e.ID, store.ErrExists)
		}
	}
	// To make room may remove lanes and tenants, so they are looked up after it.
	cost := endpointSize(&e)
	if !s.room(0, cost+laneCost) {
		return store.Endpoint{}, fmt.Errorf("memstore: create endpoint %q: %w", e.ID, store.ErrFull)
	}
	now := s.tick()
	e.Revision, e.CreatedAt, e.UpdatedAt, e.DeletedAt = 1, timeOf(now), timeOf(now), time.Time{}

	l := s.lane(s.tenants.get(e.Tenant), e.ID)
	s.lanes.lastMade++
	l.number, l.cost = s.lanes.lastMade, cost
	s.bytes += cost
	l.endpoint = &e
	l.tenant.homes[l] = struct{}{}
	l.tenant.subscribe(l)
	l.tenant.endpoints.add(l.number)
	s.lanes.live.add(l.number)
	s.lanes.byNumber[l.number] = l
	s.setPaused(l)
	return clone(&e), nil
}

// Endpoint implements [store.Endpoints].
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	if err := s.lock(ctx); err != nil {
		return store.Endpoint{}, err
	}
	l := s.endpoint(tenant, id)
	var e *store.Endpoint
	if l != nil {
		e = l.endpoint // replaced by writers, never changed
	}
	s.mu.Unlock()
	if e == nil {
		return store.Endpoint{}, noEndpoint("read", id)
	}
	return clone(e), nil
}

// UpdateEndpoint implements [store.Endpoints]. It returns [store.ErrFull] if
// the endpoint grew and there is no room.
func (s *Store) UpdateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	e := clone(&given)
	if err := s.lock(ctx); err != nil {
		return store.Endpoint{}, err
	}
	defer s.mu.Unlock()
	l := s.endpoint(e.Tenant, e.ID)
	if l == nil {
		return store.Endpoint{}, noEndpoint("update", e.ID)
	}
	old := l.endpoint
	if old.Revision != e.Revision {
		return store.Endpoint{}, fmt.Errorf("memstore: update endpoint %q: it has revision %d, not %d: %w", e.ID, old.Revision, e.Revision, store.ErrConflict)
	}
	cost := endpointSize(&e)
	if cost > l.cost && !s.room(0, cost-l.cost) {
		return store.Endpoint{}, fmt.Errorf("memstore: update endpoint %q: %w", e.ID, store.ErrFull)
	}
	// What an update must not change: the status has its own method, so that an
	// update which was under way does not undo a pause.
	e.Revision++
	e.Status, e.StatusReason = old.Status, old.StatusReason
	e.CreatedAt, e.UpdatedAt, e.DeletedAt = old.CreatedAt, timeOf(s.now()), old.DeletedAt
	if !slices.Equal(old.Patterns, e.Patterns) {
		l.tenant.unsubscribe(l)
		l.endpoint = &e
		l.tenant.subscribe(l)
	}
	l.endpoint = &e
	s.bytes += cost - l.cost
	l.cost = cost
	return clone(&e), nil
}

// SetEndpointStatus implements [store.Endpoints]. It refuses an invalid status.
func (s *Store) SetEndpointStatus(ctx context.Context, tenant, id string, status store.EndpointStatus, reason store.Code) (store.Endpoint, error) {
	if err := checkStatus(status); err != nil {
		return store.Endpoint{}, fmt.Errorf("memstore: set status of endpoint %q: %w", id, err)
	}
	if err := s.lock(ctx); err != nil {
		return store.Endpoint{}, err
	}
	defer s.mu.Unlock()
	l := s.endpoint(tenant, id)
	if l == nil {
		return store.Endpoint{}, noEndpoint("set status of", id)
	}
	if l.endpoint.Status != status || l.endpoint.StatusReason != reason {
		e := *l.endpoint // shares what nobody writes to
		e.Status, e.StatusReason = status, reason
		e.Revision++
		e.UpdatedAt = timeOf(s.now())
		l.endpoint = &e
		s.setPaused(l)
	}
	return clone(l.endpoint), nil
}

// DeleteEndpoint implements [store.Endpoints]. The tombstone keeps neither
// Secrets nor Headers.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	l := s.endpoint(tenant, id)
	if l == nil {
		return noEndpoint("delete", id)
	}
	// Nobody signs or sends for a tombstone, so its secrets need not be kept. The
	// deliveries stay where they are; the lane shows that the endpoint is gone.
	s.withdraw(l)
	e := *l.endpoint
	now := timeOf(s.now())
	e.Secrets, e.Headers = nil, nil
	e.Revision++
	e.UpdatedAt, e.DeletedAt = now, now
	s.bytes += endpointSize(&e) - l.cost
	l.cost = endpointSize(&e)
	l.endpoint = &e
	s.setPaused(l)
	s.releaseLane(l)
	return nil
}

// withdraw takes an endpoint that is not deleted out of the indexes.
func (s *Store) withdraw(l *lane) {
	l.tenant.unsubscribe(l)
	l.tenant.endpoints.remove(l.number)
	s.lanes.live.remove(l.number)
	delete(s.lanes.byNumber, l.number)
}

// forget removes an endpoint, or its tombstone, and the lane if it is empty.
func (s *Store) forget(l *lane) {
	if !l.deleted() {
		s.withdraw(l)
	}
	s.bytes -= l.cost
	l.endpoint, l.cost = nil, 0
	delete(s.lanes.tombs, l)
	delete(l.tenant.homes, l)
	s.setPaused(l)
	s.releaseLane(l)
}

// endpoint returns the lane of an endpoint that is not deleted, or nil.
func (s *Store) endpoint(tenant, id string) *lane {
	if l := s.lanes.find(tenant, id); l != nil && l.endpoint != nil && !l.deleted() {
		return l
	}
	return nil
}

// setPaused brings the lane in line with its endpoint. That is all there is to
// a pause, whatever the backlog.
func (s *Store) setPaused(l *lane) {
	l.paused = l.endpoint != nil && !l.deleted() && l.endpoint.Status == store.EndpointPaused
	s.lanes.refresh(l)
}

// Endpoints implements [store.Endpoints]. It refuses a Limit below 1.
func (s *Store) Endpoints(ctx context.Context, q store.EndpointQuery) (store.Page[store.Endpoint], error) {
	list := listing{
		kind: 'p', filter: []any{q.Scope.All, q.Scope.Tenant, q.Status}, cursor: q.Cursor, limit: q.Limit,
	}
	if q.Scope.All {
		list.filter[1] = ""
	}
	list.below = func(before uint64) []uint64 {
		if q.Scope.All {
			return s.lanes.live.below(before)
		}
		if t := s.tenants.byName[q.Scope.Tenant]; t != nil {
			return t.endpoints.below(before)
		}
		return nil
	}
	var found []*store.Endpoint
	list.visit = func(n uint64) verdict {
		e := s.lanes.byNumber[n].endpoint
		if q.Status != 0 && e.Status != q.Status {
			return pass
		}
		if len(found) < q.Limit {
			found = append(found, e)
		}
		return take
	}
	next, err := list.run(ctx, s)
	if err != nil {
		return store.Page[store.Endpoint]{}, err
	}
	page := store.Page[store.Endpoint]{Items: make([]store.Endpoint, len(found)), Next: next}
	for i, e := range found {
		page.Items[i] = clone(e)
	}
	return page, nil
}

func checkStatus(status store.EndpointStatus) error {
	if status < store.EndpointActive || status > store.EndpointDisabled {
		return fmt.Errorf("invalid Status %d", status)
	}
	return nil
}

func noEndpoint(doing, id string) error {
	return fmt.Errorf("memstore: %s endpoint %q: %w", doing, id, store.ErrNotFound)
}

// clone copies an endpoint with all that it refers to. Nil stays nil, and empty
// stays empty.
func clone(e *store.Endpoint) store.Endpoint {
	c := *e
	c.Patterns = slices.Clone(e.Patterns)
	c.Secrets = slices.Clone(e.Secrets)
	for i := range c.Secrets {
		secret := &c.Secrets[i]
		secret.Sealed = slices.Clone(secret.Sealed)
		secret.CreatedAt, secret.ExpiresAt = wall(secret.CreatedAt), wall(secret.ExpiresAt)
	}
	c.Headers = slices.Clone(e.Headers)
	c.Metadata = maps.Clone(e.Metadata)
	c.Retry = slices.Clone(e.Retry)
	return c
}

// endpointSize is what an endpoint costs: its texts, and rounded up what the
// record, its slices, its maps and its entries in the indexes take.
func endpointSize(e *store.Endpoint) int64 {
	size := 512 + len(e.ID) + len(e.Tenant) + len(e.Name) + len(e.URL) + len(e.Description) + len(e.Headers) + 8*len(e.Retry)
	for _, p := range e.Patterns {
		size += len(p) + 64
	}
	for _, secret := range e.Secrets {
		size += len(secret.Sealed) + 112
	}
	for k, v := range e.Metadata {
		size += len(k) + len(v) + 48
	}
	return int64(size)
}
