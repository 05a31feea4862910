package gormstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/postrider/postrider/store"
)

// postgresClaim takes deliveries of named lanes. l are the lanes with their
// endpoints' status; t what can be locked, up to each lane's number and to the
// sum; a which of them the bytes allow; k these, as arrays by rising number; u
// their update; v what remains in each lane. The subqueries of v see the table
// as it was before: what is visible and was not taken begins after as many rows
// as were taken.
//
// Nothing is joined by a condition that the planner could serve by a scan or by
// comparing each with each, which it likes as long as its statistics say that
// there is little: width_bucket finds a number's place in a sorted array.
const postgresClaim = `
WITH c AS MATERIALIZED (SELECT {now} AS now),
l AS MATERIALIZED (
	SELECT i.ord, i.id, i.n, e.tenant, e.created_at, e.revision, coalesce(e.status = 2 AND e.deleted_at IS NULL, false) AS paused
	FROM unnest(?::text[], ?::int[]) WITH ORDINALITY AS i(id, n, ord)
	LEFT JOIN LATERAL (SELECT e.* FROM {endpoints} e WHERE e.id = i.id LIMIT 1) e ON true
	ORDER BY i.ord
),
t AS MATERIALIZED (
	SELECT l.ord, q.id, q.event_seq, q.size, q.hold
	FROM l CROSS JOIN c CROSS JOIN LATERAL (
		SELECT d.id, d.event_seq, d.size, d.hold FROM {deliveries} d
		WHERE d.endpoint_id = l.id AND d.state = 1 AND d.visible_at <= c.now
		ORDER BY d.visible_at, d.id LIMIT l.n FOR UPDATE SKIP LOCKED) q
	WHERE NOT l.paused
	LIMIT ?::int
),
p AS (SELECT t.*, row_number() OVER () AS pos FROM t),
f AS (SELECT p.*, row_number() OVER (PARTITION BY p.event_seq ORDER BY p.pos) = 1 AS first FROM p),
b AS (SELECT f.*, sum(CASE WHEN f.first THEN f.size ELSE 0 END) OVER (ORDER BY f.pos) AS bytes FROM f),
a AS MATERIALIZED (SELECT b.*, b.pos = 1 OR b.bytes <= ?::bigint AS fits FROM b),
s AS MATERIALIZED (SELECT min(a.ord) FILTER (WHERE NOT a.fits) AS cut FROM a),
k AS MATERIALIZED (
	SELECT coalesce(array_agg(a.id ORDER BY a.id), ARRAY[]::bigint[]) AS ids, array_agg(a.pos ORDER BY a.id) AS places, array_agg(a.hold ORDER BY a.id) AS holds,
		array_agg(a.first ORDER BY a.id) AS firsts, coalesce(array_agg(a.ord ORDER BY a.ord), ARRAY[]::bigint[]) AS ords
	FROM a WHERE a.fits
),
u AS (
	UPDATE {deliveries} d SET
		token = d.token + 1, hold = 1, visible_at = c.now + ?::bigint, updated_at = c.now,
		expiries = d.expiries + (d.hold = 1)::int, interrupted = d.interrupted + (d.hold = 1)::int,
		lost_tokens = CASE WHEN d.hold <> 2 AND d.token > 0 THEN coalesce(d.lost_tokens, ',') || d.token || ',' ELSE d.lost_tokens END
	FROM c CROSS JOIN k WHERE d.id = ANY (k.ids)
	RETURNING d.*, width_bucket(d.id, k.ids) AS place
),
w AS MATERIALIZED (
	SELECT l.*, width_bucket(l.ord - 1, k.ords) AS before, width_bucket(l.ord, k.ords) AS after, ?::int AS max FROM l CROSS JOIN k
),
v AS (
	SELECT w.ord, w.id, w.tenant, w.created_at, w.revision, CASE WHEN w.paused THEN NULL ELSE least(
		CASE WHEN w.after > w.before THEN c.now + ?::bigint END,
		(SELECT d.visible_at FROM {deliveries} d WHERE d.endpoint_id = w.id AND d.state = 1 AND d.visible_at > c.now
			ORDER BY d.visible_at, d.id LIMIT 1),
		CASE WHEN w.after - w.before >= w.n OR w.after >= w.max OR w.ord = s.cut THEN
			(SELECT d.visible_at FROM {deliveries} d WHERE d.endpoint_id = w.id AND d.state = 1 AND d.visible_at <= c.now
				ORDER BY d.visible_at, d.id OFFSET w.after - w.before LIMIT 1) END) END AS next
	FROM w CROSS JOIN c CROSS JOIN s
	WHERE w.before < w.max AND (s.cut IS NULL OR w.ord <= s.cut)
)
SELECT 0 AS kind, v.ord AS place, c.now, v.id, v.created_at, v.revision, v.next, NULL::smallint,
	NULL::bigint, v.tenant, NULL, NULL, NULL, NULL::smallint, NULL, NULL::int, NULL::int, NULL::int, NULL::int,
	NULL::bigint, NULL::smallint, NULL::bigint, NULL::int, NULL::bigint, NULL::bigint,
	NULL::bigint, NULL, NULL, NULL::bytea, NULL::bytea, NULL::bigint, NULL::bigint, NULL::bigint
FROM v CROSS JOIN c
UNION ALL
SELECT 1, k.places[d.place], c.now, d.endpoint_id, NULL, NULL, NULL, k.holds[d.place],
	` + deliveryColumns + `,
	e.seq, e.content_type, e.header, e.digest, CASE WHEN k.firsts[d.place] THEN e.body END, e.happened_at, e.not_before, e.not_after
FROM u d CROSS JOIN c CROSS JOIN k CROSS JOIN LATERAL (SELECT e.* FROM {events} e WHERE e.seq = d.event_seq LIMIT 1) e
ORDER BY 1, 2`

