package gormstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/postrider/postrider/store"
)

// takenColumns are what a takenRow reads, of deliveries d: all that a claim
// changes or returns and does not know otherwise.
const takenColumns = `d.id, d.event_seq, d.visible_at, d.size, d.hold, d.token, d.attempts, d.tries, d.expiries, d.interrupted,
	d.last_status, d.delivered_at, d.reason`

// takenRow is a delivery as it was before the claim.
type takenRow struct {
	id, seq, visible, size, hold, token    number
	attempts, tries, expiries, interrupted number
	status, delivered                      number
	reason                                 string
	lane, event                            int
	// place is where it stands in the batch, if rows come in another order.
	place int
}

func (r *takenRow) dest() []any {
	return []any{
		&r.id, &r.seq, &r.visible, &r.size, &r.hold, &r.token, &r.attempts, &r.tries, &r.expiries, &r.interrupted,
		&r.status, &r.delivered, &r.reason,
	}
}

// taking is a claim while it is made, in a transaction that has locked what it
// reads: deliveries are offered to it by lane, and it takes what the bounds
// allow.
type taking struct {
	store  *Store
	params store.ClaimParams
	now    int64
	until  int64
	// bytes is the size of the bodies so far, each counted once; full tells that
	// a bound was reached.
	bytes   int
	full    bool
	rows    []takenRow
	seqs    []int64
	byEvent map[int64]int
	// lanes are those of the params.
	lanes   []takenLane
	visited []store.LaneAt
}

// takenLane is what a claim knows of a lane's endpoint.
type takenLane struct {
	snapshotKey
	tenant string
	// exists: there is an endpoint of that id, or its tombstone.
	exists, paused bool
	// taken counts the deliveries that were taken of it.
	taken int
	// place is 1 more than the endpoint's place in the batch.
	place int
}

func newTaking(s *Store, p store.ClaimParams) *taking {
	return &taking{
		store: s, params: p, rows: make([]takenRow, 0, min(p.Max, 512)), byEvent: make(map[int64]int),
		lanes: make([]takenLane, len(p.Lanes)), visited: make([]store.LaneAt, 0, len(p.Lanes)),
	}
}

// begin sets the time of the claim.
func (t *taking) begin(now int64) {
	t.now, t.until = now, now+max(t.params.Lease.Microseconds(), 1)
}

// wanted is how many deliveries a lane may still give.
func (t *taking) wanted(lane int) int {
	if t.lanes[lane].paused {
		return 0
	}
	return min(t.params.Lanes[lane].N-t.lanes[lane].taken, t.params.Max-len(t.rows))
}

// offer takes the next delivery of a lane, unless that exceeds MaxBytes.
func (t *taking) offer(r *takenRow) bool {
	i, seen := t.byEvent[int64(r.seq)]
	if !seen {
		size := t.bytes + int(r.size)
		if t.params.MaxBytes > 0 && len(t.rows) > 0 && size > t.params.MaxBytes {
			t.full = true
			return false
		}
		t.bytes = size
		i = len(t.seqs)
		t.byEvent[int64(r.seq)] = i
		t.seqs = append(t.seqs, int64(r.seq))
	}
	r.event = i
	t.rows = append(t.rows, *r)
	t.lanes[r.lane].taken++
	t.full = len(t.rows) >= t.params.Max
	return true
}

// ids are the deliveries taken.
func (t *taking) ids() []int64 {
	ids := make([]int64, len(t.rows))
	for i := range t.rows {
		ids[i] = int64(t.rows[i].id)
	}
	return ids
}

// visit notes what remains in a lane: what it has next beside what was taken.
func (t *taking) visit(lane int, next int64) {
	at := store.LaneAt{ID: t.params.Lanes[lane].ID}
	if t.lanes[lane].taken > 0 && (next == 0 || next > t.until) {
		next = t.until
	}
	if next != 0 {
		at.Next = micros(next)
	}
	t.visited = append(t.visited, at)
}

// foreign is a lane of a tenant that has no endpoint of its id.
type foreign struct {
	lane   int
	tenant string
}

