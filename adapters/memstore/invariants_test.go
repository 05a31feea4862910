package memstore

import (
	"slices"
	"testing"

	"github.com/postrider/postrider/store"
)

// verify compares every structure of a store with what the records say it must
// hold. The conformance suite sees results only; an index or a count that is off
// may take long to show there.
func verify(t *testing.T, s *Store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := verifier{T: t, s: s, lanes: make(map[*lane]*laneSum), tenants: make(map[*tenant]*tenantSum)}
	v.records()
	v.checkLanes()
	v.checkTenants()
	v.checkBounds()
}

type verifier struct {
	*testing.T
	s       *Store
	lanes   map[*lane]*laneSum
	tenants map[*tenant]*tenantSum
	bounds  bounds
	ended   [2]int // whole, purged
	reasons []int
	events  int
}

type laneSum struct {
	counts [5]int64
	rows   []uint64
}

type tenantSum struct {
	events, rows, endpoints []uint64
	kinds                   map[*kind]int
}

func (v *verifier) tenant(t *tenant) *tenantSum {
	if v.tenants[t] == nil {
		v.tenants[t] = &tenantSum{kinds: make(map[*kind]int)}
	}
	return v.tenants[t]
}

// records goes through events and rows, and sums up.
func (v *verifier) records() {
	v.Helper()
	s := v.s
	v.reasons = make([]int, len(s.rows.reasons.list))
	for _, l := range s.lanes.slots {
		if l != nil {
			v.lanes[l] = new(laneSum)
			v.bounds.bytes += laneCost + l.cost
		}
	}
	for n := uint64(1); n <= s.events.end; n++ {
		e := s.events.get(n)
		if e == nil {
			continue
		}
		v.events++
		sum := v.tenant(e.kind.tenant)
		sum.events = append(sum.events, n)
		sum.kinds[e.kind]++
		if at, _ := s.findEvent(e.kind.tenant.name, e.id()); at != n {
			v.Errorf("event %d %q is found as %d", n, e.id(), at)
		}
		v.event(n, e)
	}
	rows := 0
	for n := uint64(1); n <= s.rows.end; n++ {
		if s.rows.get(n) != nil {
			rows++
		}
	}
	for _, sum := range v.lanes {
		rows -= len(sum.rows)
	}
	if rows != 0 {
		v.Errorf("%d rows belong to no event", rows)
	}
}

func (v *verifier) event(n uint64, e *event) {
	s := v.s
	size := eventCost + int64(len(e.head)+len(e.body)+len(e.extra)*extraCost)
	pending := uint32(0)
	for i, number := range e.rowNumbers() {
		r := s.rows.get(number)
		if r == nil || r.event != n {
			v.Fatalf("row %d of event %d is %+v", number, n, r)
		}
		if i < int(e.n) {
			size += rowCost
		}
		if r.attempts > 0 {
			log := *s.rows.logs.at(number)
			size += logCost + int64(cap(log))
			if got := len(decodeAttempts(log, "", 0)); got != int(r.attempts) {
				v.Errorf("row %d has %d attempts, counts %d", number, got, r.attempts)
			}
		}
		l := s.lanes.slots[r.lane]
		if l == nil || l.tenant != e.kind.tenant {
			v.Fatalf("row %d is in lane %+v", number, l)
		}
		v.lanes[l].counts[r.state]++
		v.lanes[l].rows = append(v.lanes[l].rows, number)
		v.tenant(l.tenant).rows = append(v.tenant(l.tenant).rows, number)
		v.reasons[r.reason]++
		if r.state == store.StatePending {
			pending++
		}
		if (r.place == nowhere) == (r.state == store.StatePending) {
			v.Errorf("row %d is %v and queued at %d", number, r.state, r.place)
		}
	}
	if e.pending != pending || (e.ended == 0) != (pending > 0) {
		v.Errorf("event %d has %d pending rows, counts %d, ended %d", n, pending, e.pending, e.ended)
	}
	if e.size != size {
		v.Errorf("event %d accounts for %d bytes, holds %d", n, e.size, size)
	}
	if e.pinned {
		v.Errorf("event %d is still pinned", n)
	}
	v.bounds.units += e.units()
	v.bounds.bytes += e.size
	if e.ended != 0 {
		list, i := &v.bounds.whole, 0
		if e.noBody {
			list, i = &v.bounds.purged, 1
		}
		list.units += e.units()
		list.bytes += e.size
		v.ended[i]++
	}
}

