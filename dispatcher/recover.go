package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// Recoverer makes deliveries happen again, or not at all.
type Recoverer interface {
	// Resend makes a delivery pending again, whatever its state, and starts its
	// retry schedule afresh. An attempt that is in flight is lost to its sender,
	// and the delivery is sent once more. [store.ErrNotFound] if there is none,
	// [ErrPayloadPurged] if its payload is gone. To an endpoint that is disabled or
	// deleted nothing is sent: the delivery ends as cancelled once more.
	Resend(ctx context.Context, deliveryID string) error
	// Replay sends an event again to the endpoints named, or, with none, to all
	// active and paused ones that match it now. Deliveries that exist are resent,
	// others are made. It returns the deliveries; to an endpoint that is named and
	// disabled they end as cancelled.
	Replay(ctx context.Context, eventID string, endpointIDs ...string) ([]DeliveryRef, error)
	// Recover replays the events of a span of time; see [Recovery]. If it fails
	// half way, the result says what was done; repeating it does no harm.
	// [store.ErrConflict] if its Endpoint is disabled.
	Recover(ctx context.Context, r Recovery) (RecoveryResult, error)
	// Cancel ends a pending delivery, with [CodeCancelled]. An attempt that is in
	// flight is lost to its sender, though the receiver may get it.
	// [store.ErrNotFound] if there is none, [store.ErrConflict] if it had ended.
	Cancel(ctx context.Context, deliveryID string) error
	// SendTest makes one attempt to an endpoint, at once and whatever its status,
	// through the same guard, limits and signature as any delivery, and returns
	// its result. Nothing is stored and nothing retried; the engine need not run.
	// The event's id has "test_" after its prefix, and its payload is the
	// example of the type in the catalog ([WithCatalog]), or {"test":true}.
	SendTest(ctx context.Context, endpointID, eventType string) (Attempt, error)
}

// ErrPayloadPurged: the event's payload was purged, so that it cannot be sent
// again.
var ErrPayloadPurged = errors.New("dispatcher: payload was purged")

// Recovery says which events to replay, and to whom. Deliveries that are still
// pending are left alone. In which order the events arrive is not promised.
type Recovery struct {
	// Endpoint restricts to one endpoint; "" means all active and paused ones.
	Endpoint string
	// Type restricts to an exact event type. A pattern is refused.
	Type string
	// From and To bound when the events were published: From <= t < To. From is
	// required; a zero To means now.
	From, To time.Time
	// All replays what was delivered as well. Otherwise only what was missed is
	// replayed: deliveries that failed or were cancelled, and events that have no
	// delivery to the endpoint. Either way only what the endpoint's patterns match
	// now.
	All bool
	// DryRun only counts. The counts are those of the same Recovery without it,
	// if nothing changes in between.
	DryRun bool
}

// RecoveryResult counts what a [Recovery] did, or would do.
type RecoveryResult struct {
	// Events were looked at.
	Events int
	// Resent deliveries existed, Created ones were made.
	Resent, Created int
	// Purged events cannot be sent again, as their payload is gone.
	Purged int
}

// recoveryPage is how many events are replayed by one call to the store.
const recoveryPage = 200

func (t *tenant) Resend(ctx context.Context, deliveryID string) error {
	if _, err := t.requeue(ctx, store.RequeueItem{Tenant: t.id, DeliveryID: deliveryID}); err != nil {
		return fmt.Errorf("delivery %s: %w", legible(deliveryID, maxIDLen), err)
	}
	return nil
}

func (t *tenant) Replay(ctx context.Context, eventID string, endpointIDs ...string) ([]DeliveryRef, error) {
	ev, err := t.engine.store.Event(ctx, t.id, eventID)
	if err != nil {
		return nil, err
	}
	if len(endpointIDs) == 0 {
		matched, err := t.engine.store.Match(ctx, t.id, []string{ev.Type})
		if err != nil {
			return nil, err
		}
		for _, ep := range matched[0] {
			endpointIDs = append(endpointIDs, ep.ID)
		}
	} else {
		for _, id := range endpointIDs {
			if _, err := t.engine.store.Endpoint(ctx, t.id, id); err != nil {
				return nil, fmt.Errorf("endpoint %s: %w", legible(id, maxIDLen), err)
			}
		}
	}
	items := make([]store.RequeueItem, len(endpointIDs))
	for i, id := range endpointIDs {
		items[i] = store.RequeueItem{Tenant: t.id, EventID: eventID, EndpointID: id}
	}
	return t.requeue(ctx, items...)
}

