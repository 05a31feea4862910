package memstore

// bounds is the account of what is kept.
type bounds struct {
	maxUnits, maxBytes int64
	// units counts the deliveries, and the events without any as one each.
	units, bytes int64

	// Events without a pending delivery, in the order in which they ended:
	// those whose bodies were purged, which all ended before the others, and
	// the others.
	purged, whole endedList
}

// endedList is a list of events in the order in which they ended.
type endedList struct {
	first, last  uint64
	units, bytes int64
}

// What records cost beside the bytes they hold: their own size, that of their
// entries in the indexes, and what is lost to size classes and free room.
const (
	rowCost   = 136
	eventCost = 288
	laneCost  = 640
	logCost   = 32
	extraCost = rowCost + 64
)

func (s *Store) endedListOf(e *event) *endedList {
	if e.noBody {
		return &s.purged
	}
	return &s.whole
}

// ended puts an event at the end of those that ended.
func (s *Store) ended(n uint64, e *event, now int64) {
	e.ended = now
	s.pushEnded(n, e)
}

func (s *Store) pushEnded(n uint64, e *event) {
	list := s.endedListOf(e)
	e.prev, e.next = list.last, 0
	if list.last == 0 {
		list.first = n
	} else {
		s.events.at(list.last).next = n
	}
	list.last = n
	list.units += e.units()
	list.bytes += e.size
}

// unend takes an event out of those that ended. Its size and its number of
// deliveries must not have changed since.
func (s *Store) unend(e *event) {
	list := s.endedListOf(e)
	if e.prev == 0 {
		list.first = e.next
	} else {
		s.events.at(e.prev).next = e.next
	}
	if e.next == 0 {
		list.last = e.prev
	} else {
		s.events.at(e.next).prev = e.prev
	}
	list.units -= e.units()
	list.bytes -= e.size
	e.prev, e.next, e.ended = 0, 0, 0
}

// room makes room for so much more by evicting ended events that are not
// pinned. If that cannot be, it evicts nothing.
func (s *Store) room(units, bytes int64) bool {
	fits := func(freedUnits, freedBytes int64) bool {
		return s.units-freedUnits+units <= s.maxUnits && s.bytes-freedBytes+bytes <= s.maxBytes
	}
	if fits(0, 0) {
		return true
	}
	if !fits(s.purged.units+s.whole.units, s.purged.bytes+s.whole.bytes) {
		return false
	}
	// Few events are ever pinned, so this walk is as long as what it evicts.
	var few [16]uint64
	victims := few[:0]
	var freedUnits, freedBytes int64
	for _, list := range []*endedList{&s.purged, &s.whole} {
		for n := list.first; n != 0 && !fits(freedUnits, freedBytes); {
			e := s.events.at(n)
			if !e.pinned {
				victims = append(victims, n)
				freedUnits += e.units()
				freedBytes += e.size
			}
			n = e.next
		}
	}
	if !fits(freedUnits, freedBytes) {
		return false
	}
	for _, n := range victims {
		s.removeEvent(n, s.events.at(n))
	}
	return true
}

// grow accounts for bytes that an event gained, or lost below 0. The event must
// not be among those that ended.
func (s *Store) grow(e *event, by int64) {
	e.size += by
	s.bytes += by
}

// removeEvent forgets an event with its deliveries and attempts, pending ones
// too.
func (s *Store) removeEvent(n uint64, e *event) {
	if e.ended != 0 {
		s.unend(e)
	}
	for i := range uint64(e.n) {
		s.removeRow(e.first + i)
	}
	for _, row := range e.extra {
		s.removeRow(row)
	}
	t := e.kind.tenant
	s.units -= e.units()
	s.bytes -= e.size
	s.events.unlink(hashOf(s.seed, t.name, e.id()), n, e)
	t.releaseKind(e.kind)
	t.events.remove(n)
	s.events.drop(n)
	s.tenants.release(t)
}

func (s *Store) removeRow(n uint64) {
	r := s.rows.at(n)
	l := s.lanes.slots[r.lane]
	s.unqueue(l, r)
	l.counts[r.state]--
	l.rows.remove(n)
	l.tenant.rows.remove(n)
	s.rows.remove(n, r)
	s.lanes.refresh(l)
	s.releaseLane(l)
}
