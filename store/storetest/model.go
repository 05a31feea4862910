package storetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// model is a store that is obviously right: it holds everything in maps, looks
// at everything, and knows no time but what the store under test tells it.
type model struct {
	endpoints  map[string]*modelEndpoint
	events     map[eventKey]*store.Event
	deliveries map[string]*modelDelivery
}

type eventKey struct{ tenant, id string }

type modelEndpoint struct {
	store.Endpoint
	// loose: a tombstone that a purge may have taken.
	loose bool
}

type modelDelivery struct {
	store.Delivery
	attempts []store.Attempt
	// settled holds the tokens under which an outcome took effect, last the
	// latest of them.
	settled map[int64]bool
	last    int64
}

func newModel() *model {
	return &model{make(map[string]*modelEndpoint), make(map[eventKey]*store.Event), make(map[string]*modelDelivery)}
}

// endpoint returns an endpoint that is not deleted, or nil.
func (m *model) endpoint(tenant, id string) *modelEndpoint {
	if e := m.endpoints[id]; e != nil && e.Tenant == tenant && e.DeletedAt.IsZero() {
		return e
	}
	return nil
}

// paused tells whether a lane rests.
func (m *model) paused(lane string) bool {
	e := m.endpoints[lane]
	return e != nil && e.DeletedAt.IsZero() && e.Status == store.EndpointPaused
}

// match returns the endpoints that an event of the type goes to, by id.
func (m *model) match(tenant, eventType string) map[string]*modelEndpoint {
	found := make(map[string]*modelEndpoint)
	for id, e := range m.endpoints {
		if m.endpoint(tenant, id) == nil || e.Status == store.EndpointDisabled {
			continue
		}
		for _, p := range store.MatchingPatterns(eventType) {
			if slices.Contains(e.Patterns, p) {
				found[id] = e
			}
		}
	}
	return found
}

// delivery returns a delivery of the tenant, or nil.
func (m *model) delivery(tenant, id string) *modelDelivery {
	if d := m.deliveries[id]; d != nil && d.Tenant == tenant {
		return d
	}
	return nil
}

// of returns the deliveries of an event.
func (m *model) of(k eventKey) []*modelDelivery {
	var found []*modelDelivery
	for _, d := range m.deliveries {
		if d.Tenant == k.tenant && d.EventID == k.id {
			found = append(found, d)
		}
	}
	return found
}

// between returns the delivery of an event to an endpoint, or nil.
func (m *model) between(k eventKey, endpoint string) *modelDelivery {
	for _, d := range m.of(k) {
		if d.EndpointID == endpoint {
			return d
		}
	}
	return nil
}

// fate is what becomes of a settled outcome.
type fate int

const (
	fateApplied fate = iota
	fateRepeated
	fateLost
	// fateOld: settled before, and another outcome since. The contract asks for
	// fateRepeated here, too; the walk leaves it to the store how long it knows.
	fateOld
)

func (m *model) fate(o store.Outcome) fate {
	d := m.deliveries[o.DeliveryID]
	switch {
	case d == nil:
		return fateLost
	case d.State == store.StatePending && d.Claimed && d.Token == o.Token:
		return fateApplied
	case d.settled[o.Token] && d.last == o.Token:
		return fateRepeated
	case d.settled[o.Token]:
		return fateOld
	}
	return fateLost
}

// settle applies an outcome, but for the times.
func (m *model) settle(o store.Outcome) {
	d := m.deliveries[o.DeliveryID]
	d.settled[o.Token], d.last = true, o.Token
	d.State, d.Claimed = o.State, false
	if o.Reason != "" {
		d.Reason = o.Reason
	}
	if o.Attempt == nil {
		return
	}
	d.Attempts++
	if !o.Free {
		d.Tries++
	}
	d.Expiries = 0
	d.LastStatus = o.Attempt.Status
	a := *o.Attempt
	a.Number, a.DeliveryID, a.ResponseBody = d.Attempts, d.ID, bytes.Clone(a.ResponseBody)
	d.attempts = append(d.attempts, a)
}

// requeue makes a delivery pending afresh, but for the times and the token.
func (d *modelDelivery) requeue() {
	d.State, d.Reason, d.Tries, d.Expiries, d.Claimed = store.StatePending, "", 0, 0, false
}

// next is the time that a store has to tell of a lane.
func (m *model) next(lane string) time.Time {
	var next time.Time
	if m.paused(lane) {
		return next
	}
	for _, d := range m.deliveries {
		if d.EndpointID == lane && d.State == store.StatePending && (next.IsZero() || d.VisibleAt.Before(next)) {
			next = d.VisibleAt
		}
	}
	return next
}

// claimable returns the deliveries of a lane that can be claimed at a time.
func (m *model) claimable(lane string, now time.Time) []*modelDelivery {
	var found []*modelDelivery
	if m.paused(lane) {
		return nil
	}
	for _, d := range m.deliveries {
		if d.EndpointID == lane && d.State == store.StatePending && !d.VisibleAt.After(now) {
			found = append(found, d)
		}
	}
	return found
}

// purgeable tells whether a purge at a time may take an event.
func (m *model) purgeable(k eventKey, p store.PurgeParams, now time.Time) bool {
	e, bound := m.events[k], now.Add(-p.OlderThan)
	if !e.CreatedAt.Before(bound) || p.BodiesOnly && e.Body == nil {
		return false
	}
	for _, d := range m.of(k) {
		if d.State == store.StatePending || !d.UpdatedAt.Before(bound) {
			return false
		}
	}
	return true
}

// removeEvent takes an event with all that belongs to it.
func (m *model) removeEvent(k eventKey) {
	for _, d := range m.of(k) {
		delete(m.deliveries, d.ID)
	}
	delete(m.events, k)
}

// empty takes the bodies of an event and its attempts.
func (m *model) empty(k eventKey) {
	m.events[k].Body = nil
	for _, d := range m.of(k) {
		for i := range d.attempts {
			d.attempts[i].ResponseBody = nil
		}
	}
}
