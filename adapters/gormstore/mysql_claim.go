package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/store"
)

const (
	// mysqlLanes bounds the lanes that one statement looks into.
	mysqlLanes = 64
	// mysqlSpare is how many deliveries of a lane are looked at beyond those that
	// are wanted, because others may hold the first ones, and mysqlPasses how
	// often others are tried instead.
	mysqlSpare  = 16
	mysqlPasses = 3
)

// mysqlUpdate assigns from left to right, so what an expression reads is assigned
// after it.
const mysqlUpdate = `UPDATE {deliveries} FORCE INDEX (PRIMARY) SET
	lost_tokens = CASE WHEN hold <> 2 AND token > 0 THEN CONCAT(COALESCE(lost_tokens, ','), token, ',') ELSE lost_tokens END,
	expiries = expiries + (hold = 1), interrupted = interrupted + (hold = 1),
	token = token + 1, hold = 1, visible_at = ?, updated_at = ? WHERE id IN (`

func (q mysqlQueue) claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error) {
	t := newTaking(q.Store, p)
	if err := q.lanes(ctx, c, t); err != nil {
		return store.Batch{}, err
	}
	// Only as many lanes are looked into at once as are needed to reach Max.
	for lane := 0; lane < len(p.Lanes) && !t.full; {
		first := lane
		for wanted := len(t.rows); lane < len(p.Lanes) && lane-first < mysqlLanes && wanted < p.Max; lane++ {
			wanted += t.wanted(lane)
		}
		if err := q.claimLanes(ctx, c, t, first, lane); err != nil {
			return store.Batch{}, err
		}
	}
	ids := t.ids()
	slices.Sort(ids)
	err := inLists(ids, func(list string, args []any) error {
		_, err := c.exec(ctx, mysqlUpdate+list+")", append([]any{t.until, t.now}, args...)...)
		return err
	})
	if err != nil {
		return store.Batch{}, err
	}
	events, err := t.events(func(report func(*sql.Rows) error) error {
		return inLists(t.seqs, func(list string, args []any) error {
			return c.query(ctx, "SELECT "+eventColumns+" FROM {events} e WHERE e.seq IN ("+list+")", args, report)
		})
	})
	if err != nil {
		return store.Batch{}, err
	}
	return t.batch(ctx, c, events)
}

// lanes reads the time, and what the lanes' endpoints are.
func (q mysqlQueue) lanes(ctx context.Context, c conn, t *taking) error {
	if len(t.params.Lanes) == 0 {
		now, err := c.now(ctx)
		t.begin(now)
		return err
	}
	ids := make([]string, len(t.params.Lanes))
	place := make(map[string]int, len(ids))
	for i := range ids {
		ids[i] = t.params.Lanes[i].ID
		place[ids[i]] = i
	}
	return inLists(ids, func(list string, args []any) error {
		text := `SELECT {now}, '', 0, 0, FALSE UNION ALL SELECT 0, id, created_at, revision, status = 2 AND deleted_at IS NULL
			FROM {endpoints} WHERE id IN (` + list + ")"
		return c.query(ctx, text, args, func(rows *sql.Rows) error {
			var now int64
			var l takenLane
			if err := rows.Scan(&now, &l.id, &l.created, &l.revision, &l.paused); err != nil {
				return err
			}
			if now != 0 {
				t.begin(now)
				return nil
			}
			l.exists = true
			t.lanes[place[l.id]] = l
			return nil
		})
	})
}

// candidates are the first deliveries of a lane, visible or not, in the order in
// which they are to be taken.
type candidates struct {
	lane   int
	id     string
	list   []candidate
	wanted int
	// tried is how many of the list were to be locked so far.
	tried int
}

type candidate struct{ id, visible number }

