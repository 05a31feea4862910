package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"

	"github.com/postrider/postrider/store"
)

// What a driver in Go does for each column and each parameter costs more than
// what SQLite does with it, so columns that seldom tell anything are one, and
// lists of parameters are short: the driver looks for each of them from the
// first one on. In a transaction that ends with any error, OR FAIL saves the copy
// of each page that a statement would need to undo itself alone.
const (
	// sqliteList bounds the values of one IN list, sqliteLanes the lanes that one
	// statement looks into.
	sqliteList  = 64
	sqliteLanes = 64

	sqliteClaim = `UPDATE OR FAIL {deliveries} SET token = token + 1, hold = 1, leased_until = ?, updated_at = ?,
		expiries = expiries + (hold = 1), interrupted = interrupted + (hold = 1),
		lost_tokens = CASE WHEN hold <> 2 AND token > 0 THEN COALESCE(lost_tokens, ',') || token || ',' ELSE lost_tokens END
		WHERE id IN (`

	sqliteEvents = `SELECT ` + eventColumns + ` FROM json_each(?) l CROSS JOIN {events} e ON e.seq = l.value`
)

// sqliteLanesText reads the endpoints of so many lanes, and their first
// deliveries above their floors (see [floors]) that are not leased, visible or not:
// the one after those that are taken tells when the lane has work next. A row of an
// endpoint has 0 for the id of a delivery.
func sqliteLanesText(size int) string {
	var b strings.Builder
	for i := range size {
		fmt.Fprintf(&b, `SELECT %d, 0, created_at, revision, status = 2 AND deleted_at IS NULL, NULL FROM {endpoints} WHERE id = ? UNION ALL `, i)
	}
	for i := range size {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		// Without the sum the limit would be a part of the plan, and each number be
		// planned anew.
		fmt.Fprintf(&b, `SELECT * FROM (SELECT %d, d.id, d.event_seq, d.visible_at, d.size, CASE WHEN d.token > 0 THEN `+pastColumns+` END
			FROM {deliveries} d INDEXED BY {deliveries_queue}
			WHERE d.state = 1 AND d.endpoint_id = ? AND d.visible_at >= ? AND (d.visible_at, d.id) > (?, ?) AND d.leased_until <= ?
			ORDER BY d.visible_at, d.id LIMIT ? + 0)`, i)
	}
	return b.String()
}

func (q sqliteQueue) claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error) {
	// The transaction ends with the context. To watch it for each statement takes
	// a goroutine each, and they are short.
	ctx = context.WithoutCancel(ctx)
	now, err := c.now(ctx)
	if err != nil {
		return store.Batch{}, err
	}
	t := newTaking(q.Store, p)
	t.begin(now)
	for lane := 0; lane < len(p.Lanes) && !t.full; {
		first := lane
		for wanted := len(t.rows); lane < len(p.Lanes) && lane-first < sqliteLanes && wanted < p.Max; lane++ {
			wanted += t.wanted(lane)
		}
		if err := q.claimLanes(ctx, c, t, first, lane); err != nil {
			return store.Batch{}, err
		}
	}
	err = inShortLists(sqliteList, t.ids(), func(list string, args []any) error {
		_, err := c.exec(ctx, sqliteClaim+list+")", append([]any{t.until, t.now}, args...)...)
		return err
	})
	if err != nil {
		return store.Batch{}, err
	}
	events, err := t.events(func(report func(*sql.Rows) error) error {
		return c.query(ctx, sqliteEvents, []any{numbersJSON(t.seqs)}, report)
	})
	if err != nil {
		return store.Batch{}, err
	}
	b, err := t.batch(ctx, c, events)
	if err == nil {
		q.claimed.add(t.rows, &b)
	}
	return b, err
}

// sqliteFrontText tells of so many lanes when the first of their leases ends, and
// reads what is not leased under their floors, where a claim has been: such as
// deliveries whose lease ran out. A row of a lease has 0 for the id of a delivery.
func sqliteFrontText(size int) string {
	var b strings.Builder
	for i := range size {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&b, `SELECT %[1]d, 0, 0, COALESCE(MIN(q.leased_until), 0), 0, NULL
			FROM (SELECT d.leased_until FROM {deliveries} d INDEXED BY {deliveries_queue}
				WHERE d.state = 1 AND d.endpoint_id = ? AND d.visible_at <= ? ORDER BY d.visible_at, d.id LIMIT %[2]d) q WHERE q.leased_until > ?
			UNION ALL SELECT * FROM (SELECT %[1]d, d.id, d.event_seq, d.visible_at, d.size, CASE WHEN d.token > 0 THEN `+pastColumns+` END
			FROM {deliveries} d INDEXED BY {deliveries_queue}
			WHERE d.state = 1 AND d.endpoint_id = ? AND d.visible_at <= ? AND (d.visible_at, d.id) <= (?, ?) AND d.leased_until <= ?
			ORDER BY d.visible_at, d.id LIMIT ? + 0)`, i, leasesMost)
	}
	return b.String()
}

// sqliteTexts are statements for 1, 2, 4 … lanes.
func sqliteTexts(text func(size int) string) func(size int) string {
	texts := sync.OnceValue(func() (texts []string) {
		for size := 1; size <= sqliteLanes; size *= 2 {
			texts = append(texts, text(size))
		}
		return texts
	})
	return func(size int) string { return texts()[bits.Len(uint(size))-1] } // #nosec G115 -- above 0
}

var sqliteLanesOf, sqliteFrontOf = sqliteTexts(sqliteLanesText), sqliteTexts(sqliteFrontText)

