package gormstore

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
)

// What a claim has done to a delivery, in the column hold.
const (
	holdNone    = 0 // not claimed since it was made or requeued
	holdClaimed = 1 // a lease is outstanding
	holdSettled = 2 // the token was settled
)

// statePending is a condition on deliveries that are found by their numbers. It is
// none that the index of the queue has: as long as a database believes that the
// queue is short, it would rather read all of that.
const statePending = "state + 0 = 1"

// A token that is given up without having been settled, because its lease ran
// out or the delivery was requeued or cancelled, joins the list lost_tokens,
// ",3,7,": so a repeated settle is told from a lost one, however late it comes.

// deliveryColumns are what a deliveryRow reads, of deliveries d and events e.
func (d dialect) deliveryColumns() string {
	return `d.id, d.tenant, e.id, e.type, d.endpoint_id, d.state, d.reason, d.attempts, d.tries, d.expiries, d.interrupted,
	d.token, d.hold, ` + d.visible() + `, d.last_status, d.updated_at, d.delivered_at`
}

// deliveryRow holds a row of deliveryColumns while it is read.
type deliveryRow struct {
	store.Delivery
	number           int64
	state, hold      int
	reason           string
	visible, updated int64
	delivered        sql.NullInt64
}

func (r *deliveryRow) dest() []any {
	d := &r.Delivery
	return []any{
		&r.number, &d.Tenant, &d.EventID, &d.EventType, &d.EndpointID, &r.state, &r.reason, &d.Attempts, &d.Tries, &d.Expiries, &d.Interrupted,
		&d.Token, &r.hold, &r.visible, &d.LastStatus, &r.updated, &r.delivered,
	}
}

func (r *deliveryRow) delivery() store.Delivery {
	d := r.Delivery
	d.ID = deliveryID(r.number)
	d.State = store.State(r.state) // #nosec G115 -- written by this package
	d.Reason = store.Code(r.reason)
	d.Claimed = d.State == store.StatePending && r.hold == holdClaimed
	d.VisibleAt, d.UpdatedAt, d.CreatedAt = micros(r.visible), micros(r.updated), nanos(r.number)
	d.DeliveredAt = timeOf(r.delivered)
	return d
}

// eventColumns are what an eventRow reads, of events e.
const eventColumns = `e.seq, e.tenant, e.id, e.type, e.content_type, e.header, e.digest, e.body, e.happened_at, e.not_before, e.not_after`

// eventRow holds a row of eventColumns while it is read.
type eventRow struct {
	store.Event
	seq                        int64
	header                     sql.NullString
	body                       sql.Null[[]byte]
	happened, notBefore, until sql.NullInt64
}

func (r *eventRow) dest() []any {
	e := &r.Event
	return []any{&r.seq, &e.Tenant, &e.ID, &e.Type, &e.ContentType, &r.header, &e.Digest, &r.body, &r.happened, &r.notBefore, &r.until}
}

func (r *eventRow) event() (store.Event, error) {
	e := r.Event
	if r.body.Valid {
		// Some drivers return an empty value as nil, though not as NULL.
		if e.Body = r.body.V; e.Body == nil {
			e.Body = []byte{}
		}
	}
	e.CreatedAt = eventCreated(r.seq)
	e.Time, e.At, e.Until = timeOf(r.happened), timeOf(r.notBefore), timeOf(r.until)
	if r.header.Valid {
		if err := json.Unmarshal([]byte(r.header.String), &e.Header); err != nil {
			return e, failed("reading the header of event "+e.ID, err)
		}
	}
	return e, nil
}

// eventCreated is the time of creation that is told of an event: that of its
// first delivery, whose number is the next, so that a span of time which begins
// with the one takes in the other.
func eventCreated(seq int64) time.Time { return nanos(seq + 1) }

func nanos(n int64) time.Time  { return time.Unix(0, n).UTC() }
func micros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// timeOf returns the zero time for NULL.
func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return micros(n.Int64)
}

// nullTime returns NULL for the zero time.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// clean makes a string one that every database takes: valid UTF-8 without NUL.
// The dispatcher has done so; a store must not lose an outcome to a byte.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// named is a tenant, an id or a type to look for: NULL, which equals nothing, if
// no row can have it, because Postgres refuses to look for what is not clean.
func named(s string) any {
	if clean(s) != s {
		return nil
	}
	return s
}

// orEmpty keeps an empty slice apart from nil, which is NULL.
func orEmpty(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
