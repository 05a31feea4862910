package gormstore

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/postrider/postrider/store"
)

// tailRows bounds the deliveries that a look at the tail reads for each lane
// that it may report.
const tailRows = 4

// page reads up to limit lanes that come after one, by rising lane: the lane,
// what is to come in it, and whether it is paused.
type page func(ctx context.Context, c conn, after string, limit int, scan func(*sql.Rows) error) error

// pageBy returns a page by a statement with the parameters after and limit, and
// more.
func pageBy(text string, more ...any) page {
	return func(ctx context.Context, c conn, after string, limit int, scan func(*sql.Rows) error) error {
		return c.query(ctx, text, append([]any{after, limit}, more...), scan)
	}
}

// look answers Due, a sweep by pages.
func (s *Store) look(ctx context.Context, c conn, p store.DueParams, read page) (due store.DueLanes, err error) {
	if err := s.tail(ctx, c, p, &due); err != nil {
		return store.DueLanes{}, err
	}
	if p.Sweep {
		err := s.sweep(p, &due, func(after string, limit int, report func(string, int64, bool)) error {
			return read(ctx, c, after, limit, func(rows *sql.Rows) error {
				var lane string
				var next int64
				var paused bool
				if err := rows.Scan(&lane, &next, &paused); err != nil {
					return err
				}
				report(lane, next, paused)
				return nil
			})
		})
		if err != nil {
			return store.DueLanes{}, err
		}
	}
	if due.Now.IsZero() {
		now, err := c.now(ctx)
		if err != nil {
			return store.DueLanes{}, err
		}
		due.Now = micros(now)
	}
	return due, nil
}

// tail reports lanes with deliveries inserted after the mark, in the order of
// their first one, until the limit of lanes or of rows is reached. The primary
// key serves it, and a look-up for each lane what is to come in it.
func (s *Store) tail(ctx context.Context, c conn, p store.DueParams, due *store.DueLanes) error {
	if p.Mark == "" {
		var last sql.NullInt64
		err := c.one(ctx, "SELECT MAX(id) FROM {deliveries}", nil, &last)
		due.Mark = strconv.FormatInt(last.Int64, 10)
		return err
	}
	mark, err := strconv.ParseInt(p.Mark, 10, 64)
	if err != nil {
		return store.ErrInvalidCursor
	}
	found, full := 0, false
	limit := p.Limit * tailRows
	args := []any{mark, limit}
	switch s.dialect {
	case sqlite:
		args = append(args, time.Now().UnixMicro())
	case postgres:
		args = append(args, postgresDear)
	case mysql, mariadb:
	}
	err = c.query(ctx, s.dialect.tail(), args, func(r *sql.Rows) error {
		var moment, rows int64
		var last, low, next sql.NullInt64
		var lane sql.NullString
		var paused bool
		if err := r.Scan(&moment, &rows, &last, &lane, &low, &next, &paused); err != nil || full {
			return err
		}
		due.Now = micros(moment)
		if last.Valid {
			mark = last.Int64
		}
		due.Behind = int(rows) == limit
		if !next.Valid || paused {
			return nil
		}
		if found == p.Limit {
			full, due.Behind = true, true
			mark = low.Int64 - 1
			return nil
		}
		found++
		due.Lanes = append(due.Lanes, store.LaneAt{ID: lane.String, Next: micros(next.Int64)})
		return nil
	})
	due.Mark = strconv.FormatInt(mark, 10)
	return err
}

// tail is a statement for what was inserted after a mark, up to so many rows: the
// time, how many rows there are, and the last; with each lane of them that has
// something pending the first of these, when the lane has work next, and whether
// it is paused. On SQLite the time is a parameter as well, because its functions
// know milliseconds only.
func (d dialect) tail() string {
	moment := "{now}"
	lanes := "(SELECT lane, low FROM g) l"
	switch d {
	case mysql, mariadb:
	case sqlite:
		moment = "?"
	case postgres:
		moment = postgresKeptNow
		// It expects ten rows of an array, and two hundred of groups; a statement
		// for so many it would compile first (JIT), which took 0.4 s.
		lanes = "unnest(ARRAY(SELECT lane FROM g ORDER BY low), ARRAY(SELECT low FROM g ORDER BY low)) AS l(lane, low)"
	}
	return `WITH t AS (SELECT id, endpoint_id, state FROM {deliveries} WHERE id > ? ORDER BY id LIMIT ?),
		g AS (SELECT endpoint_id AS lane, MIN(id) AS low FROM t WHERE state = 1 GROUP BY endpoint_id)
		SELECT n.moment, n.number, n.last, l.lane, l.low, CASE WHEN l.low > 0 THEN ` + d.next("l.lane", "n.moment") + ` END,
			COALESCE(e.status = 2 AND e.deleted_at IS NULL, FALSE)
		FROM (SELECT ` + moment + ` AS moment, COUNT(*) AS number, MAX(id) AS last FROM t) n
		LEFT JOIN ` + lanes + ` ON l.low > 0
		LEFT JOIN {endpoints} e ON e.id = l.lane ORDER BY l.low`
}

// sweep reports a page of all lanes with something pending. page reads, by
// rising lane, up to limit lanes after one: what is to come of each, and whether
// it is paused.
func (s *Store) sweep(p store.DueParams, due *store.DueLanes, page func(after string, limit int, report func(lane string, next int64, paused bool)) error) error {
	var w walk
	if p.Cursor == "" {
		w.Start = s.starts.next()
		w.At = w.Start
	} else {
		var err error
		if w, err = parseWalk(p.Cursor); err != nil {
			return err
		}
	}
	for left := p.Limit; left > 0 && !due.Wrapped; {
		read, past := 0, false
		err := page(w.At, left, func(lane string, next int64, paused bool) {
			if past = past || w.Wrapped && lane > w.Start; past {
				return
			}
			read++
			w.At = lane
			s.starts.saw(lane)
			s.floors.found(lane, next)
			if !paused {
				due.Lanes = append(due.Lanes, store.LaneAt{ID: lane, Next: micros(next)})
			}
		})
		if err != nil {
			return err
		}
		switch end := past || read < left; {
		case end && (w.Wrapped || w.Start == ""):
			due.Wrapped = true
		case end:
			w.At, w.Wrapped = "", true
		}
		left -= read
	}
	if !due.Wrapped {
		due.Cursor = w.cursor()
	}
	return nil
}
