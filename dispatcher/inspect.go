package dispatcher

import (
	"context"
	"iter"
	"time"

	"github.com/postrider/postrider/store"
)

// These records are the store's; the package store documents their fields.
type (
	// Delivery is one event to one endpoint, with its state.
	Delivery = store.Delivery
	// Attempt is one HTTP try of a delivery.
	Attempt = store.Attempt
	// PublishedEvent is an event as it was stored.
	PublishedEvent = store.Event
	// State is the state of a delivery.
	State = store.State
	// Stats are counts of deliveries.
	Stats = store.Stats
)

// Page is a part of a list, newest first. Next is the cursor of the following
// page, "" if there is none.
type Page[T any] = store.Page[T]

// The states of a delivery; all but StatePending are terminal.
const (
	StatePending   = store.StatePending
	StateDelivered = store.StateDelivered
	StateFailed    = store.StateFailed
	StateCancelled = store.StateCancelled
)

// DeliveryFilter selects deliveries; a zero field does not restrict. One that
// nothing can match is refused with a [*ValidationError]: a State that there is
// not, a Type that is no event type, such as a pattern, and a To that is not after
// From. To an id that does not exist belongs an empty list.
type DeliveryFilter struct {
	// Endpoint, Event are ids; Type is an exact event type.
	Endpoint, Event, Type string
	State                 State
	// From and To bound the time of creation: From <= t < To.
	From, To time.Time
}

func (f DeliveryFilter) check() error {
	if f.State > StateCancelled {
		return invalid("state", "must be one of the states of a delivery, or 0 for all, is %d", f.State)
	}
	if err := checkTypeFilter(f.Type); err != nil {
		return err
	}
	return checkSpan(f.From, f.To)
}

// checkTypeFilter refuses what no event can have as its type: most likely a
// pattern was meant.
func checkTypeFilter(s string) error {
	if s == "" {
		return nil
	}
	if err := checkType(s); err != nil {
		return invalid("type", "must be an exact event type, or empty for all: it %s", reasonOf(err))
	}
	return nil
}

func checkSpan(from, to time.Time) error {
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		return invalid("to", "must be after from")
	}
	return nil
}

// StatsFilter selects what is counted; a zero field does not restrict.
type StatsFilter struct {
	// Endpoint is an id.
	Endpoint string
}

const (
	defaultPage = 100
	maxPage     = 1000
)

func pageLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultPage, nil
	case limit < 0 || limit > maxPage:
		return 0, invalid("limit", "must be between 1 and %d, or 0 for %d", maxPage, defaultPage)
	}
	return limit, nil
}

// walk turns pages into a sequence. It fetches a page when it is needed.
func walk[T any](page func(cursor string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			p, err := page(cursor)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if cursor = p.Next; cursor == "" {
				return
			}
		}
	}
}

func (t *tenant) Event(ctx context.Context, id string) (PublishedEvent, error) {
	return t.engine.store.Event(ctx, t.id, id)
}

func (t *tenant) Delivery(ctx context.Context, id string) (Delivery, error) {
	return t.engine.store.Delivery(ctx, t.id, id)
}

func (t *tenant) Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return walk(func(cursor string) (Page[Delivery], error) { return t.DeliveryPage(ctx, f, cursor, 0) })
}

func (t *tenant) DeliveryPage(ctx context.Context, f DeliveryFilter, cursor string, limit int) (Page[Delivery], error) {
	if err := f.check(); err != nil {
		return Page[Delivery]{}, err
	}
	limit, err := pageLimit(limit)
	if err != nil {
		return Page[Delivery]{}, err
	}
	return t.engine.store.Deliveries(ctx, store.DeliveryQuery{
		Scope:      t.scope,
		EndpointID: f.Endpoint, EventID: f.Event, EventType: f.Type, State: f.State,
		From: f.From, To: f.To, Cursor: cursor, Limit: limit,
	})
}

func (t *tenant) Attempts(ctx context.Context, deliveryID string) ([]Attempt, error) {
	return t.engine.store.Attempts(ctx, t.id, deliveryID)
}

func (t *tenant) Stats(ctx context.Context, f StatsFilter) (Stats, error) {
	return t.engine.store.Stats(ctx, store.StatsQuery{Scope: t.scope, EndpointID: f.Endpoint})
}
