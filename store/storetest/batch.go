package storetest

import (
	"errors"
	"fmt"

	"github.com/postrider/postrider/store"
)

// wellFormed checks what holds of every batch, whatever is in the store.
func wellFormed(p store.ClaimParams, b store.Batch) error {
	if b.Now.IsZero() {
		return errors.New("the batch has no Now")
	}
	if len(b.Deliveries) > p.Max {
		return fmt.Errorf("took %d deliveries, more than Max %d", len(b.Deliveries), p.Max)
	}
	want := make(map[string]int) // by lane
	for _, l := range p.Lanes {
		want[l.ID] += l.N
	}
	if err := references(b); err != nil {
		return err
	}
	seen := make(map[string]bool)
	took := make(map[string]int)
	for _, c := range b.Deliveries {
		d := c.Delivery
		took[d.EndpointID]++
		switch {
		case seen[d.ID]:
			return fmt.Errorf("delivery %s stands in the batch twice", d.ID)
		case took[d.EndpointID] > want[d.EndpointID]:
			return fmt.Errorf("took %d deliveries of lane %q, want at most %d", took[d.EndpointID], d.EndpointID, want[d.EndpointID])
		case d.State != store.StatePending:
			return fmt.Errorf("delivery %s is %v", d.ID, d.State)
		case !d.Claimed:
			return fmt.Errorf("delivery %s is not marked as claimed", d.ID)
		case !near(d.VisibleAt, b.Now.Add(p.Lease), precision):
			return fmt.Errorf("delivery %s is leased to %v, want %v and %v", d.ID, d.VisibleAt, b.Now, p.Lease)
		case d.Token <= 0:
			return fmt.Errorf("delivery %s has token %d", d.ID, d.Token)
		case c.Expired && (d.Expiries < 1 || d.Interrupted < 1):
			return fmt.Errorf("delivery %s expired, but counts %d expiries, %d in all", d.ID, d.Expiries, d.Interrupted)
		}
		seen[d.ID] = true
	}
	if size := bodies(b); p.MaxBytes > 0 && size > p.MaxBytes && len(b.Events) > 1 {
		return fmt.Errorf("%d events with %d bytes, more than MaxBytes %d", len(b.Events), size, p.MaxBytes)
	}
	return visited(p, b, want, took)
}

// references checks that deliveries, events and endpoints belong together.
func references(b store.Batch) error {
	type key struct{ tenant, id string }
	events, endpoints := make(map[key]bool), make(map[key]bool)
	for _, e := range b.Events {
		k := key{e.Tenant, e.ID}
		if events[k] {
			return fmt.Errorf("event %q stands in the batch twice", e.ID)
		}
		events[k] = true
	}
	for _, e := range b.Endpoints {
		k := key{e.Tenant, e.ID}
		if endpoints[k] {
			return fmt.Errorf("endpoint %q stands in the batch twice", e.ID)
		}
		endpoints[k] = true
	}
	usedEvents, usedEndpoints := make(map[int]bool), make(map[int]bool)
	for _, c := range b.Deliveries {
		if c.Event < 0 || c.Event >= len(b.Events) || c.Endpoint < 0 || c.Endpoint >= len(b.Endpoints) {
			return fmt.Errorf("delivery %s has event %d of %d, endpoint %d of %d", c.Delivery.ID, c.Event, len(b.Events), c.Endpoint, len(b.Endpoints))
		}
		usedEvents[c.Event], usedEndpoints[c.Endpoint] = true, true
		if e := b.Events[c.Event]; e.ID != c.Delivery.EventID || e.Tenant != c.Delivery.Tenant || e.Type != c.Delivery.EventType {
			return fmt.Errorf("delivery %s of event %q comes with event %q", c.Delivery.ID, c.Delivery.EventID, e.ID)
		}
		if e := b.Endpoints[c.Endpoint]; e.ID != c.Delivery.EndpointID {
			return fmt.Errorf("delivery %s to endpoint %q comes with endpoint %q", c.Delivery.ID, c.Delivery.EndpointID, e.ID)
		} else if e.DeletedAt.IsZero() && e.Tenant != c.Delivery.Tenant {
			return fmt.Errorf("delivery %s of tenant %q comes with an endpoint of tenant %q", c.Delivery.ID, c.Delivery.Tenant, e.Tenant)
		} else if e.Status == store.EndpointPaused && e.DeletedAt.IsZero() {
			return fmt.Errorf("delivery %s of the paused endpoint %q was taken", c.Delivery.ID, e.ID)
		}
	}
	if len(usedEvents) != len(b.Events) || len(usedEndpoints) != len(b.Endpoints) {
		return fmt.Errorf("%d of %d events and %d of %d endpoints belong to no delivery",
			len(b.Events)-len(usedEvents), len(b.Events), len(b.Endpoints)-len(usedEndpoints), len(b.Endpoints))
	}
	return nil
}

// visited checks which lanes a batch tells of. A lane that something was taken
// from was looked at, and so was every lane if neither bound was reached.
func visited(p store.ClaimParams, b store.Batch, want, took map[string]int) error {
	told := make(map[string]bool)
	for _, v := range b.Visited {
		if _, ok := want[v.ID]; !ok {
			return fmt.Errorf("visited lane %q, which was not named", v.ID)
		}
		if told[v.ID] && len(p.Lanes) == len(want) {
			return fmt.Errorf("lane %q stands in Visited twice", v.ID)
		}
		told[v.ID] = true
	}
	bounded := len(b.Deliveries) == p.Max || p.MaxBytes > 0
	last := -1
	for i, l := range p.Lanes {
		if took[l.ID] > 0 {
			last = i
		}
	}
	for i, l := range p.Lanes {
		if !told[l.ID] && (i <= last || !bounded) {
			return fmt.Errorf("lane %q was looked at and is not in Visited", l.ID)
		}
	}
	return nil
}

// bodies returns the size of the batch, each event counted once.
func bodies(b store.Batch) int {
	size := 0
	for _, e := range b.Events {
		size += len(e.Body)
	}
	return size
}

// next returns what a batch tells of a lane; the test ends if it tells nothing.
func (t *tester) next(b store.Batch, lane string) store.LaneAt {
	t.tb.Helper()
	for _, v := range b.Visited {
		if v.ID == lane {
			return v
		}
	}
	t.Fatalf("lane %q is not among the visited %v", lane, b.Visited)
	return store.LaneAt{}
}
