package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// eventSpan is an event and where its deliveries are: numbered after it up to
// end, and apart.
type eventSpan struct{ seq, end int64 }

// spanRanges bounds the ranges of one statement.
const spanRanges = 64

// deliveriesOf runs a statement for the deliveries of events, part by part. The
// text has a place, {of}, for the condition.
func (s *Store) deliveriesOf(ctx context.Context, c conn, text string, args []any, events []eventSpan, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(events, spanRanges) {
		size := 1
		for size < len(part) {
			size *= 2
		}
		// Filled up to a power of two, as IN lists are.
		ranges := make([]any, 0, 2*size)
		for i := range size {
			e := part[min(i, len(part)-1)]
			ranges = append(ranges, e.seq, e.end)
		}
		of := "(" + strings.TrimSuffix(strings.Repeat("d.id > ? AND d.id <= ? OR ", size), " OR ") + ")"
		if err := c.query(ctx, strings.Replace(text, "{of}", s.dialect.byNumber()+" WHERE "+of, 1), append(ranges, args...), scan); err != nil {
			return err
		}
		seqs := make([]int64, len(part))
		for i := range part {
			seqs[i] = part[i].seq
		}
		err := inLists(seqs, func(list string, values []any) error {
			text := strings.Replace(text, "{of}", s.dialect.through("deliveries_apart")+" WHERE d.apart IN ("+list+")", 1)
			return c.query(ctx, text, append(values, args...), scan)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eventSpans runs a statement that returns the number of events and their span.
func (c conn) eventSpans(ctx context.Context, text string, args ...any) (events []eventSpan, err error) {
	err = c.query(ctx, text, args, func(rows *sql.Rows) error {
		var e eventSpan
		if err := rows.Scan(&e.seq, &e.end); err != nil {
			return err
		}
		e.end += e.seq
		events = append(events, e)
		return nil
	})
	return events, err
}
