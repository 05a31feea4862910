package memstore

import "github.com/postrider/postrider/store"

// The queue of a lane is made of two structures. What Insert makes visible at
// once comes in the order of its VisibleAt and goes in that order: a linked
// list, which costs the same however long it is. Everything else (scheduled,
// leased, retried, requeued) is in a heap. Any row leaves either of them without
// a search. The next delivery is the earlier of the two heads, so the order over
// both is that of VisibleAt, and of insertion where that is equal.

// timedRow is an entry of a lane's heap.
type timedRow struct {
	at  int64
	row uint64
}

func (a timedRow) before(b timedRow) bool { return a.at < b.at || a.at == b.at && a.row < b.row }

// head returns the delivery of the lane that is visible first, nil if none is
// pending.
func (s *Store) head(l *lane) (uint64, *row) {
	switch {
	case l.first == 0 && len(l.timed) == 0:
		return 0, nil
	case l.first == 0:
		return l.timed[0].row, s.rows.at(l.timed[0].row)
	}
	r := s.rows.at(l.first)
	if len(l.timed) > 0 && l.timed[0].before(timedRow{r.visible, l.first}) {
		return l.timed[0].row, s.rows.at(l.timed[0].row)
	}
	return l.first, r
}

// pushFresh queues a row behind all fresh ones. Its VisibleAt and number must
// be higher than theirs.
func (s *Store) pushFresh(l *lane, n uint64, r *row) {
	r.place, r.prev, r.next = fresh, l.last, 0
	if l.last == 0 {
		l.first = n
	} else {
		s.rows.at(l.last).next = n
	}
	l.last = n
}

// pushTimed queues a row by its VisibleAt.
func (s *Store) pushTimed(l *lane, n uint64, r *row) {
	r.place, r.next = timed, 0
	l.timed = append(l.timed, timedRow{})
	s.siftUp(l, len(l.timed)-1, timedRow{r.visible, n})
}

// unqueue takes a pending row out of its lane's queue.
func (s *Store) unqueue(l *lane, r *row) {
	switch r.place {
	case fresh:
		if r.prev == 0 {
			l.first = r.next
		} else {
			s.rows.at(r.prev).next = r.next
		}
		if r.next == 0 {
			l.last = r.prev
		} else {
			s.rows.at(r.next).prev = r.prev
		}
	case timed:
		i, last := int(r.prev), len(l.timed)-1
		moved := l.timed[last]
		l.timed = l.timed[:last]
		if i < last {
			s.place(l, i, moved)
		}
		// A heap that shrank to a quarter gives the room back.
		if c := cap(l.timed); c > 64 && last < c/4 {
			l.timed = append(make([]timedRow, 0, c/2), l.timed...)
		}
	case nowhere:
	}
	r.place, r.prev, r.next = nowhere, 0, 0
}

// lease moves a queued row to the time at which its lease ends.
func (s *Store) lease(l *lane, n uint64, r *row, until int64) {
	r.visible = until
	if r.place == timed {
		s.place(l, int(r.prev), timedRow{until, n})
		return
	}
	s.unqueue(l, r)
	s.pushTimed(l, n, r)
}

// place puts an entry where i is free, and the heap in order.
func (s *Store) place(l *lane, i int, e timedRow) {
	if i > 0 && e.before(l.timed[(i-1)/2]) {
		s.siftUp(l, i, e)
		return
	}
	for {
		child := 2*i + 1
		if child >= len(l.timed) {
			break
		}
		if child+1 < len(l.timed) && l.timed[child+1].before(l.timed[child]) {
			child++
		}
		if !l.timed[child].before(e) {
			break
		}
		l.timed[i] = l.timed[child]
		s.rows.at(l.timed[i].row).prev = uint64(i)
		i = child
	}
	l.timed[i] = e
	s.rows.at(e.row).prev = uint64(i)
}

func (s *Store) siftUp(l *lane, i int, e timedRow) {
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(l.timed[parent]) {
			break
		}
		l.timed[i] = l.timed[parent]
		s.rows.at(l.timed[i].row).prev = uint64(i)
		i = parent
	}
	l.timed[i] = e
	s.rows.at(e.row).prev = uint64(i)
}

// enter counts a row that became pending.
func (s *Store) enter(l *lane, e *event) {
	if e.ended != 0 {
		s.unend(e)
	}
	e.pending++
	l.counts[store.StatePending]++
	s.lanes.refresh(l)
}

// end takes a pending row out of the queue, for a terminal state.
func (s *Store) end(l *lane, r *row, state store.State, now int64) {
	s.unqueue(l, r)
	l.counts[store.StatePending]--
	l.counts[state]++
	if l.pending() == 0 {
		s.lanes.refresh(l)
	}
	r.state, r.claimed, r.visible, r.updated = state, false, 0, now
	e := s.events.at(r.event)
	if e.pending--; e.pending == 0 {
		s.ended(r.event, e, now)
	}
}
