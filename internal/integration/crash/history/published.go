package history

import (
	"slices"

	"github.com/postrider/postrider/store"
)

// Acknowledged means kept; nothing else is there.
func (c *checker) checkPublished() {
	asked := map[string][]int{}   // events that somebody tried to insert, and with how many deliveries
	made := map[string][]string{} // deliveries that an insert acknowledged, by event
	for _, ins := range c.inserts {
		for i, id := range ins.begin.Events {
			asked[id] = append(asked[id], ins.begin.Wanted[i])
		}
		for _, r := range ins.end.Inserted {
			for _, d := range r.Deliveries {
				made[r.Event] = append(made[r.Event], d.ID)
				if t := c.threads[d.ID]; t == nil || t.final == nil {
					c.broken(Lost, c.thread(d.ID), "of event %s was acknowledged at %s and is gone", r.Event, clock(ins.end.At))
				} else if t.final.EventID != r.Event || t.final.EndpointID != d.EndpointID {
					c.broken(Lost, t, "was acknowledged as %s to %s and is %s to %s", r.Event, d.EndpointID, t.final.EventID, t.final.EndpointID)
				}
			}
		}
	}
	stored := map[string]bool{}
	for _, e := range c.Final.Events {
		if stored[e.ID] {
			c.broken(Duplicate, nil, "event %s is stored twice", e.ID)
		}
		stored[e.ID] = true
		if asked[e.ID] == nil {
			c.broken(Unasked, nil, "event %s is stored and nobody published it", e.ID)
		}
	}
	for id := range made {
		if !stored[id] {
			c.broken(Lost, nil, "event %s was acknowledged and is not stored", id)
		}
	}
	byKey := map[string]string{}
	for _, p := range c.Publishes {
		if !p.Acknowledged {
			continue
		}
		if other, ok := byKey[p.Key]; ok && other != p.Event {
			c.broken(Duplicate, nil, "the key %s made the events %s and %s", p.Key, other, p.Event)
		}
		byKey[p.Key] = p.Event
	}
	c.checkPairs(stored, asked)
}

// There is one delivery for each event and endpoint, and an event's deliveries
// are all there or none.
func (c *checker) checkPairs(stored map[string]bool, asked map[string][]int) {
	type pair struct{ event, endpoint string }
	seen := map[pair]string{}
	count := map[string]int{}
	for i := range c.Final.Deliveries {
		d := &c.Final.Deliveries[i]
		p := pair{d.EventID, d.EndpointID}
		if other, ok := seen[p]; ok {
			c.broken(Duplicate, c.thread(d.ID), "and %s are both of %s to %s", other, d.EventID, d.EndpointID)
		}
		seen[p] = d.ID
		count[d.EventID]++
		if !stored[d.EventID] {
			c.broken(Lost, c.thread(d.ID), "is there without its event %s", d.EventID)
		}
	}
	// This holds for an insert that nobody has heard of, too.
	for id := range stored {
		if wanted := asked[id]; wanted != nil && !slices.Contains(wanted, count[id]) {
			c.broken(Lost, nil, "event %s is stored with %d deliveries, and was to have %d", id, count[id], wanted)
		}
	}
}

// checkStatistics counts.
func (c *checker) checkStatistics() {
	var counted store.Counts
	for i := range c.Final.Deliveries {
		if n := counted.Of(c.Final.Deliveries[i].State); n != nil {
			*n++
		}
	}
	if counted != c.Final.Counts {
		c.broken(Statistics, nil, "the store counts %+v, it has %+v", c.Final.Counts, counted)
	}
}
