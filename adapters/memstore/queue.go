package memstore

import (
	"context"
	"errors"
	"sync"

	"github.com/postrider/postrider/store"
)

// Claim implements [store.Queue]. It refuses a Max below 1 and a Lease of 0 or
// less.
func (s *Store) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	switch {
	case p.Max < 1:
		return store.Batch{}, errors.New("memstore: claim: Max must be at least 1")
	case p.Lease <= 0:
		return store.Batch{}, errors.New("memstore: claim: Lease must be above 0")
	}
	c := claims.Get().(*claim)
	defer c.release()
	c.params = p
	if err := s.lock(ctx); err != nil {
		return store.Batch{}, err
	}
	c.now = s.now()
	c.until = after(c.now, p.Lease)
	visited := make([]store.LaneAt, 0, len(p.Lanes))
	for _, lane := range p.Lanes {
		if c.full {
			break
		}
		first := s.lanes.byID[lane.ID]
		s.claimLane(c, first, lane.N)
		visited = append(visited, store.LaneAt{ID: lane.ID, Next: timeOf(s.next(first))})
	}
	s.mu.Unlock()
	return c.batch(s, visited), nil
}

// claim is a claim while it is made. What it took is noted under the lock, and
// the records are made of it afterwards.
type claim struct {
	params store.ClaimParams
	// now is the time of the claim, until the end of the leases.
	now, until int64
	// bytes is the size of the bodies so far; full tells that Max or MaxBytes
	// was reached.
	bytes  int
	full   bool
	taken  []takenRow
	events []takenEvent
	lanes  []takenLane
}

// takenRow is a copy of a row as the claim left it.
type takenRow struct {
	row
	number uint64
	reason store.Code
	// event and lane are indexes into those of the claim.
	event, lane uint32
	expired     bool
}

// takenEvent is a copy of an event, with its number to know it again by. Its
// texts are shared: nobody writes to them.
type takenEvent struct {
	event
	number uint64
}

// takenLane is a lane with what is needed of it later, when the lane itself may
// be no more. It is used for comparison only.
type takenLane struct {
	lane     *lane
	id       string
	tenant   string
	endpoint *store.Endpoint
}

var claims = sync.Pool{New: func() any { return new(claim) }}

// release keeps the room of a claim for another, but nothing that it refers to.
func (c *claim) release() {
	clear(c.taken)
	clear(c.events)
	clear(c.lanes)
	*c = claim{taken: c.taken[:0], events: c.events[:0], lanes: c.lanes[:0]}
	claims.Put(c)
}

// next returns when the lane has work next, 0 if never. Several lanes with one
// id, of several tenants, are one to the caller.
func (s *Store) next(l *lane) int64 {
	earliest := int64(0)
	for ; l != nil; l = l.next {
		if l.paused {
			continue
		}
		if _, r := s.head(l); r != nil && (earliest == 0 || r.visible < earliest) {
			earliest = r.visible
		}
	}
	return earliest
}

// claimLane takes up to n deliveries of the lanes with one id.
func (s *Store) claimLane(c *claim, first *lane, n int) {
	for ; n > 0; n-- {
		if len(c.taken) >= c.params.Max {
			c.full = true
			return
		}
		l, number, r := s.earliest(first)
		if r == nil || r.visible > c.now {
			break
		}
		if !s.take(c, l, number, r) {
			c.full = true
			return
		}
	}
	c.full = len(c.taken) >= c.params.Max
}

// earliest returns the head of the lanes with one id.
func (s *Store) earliest(first *lane) (from *lane, number uint64, head *row) {
	for l := first; l != nil; l = l.next {
		if l.paused {
			continue
		}
		n, r := s.head(l)
		if r != nil && (head == nil || timedRow{r.visible, n}.before(timedRow{head.visible, number})) {
			from, number, head = l, n, r
		}
	}
	return from, number, head
}