// requeue makes deliveries pending and wakes their lanes.
func (t *tenant) requeue(ctx context.Context, items ...store.RequeueItem) ([]DeliveryRef, error) {
	done, err := t.engine.store.Requeue(ctx, store.RequeueParams{Items: items})
	if err != nil {
		t.engine.Wake() // it may have been done all the same
		return nil, err
	}
	refs := make([]DeliveryRef, 0, len(done))
	for _, d := range done {
		switch d.Result {
		case store.RequeueNotFound:
			err = store.ErrNotFound
		case store.RequeueNoBody:
			err = ErrPayloadPurged
		default:
			refs = append(refs, DeliveryRef{ID: d.DeliveryID, EndpointID: d.EndpointID})
		}
	}
	t.engine.lanes.wakeAll(refs, time.Now())
	return refs, err
}

func (t *tenant) Cancel(ctx context.Context, deliveryID string) error {
	was, err := t.engine.store.Cancel(ctx, t.id, []string{deliveryID}, CodeCancelled)
	if err != nil {
		return err
	}
	d, err := t.engine.store.Delivery(ctx, t.id, deliveryID)
	switch {
	case err != nil:
		return err
	case !was[0]:
		return fmt.Errorf("delivery %s is %s: %w", deliveryID, d.State, store.ErrConflict)
	}
	t.engine.observers.settled(ctx, d)
	return nil
}

func (t *tenant) Recover(ctx context.Context, r Recovery) (RecoveryResult, error) {
	var result RecoveryResult
	if r.From.IsZero() {
		return result, invalid("from", "must be set")
	}
	if err := checkSpan(r.From, r.To); err != nil {
		return result, err
	}
	if err := checkTypeFilter(r.Type); err != nil {
		return result, err
	}
	var only []store.State
	if r.All {
		only = []store.State{StateDelivered, StateFailed, StateCancelled}
	} else {
		only = []store.State{StateFailed, StateCancelled}
	}
	targets, err := t.recoveryTargets(ctx, r.Endpoint)
	if err != nil {
		return result, err
	}
	for cursor := ""; ; {
		page, err := t.engine.store.Events(ctx, store.EventQuery{
			Scope: store.Scope{Tenant: t.id}, Type: r.Type, From: r.From, To: r.To, Cursor: cursor, Limit: recoveryPage,
		})
		if err != nil {
			return result, err
		}
		var items []store.RequeueItem
		for i := range page.Items {
			for _, id := range targets.of(page.Items[i].Type) {
				items = append(items, store.RequeueItem{Tenant: t.id, EventID: page.Items[i].ID, EndpointID: id, If: only})
			}
		}
		done, err := t.engine.store.Requeue(ctx, store.RequeueParams{Items: items, DryRun: r.DryRun})
		if err != nil {
			return result, err
		}
		result.Events += len(page.Items)
		var refs []DeliveryRef
		for _, d := range done {
			switch d.Result {
			case store.RequeueDone:
				result.Resent++
			case store.RequeueCreated:
				result.Created++
			case store.RequeueNoBody:
				result.Purged++
				continue
			default:
				continue
			}
			refs = append(refs, DeliveryRef{ID: d.DeliveryID, EndpointID: d.EndpointID})
		}
		if !r.DryRun {
			t.engine.lanes.wakeAll(refs, time.Now())
		}
		if cursor = page.Next; cursor == "" {
			return result, nil
		}
	}
}

// recoveryTargets finds endpoints by pattern. They are read once, before the
// events are walked: who matches is a matter of now.
type recoveryTargets map[string][]string

func (m recoveryTargets) of(eventType string) []string {
	var ids []string
	for _, p := range store.MatchingPatterns(eventType) {
		ids = append(ids, m[p]...)
	}
	return distinct(ids)
}

func (t *tenant) recoveryTargets(ctx context.Context, only string) (recoveryTargets, error) {
	m := recoveryTargets{}
	add := func(ep store.Endpoint) {
		for _, p := range ep.Patterns {
			m[p] = append(m[p], ep.ID)
		}
	}
	if only != "" {
		ep, err := t.engine.store.Endpoint(ctx, t.id, only)
		if err != nil {
			return nil, err
		}
		if ep.Status == EndpointDisabled {
			return nil, fmt.Errorf("endpoint %s is disabled: %w", only, store.ErrConflict)
		}
		add(ep)
		return m, nil
	}
	for ep, err := range t.storedEndpoints(ctx) {
		if err != nil {
			return nil, err
		}
		if ep.Status != EndpointDisabled {
			add(ep)
		}
	}
	return m, nil
}

// distinct removes repetitions and keeps the order.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	kept := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}
