package memstore

import (
	"math/bits"
	"strings"

	"github.com/postrider/postrider/store"
)

// lane is the queue of one endpoint in one tenant, and the place of the
// endpoint itself. A delivery need not have an endpoint, so a lane may be
// without one, and two tenants may name the same id: their lanes are linked by
// next, and never mix.
type lane struct {
	id     string
	tenant *tenant
	slot   uint32
	next   *lane

	// endpoint is replaced, never changed, so that it can be copied without the
	// lock; nil if there is none. It is a tombstone if it has DeletedAt set.
	endpoint *store.Endpoint
	// number is the endpoint's place in the order of creation, cost its size.
	number uint64
	cost   int64
	paused bool

	// The pending deliveries: fresh ones in a list from first to last, in the
	// order in which they became visible; all others in a heap by time.
	first, last uint64
	timed       []timedRow

	counts [1 + int(store.StateCancelled)]int64
	rows   ascending

	// latest is the number of the row inserted last; older and newer link the
	// lanes in that order.
	latest       uint64
	older, newer *lane
	// claim is the lane's place in the batch that is being claimed.
	claim uint32
}

func (l *lane) pending() int64 { return l.counts[store.StatePending] }

// deleted tells whether the lane holds a tombstone.
func (l *lane) deleted() bool { return l.endpoint != nil && !l.endpoint.DeletedAt.IsZero() }

// lanes holds all lanes. A lane keeps its slot as long as it lives.
type lanes struct {
	byID  map[string]*lane
	slots []*lane
	free  []uint32
	// ready has a bit for each slot whose lane has pending deliveries and is not
	// paused, so that the sweep passes over the others 64 at a time.
	ready []uint64
	// newest begins the list of lanes in which something was inserted.
	newest *lane
	// byNumber leads from the number of an endpoint to its lane; live holds the
	// numbers of those that are not deleted.
	byNumber map[uint64]*lane
	live     ascending
	lastMade uint64
	// tombs are lanes with a tombstone and without deliveries.
	tombs map[*lane]struct{}
}

func (t *lanes) init() {
	t.byID = make(map[string]*lane)
	t.byNumber = make(map[uint64]*lane)
	t.tombs = make(map[*lane]struct{})
}

// find returns the lane of an endpoint id in a tenant, or nil.
func (t *lanes) find(tenant, id string) *lane {
	l := t.byID[id]
	for l != nil && l.tenant.name != tenant {
		l = l.next
	}
	return l
}

// lane returns the lane of an endpoint id in a tenant and makes it if need be.
func (s *Store) lane(t *tenant, id string) *lane {
	for l := s.lanes.byID[id]; l != nil; l = l.next {
		if l.tenant == t {
			return l
		}
	}
	l := &lane{id: strings.Clone(id), tenant: t, next: s.lanes.byID[id]}
	s.lanes.byID[l.id] = l
	if last := len(s.lanes.free) - 1; last >= 0 {
		l.slot, s.lanes.free = s.lanes.free[last], s.lanes.free[:last]
		s.lanes.slots[l.slot] = l
	} else {
		l.slot = uint32(len(s.lanes.slots))
		s.lanes.slots = append(s.lanes.slots, l)
		if len(s.lanes.ready)*64 < len(s.lanes.slots) {
			s.lanes.ready = append(s.lanes.ready, 0)
		}
	}
	t.lanes[l] = struct{}{}
	s.bytes += laneCost
	return l
}

// releaseLane forgets a lane that has neither deliveries nor an endpoint.
func (s *Store) releaseLane(l *lane) {
	if l.rows.n > 0 {
		return
	}
	if l.endpoint != nil {
		if l.deleted() {
			s.lanes.tombs[l] = struct{}{}
		}
		return
	}
	s.lanes.leave(l)
	if first := s.lanes.byID[l.id]; first != l {
		for first.next != l {
			first = first.next
		}
		first.next = l.next
	} else if l.next != nil {
		s.lanes.byID[l.id] = l.next
	} else {
		delete(s.lanes.byID, l.id)
	}
	s.lanes.slots[l.slot] = nil
	s.lanes.free = append(s.lanes.free, l.slot)
	delete(l.tenant.lanes, l)
	delete(s.lanes.tombs, l)
	s.bytes -= laneCost
	s.tenants.release(l.tenant)
}

// refresh brings the lane's bit in ready up to date.
func (t *lanes) refresh(l *lane) {
	if bit := uint64(1) << (l.slot % 64); l.pending() > 0 && !l.paused {
		t.ready[l.slot/64] |= bit
	} else {
		t.ready[l.slot/64] &^= bit
	}
}

// nextReady returns the first ready slot in [from, to).
func (t *lanes) nextReady(from, to uint32) (uint32, bool) {
	to = min(to, uint32(len(t.slots)))
	for from < to {
		if word := t.ready[from/64] >> (from % 64); word != 0 {
			from += uint32(bits.TrailingZeros64(word))
			return from, from < to
		}
		from = from/64*64 + 64
	}
	return 0, false
}

// inserted moves the lane to the front of those with an insertion.
func (t *lanes) inserted(l *lane, n uint64) {
	l.latest = n
	if t.newest == l {
		return
	}
	t.leave(l)
	if l.older = t.newest; l.older != nil {
		l.older.newer = l
	}
	t.newest = l
}

// leave takes the lane out of the list of insertions.
func (t *lanes) leave(l *lane) {
	if l.newer != nil {
		l.newer.older = l.older
	} else if t.newest == l {
		t.newest = l.older
	}
	if l.older != nil {
		l.older.newer = l.newer
	}
	l.newer, l.older = nil, nil
}