// take claims a delivery, unless its event would exceed MaxBytes.
func (s *Store) take(c *claim, l *lane, n uint64, r *row) bool {
	e := s.events.at(r.event)
	// e.claim may be left over from another claim, so it counts only if what
	// stands there is this event. That takes the place of a map per claim.
	if i := int(e.claim); i >= len(c.events) || c.events[i].number != r.event {
		if bound := c.params.MaxBytes; bound > 0 && len(c.taken) > 0 && c.bytes+len(e.body) > bound {
			return false
		}
		c.bytes += len(e.body)
		e.claim = uint32(len(c.events))
		c.events = append(c.events, takenEvent{*e, r.event})
	}
	// The same goes for lanes, whose endpoint stands in the batch once.
	if i := int(l.claim); i >= len(c.lanes) || c.lanes[i].lane != l {
		l.claim = uint32(len(c.lanes))
		c.lanes = append(c.lanes, takenLane{l, l.id, l.tenant.name, l.endpoint})
	}
	// Settle and Requeue end a lease, so one that still stands ran out.
	expired := r.claimed
	if expired {
		r.expiries++
		r.interrupted++
	}
	r.token++
	r.claimed = true
	r.updated = c.now
	s.lease(l, n, r, c.until)
	c.taken = append(c.taken, takenRow{*r, n, s.rows.reason(r), e.claim, l.claim, expired})
	return true
}

// batch makes the records, without the lock: nine tenths of the work of a claim,
// the copying of the bodies above all.
func (c *claim) batch(s *Store, visited []store.LaneAt) store.Batch {
	b := store.Batch{Visited: visited, Now: timeOf(c.now)}
	if len(c.taken) == 0 {
		return b
	}
	b.Events = make([]store.Event, len(c.events))
	bodies := cutter{total: c.bytes}
	for i := range c.events {
		e := &c.events[i].event
		b.Events[i] = e.record()
		if !e.noBody {
			b.Events[i].Body = bodies.cut(e.body)
		}
	}
	b.Endpoints = make([]store.Endpoint, len(c.lanes))
	for i, l := range c.lanes {
		if l.endpoint == nil { // there never was one, or its tombstone was purged
			b.Endpoints[i] = store.Endpoint{ID: l.id, Tenant: l.tenant, Status: store.EndpointDisabled, DeletedAt: b.Now}
			continue
		}
		b.Endpoints[i] = clone(l.endpoint)
	}
	ids := idBatch{store: s}
	ids.expect(len(c.taken))
	for i := range c.taken {
		ids.add(c.taken[i].number)
	}
	b.Deliveries = make([]store.Claimed, len(c.taken))
	for i := range c.taken {
		t := &c.taken[i]
		d := &b.Deliveries[i]
		d.Event, d.Endpoint, d.Expired = int(t.event), int(t.lane), t.expired
		t.row.fill(&d.Delivery, ids.next(), t.reason, &c.events[t.event].event, c.lanes[t.lane].id)
	}
	return b
}

// fill makes the record of a row. It needs no lock if the row and the event are
// copies.
func (r *row) fill(d *store.Delivery, id string, reason store.Code, e *event, endpoint string) {
	d.ID = id
	d.Tenant = e.kind.tenant.name
	d.EventID = e.id()
	d.EventType = e.kind.eventType
	d.EndpointID = endpoint
	d.State = r.state
	d.Reason = reason
	d.Attempts = int(r.attempts)
	d.Tries = int(r.tries)
	d.Expiries = int(r.expiries)
	d.Interrupted = int(r.interrupted)
	d.Token = r.token
	d.Claimed = r.claimed
	d.VisibleAt = timeOf(r.visible)
	d.LastStatus = int(r.status)
	d.CreatedAt = timeOf(r.created)
	d.UpdatedAt = timeOf(r.updated)
	d.DeliveredAt = timeOf(r.delivered)
}

// cutter copies small bodies into shared pieces of memory, which saves
// allocations. A piece lives as long as any body in it, so it is kept small,
// and a large body gets its own.
type cutter struct {
	piece []byte
	total int
}

const pieceSize = 16 << 10

func (c *cutter) cut(body string) []byte {
	if len(body) > pieceSize/4 {
		return []byte(body)
	}
	if cap(c.piece)-len(c.piece) < len(body) || c.piece == nil {
		c.piece = make([]byte, 0, max(len(body), min(c.total, pieceSize)))
	}
	c.total -= len(body)
	begin := len(c.piece)
	c.piece = append(c.piece, body...)
	return c.piece[begin:len(c.piece):len(c.piece)]
}