func (q postgresQueue) claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error) {
	if len(p.Lanes) == 0 {
		now, err := c.now(ctx)
		return store.Batch{Now: micros(now)}, err
	}
	var ids, ns array
	for _, l := range p.Lanes {
		ids.text(clean(l.ID))
		ns.int(int64(min(l.N, math.MaxInt32)))
	}
	limit := min(p.Max, math.MaxInt32)
	bytes := int64(math.MaxInt64)
	if p.MaxBytes > 0 {
		bytes = int64(p.MaxBytes)
	}
	lease := max(p.Lease.Microseconds(), 1)
	b := batch{store: q.Store, byEvent: make(map[int64]int), lanes: make(map[string]*laneRow, len(p.Lanes))}
	args := []any{ids.String(), ns.String(), limit, bytes, lease, limit, lease}
	if err := c.query(ctx, postgresClaim, args, b.scan); err != nil {
		return store.Batch{}, err
	}
	return b.finish(ctx, c)
}

// batch is a Batch that is being read.
type batch struct {
	store   *Store
	out     store.Batch
	byEvent map[int64]int
	// lanes are those that were visited, first in the answer.
	lanes   map[string]*laneRow
	unknown []string
	row     claimRow
	dest    []any
}

// laneRow is a lane of the answer.
type laneRow struct {
	tenant            string
	created, revision sql.NullInt64
	// endpoints are the indexes in the Batch of the endpoint, once a delivery of
	// it was read, and of the tombstones that other tenants get who name it.
	endpoints map[string]int
}

// claimRow is a row of postgresClaim: a lane, or a delivery with its event.
type claimRow struct {
	kind                          int
	place, now                    int64
	lane                          string
	created, revision, next       sql.NullInt64
	hold                          sql.NullInt64
	id                            sql.NullInt64
	tenant, eventID, eventType    sql.NullString
	endpointID, reason            sql.NullString
	numbers                       [7]sql.NullInt64 // state, attempts, tries, expiries, interrupted, token, hold
	visible, status, updated      sql.NullInt64
	delivered, seq                sql.NullInt64
	contentType, header           sql.NullString
	digest, body                  []byte
	happened, notBefore, notAfter sql.NullInt64
}

