package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	// compactEvery is how many deltas of this process there are to one
	// compaction, and how many may be met when counting.
	compactEvery = 256
	// compactRows bounds the deltas that one transaction adds up, compactRounds
	// the transactions of a compaction: more than one process may write.
	compactRows   = 1024
	compactRounds = 8
	// compactTime bounds a compaction, for a caller waits for it, and the taking of
	// statistics before it: each by itself, for either can take more than that. A
	// compaction that got nowhere gives the next one twice as much, up to
	// compactDoublings times: deltas of events with thousands of deliveries are long,
	// and must not pile up.
	compactTime      = 200 * time.Millisecond
	compactDoublings = 7
)

// compactor adds the deltas up into the counts, so that counting reads few of
// them. There is no goroutine for it: every so often a caller that has just
// written does it. A transaction takes deltas that nobody else has taken, adds
// them to the counts and deletes these very rows, so each counts once, whoever
// else compacts, reads or writes. The zero value is ready.
type compactor struct {
	// pending counts the deltas since the last compaction, from a start at
	// random: processes that live shortly compact, too, now and then.
	pending atomic.Int64
	started atomic.Bool
	running atomic.Bool
	// doublings are those of compactTime at present; who runs changes them.
	doublings int
}

// afterDelta is called when a delta was committed.
func (s *Store) afterDelta(ctx context.Context) {
	k := &s.compactor
	if !k.started.Load() && k.started.CompareAndSwap(false, true) {
		k.pending.Add(rand.Int64N(compactEvery)) // #nosec G404 -- spreading
	}
	if k.pending.Add(1) >= compactEvery {
		k.run(ctx, s)
	}
}

// seen tells how many deltas there are.
func (k *compactor) seen(n int64) {
	if n >= compactEvery {
		k.pending.Add(n)
	}
}

// afterRead compacts if counting met many deltas.
func (k *compactor) afterRead(ctx context.Context, s *Store) {
	if k.pending.Load() >= compactEvery {
		k.run(ctx, s)
	}
}

// run compacts, unless another caller does. What goes wrong is left for the next
// time.
func (k *compactor) run(ctx context.Context, s *Store) {
	if !k.running.CompareAndSwap(false, true) {
		return
	}
	defer k.running.Store(false)
	k.pending.Store(0)
	s.refreshStatistics(ctx)
	most, begun := compactTime<<k.doublings, time.Now()
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for round := range compactRounds {
		rows, err := s.compact(limited)
		switch {
		case err == nil && rows == compactRows:
			continue
		case err == nil && k.doublings > 0 && time.Since(begun) < most/4:
			k.doublings--
		case err != nil && round == 0 && limited.Err() != nil && ctx.Err() == nil:
			k.doublings = min(k.doublings+1, compactDoublings)
		}
		return
	}
}

// compact adds up to compactRows deltas, and returns how many.
func (s *Store) compact(ctx context.Context) (rows int, err error) {
	err = s.write(ctx, "adding up counts", once, func(ctx context.Context, c conn) error {
		if free, err := c.mayCompact(ctx); err != nil || !free {
			return err
		}
		sums := make(tally)
		var ids []int64
		read := func(r *sql.Rows) error {
			var id int64
			var payload string
			if err := r.Scan(&id, &payload); err != nil {
				return err
			}
			ids = append(ids, id)
			return sums.addPayload(payload)
		}
		oldest := "SELECT id, payload FROM {deltas} ORDER BY id LIMIT ?"
		if s.dialect != sqlite {
			oldest += " FOR UPDATE SKIP LOCKED"
		}
		if err := c.query(ctx, oldest, []any{compactRows}, read); err != nil {
			return err
		}
		if rows = len(ids); rows == 0 {
			return nil
		}
		if err := s.deleteRows(ctx, c, "deltas", "id", ids); err != nil {
			return err
		}
		return s.addCounts(ctx, c, sums)
	})
	return rows, err
}

// mayCompact tells whether no other process compacts, and keeps them off until the
// transaction ends. A process that was stopped in the middle holds the rows of
// the counts: nobody must wait for these.
func (c conn) mayCompact(ctx context.Context) (bool, error) {
	if c.s.dialect == sqlite {
		return true, nil
	}
	var name string
	err := c.one(ctx, "SELECT name FROM {meta} WHERE name = 'schema_version' FOR UPDATE SKIP LOCKED", nil, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// addCounts adds sums to the counts, in one order, as nobody but a compaction
// does.
func (s *Store) addCounts(ctx context.Context, c conn, sums tally) error {
	places := make([]place, 0, len(sums))
	for p, d := range sums {
		if d != (store.Counts{}) {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.tenant, b.tenant), strings.Compare(a.endpoint, b.endpoint))
	})
	err := insertMany(places, 6, func(part []place, values string) error {
		args := make([]any, 0, 6*len(part))
		for _, p := range part {
			d := sums[p]
			args = append(args, p.tenant, p.endpoint, d.Pending, d.Delivered, d.Failed, d.Cancelled)
		}
		_, err := c.exec(ctx, s.addCountsText(values), args...)
		return err
	})
	if err != nil {
		return err
	}
	// Where nothing is left, the row goes. Only a purge or an erasure can leave
	// nothing.
	for _, p := range places {
		if d := sums[p]; d.Pending+d.Delivered+d.Failed+d.Cancelled >= 0 {
			continue
		}
		_, err := c.exec(ctx, `DELETE FROM {counts} WHERE tenant = ? AND endpoint_id = ?
			AND pending = 0 AND delivered = 0 AND failed = 0 AND cancelled = 0`, p.tenant, p.endpoint)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) addCountsText(values string) string {
	if s.dialect == mysql || s.dialect == mariadb {
		return `INSERT INTO {counts} (tenant, endpoint_id, pending, delivered, failed, cancelled) VALUES ` + values + `
			ON DUPLICATE KEY UPDATE pending = pending + VALUES(pending), delivered = delivered + VALUES(delivered),
			failed = failed + VALUES(failed), cancelled = cancelled + VALUES(cancelled)`
	}
	return `INSERT INTO {counts} AS c (tenant, endpoint_id, pending, delivered, failed, cancelled) VALUES ` + values + `
		ON CONFLICT (tenant, endpoint_id) DO UPDATE SET pending = c.pending + excluded.pending, delivered = c.delivered + excluded.delivered,
		failed = c.failed + excluded.failed, cancelled = c.cancelled + excluded.cancelled`
}
