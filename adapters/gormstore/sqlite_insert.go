package gormstore

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// sqliteQueue works in immediate transactions, so it reads, decides and writes
// while nobody else does. What many rows need is one parameter, a JSON array, so
// that texts are constant.
type sqliteQueue struct{ *Store }

const (
	sqliteLast = `SELECT MAX(COALESCE((SELECT MAX(seq) FROM {events} WHERE seq <= ?), 0),
		COALESCE((SELECT MAX(id) FROM {deliveries} WHERE id <= ?), 0),
		COALESCE((SELECT CAST(value AS INTEGER) FROM {meta} WHERE name = 'last_gone' AND CAST(value AS INTEGER) <= ?), 0))`

	// sqliteGone notes a number of what is deleted, if it is above the one noted, or
	// that is of a clock that was far ahead.
	sqliteGone = `INSERT INTO {meta} (name, value) VALUES ('last_gone', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
		WHERE CAST(value AS INTEGER) NOT BETWEEN CAST(excluded.value AS INTEGER) AND ?`

	sqliteInsertEvent = `INSERT INTO {events} (seq, tenant, id, type, content_type, header, digest, body, span, happened_at, not_before, not_after)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`

	// leased_until is a time that has been: a claim then changes no row's size, see
	// room.
	sqliteInsertDelivery = `INSERT OR FAIL INTO {deliveries} (id, event_seq, tenant, endpoint_id, visible_at, leased_until, updated_at, size)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	sqliteInsertDeliveries = `INSERT OR FAIL INTO {deliveries} (id, event_seq, tenant, endpoint_id, visible_at, leased_until, updated_at, size)
		SELECT ? + key, ?, ?, value, ?, ?, ?, ? FROM json_each(?)`
)

// insert numbers events and deliveries one after another: the writer is alone.
func (q sqliteQueue) insert(ctx context.Context, c conn, events []*newEvent) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	next, err := q.nextNumber(ctx, c, now)
	if err != nil {
		return err
	}
	var delta []byte
	for _, e := range events {
		made, err := q.insertEvent(ctx, c, e, next, now)
		if err != nil {
			return err
		}
		if !made {
			continue
		}
		e.made, e.seq = true, next
		e.numbers = make([]int64, len(e.Deliveries))
		for i := range e.numbers {
			e.numbers[i] = next + 1 + int64(i)
		}
		next += 1 + int64(len(e.Deliveries))
		if len(delta) > 0 && len(e.delta) > 0 {
			delta = append(delta, ',')
		}
		delta = append(delta, e.delta...)
	}
	return q.addDelta(ctx, c, string(delta))
}

// clockAhead is how far ahead of the clock numbers may be that others follow.
const clockAhead = time.Hour

// mostNumber is the highest number that others follow.
func mostNumber(now int64) int64 { return (now + clockAhead.Microseconds()) * 1000 }

// nextNumber returns the number that follows all others, of what is gone, too: on
// SQLite, where nobody else inserts meanwhile. Numbers are times, and if the clock
// was once far ahead, in another year, the numbers of that time are left alone: what
// follows them would be said to be of then, too, and be kept until then.
func (s *Store) nextNumber(ctx context.Context, c conn, now int64) (int64, error) {
	most := mostNumber(now)
	var last int64
	err := c.one(ctx, sqliteLast, []any{most, most, most}, &last)
	return max(now*1000, last+1), err
}

// noteGone is told of what is deleted, on SQLite, where numbers follow one another:
// if the clock is put back, they must not come again. A claim of what is gone could
// then settle what came instead. Elsewhere a part of each number is chance.
func (s *Store) noteGone(ctx context.Context, c conn, h history) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	most, last := mostNumber(now), int64(0)
	for _, numbers := range [][]int64{h.events, h.numbers()} {
		for _, n := range numbers {
			if n <= most {
				last = max(last, n)
			}
		}
	}
	if last == 0 {
		return nil
	}
	_, err = c.exec(ctx, sqliteGone, strconv.FormatInt(last, 10), most)
	return err
}

// insertEvent stores an event with its deliveries, unless it was there.
func (q sqliteQueue) insertEvent(ctx context.Context, c conn, n *newEvent, seq, now int64) (bool, error) {
	e := &n.Event
	var header any
	if e.Header != nil {
		text, err := json.Marshal(e.Header)
		if err != nil {
			return false, err
		}
		header = clean(string(text))
	}
	body := e.Body
	if body == nil {
		body = []byte{}
	}
	tenant, notBefore := clean(e.Tenant), nullTime(e.At)
	made, err := c.exec(ctx, sqliteInsertEvent, seq, tenant, clean(e.ID), clean(e.Type), clean(e.ContentType), header, orEmpty(e.Digest), body,
		len(n.Deliveries), nullTime(e.Time), notBefore, nullTime(e.Until))
	if err != nil || made == 0 {
		return false, err
	}
	visible := now
	if at, ok := notBefore.(int64); ok {
		visible = max(now, at)
	}
	switch len(n.Deliveries) {
	case 0:
	case 1:
		_, err = c.exec(ctx, sqliteInsertDelivery, seq+1, seq, tenant, clean(n.Deliveries[0].EndpointID), visible, now, now, len(body))
	default:
		ids := make([]byte, 0, 32*len(n.Deliveries))
		for i := range n.Deliveries {
			ids = appendString(append(ids, ','), n.Deliveries[i].EndpointID)
		}
		ids[0] = '['
		_, err = c.exec(ctx, sqliteInsertDeliveries, seq+1, seq, tenant, visible, now, now, len(body), string(append(ids, ']')))
	}
	return err == nil, err
}
