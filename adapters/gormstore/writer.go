package gormstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"github.com/postrider/postrider/store"
)

// The sizes that the columns of all databases have room for, in bytes.
const (
	maxTenant    = 255
	maxID        = 64
	maxEventType = 128
	maxDigest    = 32
)

// newEvent is an event of an Insert, ready to be written.
type newEvent struct {
	*store.NewEvent
	// low are the last six digits of the event's number, and then of its
	// deliveries', see [Store.plan]. Deliveries from span on are apart.
	low  []int64
	span int
	// delta is what the event adds to the counts.
	delta []byte
	// made tells that it was stored now; seq and numbers are then what was given.
	made    bool
	seq     int64
	numbers []int64
}

// Insert implements [store.Writer].
//
// It refuses a batch with an event whose ID, Tenant, Type, Digest or EndpointID
// is empty or longer than [store.Event] and the tables allow, or that names an
// endpoint twice. A nil Body is kept as an empty one, for nil means that the
// payload was purged.
func (s *Store) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if len(events) == 0 {
		return nil, ctx.Err()
	}
	doing := fmt.Sprintf("inserting %d events", len(events))
	var in []store.Inserted
	var tell telling
	if s.tells() {
		tell = s.notices.begin(lanesOf(events), s)
	}
	inserted := false
	insert := func(ctx context.Context, c conn) (err error) {
		c.notice = tell.notice
		if in, err = s.insertOn(ctx, c, events); err == nil {
			inserted = s.notices.inserted(in)
		}
		return err
	}
	var err error
	if s.dialect == postgres {
		err = s.single(ctx, doing, once, insert)
	} else {
		err = s.write(ctx, doing, once, insert)
	}
	s.notices.done(tell, err == nil && inserted, s)
	if err != nil {
		return nil, err
	}
	s.afterDelta(ctx)
	return in, nil
}

// insertOn inserts on a connection: in a transaction, or, on Postgres, by one
// statement.
func (s *Store) insertOn(ctx context.Context, c conn, events []store.NewEvent) ([]store.Inserted, error) {
	if len(events) == 0 {
		return nil, nil
	}
	in := make([]store.Inserted, len(events))
	first := make(map[eventKey]int, len(events)) // the event of the batch that stands for it
	todo := make([]*newEvent, 0, len(events))
	for i := range events {
		if err := checkEvent(&events[i]); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		e := &events[i].Event
		in[i].EventID = e.ID
		k := eventKey{e.Tenant, e.ID}
		if j, again := first[k]; again {
			in[i].Duplicate = bytes.Equal(events[j].Event.Digest, e.Digest)
			in[i].Conflict = !in[i].Duplicate
			continue
		}
		first[k] = i
		todo = append(todo, &newEvent{NewEvent: &events[i]})
	}
	// An event that was there when it was to be stored, and gone when it was to
	// be read, is tried again.
	for range 5 {
		if err := s.store(ctx, c, todo); err != nil {
			return nil, err
		}
		var left []*newEvent
		for _, e := range todo {
			r := &in[first[eventKey{e.Event.Tenant, e.Event.ID}]]
			if e.made {
				r.Deliveries = make([]store.DeliveryRef, len(e.numbers))
				for j, n := range e.numbers {
					r.Deliveries[j] = store.DeliveryRef{ID: deliveryID(n), EndpointID: e.Deliveries[j].EndpointID}
				}
				continue
			}
			found, err := s.original(ctx, c, e, r)
			if err != nil {
				return nil, err
			}
			if !found {
				left = append(left, e)
			}
		}
		if todo = left; len(todo) == 0 {
			break
		}
	}
	if len(todo) > 0 {
		return nil, fmt.Errorf("event %s comes and goes: %w", todo[0].Event.ID, store.ErrConflict)
	}
	// What repeats an earlier one of the batch has its fate.
	for i := range events {
		if r := &in[i]; r.Duplicate && r.Deliveries == nil {
			o := in[first[eventKey{events[i].Event.Tenant, events[i].Event.ID}]]
			if o.Conflict {
				r.Duplicate, r.Conflict = false, true
				continue
			}
			r.Deliveries = append([]store.DeliveryRef(nil), o.Deliveries...)
		}
	}
	return in, nil
}

type eventKey struct{ tenant, id string }

// store writes events, with other numbers if theirs are taken.
func (s *Store) store(ctx context.Context, c conn, events []*newEvent) error {
	for try := 0; ; try++ {
		for _, e := range events {
			if err := s.plan(ctx, c, e); err != nil {
				return err
			}
		}
		err := s.queue.insert(ctx, c, events)
		// On Postgres an error ends the host's transaction, and there is no again.
		if err == nil || try == 3 || !duplicateKey(err) || c.host && s.dialect == postgres {
			return err
		}
		s.lows.drop()
	}
}