func (v *verifier) checkLanes() {
	v.Helper()
	s := v.s
	count := 0
	for slot, l := range s.lanes.slots {
		if l == nil {
			continue
		}
		count++
		if int(l.slot) != slot || s.lanes.find(l.tenant.name, l.id) != l {
			v.Errorf("lane %q of slot %d is at %d or not found", l.id, l.slot, slot)
		}
		sum := v.lanes[l]
		slices.Sort(sum.rows)
		if l.counts != sum.counts {
			v.Errorf("lane %q counts %v, has %v", l.id, l.counts, sum.counts)
		}
		if got := numbers(&l.rows); !slices.Equal(got, sum.rows) {
			v.Errorf("lane %q lists %d rows, has %d", l.id, len(got), len(sum.rows))
		}
		if l.endpoint == nil && l.rows.n == 0 {
			v.Errorf("lane %q is kept for nothing", l.id)
		}
		ready := s.lanes.ready[slot/64]>>(slot%64)&1 == 1
		if ready != (l.pending() > 0 && !l.paused) {
			v.Errorf("lane %q with %d pending, paused %v: ready is %v", l.id, l.pending(), l.paused, ready)
		}
		if _, tomb := s.lanes.tombs[l]; tomb != (l.deleted() && l.rows.n == 0) {
			v.Errorf("lane %q is among the tombs: %v", l.id, tomb)
		}
		if _, home := l.tenant.homes[l]; home != (l.endpoint != nil) {
			v.Errorf("lane %q is among the homes: %v", l.id, home)
		}
		if l.endpoint != nil && !l.deleted() {
			sum := v.tenant(l.tenant)
			sum.endpoints = append(sum.endpoints, l.number)
		} else {
			v.tenant(l.tenant)
		}
		v.checkQueue(l)
	}
	if free := len(s.lanes.slots) - count; free != len(s.lanes.free) {
		v.Errorf("%d slots are free, %d are known to be", free, len(s.lanes.free))
	}
	listed := 0
	for l, latest := s.lanes.newest, ^uint64(0); l != nil; l = l.older {
		if listed++; l.latest >= latest || v.lanes[l] == nil || l.older != nil && l.older.newer != l {
			v.Fatalf("lane %q is out of place in the order of insertion", l.id)
		}
		latest = l.latest
	}
}

func (v *verifier) checkQueue(l *lane) {
	s := v.s
	queued, last := int64(0), timedRow{}
	for n, prev := l.first, uint64(0); n != 0; {
		r := s.rows.get(n)
		at := timedRow{r.visible, n}
		if r.place != fresh || r.prev != prev || !last.before(at) || s.lanes.slots[r.lane] != l {
			v.Fatalf("row %d is out of place among the fresh ones of lane %q", n, l.id)
		}
		if queued++; r.next == 0 && l.last != n {
			v.Errorf("the last fresh row of lane %q is %d, not %d", l.id, n, l.last)
		}
		prev, n, last = n, r.next, at
	}
	for i, e := range l.timed {
		r := s.rows.get(e.row)
		if r.place != timed || r.prev != uint64(i) || r.visible != e.at || s.lanes.slots[r.lane] != l || i > 0 && e.before(l.timed[(i-1)/2]) {
			v.Errorf("row %d is out of place in the heap of lane %q", e.row, l.id)
		}
		queued++
	}
	if queued != l.pending() {
		v.Errorf("lane %q has %d queued of %d pending", l.id, queued, l.pending())
	}
}

