package gormstore

import (
	"context"
	"database/sql"

	"github.com/postrider/postrider/store"
)

// history is what goes together: events with their deliveries and attempts.
type history struct {
	events     []int64
	deliveries []historyRow
}

type historyRow struct {
	number, event, updated int64
	place
	state store.State
}

func (h history) numbers() []int64 {
	numbers := make([]int64, len(h.deliveries))
	for i := range h.deliveries {
		numbers[i] = h.deliveries[i].number
	}
	return sortedSet(numbers)
}

const historyColumns = "d.id, d.event_seq, d.updated_at, d.tenant, d.endpoint_id, d.state"

// scanHistory returns a function that adds a row of historyColumns to a list.
func scanHistory(found *[]historyRow) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var d historyRow
		err := rows.Scan(&d.number, &d.event, &d.updated, &d.tenant, &d.endpoint, &d.state)
		*found = append(*found, d)
		return err
	}
}

// historyOf reads the deliveries of events.
func (s *Store) historyOf(ctx context.Context, c conn, events []eventSpan) (found []historyRow, err error) {
	err = s.deliveriesOf(ctx, c, "SELECT "+historyColumns+" FROM {deliveries} d{of}", nil, events, scanHistory(&found))
	return found, err
}

// lockHistory reads and locks the deliveries of events, which are locked already,
// so that none is added meanwhile. It finds them first and then locks them by
// their numbers: on MySQL a range locks the delivery after it, too, for a moment
// in which a claim would pass that over.
func (s *Store) lockHistory(ctx context.Context, c conn, events []eventSpan) (locked []historyRow, err error) {
	found, err := s.historyOf(ctx, c, events)
	if err != nil {
		return nil, err
	}
	err = inLists(history{deliveries: found}.numbers(), func(list string, args []any) error {
		text := "SELECT " + historyColumns + " FROM {deliveries} d" + s.dialect.byNumber() + " WHERE d.id IN (" + list + ") ORDER BY d.id" + s.forUpdate()
		return c.query(ctx, text, args, scanHistory(&locked))
	})
	return locked, err
}

// deleteHistory deletes it, and takes it from the counts.
func (s *Store) deleteHistory(ctx context.Context, c conn, h history) error {
	numbers := h.numbers()
	if err := s.deleteRows(ctx, c, "attempts", "delivery_id", numbers); err != nil {
		return err
	}
	if err := s.deleteRows(ctx, c, "deliveries", "id", numbers); err != nil {
		return err
	}
	if err := s.deleteRows(ctx, c, "events", "seq", h.events); err != nil {
		return err
	}
	if s.dialect == sqlite {
		if err := s.noteGone(ctx, c, h); err != nil {
			return err
		}
	}
	delta := make(tally)
	for _, d := range h.deliveries {
		var less store.Counts
		if n := less.Of(d.state); n != nil {
			*n = -1
		}
		delta.add(d.place, less)
	}
	return s.addDelta(ctx, c, delta.payload())
}

// emptyBodies empties the bodies, and keeps all else.
func (s *Store) emptyBodies(ctx context.Context, c conn, h history) error {
	err := inLists(h.events, func(list string, args []any) error {
		_, err := c.exec(ctx, "UPDATE {events}"+s.dialect.byNumber()+" SET body = NULL, body_purged = 1 WHERE seq IN ("+list+")", args...)
		return err
	})
	if err != nil {
		return err
	}
	return inLists(h.numbers(), func(list string, args []any) error {
		_, err := c.exec(ctx, "UPDATE {attempts}"+s.dialect.byNumber()+" SET response_body = NULL WHERE delivery_id IN ("+list+") AND response_body IS NOT NULL", args...)
		return err
	})
}