// sqliteLane is a lane while deliveries of it are taken.
type sqliteLane struct {
	lane int
	// floor is what it was, and moves with what is taken.
	floor floor
	// found are its first deliveries above the floor, under those below it, and next
	// when the lane has work next beside these.
	found, under []takenRow
	next         int64
}

// soonest notes that the lane has work at a time, if it is not 0.
func (l *sqliteLane) soonest(at int64) {
	if at != 0 && (l.next == 0 || at < l.next) {
		l.next = at
	}
}

// claimLanes takes deliveries of the lanes from first to before end, and notes
// what remains in them.
func (q sqliteQueue) claimLanes(ctx context.Context, c conn, t *taking, first, end int) error {
	lanes := make([]sqliteLane, end-first)
	for i := range lanes {
		lanes[i].lane = first + i
		lanes[i].floor = q.floors.of(t.params.Lanes[first+i].ID)
	}
	if err := q.above(ctx, c, t, lanes); err != nil {
		return err
	}
	// Of lanes that have too little above their floors the rest is looked at.
	var drained []*sqliteLane
	for i := range lanes {
		l := &lanes[i]
		if !t.lanes[l.lane].paused && len(l.found) <= t.wanted(l.lane) {
			drained = append(drained, l)
		}
	}
	if len(drained) > 0 {
		if err := q.front(ctx, c, t, drained); err != nil {
			return err
		}
	}
	for i := range lanes {
		if t.full {
			break
		}
		l := &lanes[i]
		if t.lanes[l.lane].paused {
			t.visit(l.lane, 0)
			continue
		}
		l.take(t)
		t.visit(l.lane, l.next)
		if l.floor.visible != 0 {
			q.floors.set(t.params.Lanes[l.lane].ID, l.floor)
		}
	}
	return nil
}

// above reads the lanes' endpoints, and what they have above their floors.
func (q sqliteQueue) above(ctx context.Context, c conn, t *taking, lanes []sqliteLane) error {
	size := powerOfTwo(len(lanes))
	const each = 6
	args := make([]any, size*(1+each))
	for i := range size {
		id, at, limit := "", floor{}, 0
		if i < len(lanes) {
			id, at, limit = clean(t.params.Lanes[lanes[i].lane].ID), lanes[i].floor, t.wanted(lanes[i].lane)+1
		}
		args[i] = id
		copy(args[size+each*i:], []any{id, at.visible, at.visible, at.number, t.now, limit})
	}
	var lane number
	var r takenRow
	dest := []any{&lane, &r.id, &r.seq, &r.visible, &r.size, (*past)(&r)}
	return c.query(ctx, sqliteLanesOf(size), args, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		l := &lanes[lane]
		if r.id == 0 {
			e := &t.lanes[l.lane]
			e.snapshotKey = snapshotKey{t.params.Lanes[l.lane].ID, int64(r.seq), int64(r.visible)}
			e.exists, e.paused = true, r.size != 0
			return nil
		}
		if int64(r.visible) > t.now {
			l.soonest(int64(r.visible))
			return nil
		}
		r.lane = l.lane
		l.found = append(l.found, r)
		return nil
	})
}

// front reads what lanes have under their floors, and when the first of their
// leases ends.
func (q sqliteQueue) front(ctx context.Context, c conn, t *taking, lanes []*sqliteLane) error {
	size := powerOfTwo(len(lanes))
	const each = 9
	args := make([]any, size*each)
	for i := range size {
		id, at, limit := "", floor{}, 0
		if i < len(lanes) {
			id, at, limit = clean(t.params.Lanes[lanes[i].lane].ID), lanes[i].floor, t.wanted(lanes[i].lane)-len(lanes[i].found)+1
		}
		copy(args[each*i:], []any{id, t.now, t.now, id, t.now, at.visible, at.number, t.now, limit})
	}
	var lane number
	var r takenRow
	dest := []any{&lane, &r.id, &r.seq, &r.visible, &r.size, (*past)(&r)}
	return c.query(ctx, sqliteFrontOf(size), args, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if int(lane) >= len(lanes) {
			return nil // the least of no leases
		}
		l := lanes[lane]
		if r.id == 0 {
			l.soonest(int64(r.visible))
			return nil
		}
		r.lane = l.lane
		l.under = append(l.under, r)
		return nil
	})
}

// take takes what was found of the lane, as far as it is wanted, and leaves in next
// when the lane has work next beside that.
func (l *sqliteLane) take(t *taking) {
	for wanted := t.wanted(l.lane); len(l.found) > 0; wanted-- {
		r := &l.found[0]
		if wanted == 0 || !t.offer(r) {
			l.soonest(int64(r.visible))
			break
		}
		l.floor = floor{int64(r.visible), int64(r.id)}
		l.found = l.found[1:]
		if t.full {
			break
		}
	}
	if len(l.found) > 0 {
		l.soonest(int64(l.found[0].visible))
	}
	for len(l.under) > 0 {
		r := &l.under[0]
		if t.full || t.wanted(l.lane) == 0 || !t.offer(r) {
			// What is left there is found again from below.
			l.floor = floor{visible: int64(r.visible)}
			l.soonest(int64(r.visible))
			return
		}
		l.under = l.under[1:]
	}
}

// numbersJSON is a JSON array, a parameter that stands for many.
func numbersJSON(numbers []int64) string {
	b := make([]byte, 0, 20*len(numbers)+2)
	for _, n := range numbers {
		b = strconv.AppendInt(append(b, ','), n, 10)
	}
	b[0] = '['
	return string(append(b, ']'))
}
