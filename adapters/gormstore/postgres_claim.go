package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/postrider/postrider/store"
)

// postgresClaim takes deliveries of named lanes. l are the lanes with their
// endpoints' status; t what can be locked, up to each lane's number and to the
// sum, first what is above the lane's floor (see [floors]), and if that is less
// than is wanted, what is under it; a which of them the bytes allow, and g what
// there is of these; u their update; w the lanes, and how many were taken of them
// and of those before. What follows reads the table as it was, where what is left
// begins after as many rows as were taken: x are the lanes that were visited, and
// whether all that was wanted of them was taken; y what is left above the floor
// of those, z what is left under it. The answer has rows of lanes (0), of
// deliveries as they were before (1), and of their events (2), in any order; what
// the columns hold is said by claimAnswer.
//
// The parameters are in a table of one row, which the planner does not look
// into. It would find a plan for their values cheaper than one for any, and make
// a new one each time, which takes as long as carrying it out. And nothing is
// joined by a condition that the planner could serve by a scan or by comparing
// each with each, which it likes as long as its statistics say that there is
// little: a sub-select in an expression stays one, and width_bucket finds a
// number's place in a sorted array.
var postgresClaim = `
WITH c AS MATERIALIZED (
	SELECT {now} AS now, ?::text[] AS lanes, ?::int[] AS numbers, ?::bigint[] AS floors, ?::bigint[] AS last, ?::int AS most, ?::bigint AS bytes,
		?::bigint AS lease
),
l AS MATERIALIZED (
	SELECT i.ord, i.id, i.n, i.floor, i.last, e.tenant, e.created_at, e.revision, coalesce(e.status = 2 AND e.deleted_at IS NULL, false) AS paused
	FROM c CROSS JOIN LATERAL unnest(c.lanes, c.numbers, c.floors, c.last) WITH ORDINALITY AS i(id, n, floor, last, ord)
	LEFT JOIN LATERAL (SELECT e.* FROM {endpoints} e WHERE e.id = i.id LIMIT 1) e ON true
	ORDER BY i.ord
),
t AS MATERIALIZED (
	SELECT row_number() OVER () AS pos, q.* FROM (
		SELECT l.ord, q.* FROM l CROSS JOIN c CROSS JOIN LATERAL (
			SELECT * FROM (SELECT false AS under, ` + postgresTaken + ` FROM {deliveries} d
				WHERE d.endpoint_id = l.id AND d.state = 1 AND (d.visible_at, d.id) > (l.floor, l.last) AND d.visible_at <= c.now AND d.leased_until <= c.now
				ORDER BY d.visible_at, d.id LIMIT l.n FOR UPDATE SKIP LOCKED) above
			UNION ALL
			SELECT * FROM (SELECT true, ` + postgresTaken + ` FROM {deliveries} d
				WHERE d.endpoint_id = l.id AND d.state = 1 AND (d.visible_at, d.id) <= (l.floor, l.last) AND d.leased_until <= c.now
				ORDER BY d.visible_at, d.id LIMIT l.n FOR UPDATE SKIP LOCKED) below
			LIMIT l.n) q
		WHERE NOT l.paused
		LIMIT (SELECT most FROM c)) q
),
a AS MATERIALIZED (
	SELECT t.pos, t.ord, t.under, t.id, t.event_seq, t.visible_at, t.past, true AS fits FROM t
	WHERE (SELECT sum(t.size) FROM t) <= (SELECT bytes FROM c)
	UNION ALL
	SELECT b.pos, b.ord, b.under, b.id, b.event_seq, b.visible_at, b.past, b.pos = 1 OR b.bytes <= (SELECT bytes FROM c)
	FROM (
		SELECT f.*, sum(CASE WHEN f.first THEN f.size ELSE 0 END) OVER (ORDER BY f.pos) AS bytes
		FROM (SELECT t.*, row_number() OVER (PARTITION BY t.event_seq ORDER BY t.pos) = 1 AS first FROM t) f) b
	WHERE (SELECT sum(t.size) FROM t) > (SELECT bytes FROM c)
),
g AS MATERIALIZED (
	SELECT array_agg(a.id) FILTER (WHERE a.fits) AS ids, coalesce(array_agg(a.ord ORDER BY a.ord) FILTER (WHERE a.fits), ARRAY[]::bigint[]) AS ords,
		coalesce(array_agg(a.ord ORDER BY a.ord) FILTER (WHERE a.fits AND a.under), ARRAY[]::bigint[]) AS unders,
		min(a.ord) FILTER (WHERE NOT a.fits) AS cut
	FROM a
),
u AS (
	UPDATE {deliveries} d SET
		token = d.token + 1, hold = 1, leased_until = (SELECT now + lease FROM c), updated_at = (SELECT now FROM c),
		expiries = d.expiries + (d.hold = 1)::int, interrupted = d.interrupted + (d.hold = 1)::int,
		lost_tokens = CASE WHEN d.hold <> 2 AND d.token > 0 THEN coalesce(d.lost_tokens, ',') || d.token || ',' ELSE d.lost_tokens END
	WHERE d.id = ANY ((SELECT ids FROM g)::bigint[])
),
w AS MATERIALIZED (
	SELECT l.*, g.cut, width_bucket(l.ord - 1, g.ords) AS before, width_bucket(l.ord, g.ords) AS after,
		width_bucket(l.ord, g.unders) - width_bucket(l.ord - 1, g.unders) AS under
	FROM l CROSS JOIN g
),
x AS MATERIALIZED (
	SELECT w.*, w.after - w.before >= w.n OR w.after >= c.most OR w.ord = w.cut AS filled
	FROM w CROSS JOIN c
	WHERE w.before < c.most AND (w.cut IS NULL OR w.ord <= w.cut)
),
y AS MATERIALIZED (
	SELECT x.*, CASE WHEN x.filled AND NOT x.paused THEN
		(SELECT d.visible_at FROM {deliveries} d WHERE d.endpoint_id = x.id AND d.state = 1
				AND (d.visible_at, d.id) > (x.floor, x.last) AND d.visible_at <= c.now AND d.leased_until <= c.now
			ORDER BY d.visible_at, d.id OFFSET x.after - x.before - x.under LIMIT 1) END AS above
	FROM x CROSS JOIN c
),
z AS MATERIALIZED (
	SELECT y.*, CASE WHEN y.filled AND NOT y.paused AND y.above IS NULL THEN
		(SELECT d.visible_at FROM {deliveries} d WHERE d.endpoint_id = y.id AND d.state = 1
				AND (d.visible_at, d.id) <= (y.floor, y.last) AND d.leased_until <= c.now
			ORDER BY d.visible_at, d.id OFFSET y.under LIMIT 1) END AS below
	FROM y CROSS JOIN c
)
SELECT 0 AS kind, z.ord AS a, c.now AS b, z.created_at AS c, z.revision AS d,
	CASE WHEN NOT z.paused THEN coalesce(z.above, z.below, ` + postgresLater("z.id", "c.now") + `) END AS e,
	z.below AS f, z.tenant AS s, NULL AS t, NULL AS u, NULL AS v, NULL AS w, NULL::bytea AS x, NULL::bytea AS y
FROM z CROSS JOIN c
UNION ALL
SELECT 1, a.pos, a.ord, a.id, a.event_seq, a.visible_at, NULL, a.past, NULL, NULL, NULL, NULL, NULL, NULL
FROM a WHERE a.fits
UNION ALL
SELECT 2, e.seq, e.happened_at, e.not_before, e.not_after, NULL, NULL, e.tenant, e.id, e.type, e.content_type, e.header, e.digest, e.body
FROM (SELECT DISTINCT a.event_seq FROM a WHERE a.fits) s CROSS JOIN LATERAL (SELECT e.* FROM {events} e WHERE e.seq = s.event_seq LIMIT 1) e`

