package gormstore

import (
	"bytes"
	"context"
	"database/sql"

	"github.com/postrider/postrider/store"
)

// unseen tells of an event that an insert has met and a read does not see:
// under REPEATABLE READ, the default of MySQL, a transaction of the host reads as
// of its beginning, and the event was stored since. Reads that lock see what is
// there. They name single keys, so that they lock no gap that others insert into,
// and they are made in this rare case only. Deliveries that are apart have no such
// key: to look for them would hold up every insert until the host's transaction
// ends. So that is done only where the event has had no room for all of its
// deliveries, and those that a replay has made since are not named.
func (s *Store) unseen(ctx context.Context, c conn, e *newEvent, r *store.Inserted) (found bool, err error) {
	var seq int64
	var span int
	var digest []byte
	err = c.one(ctx, "SELECT seq, span, digest FROM {events} WHERE tenant = ? AND id = ? LOCK IN SHARE MODE",
		[]any{e.Event.Tenant, e.Event.ID}, &seq, &span, &digest)
	if err == sql.ErrNoRows { //nolint:errorlint // conn.one returns it bare
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.Duplicate = bytes.Equal(digest, e.Event.Digest)
	r.Conflict = !r.Duplicate
	if r.Conflict {
		return true, nil
	}
	scan := scanRefs(r)
	numbers := make([]int64, span)
	for i := range numbers {
		numbers[i] = seq + int64(i) + 1
	}
	err = inLists(numbers, func(list string, args []any) error {
		return c.query(ctx, "SELECT id, endpoint_id FROM {deliveries} FORCE INDEX (PRIMARY) WHERE id IN ("+list+") ORDER BY id LOCK IN SHARE MODE", args, scan)
	})
	if err == nil && span == block-1 {
		err = c.query(ctx, "SELECT id, endpoint_id FROM {deliveries} FORCE INDEX ({deliveries_apart}) WHERE apart = ? ORDER BY id LOCK IN SHARE MODE", []any{seq}, scan)
	}
	return true, err
}