// batch makes the batch of what was taken, as the update has left it, and its
// events.
func (t *taking) batch(ctx context.Context, c conn, events []store.Event) (store.Batch, error) {
	out := store.Batch{Visited: t.visited, Now: micros(t.now)}
	if len(t.rows) == 0 {
		return out, nil
	}
	out.Events = events
	endpoints, err := t.endpoints(ctx, c)
	if err != nil {
		return store.Batch{}, err
	}
	others := make(map[foreign]int)
	out.Deliveries = make([]store.Claimed, len(t.rows))
	until, now := micros(t.until), micros(t.now)
	for i := range t.rows {
		r := &t.rows[i]
		e, l := &out.Events[r.event], &t.lanes[r.lane]
		at := l.place - 1
		// It may have gone since the lanes were read.
		endpoint, exists := endpoints[l.id]
		switch {
		case at >= 0 && l.tenant == e.Tenant:
		case at < 0 && exists && endpoint.Tenant == e.Tenant:
			at = len(out.Endpoints)
			l.place, l.tenant = at+1, e.Tenant
			out.Endpoints = append(out.Endpoints, endpoint)
		default:
			// There is none, or it is another tenant's, and nothing of it may be seen.
			k := foreign{r.lane, e.Tenant}
			known, ok := others[k]
			if !ok {
				known = len(out.Endpoints)
				others[k] = known
				out.Endpoints = append(out.Endpoints, tombstone(e.Tenant, t.params.Lanes[r.lane].ID, t.now))
			}
			at = known
		}
		expired := r.hold == holdClaimed
		if expired {
			r.expiries++
			r.interrupted++
		}
		d := &out.Deliveries[i]
		d.Event, d.Endpoint, d.Expired = r.event, at, expired
		d.Delivery = store.Delivery{
			ID: deliveryID(int64(r.id)), Tenant: e.Tenant, EventID: e.ID, EventType: e.Type, EndpointID: out.Endpoints[at].ID,
			State: store.StatePending, Reason: store.Code(r.reason), Attempts: int(r.attempts), Tries: int(r.tries),
			Expiries: int(r.expiries), Interrupted: int(r.interrupted), Token: int64(r.token) + 1, Claimed: true,
			VisibleAt: until, LastStatus: int(r.status), CreatedAt: nanos(int64(r.id)), UpdatedAt: now,
		}
		if r.delivered != 0 {
			d.Delivery.DeliveredAt = micros(int64(r.delivered))
		}
	}
	return out, nil
}

// tombstone stands for an endpoint that the tenant never had, or that was erased.
func tombstone(tenant, id string, now int64) store.Endpoint {
	return store.Endpoint{ID: id, Tenant: tenant, Status: store.EndpointDisabled, DeletedAt: micros(now)}
}

// errEventGone tells that a delivery is without its event, which no transaction
// leaves behind.
var errEventGone = errors.New("a delivery is without its event")

// events reads the events of what was taken.
func (t *taking) events(read func(report func(*sql.Rows) error) error) ([]store.Event, error) {
	if len(t.seqs) == 0 {
		return nil, nil
	}
	events := make([]store.Event, len(t.seqs))
	found := 0
	var r eventRow
	dest := r.dest()
	err := read(func(rows *sql.Rows) error {
		r.Event = store.Event{}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		e, err := r.event()
		if err != nil {
			return err
		}
		events[t.byEvent[r.seq]] = e
		found++
		return nil
	})
	if err == nil && found != len(events) {
		err = errEventGone
	}
	return events, err
}

// endpoints returns the endpoints of the lanes that something was taken from, as
// they are remembered or else read.
func (t *taking) endpoints(ctx context.Context, c conn) (map[string]store.Endpoint, error) {
	endpoints := make(map[string]store.Endpoint)
	var unknown []string
	for i := range t.lanes {
		l := &t.lanes[i]
		if l.taken == 0 || !l.exists {
			continue
		}
		if e, ok := t.store.snapshots.get(l.snapshotKey); ok {
			endpoints[l.id] = e
		} else {
			unknown = append(unknown, l.id)
		}
	}
	if len(unknown) == 0 {
		return endpoints, nil
	}
	read, err := t.store.loadEndpoints(ctx, c, unknown)
	for id, e := range read {
		endpoints[id] = e
	}
	return endpoints, err
}
