package memstore

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/postrider/postrider/store"
)

// Due implements [store.Queue]. It refuses a Limit below 1, and a Mark or Cursor
// that this store did not make with [store.ErrInvalidCursor].
//
// The tail reports lanes in the order of their latest insertion, and Mark moves
// on to the last of them, so that repeated calls report every lane.
func (s *Store) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	if p.Limit < 1 {
		return store.DueLanes{}, errors.New("memstore: due: the Limit must be at least 1")
	}
	if err := s.lock(ctx); err != nil {
		return store.DueLanes{}, err
	}
	defer s.mu.Unlock()
	d := store.DueLanes{Now: timeOf(s.now())}
	mark := s.rows.end
	// A mark is the number of the row up to which the caller has looked.
	if p.Mark != "" {
		var err error
		if mark, err = s.placeOf('m', nil, p.Mark); err != nil {
			return store.DueLanes{}, err
		}
		mark = s.tail(&d, mark, p.Limit)
	}
	if p.Sweep {
		if err := s.sweep(&d, p.Cursor, p.Limit); err != nil {
			return store.DueLanes{}, err
		}
	}
	d.Mark = s.cursor('m', nil, mark)
	return d, nil
}

// tail reports lanes with insertions after mark and returns the next mark.
func (s *Store) tail(d *store.DueLanes, mark uint64, limit int) uint64 {
	// From the newest back to the mark, then forward: so a caller that is behind
	// comes past all lanes.
	l := s.lanes.newest
	if l == nil || l.latest <= mark {
		return s.rows.end
	}
	for l.older != nil && l.older.latest > mark {
		l = l.older
	}
	for ; l != nil; l = l.newer {
		if l.paused || l.pending() == 0 { // the sweep finds it when that changes
			mark = l.latest
			continue
		}
		if limit == 0 {
			d.Behind = true
			return mark
		}
		limit--
		mark = l.latest
		d.Lanes = append(d.Lanes, store.LaneAt{ID: l.id, Next: timeOf(s.next(s.lanes.byID[l.id]))})
	}
	return s.rows.end
}

// A walk goes over the slots of the lanes, from a random one to the end, and
// from the beginning up to it again. A lane keeps its slot, so a lane that is
// there all the time is passed once; only lanes that come later may be missed.
// The place in a walk is one number: where it began, where it stands, and
// whether it came past the end.
const (
	slotBits   = 31
	slotMask   = 1<<slotBits - 1
	pastTheEnd = 1 << (2 * slotBits)
)

func (s *Store) sweep(d *store.DueLanes, cursor string, limit int) error {
	var begin, at uint32
	wrapped := false
	if cursor == "" {
		if n := len(s.lanes.slots); n > 0 {
			begin = rand.Uint32N(uint32(n))
		}
		at = begin
	} else {
		place, err := s.placeOf('s', nil, cursor)
		if err != nil {
			return err
		}
		begin, at, wrapped = uint32(place>>slotBits&slotMask), uint32(place&slotMask), place&pastTheEnd != 0
	}
	for {
		// The last page looks one lane ahead, so that it says by itself that the
		// walk is complete.
		end := uint32(len(s.lanes.slots))
		if wrapped {
			end = begin
		}
		slot, ok := s.lanes.nextReady(at, end)
		switch {
		case !ok && wrapped:
			d.Wrapped = true
			return nil
		case !ok:
			wrapped, at = true, 0
			continue
		case limit == 0:
			place := uint64(begin)<<slotBits | uint64(slot)
			if wrapped {
				place |= pastTheEnd
			}
			d.Cursor = s.cursor('s', nil, place)
			return nil
		}
		limit--
		l := s.lanes.slots[slot]
		d.Lanes = append(d.Lanes, store.LaneAt{ID: l.id, Next: timeOf(s.next(s.lanes.byID[l.id]))})
		at = slot + 1
	}
}