// claimLanes takes deliveries of the lanes from first to before end, and notes
// what remains in them.
//
// It looks for them without locks, in the index of the queue, and then locks
// them by their numbers. A scan of the index that locks as it goes locks for a
// moment the first delivery of the following lane, too, and whoever skips what
// is locked then passes it over.
func (q mysqlQueue) claimLanes(ctx context.Context, c conn, t *taking, first, end int) error {
	lanes := make([]candidates, 0, end-first)
	for lane := first; lane < end; lane++ {
		if !t.lanes[lane].paused {
			lanes = append(lanes, candidates{lane: lane, id: t.params.Lanes[lane].ID, wanted: t.wanted(lane)})
		}
	}
	if err := q.find(ctx, c, lanes); err != nil {
		return err
	}
	locked, err := q.lock(ctx, c, t, lanes)
	if err != nil {
		return err
	}
	for lane := first; lane < end && !t.full; lane++ {
		next := number(0)
		if !t.lanes[lane].paused {
			next = lanes[0].take(t, locked)
			lanes = lanes[1:]
		}
		t.visit(lane, int64(next))
	}
	return nil
}

// take takes what was locked, and returns when the first one that was not taken
// is visible. If that was claimed by others meanwhile, it is too early.
func (l *candidates) take(t *taking, locked map[number]*takenRow) (next number) {
	for _, d := range l.list {
		if r := locked[d.id]; r != nil && !t.full {
			r.lane = l.lane
			if t.offer(r) {
				continue
			}
		}
		if next == 0 {
			next = d.visible
		}
		if t.full {
			break
		}
	}
	return next
}

// find reads the first deliveries of lanes, one more than are wanted: what comes
// next is to be known.
func (q mysqlQueue) find(ctx context.Context, c conn, lanes []candidates) error {
	if len(lanes) == 0 {
		return nil
	}
	size := powerOfTwo(len(lanes))
	args := make([]any, 0, 2*size)
	for i := range size {
		if i >= len(lanes) {
			args = append(args, "", 0)
			continue
		}
		limit := lanes[i].wanted + 1
		if limit > 1 {
			limit += mysqlSpare
		}
		lanes[i].list = make([]candidate, 0, limit)
		args = append(args, lanes[i].id, limit)
	}
	var i number
	var d candidate
	dest := []any{&i, &d.id, &d.visible}
	err := c.query(ctx, mysqlLanesText(size), args, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		lanes[i].list = append(lanes[i].list, d)
		return nil
	})
	for i := range lanes { // a union promises no order
		slices.SortFunc(lanes[i].list, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.visible, b.visible), cmp.Compare(a.id, b.id)) })
	}
	return err
}

// mysqlLanesText reads the first deliveries of so many lanes.
func mysqlLanesText(size int) string {
	var b strings.Builder
	for i := range size {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("(SELECT " + strconv.Itoa(i) + `, id, visible_at FROM {deliveries} FORCE INDEX ({deliveries_queue})
			WHERE state = 1 AND endpoint_id = ? ORDER BY visible_at, id LIMIT ?)`)
	}
	return b.String()
}

// lock locks visible candidates, as many as are wanted, and reads them. Those
// that others hold are passed over, and the next ones tried.
func (q mysqlQueue) lock(ctx context.Context, c conn, t *taking, lanes []candidates) (map[number]*takenRow, error) {
	locked := make(map[number]*takenRow)
	for range mysqlPasses {
		var ids []number
		for i := range lanes {
			l := &lanes[i]
			missing := l.wanted
			for _, d := range l.list[:l.tried] {
				if locked[d.id] != nil {
					missing--
				}
			}
			for missing > 0 && l.tried < len(l.list) && int64(l.list[l.tried].visible) <= t.now && len(t.rows)+len(locked)+len(ids) < t.params.Max {
				ids = append(ids, l.list[l.tried].id)
				l.tried++
				missing--
			}
		}
		if len(ids) == 0 {
			break
		}
		slices.Sort(ids)
		err := inLists(ids, func(list string, args []any) error {
			text := "SELECT " + takenColumns + " FROM {deliveries} d FORCE INDEX (PRIMARY) WHERE d.id IN (" + list +
				") AND d.state = 1 AND d.visible_at <= ? ORDER BY d.id FOR UPDATE SKIP LOCKED"
			return c.query(ctx, text, append(args, t.now), func(rows *sql.Rows) error {
				r := new(takenRow)
				if err := rows.Scan(r.dest()...); err != nil {
					return err
				}
				locked[r.id] = r
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return locked, nil
}

func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) } // #nosec G115 -- above 0
