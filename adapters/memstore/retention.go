package memstore

import (
	"context"
	"errors"

	"github.com/postrider/postrider/store"
)

// purgeStep bounds the deliveries that are removed under one lock, if no single
// event has more.
const purgeStep = 1024

// Purge implements [store.Retention]. It refuses a Limit below 1; an OlderThan
// below 0 counts as 0. Events go in the order in which they ended, so that it
// never looks at what has to stay.
func (s *Store) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	if p.Limit < 1 {
		return store.Purged{}, errors.New("memstore: purge: the Limit must be at least 1")
	}
	if err := s.lock(ctx); err != nil {
		return store.Purged{}, err
	}
	before := s.now() - int64(max(p.OlderThan, 0))
	work := breather{store: s}
	var purged store.Purged
	for !purged.More {
		n, e := s.oldestEnded(before, p.BodiesOnly)
		if e == nil {
			break
		}
		records := 1 + int(e.units())
		if p.BodiesOnly {
			s.empty(n, e)
		} else {
			s.removeEvent(n, e)
		}
		purged.Events++
		purged.More = purged.Events == p.Limit
		if err := work.did(ctx, records); err != nil {
			return store.Purged{}, err
		}
	}
	for l := s.anyTomb(); l != nil && !p.BodiesOnly; l = s.anyTomb() {
		s.forget(l)
		if err := work.did(ctx, 1); err != nil {
			return store.Purged{}, err
		}
	}
	s.mu.Unlock()
	return purged, nil
}

// anyTomb returns a lane with a tombstone and without deliveries, or nil.
func (s *Store) anyTomb() *lane {
	for l := range s.lanes.tombs {
		return l
	}
	return nil
}

// breather lets go of the lock from time to time during long work.
type breather struct {
	store *Store
	done  int
}

// did counts records. If it returns the context's error, the lock is not held.
func (b *breather) did(ctx context.Context, records int) error {
	if b.done += records; b.done < purgeStep {
		return nil
	}
	b.done = 0
	b.store.mu.Unlock()
	return b.store.lock(ctx)
}

// oldestEnded returns the event that ended first, if that was before a time. An
// event is not younger than its last change, so the age of that decides alone.
func (s *Store) oldestEnded(before int64, whole bool) (uint64, *event) {
	n := s.purged.first
	if n == 0 || whole {
		n = s.whole.first
	}
	if n == 0 {
		return 0, nil
	}
	if e := s.events.at(n); e.ended < before {
		return n, e
	}
	return 0, nil
}

// empty removes the body of an ended event and those of its attempts.
// Such an event never comes to be pending again, since there is nothing to send,
// and those that end first are emptied first: so the list of these stays in
// order by being appended to, and goes before the other one.
func (s *Store) empty(n uint64, e *event) {
	ended := e.ended
	s.unend(e)
	freed := int64(len(e.body))
	e.body, e.noBody = "", true
	for _, number := range e.rowNumbers() {
		r := s.rows.at(number)
		if r.attempts == 0 {
			continue
		}
		log := s.rows.logs.at(number)
		bare := withoutBodies(*log)
		freed += int64(cap(*log) - cap(bare))
		*log = bare
	}
	s.grow(e, -freed)
	e.ended = ended
	s.pushEnded(n, e)
}

// EraseTenant implements [store.Retention]. It refuses a limit below 1. The
// endpoints go first, so that nothing new is published to them.
func (s *Store) EraseTenant(ctx context.Context, tenant string, limit int) (store.Purged, error) {
	if limit < 1 {
		return store.Purged{}, errors.New("memstore: erase tenant: the limit must be at least 1")
	}
	if err := s.lock(ctx); err != nil {
		return store.Purged{}, err
	}
	work := breather{store: s}
	for l := s.anyEndpoint(tenant); l != nil; l = s.anyEndpoint(tenant) {
		s.forget(l)
		if err := work.did(ctx, 1); err != nil {
			return store.Purged{}, err
		}
	}
	var purged store.Purged
	for !purged.More {
		t := s.tenants.byName[tenant]
		if t == nil || t.events.n == 0 {
			break
		}
		n := t.events.blocks[0][0]
		e := s.events.at(n)
		records := 1 + int(e.units())
		s.removeEvent(n, e)
		purged.Events++
		purged.More = purged.Events == limit
		if err := work.did(ctx, records); err != nil {
			return store.Purged{}, err
		}
	}
	s.mu.Unlock()
	return purged, nil
}

// anyEndpoint returns a lane of the tenant with an endpoint or a tombstone, or
// nil.
func (s *Store) anyEndpoint(tenant string) *lane {
	if t := s.tenants.byName[tenant]; t != nil {
		for l := range t.homes {
			return l
		}
	}
	return nil
}
