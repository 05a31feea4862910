package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/postrider/postrider/store"
)

const (
	// purgeWindow is how many events one look takes in, and purgeWindows how
	// often one call does so.
	purgeWindow  = 500
	purgeWindows = 100
	// purgeTransaction bounds the events that go in one transaction, and
	// purgeDeliveries their deliveries, as far as these are numbered after them: a
	// transaction that took longer than a call may would never get done. One event
	// goes whatever it has.
	purgeTransaction = 100
	purgeDeliveries  = 5000
)

// retention is where the purges of this process are.
type retention struct{ whole, bodies pass }

// Purge implements [store.Retention]. It refuses a Limit below 1; an OlderThan
// below 0 counts as 0.
//
// Events go oldest first, in transactions of a hundred at most, fewer where they
// have many deliveries, and each call goes on where the one before it ended.
// Events that have to stay are remembered, so that they are what is looked at
// again, and not all that is old. A call that finds little ends after 50,000
// events, and says More though it did not reach the Limit.
func (s *Store) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	if p.Limit < 1 {
		return store.Purged{}, failed("purging", errors.New("the Limit must be at least 1"))
	}
	g := purge{Store: s, bodies: p.BodiesOnly, pass: &s.retention.whole}
	if p.BodiesOnly {
		g.pass = &s.retention.bodies
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var now int64
	err := s.read(ctx, "purging", func(ctx context.Context, c conn) (err error) {
		now, err = c.now(ctx)
		return err
	})
	if err != nil {
		return store.Purged{}, err
	}
	g.before = now - min(max(p.OlderThan.Microseconds(), 0), now)
	g.begin(now)
	var purged store.Purged
	for windows := 0; g.running; windows++ {
		if purged.Events == p.Limit || windows == purgeWindows {
			purged.More = true
			g.interrupted = g.interrupted || purged.Events == p.Limit
			break
		}
		n, err := g.window(ctx, p.Limit-purged.Events)
		if err != nil {
			g.interrupted = true
			return store.Purged{}, err
		}
		purged.Events += n
		if !g.running && g.interrupted {
			// What stayed when an earlier call looked may have to go by now.
			g.begin(now)
		}
	}
	if !purged.More && !p.BodiesOnly {
		if err := s.purgeTombstones(ctx); err != nil {
			return store.Purged{}, err
		}
	}
	return purged, nil
}

// purge is one call of Purge.
type purge struct {
	*Store
	*pass
	bodies bool
	// before is the time, in microseconds, before which all must have ended.
	before int64
}

// window looks at the next events of the pass and purges up to limit of them.
func (g *purge) window(ctx context.Context, limit int) (n int, err error) {
	var events []eventSpan
	var stay map[int64]bool
	err = g.read(ctx, "looking for events to purge", func(ctx context.Context, c conn) (err error) {
		if events, err = g.next(ctx, c, g.before*1000, g.bodies); err != nil {
			return err
		}
		stay = make(map[int64]bool)
		return g.deliveriesOf(ctx, c, "SELECT d.event_seq FROM {deliveries} d{of} AND (d.state = 1 OR d.updated_at >= ?)", []any{g.before}, events,
			func(rows *sql.Rows) error {
				var seq int64
				err := rows.Scan(&seq)
				stay[seq] = true
				return err
			})
	})
	if err != nil {
		return 0, err
	}
	for len(events) > 0 && n < limit {
		// As many as a transaction takes, and those between them that stay.
		var going []eventSpan
		looked, deliveries := 0, int64(0)
		for looked < len(events) && len(going) < min(purgeTransaction, limit-n) && deliveries < purgeDeliveries {
			if e := events[looked]; !stay[e.seq] {
				going = append(going, e)
				deliveries += e.end - e.seq
			}
			looked++
		}
		gone, err := g.remove(ctx, going)
		if err != nil {
			return n, err
		}
		for _, e := range events[:looked] {
			g.looked(e.seq, gone[e.seq])
		}
		n += len(gone)
		events = events[looked:]
	}
	return n, nil
}

// remove purges events in one transaction, and tells which went. It locks them
// first: only a requeue could make one of their deliveries pending again, and it
// locks the event as well. What is locked is left to a later pass.
func (g *purge) remove(ctx context.Context, events []eventSpan) (gone map[int64]bool, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	lock := g.forUpdate()
	if lock != "" {
		lock += " SKIP LOCKED"
	}
	seqs := make([]int64, len(events))
	for i, e := range events {
		seqs[i] = e.seq
	}
	err = g.write(ctx, fmt.Sprintf("purging %d events", len(events)), idempotent, func(ctx context.Context, c conn) error {
		gone = make(map[int64]bool, len(events))
		var locked []eventSpan
		err := inLists(seqs, func(list string, args []any) error {
			found, err := c.eventSpans(ctx, "SELECT seq, span FROM {events}"+g.dialect.byNumber()+" WHERE seq IN ("+list+") ORDER BY seq"+lock, args...)
			locked = append(locked, found...)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range locked {
			gone[e.seq] = true
		}
		rows, err := g.historyOf(ctx, c, locked)
		if err != nil {
			return err
		}
		for _, d := range rows {
			if d.state == store.StatePending || d.updated >= g.before {
				delete(gone, d.event)
			}
		}
		h := history{events: keys(gone)}
		for _, d := range rows {
			if gone[d.event] {
				h.deliveries = append(h.deliveries, d)
			}
		}
		if g.bodies {
			return g.emptyBodies(ctx, c, h)
		}
		return g.deleteHistory(ctx, c, h)
	})
	if err == nil && len(gone) > 0 && !g.bodies {
		g.afterDelta(ctx)
	}
	return gone, err
}