func (b *batch) scan(rows *sql.Rows) error {
	r := &b.row
	if b.dest == nil {
		n := &r.numbers
		b.dest = []any{
			&r.kind, &r.place, &r.now, &r.lane, &r.created, &r.revision, &r.next, &r.hold,
			&r.id, &r.tenant, &r.eventID, &r.eventType, &r.endpointID, &n[0], &r.reason, &n[1], &n[2], &n[3], &n[4],
			&n[5], &n[6], &r.visible, &r.status, &r.updated, &r.delivered,
			&r.seq, &r.contentType, &r.header, &r.digest, &r.body, &r.happened, &r.notBefore, &r.notAfter,
		}
	}
	r.digest, r.body = nil, nil
	if err := rows.Scan(b.dest...); err != nil {
		return err
	}
	if r.kind == 0 {
		b.out.Now = micros(r.now)
		b.out.Visited = append(b.out.Visited, store.LaneAt{ID: r.lane, Next: timeOf(r.next)})
		b.lanes[r.lane] = &laneRow{tenant: r.tenant.String, created: r.created, revision: r.revision, endpoints: make(map[string]int, 1)}
		return nil
	}
	lane := b.lanes[r.lane]
	endpoint, ok := lane.endpoints[r.tenant.String]
	if !ok {
		endpoint = len(b.out.Endpoints)
		lane.endpoints[r.tenant.String] = endpoint
		b.out.Endpoints = append(b.out.Endpoints, b.known(r, lane))
	}
	i, seen := b.byEvent[r.seq.Int64]
	if !seen {
		i = len(b.out.Events)
		b.byEvent[r.seq.Int64] = i
		row := eventRow{seq: r.seq.Int64, header: r.header, happened: r.happened, notBefore: r.notBefore, until: r.notAfter}
		row.Event = store.Event{
			ID: r.eventID.String, Tenant: r.tenant.String, Type: r.eventType.String, ContentType: r.contentType.String,
			Digest: r.digest, Body: r.body,
		}
		e, err := row.event()
		if err != nil {
			return err
		}
		b.out.Events = append(b.out.Events, e)
	}
	// Ids are read many times over; the event's serve all its deliveries.
	e := &b.out.Events[i]
	n := &r.numbers
	b.out.Deliveries = append(b.out.Deliveries, store.Claimed{
		Delivery: store.Delivery{
			ID: deliveryID(r.id.Int64), Tenant: e.Tenant, EventID: e.ID, EventType: e.Type, EndpointID: b.out.Endpoints[endpoint].ID,
			State: store.StatePending, Reason: store.Code(r.reason.String),
			Attempts: int(n[1].Int64), Tries: int(n[2].Int64), Expiries: int(n[3].Int64), Interrupted: int(n[4].Int64),
			Token: n[5].Int64, Claimed: true, VisibleAt: micros(r.visible.Int64), LastStatus: int(r.status.Int64),
			CreatedAt: nanos(r.id.Int64), UpdatedAt: micros(r.updated.Int64), DeliveredAt: timeOf(r.delivered),
		},
		Event: i, Endpoint: endpoint, Expired: r.hold.Int64 == holdClaimed,
	})
	return nil
}

// known returns the endpoint of a lane: as it is remembered, to be read, or, if
// there is none, as a tombstone.
func (b *batch) known(r *claimRow, lane *laneRow) store.Endpoint {
	if !lane.created.Valid || lane.tenant != r.tenant.String {
		return tombstone(r.tenant.String, r.lane, r.now)
	}
	e, ok := b.store.snapshots.get(snapshotKey{r.lane, lane.created.Int64, lane.revision.Int64})
	if !ok {
		b.unknown = append(b.unknown, r.lane)
		e.ID, e.Tenant = r.lane, r.tenant.String
	}
	return e
}

// tombstone stands for an endpoint that the tenant never had, or that was erased.
func tombstone(tenant, id string, now int64) store.Endpoint {
	return store.Endpoint{ID: id, Tenant: tenant, Status: store.EndpointDisabled, DeletedAt: micros(now)}
}

// finish reads the endpoints that are not remembered.
func (b *batch) finish(ctx context.Context, c conn) (store.Batch, error) {
	if len(b.unknown) == 0 {
		return b.out, nil
	}
	found, err := b.store.loadEndpoints(ctx, c, b.unknown)
	if err != nil {
		return store.Batch{}, err
	}
	for i := range b.out.Endpoints {
		e := &b.out.Endpoints[i]
		if !e.CreatedAt.IsZero() || !e.DeletedAt.IsZero() {
			continue
		}
		if read, ok := found[e.ID]; ok && read.Tenant == e.Tenant {
			*e = read
		} else {
			*e = tombstone(e.Tenant, e.ID, b.out.Now.UnixMicro())
		}
	}
	return b.out, nil
}