func (v *verifier) checkTenants() {
	v.Helper()
	s := v.s
	if len(s.tenants.byName) != len(v.tenants) {
		v.Errorf("%d tenants are kept, %d have something", len(s.tenants.byName), len(v.tenants))
	}
	live := 0
	for t, sum := range v.tenants {
		for _, list := range [][]uint64{sum.events, sum.rows, sum.endpoints} {
			slices.Sort(list)
		}
		if !slices.Equal(numbers(&t.events), sum.events) || !slices.Equal(numbers(&t.rows), sum.rows) || !slices.Equal(numbers(&t.endpoints), sum.endpoints) {
			v.Errorf("the indexes of tenant %q differ from its records", t.name)
		}
		if len(t.kinds) != len(sum.kinds) {
			v.Errorf("tenant %q keeps %d kinds, uses %d", t.name, len(t.kinds), len(sum.kinds))
		}
		for k, n := range sum.kinds {
			if k.events != n {
				v.Errorf("kind %q counts %d events, has %d", k.eventType, k.events, n)
			}
		}
		subscribed := 0
		for l := range t.homes {
			if !l.deleted() {
				for _, p := range l.endpoint.Patterns {
					if !slices.Contains(t.patterns[p], l) {
						v.Errorf("endpoint %q is not found by its pattern %q", l.id, p)
					}
				}
				subscribed += len(l.endpoint.Patterns)
			}
		}
		for p, list := range t.patterns {
			subscribed -= len(list)
			if len(list) == 0 || !slices.IsSortedFunc(list, func(a, b *lane) int { return int(a.number) - int(b.number) }) {
				v.Errorf("pattern %q leads to %d endpoints, or in disorder", p, len(list))
			}
		}
		if subscribed != 0 {
			v.Errorf("tenant %q: the index of patterns is off by %d", t.name, subscribed)
		}
		live += len(sum.endpoints)
	}
	if s.lanes.live.n != live || len(s.lanes.byNumber) != live {
		v.Errorf("%d and %d endpoints are indexed, want %d", s.lanes.live.n, len(s.lanes.byNumber), live)
	}
}

func (v *verifier) checkBounds() {
	v.Helper()
	s := v.s
	if s.units != v.bounds.units || s.bytes != v.bounds.bytes {
		v.Errorf("accounted for %d units and %d bytes, hold %d and %d", s.units, s.bytes, v.bounds.units, v.bounds.bytes)
	}
	last := int64(0)
	for i, pair := range [][2]*endedList{{&s.purged, &v.bounds.purged}, {&s.whole, &v.bounds.whole}} {
		got, want := pair[0], pair[1]
		if got.units != want.units || got.bytes != want.bytes {
			v.Errorf("ended list %d accounts for %d and %d, holds %d and %d", i, got.units, got.bytes, want.units, want.bytes)
		}
		count := 0
		for n, prev := got.first, uint64(0); n != 0; {
			e := s.events.get(n)
			if e == nil || e.prev != prev || e.ended < last || e.next == 0 && got.last != n {
				v.Fatalf("event %d is out of place among the ended", n)
			}
			count++
			last, prev, n = e.ended, n, e.next
		}
		if count != v.ended[1-i] {
			v.Errorf("ended list %d has %d events, want %d", i, count, v.ended[1-i])
		}
	}
	held := 0
	for i, n := range v.reasons {
		if i > 0 && s.rows.reasons.list[i].rows != n {
			v.Errorf("reason %q is held by %d rows, counts %d", s.rows.reasons.list[i].code, n, s.rows.reasons.list[i].rows)
		}
		if i > 0 && n > 0 {
			held++
		}
	}
	if held != len(s.rows.reasons.index) {
		v.Errorf("%d reasons are kept, %d are held", len(s.rows.reasons.index), held)
	}
	indexed := 0
	for _, n := range s.events.index {
		for ; n != 0; n = s.events.at(n).sibling {
			indexed++
		}
	}
	if indexed != v.events {
		v.Errorf("%d events are indexed, want %d", indexed, v.events)
	}
}

func numbers(a *ascending) []uint64 {
	var all []uint64
	for _, b := range a.blocks {
		all = append(all, b...)
	}
	return all
}