// postgresTaken are the columns of t.
const postgresTaken = "d.id, d.event_seq, d.visible_at, d.size, CASE WHEN d.token > 0 THEN " + pastColumns + " END AS past"

func (q postgresQueue) claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error) {
	if len(p.Lanes) == 0 {
		now, err := c.now(ctx)
		return store.Batch{Now: micros(now)}, err
	}
	a := newClaimAnswer(q.Store, p)
	var ids, numbers, floors, last array
	for i := range p.Lanes {
		ids.text(clean(p.Lanes[i].ID))
		numbers.int(int64(min(p.Lanes[i].N, math.MaxInt32)))
		floors.int(a.seen[i].floor.visible)
		last.int(a.seen[i].floor.number)
	}
	bytes := int64(math.MaxInt64)
	if p.MaxBytes > 0 {
		bytes = int64(p.MaxBytes)
	}
	args := []any{
		ids.String(), numbers.String(), floors.String(), last.String(), min(p.Max, math.MaxInt32), bytes, max(p.Lease.Microseconds(), 1),
	}
	if err := c.query(ctx, postgresClaim, args, a.scan); err != nil {
		return store.Batch{}, err
	}
	return a.finish(ctx, c)
}

// claimAnswer reads the answer of postgresClaim.
type claimAnswer struct {
	*taking
	seen  []seenLane // of the lanes
	found map[int64]store.Event

	// A row, and where its columns are read to. Of a lane: its place from 1, the
	// time, created_at, revision, when it has work next, and the same if that is
	// left under its floor; tenant. Of a delivery: its place, the lane's, id,
	// event_seq, visible_at; past. Of an event: seq, happened_at, not_before,
	// not_after; tenant, id, type, content type, header; digest, body.
	kind number
	n    [6]nullNumber
	s    [5]sql.NullString
	bin  [2][]byte
	dest []any
}

