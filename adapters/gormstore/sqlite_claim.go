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

	sqliteClaim = `UPDATE OR FAIL {deliveries} SET token = token + 1, hold = 1, visible_at = ?, updated_at = ?,
		expiries = expiries + (hold = 1), interrupted = interrupted + (hold = 1),
		lost_tokens = CASE WHEN hold <> 2 AND token > 0 THEN COALESCE(lost_tokens, ',') || token || ',' ELSE lost_tokens END
		WHERE id IN (`

	sqliteEvents = `SELECT ` + eventColumns + ` FROM json_each(?) l CROSS JOIN {events} e ON e.seq = l.value`
)

// sqliteLanesText reads the endpoints of so many lanes, and their first
// deliveries, visible or not: the one after those that are taken tells when the
// lane has work next. A row of an endpoint has 0 for the id of a delivery.
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
			WHERE d.state = 1 AND d.endpoint_id = ? ORDER BY d.visible_at, d.id LIMIT ? + 0)`, i)
	}
	return b.String()
}

// sqliteLanesTexts are those for 1, 2, 4 … lanes.
var sqliteLanesTexts = sync.OnceValue(func() (texts []string) {
	for size := 1; size <= sqliteLanes; size *= 2 {
		texts = append(texts, sqliteLanesText(size))
	}
	return texts
})

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
	return t.batch(ctx, c, events)
}

// claimLanes takes deliveries of the lanes from first to before end, and notes
// what remains in them.
func (q sqliteQueue) claimLanes(ctx context.Context, c conn, t *taking, first, end int) error {
	size := powerOfTwo(end - first)
	args := make([]any, 3*size)
	for i := range size {
		args[i], args[size+2*i], args[size+2*i+1] = "", "", 0
		if i < end-first {
			id := clean(t.params.Lanes[first+i].ID)
			args[i], args[size+2*i], args[size+2*i+1] = id, id, t.wanted(first+i)+1
		}
	}
	found := make([][]takenRow, end-first)
	var lane number
	var r takenRow
	dest := []any{&lane, &r.id, &r.seq, &r.visible, &r.size, (*past)(&r)}
	err := c.query(ctx, sqliteLanesTexts()[bits.Len(uint(size))-1], args, func(rows *sql.Rows) error { // #nosec G115 -- above 0
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if r.lane = first + int(lane); r.id != 0 {
			found[lane] = append(found[lane], r)
			return nil
		}
		l := &t.lanes[r.lane]
		l.snapshotKey = snapshotKey{t.params.Lanes[r.lane].ID, int64(r.seq), int64(r.visible)}
		l.exists, l.paused = true, r.size != 0
		return nil
	})
	if err != nil {
		return err
	}
	for lane := first; lane < end && !t.full; lane++ {
		next := int64(0)
		if !t.lanes[lane].paused {
			left := t.wanted(lane)
			for i := range found[lane-first] {
				r := &found[lane-first][i]
				if left--; left < 0 || int64(r.visible) > t.now || !t.offer(r) {
					next = int64(r.visible)
					break
				}
			}
		}
		t.visit(lane, next)
	}
	return nil
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
