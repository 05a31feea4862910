package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
)

// mysqlQueue works in transactions under READ COMMITTED, with lists of
// parameters: of one, two, four … rows, so that there are few texts to prepare.
// It tells rows apart by what it has read and never by the number of rows
// affected, for what that counts is the host's choice.
type mysqlQueue struct{ *Store }

const (
	// mysqlRows bounds the rows of one INSERT.
	mysqlRows = 128

	mysqlInsertEvents     = "INSERT INTO {events} (seq, tenant, id, type, content_type, header, digest, body, span, happened_at, not_before, not_after) VALUES "
	mysqlInsertDeliveries = "INSERT INTO {deliveries} (id, event_seq, tenant, endpoint_id, visible_at, updated_at, size, apart) VALUES "
)

// The statements before which a savepoint is set fail without ending the
// transaction, if an id or a number is taken. Its name is not that of the one around
// a whole Insert in a host's transaction, which it would take the place of.
const (
	mysqlSavepoint = "SAVEPOINT postrider_round"
	mysqlRollback  = "ROLLBACK TO SAVEPOINT postrider_round"
)

// insert leaves nothing behind if it fails because a number is taken: the caller
// tries again with others, in the same transaction.
func (q mysqlQueue) insert(ctx context.Context, c conn, events []*newEvent) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	if _, err := c.pool.ExecContext(ctx, mysqlSavepoint); err != nil {
		return err
	}
	for _, n := range events {
		n.made, n.seq = false, now/1000*perMilli+n.low[0]
	}
	made, err := q.insertEvents(ctx, c, events)
	if err != nil {
		return err
	}
	rows := valueRows{form: list(8)}
	var delta []byte
	for _, n := range made {
		e := &n.Event
		visible := now
		if at, ok := nullTime(e.At).(int64); ok {
			visible = max(now, at)
		}
		n.numbers = make([]int64, len(n.Deliveries))
		for i := range n.Deliveries {
			n.numbers[i] = n.seq - n.low[0] + n.low[i+1]
			var apart any
			if i >= n.span {
				apart = n.seq
			}
			rows.add(0, n.numbers[i], n.seq, e.Tenant, n.Deliveries[i].EndpointID, visible, now, len(e.Body), apart)
		}
		if len(delta) > 0 && len(n.delta) > 0 {
			delta = append(delta, ',')
		}
		delta = append(delta, n.delta...)
	}
	if err := rows.insert(ctx, c, mysqlInsertDeliveries, mysqlRows); err != nil {
		if !duplicateKey(err) {
			return err
		}
		if _, undo := c.pool.ExecContext(ctx, mysqlRollback); undo != nil {
			return undo
		}
		return err
	}
	for _, n := range made {
		n.made = true
	}
	return q.addDelta(ctx, c, string(delta))
}

// insertEvents stores the events that are not there, and returns them.
func (q mysqlQueue) insertEvents(ctx context.Context, c conn, events []*newEvent) (_ []*newEvent, err error) {
	if c.host && slices.ContainsFunc(events, func(n *newEvent) bool { return len(n.Event.Digest) > 0 }) {
		// Under REPEATABLE READ MySQL keeps, of an insert that has met its key, a lock on
		// all that comes after the last event: every other insert would wait for the
		// host's transaction. So what can be seen is not inserted. Events without a
		// digest are not repeated, and under SERIALIZABLE to look is to lock.
		if events, err = q.absent(ctx, c, events, ""); err != nil {
			return nil, err
		}
	}
	for len(events) > 0 {
		rows := valueRows{form: list(12)}
		for _, n := range events {
			if err := rows.addEvent(n); err != nil {
				return nil, err
			}
		}
		err := rows.insert(ctx, c, mysqlInsertEvents, mysqlRows)
		if err == nil || !duplicateKey(err) {
			return events, err
		}
		if _, undo := c.pool.ExecContext(ctx, mysqlRollback); undo != nil {
			return nil, undo
		}
		absent, lookErr := q.absent(ctx, c, events, " LOCK IN SHARE MODE")
		if lookErr != nil {
			return nil, lookErr
		}
		if len(absent) == len(events) { // so it was a number
			return nil, err
		}
		events = absent
	}
	return nil, nil
}

func (r *valueRows) addEvent(n *newEvent) error {
	e := &n.Event
	var header any
	if e.Header != nil {
		text, err := json.Marshal(e.Header)
		if err != nil {
			return err
		}
		header = clean(string(text))
	}
	body := e.Body
	if body == nil {
		body = []byte{}
	}
	r.add(len(body), n.seq, e.Tenant, e.ID, e.Type, clean(e.ContentType), header, orEmpty(e.Digest), body, n.span,
		nullTime(e.Time), nullTime(e.At), nullTime(e.Until))
	return nil
}

// absent returns the events that are not stored. If it locks what it finds, it
// reads what is, whatever the transaction saw first.
func (q mysqlQueue) absent(ctx context.Context, c conn, events []*newEvent, lock string) ([]*newEvent, error) {
	found := make(map[eventKey]bool)
	for left := events; len(left) > 0; {
		part := left[:min(len(left), mysqlRows)]
		left = left[len(part):]
		size := powerOfTwo(len(part))
		args := make([]any, 0, 2*size)
		for i := range size {
			e := &part[min(i, len(part)-1)].Event
			args = append(args, e.Tenant, e.ID)
		}
		text := "SELECT tenant, id FROM {events} FORCE INDEX ({events_by_id}) WHERE " +
			strings.TrimSuffix(strings.Repeat("tenant = ? AND id = ? OR ", size), " OR ") + lock
		err := c.query(ctx, text, args, func(rows *sql.Rows) error {
			var k eventKey
			err := rows.Scan(&k.tenant, &k.id)
			found[k] = true
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	absent := make([]*newEvent, 0, len(events)-len(found))
	for _, n := range events {
		if !found[eventKey{n.Event.Tenant, n.Event.ID}] {
			absent = append(absent, n)
		}
	}
	return absent, nil
}