// plan gives an event and its deliveries their last digits. On SQLite, where
// there is one writer, they are simply those that follow.
func (s *Store) plan(ctx context.Context, c conn, e *newEvent) error {
	n := len(e.Deliveries)
	e.low = e.low[:0]
	e.span = n
	if s.dialect != sqlite {
		e.span = min(n, block-1)
		for count := e.span + 1; count > 0; {
			low, err := s.lows.take(ctx, count, s.reserver(c))
			if err != nil {
				return err
			}
			for i := range count {
				e.low = append(e.low, low+int64(i))
			}
			count = min(n+1-len(e.low), block)
		}
	}
	if e.delta == nil {
		e.delta = []byte{}
		for _, d := range e.Deliveries {
			if len(e.delta) > 0 {
				e.delta = append(e.delta, ',')
			}
			e.delta = appendDelta(e.delta, e.Event.Tenant, d.EndpointID, store.Counts{Pending: 1})
		}
	}
	return nil
}

// reserver returns how a block of numbers is reserved: by a sequence where there
// are any, and by chance otherwise, when a number that is taken is tried again.
func (s *Store) reserver(c conn) func(context.Context) (int64, error) {
	return func(ctx context.Context) (n int64, err error) {
		if s.dialect != postgres {
			return s.lows.byChance(), nil
		}
		err = c.one(ctx, "SELECT nextval('{numbers}')", nil, &n)
		return n, err
	}
}

// takeNumbers returns the first of n numbers in a row for deliveries that are
// made now, n at most 1000.
func (s *Store) takeNumbers(ctx context.Context, c conn, n int) (int64, error) {
	now, err := c.now(ctx)
	if err != nil {
		return 0, err
	}
	if s.dialect == sqlite {
		return s.nextNumber(ctx, c, now)
	}
	low, err := s.lows.take(ctx, n, s.reserver(c))
	return now/1000*perMilli + low, err
}

// original tells of the event that was stored before.
func (s *Store) original(ctx context.Context, c conn, e *newEvent, r *store.Inserted) (found bool, err error) {
	var seq int64
	var span int
	var digest []byte
	err = c.one(ctx, "SELECT seq, span, digest FROM {events} WHERE tenant = ? AND id = ?", []any{e.Event.Tenant, e.Event.ID}, &seq, &span, &digest)
	if err == sql.ErrNoRows { //nolint:errorlint // conn.one returns it bare
		if c.host && (s.dialect == mysql || s.dialect == mariadb) {
			return s.unseen(ctx, c, e, r)
		}
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
	return true, c.query(ctx, `SELECT id, endpoint_id FROM {deliveries} WHERE id > ? AND id <= ?
		UNION ALL SELECT id, endpoint_id FROM {deliveries} WHERE apart = ? ORDER BY id`,
		[]any{seq, seq + int64(span), seq}, scanRefs(r))
}

// scanRefs returns a function that adds a delivery, of a number and an endpoint,
// to the result.
func scanRefs(r *store.Inserted) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var n int64
		var d store.DeliveryRef
		if err := rows.Scan(&n, &d.EndpointID); err != nil {
			return err
		}
		d.ID = deliveryID(n)
		r.Deliveries = append(r.Deliveries, d)
		return nil
	}
}

// checkEvent refuses what would not fit, or not be found again.
func checkEvent(n *store.NewEvent) error {
	e := &n.Event
	for _, f := range []struct {
		name     string
		size     int
		min, max int
	}{
		{"ID", len(e.ID), 1, maxID}, {"Tenant", len(e.Tenant), 0, maxTenant},
		{"Type", len(e.Type), 0, maxEventType}, {"Digest", len(e.Digest), 0, maxDigest},
	} {
		if f.size < f.min || f.size > f.max {
			return fmt.Errorf("%s has %d bytes: must be %d to %d", f.name, f.size, f.min, f.max)
		}
	}
	if clean(e.Tenant) != e.Tenant {
		return fmt.Errorf("tenant %q: must be UTF-8 without NUL", e.Tenant)
	}
	seen := make(map[string]bool, len(n.Deliveries))
	for _, d := range n.Deliveries {
		switch {
		case d.EndpointID == "" || len(d.EndpointID) > maxID:
			return fmt.Errorf("EndpointID has %d bytes: must be 1 to %d", len(d.EndpointID), maxID)
		case seen[d.EndpointID]:
			return fmt.Errorf("endpoint %s stands in it twice", d.EndpointID)
		}
		seen[d.EndpointID] = true
	}
	return nil
}
