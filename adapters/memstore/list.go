package memstore

import (
	"context"
	"errors"
	"time"
)

// listing walks down an index, newest first, until it has a page. Records are
// numbered in the order of their CreatedAt and ID, so a number is a place in
// the order of the list that stays valid when records come and go. The walk
// lets go of the lock every few thousand records; what it needs from outside is
// only the number where it stands.
type listing struct {
	kind   byte
	filter []any
	cursor string
	limit  int
	// below returns a run of candidates, ascending, that ends with the largest
	// below before; empty at the end of the list.
	below func(before uint64) []uint64
	// visit judges a candidate and keeps it, if it has fewer than limit.
	visit func(n uint64) verdict
}

// verdict is what becomes of a candidate.
type verdict uint8

const (
	pass verdict = iota // it does not belong to the list
	take                // it does
	stop                // neither it nor any older one does
)

// step bounds the records that are looked at under one lock.
const step = 4096

func (l *listing) run(ctx context.Context, s *Store) (next string, err error) {
	if l.limit < 1 {
		return "", errors.New("memstore: the Limit must be at least 1")
	}
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	before := ^uint64(0)
	if l.cursor != "" {
		if before, err = s.placeOf(l.kind, l.filter, l.cursor); err != nil {
			s.mu.Unlock()
			return "", err
		}
	}
	taken, last := 0, uint64(0)
	// Numbers are only asked for while the lock is held, and again after it was
	// let go of: a record that went meanwhile is not among them any more.
	for {
		for looked := 0; looked < step; {
			candidates := l.below(before)
			if len(candidates) == 0 {
				s.mu.Unlock()
				return "", nil
			}
			for i := len(candidates) - 1; i >= 0 && looked < step; i-- {
				before = candidates[i]
				looked++
				switch l.visit(before) {
				case take:
					// One more than the page holds shows that there is a next one.
					if taken++; taken > l.limit {
						s.mu.Unlock()
						return s.cursor(l.kind, l.filter, last), nil
					}
					last = before
				case stop:
					s.mu.Unlock()
					return "", nil
				case pass:
				}
			}
		}
		s.mu.Unlock()
		if err := s.lock(ctx); err != nil {
			return "", err
		}
	}
}

// span is the part of a list between two times.
type span struct{ from, to int64 }

func spanOf(from, to time.Time) span {
	s := span{0, forever}
	if !from.IsZero() {
		s.from = nanos(from)
	}
	if !to.IsZero() {
		s.to = nanos(to)
	}
	return s
}

// judge tells whether a record that was created at a time lies in the span.
func (s span) judge(created int64) verdict {
	switch {
	case created < s.from:
		return stop
	case created >= s.to:
		return pass
	}
	return take
}
