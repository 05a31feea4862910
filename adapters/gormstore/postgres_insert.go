package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
)

// postgresQueue does each thing by one statement: a transaction by itself, and
// one round trip. Texts and the order of parameters are constant, so that the
// driver's cache of prepared statements holds them.
type postgresQueue struct{ *Store }

const postgresInsert = `
WITH c AS MATERIALIZED (SELECT n.now, n.now / 1000 * 1000000 AS base FROM (SELECT {now} AS now) n),
i AS MATERIALIZED (
	SELECT i.*, substring(p.blob FROM i.digest_at FOR nullif(i.digest_len, -1)) AS digest, substring(p.blob FROM i.body_at FOR i.body_len) AS body
	FROM (SELECT ?::bytea AS blob) p, unnest(
		?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::int[],
		?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::int[], ?::int[], ?::int[], ?::int[])
	AS i(low, tenant, id, type, content_type, header, span, happened_at, not_before, not_after, delta, digest_at, digest_len, body_at, body_len)
),
e AS (
	INSERT INTO {events} (seq, tenant, id, type, content_type, header, digest, body, span, happened_at, not_before, not_after)
	SELECT c.base + i.low, i.tenant, i.id, i.type, i.content_type, i.header, i.digest, i.body, i.span, i.happened_at, i.not_before, i.not_after
	FROM c, i
	ON CONFLICT (tenant, id) DO NOTHING
	RETURNING seq, tenant, not_before
),
d AS (
	INSERT INTO {deliveries} (id, event_seq, tenant, endpoint_id, visible_at, updated_at, size, apart)
	SELECT c.base + d.low, e.seq, e.tenant, d.endpoint_id, greatest(c.now, e.not_before), c.now, d.size, CASE WHEN d.apart THEN e.seq END
	FROM c, unnest(?::bigint[], ?::bigint[], ?::text[], ?::int[], ?::bool[]) AS d(event_low, low, endpoint_id, size, apart)
	JOIN e ON e.seq = (SELECT base FROM c) + d.event_low
),
g AS (
	INSERT INTO {deltas} (payload)
	SELECT string_agg(i.delta, ',') FROM c, i JOIN e ON e.seq = (SELECT base FROM c) + i.low WHERE i.delta <> '' HAVING count(*) > 0
)
SELECT e.seq, c.base`

// postgresInsertNotify wakes other processes when, and only when, the
// transaction commits.
const (
	postgresInsertQuiet  = postgresInsert + " FROM e, c"
	postgresInsertNotify = postgresInsert + ", (SELECT pg_notify(?, ?) IS NULL) FROM e, c"
)

func (q postgresQueue) insert(ctx context.Context, c conn, events []*newEvent) error {
	var low, tenant, id, kind, contentType, header, span, happened, notBefore, notAfter, delta array
	var digests, bodies pieces
	var eventLow, deliveryLow, endpoint, sizes, apart array
	byLow := make(map[int64]*newEvent, len(events))
	fresh := false
	size, deliveries := 0, 0
	for _, n := range events {
		size += len(n.Event.Digest) + len(n.Event.Body)
		deliveries += len(n.Deliveries)
	}
	digests.blob = make([]byte, 0, size)
	for _, a := range []*array{&eventLow, &deliveryLow, &endpoint, &sizes, &apart} {
		a.room(deliveries, 8)
	}
	for _, n := range events {
		e := &n.Event
		byLow[n.low[0]] = n
		low.int(n.low[0])
		tenant.text(e.Tenant)
		id.text(clean(e.ID))
		kind.text(clean(e.Type))
		contentType.text(clean(e.ContentType))
		if e.Header == nil {
			header.null()
		} else {
			text, err := json.Marshal(e.Header)
			if err != nil {
				return err
			}
			header.text(clean(string(text)))
		}
		span.int(int64(n.span))
		happened.micros(nullTime(e.Time))
		notBefore.micros(nullTime(e.At))
		notAfter.micros(nullTime(e.Until))
		delta.text(string(n.delta))
		digests.bytes(e.Digest, e.Digest == nil)
		for j := range n.Deliveries {
			eventLow.int(n.low[0])
			deliveryLow.int(n.low[j+1])
			endpoint.text(clean(n.Deliveries[j].EndpointID))
			sizes.int(int64(len(e.Body)))
			apart.bool(j >= n.span)
			fresh = true
		}
	}
	// The bodies follow the digests in one blob.
	bodies.blob = digests.blob
	for _, n := range events {
		bodies.bytes(n.Event.Body, false)
	}
	args := []any{
		bodies.parameter(),
		low.String(), tenant.String(), id.String(), kind.String(), contentType.String(), header.String(), span.String(),
		happened.String(), notBefore.String(), notAfter.String(), delta.String(),
		digests.at.String(), digests.len.String(), bodies.at.String(), bodies.len.String(),
		eventLow.String(), deliveryLow.String(), endpoint.String(), sizes.String(), apart.String(),
	}
	text := postgresInsertQuiet
	if fresh && c.notice != "" && q.notices.room.left(ctx, c) {
		text = postgresInsertNotify
		args = append(args, q.channel(), c.notice)
	}
	return c.query(ctx, text, args, func(rows *sql.Rows) error {
		var seq, base int64
		var ignored sql.NullBool
		dest := []any{&seq, &base, &ignored}
		if text == postgresInsertQuiet {
			dest = dest[:2]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		n := byLow[seq-base]
		n.made, n.seq = true, seq
		n.numbers = make([]int64, len(n.Deliveries))
		for j := range n.numbers {
			n.numbers[j] = base + n.low[j+1]
		}
		return nil
	})
}