// seenLane is a lane with its floor. If it was visited, next is when it has work
// next, and below the same if that is left under the floor.
type seenLane struct {
	floor       floor
	visited     bool
	next, below int64
}

func newClaimAnswer(s *Store, p store.ClaimParams) *claimAnswer {
	a := &claimAnswer{taking: newTaking(s, p), seen: make([]seenLane, len(p.Lanes)), found: make(map[int64]store.Event)}
	for i := range p.Lanes {
		a.seen[i].floor = s.floors.of(p.Lanes[i].ID)
	}
	a.dest = []any{
		&a.kind, &a.n[0], &a.n[1], &a.n[2], &a.n[3], &a.n[4], &a.n[5], &a.s[0], &a.s[1], &a.s[2], &a.s[3], &a.s[4], &a.bin[0], &a.bin[1],
	}
	return a
}

func (a *claimAnswer) scan(rows *sql.Rows) error {
	a.bin = [2][]byte{}
	if err := rows.Scan(a.dest...); err != nil {
		return err
	}
	n := &a.n
	switch a.kind {
	case 0:
		a.begin(n[1].Int64)
		lane := int(n[0].Int64) - 1
		l := &a.lanes[lane]
		l.snapshotKey = snapshotKey{a.params.Lanes[lane].ID, n[2].Int64, n[3].Int64}
		l.tenant, l.exists = a.s[0].String, n[2].Valid
		a.seen[lane].visited, a.seen[lane].next, a.seen[lane].below = true, n[4].Int64, n[5].Int64
	case 1:
		r := takenRow{id: number(n[2].Int64), seq: number(n[3].Int64), visible: number(n[4].Int64), lane: int(n[1].Int64) - 1, place: int(n[0].Int64)}
		if err := (*past)(&r).Scan(a.s[0].String); err != nil {
			return err
		}
		a.lanes[r.lane].taken++
		a.rows = append(a.rows, r)
	case 2:
		row := eventRow{seq: n[0].Int64, header: a.s[4], happened: sql.NullInt64(n[1]), notBefore: sql.NullInt64(n[2]), until: sql.NullInt64(n[3])}
		row.Event = store.Event{
			Tenant: a.s[0].String, ID: a.s[1].String, Type: a.s[2].String, ContentType: a.s[3].String, Digest: a.bin[0],
		}
		row.body = sql.Null[[]byte]{V: a.bin[1], Valid: a.bin[1] != nil}
		e, err := row.event()
		if err != nil {
			return err
		}
		a.found[row.seq] = e
	}
	return nil
}

// finish puts what was read into order, and sets the floors.
func (a *claimAnswer) finish(ctx context.Context, c conn) (store.Batch, error) {
	slices.SortFunc(a.rows, func(x, y takenRow) int { return cmp.Compare(x.place, y.place) })
	events := make([]store.Event, 0, len(a.found))
	for i := range a.rows {
		r := &a.rows[i]
		at, known := a.byEvent[int64(r.seq)]
		if !known {
			e, ok := a.found[int64(r.seq)]
			if !ok {
				return store.Batch{}, errEventGone
			}
			at = len(events)
			a.byEvent[int64(r.seq)] = at
			events = append(events, e)
		}
		r.event = at
		if at, l := (floor{int64(r.visible), int64(r.id)}), &a.seen[r.lane]; l.floor.below(at) {
			l.floor = at
		}
	}
	for i := range a.seen {
		l := &a.seen[i]
		if !l.visited {
			continue
		}
		a.visit(i, l.next)
		if l.below != 0 {
			l.floor = floor{visible: l.below}
		}
		if l.floor.visible != 0 {
			a.store.floors.set(a.params.Lanes[i].ID, l.floor)
		}
	}
	return a.batch(ctx, c, events)
}
