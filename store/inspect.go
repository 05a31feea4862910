package store

import (
	"context"
	"time"
)

// Scope selects tenants. The zero value selects the tenant "".
type Scope struct {
	Tenant string
	// All selects every tenant; Tenant is then ignored.
	All bool
}

// Includes tells whether records of the tenant are in scope.
func (s Scope) Includes(tenant string) bool { return s.All || s.Tenant == tenant }

// Page is a part of a list, newest first.
type Page[T any] struct {
	Items []T
	// Next is the cursor of the following page, "" if there is none.
	Next string
}

// Inspector reads. Lists are ordered by (CreatedAt, ID), newest first; a cursor
// names a place in that order, so that a record which matches throughout
// appears exactly once over the pages, whatever is added, settled or removed
// meanwhile. Limit is at least 1. ErrInvalidCursor for a cursor that is not
// one.
type Inspector interface {
	// Event returns one event. ErrNotFound if the tenant has none by that id.
	Event(ctx context.Context, tenant, id string) (Event, error)
	// Events returns a page of events, with their bodies.
	Events(ctx context.Context, q EventQuery) (Page[Event], error)
	// Delivery returns one delivery. ErrNotFound if the tenant has none by that
	// id.
	Delivery(ctx context.Context, tenant, id string) (Delivery, error)
	// Deliveries returns a page of deliveries.
	Deliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error)
	// Attempts returns the recorded attempts of a delivery, by rising Number.
	// ErrNotFound if the tenant has no such delivery.
	Attempts(ctx context.Context, tenant, deliveryID string) ([]Attempt, error)
	// Stats counts deliveries by state, overall and for each endpoint that has
	// any. The counts are exact when nothing moves, and are kept by increments:
	// the cost does not grow with the number of deliveries.
	Stats(ctx context.Context, q StatsQuery) (Stats, error)
}

// EventQuery selects events; a zero field does not restrict.
type EventQuery struct {
	Scope Scope
	Type  string
	// From and To bound CreatedAt: From <= CreatedAt < To.
	From, To time.Time
	Cursor   string
	Limit    int
}

// DeliveryQuery selects deliveries; a zero field does not restrict.
type DeliveryQuery struct {
	Scope      Scope
	EndpointID string
	EventID    string
	EventType  string
	State      State
	// From and To bound CreatedAt: From <= CreatedAt < To.
	From, To time.Time
	Cursor   string
	Limit    int
}

// StatsQuery selects what is counted.
type StatsQuery struct {
	Scope Scope
	// EndpointID restricts to one endpoint; "" does not.
	EndpointID string
}

// Stats are counts of deliveries.
type Stats struct {
	Total Counts
	// Endpoints is ordered by EndpointID.
	Endpoints []EndpointCounts
}

// EndpointCounts are the counts of one endpoint.
type EndpointCounts struct {
	EndpointID string
	Counts
}

// Counts are numbers of deliveries by state.
type Counts struct{ Pending, Delivered, Failed, Cancelled int64 }

// Of returns a pointer to the count of s, nil if s is no state.
func (c *Counts) Of(s State) *int64 {
	switch s {
	case StatePending:
		return &c.Pending
	case StateDelivered:
		return &c.Delivered
	case StateFailed:
		return &c.Failed
	case StateCancelled:
		return &c.Cancelled
	}
	return nil
}
