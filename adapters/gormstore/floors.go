package gormstore

import "sync"

// A lane's floor is the place in the queue of the last delivery that a claim of
// this process took of it: what is due before that was taken too. Claims look
// from there on. What is being sent stays at the front of its lane, for a lease is
// not part of its place; and in the index of Postgres the entries of what was
// settled stay there until the table is vacuumed, and a claim that began at the
// front would read all their pages.
//
// A transaction that commits late, a claim that was rolled back, a lease that ran
// out, or a clock that was set back can leave something below a floor. A claim
// takes it that finds less above the floor than was wanted, and the sweep, which
// begins at the front, lowers the floor to it.

// floor is a place in the queue of a lane: visible_at, and the number.
type floor struct{ visible, number int64 }

// below tells whether the floor is below a place.
func (f floor) below(at floor) bool {
	return f.visible < at.visible || f.visible == at.visible && f.number < at.number
}

// maxFloors bounds the lanes whose floors are remembered.
const maxFloors = 100_000

// floors remembers floors. The zero value is empty.
type floors struct {
	mu    sync.Mutex
	known map[string]floor
}

// of returns a lane's floor, zero if there is none.
func (f *floors) of(lane string) floor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[lane]
}

func (f *floors) set(lane string, at floor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= maxFloors {
		f.known = make(map[string]floor)
	}
	f.known[lane] = at
}

// forget forgets all floors.
func (f *floors) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = nil
}

// found lowers the floor of a lane that has something visible at a time, unless
// it is lower.
func (f *floors) found(lane string, visible int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.known[lane]; ok && visible <= known.visible {
		f.known[lane] = floor{visible: visible}
	}
}
