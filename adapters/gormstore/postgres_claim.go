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
// endpoints' status; t what can be locked, up to one more than each lane's number
// and than the sum, first what is above the lane's floor (see [floors]), and if
// that is less than is wanted, what is under it; a the same, and which of them are
// taken: up to each lane's number, the sum, and the bytes; g what there is of
// these; u their update. What was locked and not taken tells what its lane has
// next; of the other lanes that were visited the table is asked, which the
// statement sees as it was. The answer has rows of lanes (0) and of events of the
// deliveries that were taken (2), and one of all deliveries as they were before
// (1), as arrays, because each row of an answer is work on both sides; what the
// columns hold is said by claimAnswer.
//
// The parameters are in a table of one row, which the planner does not look
// into, so that it makes no worse plan of the first values that it sees. And
// nothing is joined by a condition that the planner could serve by a scan or by
// comparing each with each, which it likes as long as its statistics say that
// there is little: a sub-select in an expression stays one. The limits that are
// constants bound what it thinks a lane could cost, however large the table.
var postgresClaim = `
WITH c AS MATERIALIZED (
	SELECT ?::text[] AS lanes, ?::int[] AS numbers, ?::bigint[] AS floors, ?::bigint[] AS last, ?::int AS most, ?::bigint AS bytes,
		?::bigint AS lease, ` + postgresKeptNow + ` AS now
),
l AS MATERIALIZED (
	SELECT i.ord, i.id, i.n, i.floor, i.last, e.tenant, e.created_at, e.revision, coalesce(e.status = 2 AND e.deleted_at IS NULL, false) AS paused
	FROM c CROSS JOIN LATERAL unnest(c.lanes, c.numbers, c.floors, c.last) WITH ORDINALITY AS i(id, n, floor, last, ord)
	LEFT JOIN LATERAL (SELECT e.* FROM {endpoints} e WHERE e.id = i.id LIMIT 1) e ON true
	ORDER BY i.ord
),
t AS MATERIALIZED (
	SELECT q.*, row_number() OVER w AS pos, sum((q.nth <= q.n)::int) OVER w AS count FROM (
		SELECT l.ord, l.n, q.* FROM l CROSS JOIN c CROSS JOIN LATERAL (
			SELECT b.*, row_number() OVER () AS nth FROM (
				SELECT * FROM (SELECT false AS under, ` + postgresTaken + ` FROM {deliveries} d
					WHERE d.endpoint_id = l.id AND d.state = 1 AND (d.visible_at, d.id) > (l.floor, l.last) AND d.visible_at <= c.now AND d.leased_until <= c.now
					ORDER BY d.visible_at, d.id LIMIT ` + postgresLaneMost + ` FOR UPDATE SKIP LOCKED) above
				UNION ALL
				SELECT * FROM (SELECT true, ` + postgresTaken + ` FROM {deliveries} d
					WHERE d.endpoint_id = l.id AND d.state = 1 AND (d.visible_at, d.id) <= (l.floor, l.last) AND d.visible_at <= c.now AND d.leased_until <= c.now
					ORDER BY d.visible_at, d.id LIMIT ` + postgresLaneMost + ` FOR UPDATE SKIP LOCKED) below
				LIMIT l.n + 1) b) q
		WHERE NOT l.paused
		LIMIT (SELECT most + cardinality(lanes) FROM c)) q
	WINDOW w AS (ROWS UNBOUNDED PRECEDING)
),
a AS MATERIALIZED (
	SELECT t.*, t.nth <= t.n AND t.count <= (SELECT most FROM c) AS fits, t.nth <= t.n AND t.count = (SELECT most FROM c) AS full FROM t
	WHERE (SELECT sum(t.size) FROM t) <= (SELECT bytes FROM c)
	UNION ALL
	SELECT b.ord, b.n, b.under, b.id, b.event_seq, b.visible_at, b.size, b.past, b.nth, b.pos, b.count,
		b.nth <= b.n AND b.count <= c.most AND (b.count = 1 OR b.bytes <= c.bytes), b.nth <= b.n AND (b.count = c.most OR b.bytes > c.bytes)
	FROM c CROSS JOIN (
		SELECT f.*, sum(CASE WHEN f.first THEN f.size ELSE 0 END) OVER (ORDER BY f.pos) AS bytes
		FROM (SELECT t.*, t.nth <= t.n AND row_number() OVER (PARTITION BY t.event_seq, t.nth <= t.n ORDER BY t.pos) = 1 AS first FROM t) f) b
	WHERE (SELECT sum(t.size) FROM t) > c.bytes
),
g AS MATERIALIZED (
	SELECT array_agg(a.id) FILTER (WHERE a.fits) AS ids, array_agg(a.event_seq) FILTER (WHERE a.fits) AS seqs,
		array_agg(a.ord) FILTER (WHERE NOT a.fits) AS more, min(a.ord) FILTER (WHERE a.full) AS last
	FROM a
),
u AS (
	UPDATE {deliveries} d SET
		token = d.token + 1, hold = 1, leased_until = (SELECT now + lease FROM c), updated_at = (SELECT now FROM c),
		expiries = d.expiries + (d.hold = 1)::int, interrupted = d.interrupted + (d.hold = 1)::int,
		lost_tokens = CASE WHEN d.hold <> 2 AND d.token > 0 THEN coalesce(d.lost_tokens, ',') || d.token || ',' ELSE d.lost_tokens END
	WHERE d.id = ANY ((SELECT ids FROM g)::bigint[])
)
SELECT 0 AS kind, l.ord AS a, c.now AS b, l.created_at AS c, l.revision AS d,
	CASE WHEN NOT l.paused AND (l.ord = ANY (g.more)) IS NOT TRUE THEN ` + postgres.later("l.id", "c.now") + ` END AS e,
	l.tenant AS s, NULL AS t, NULL AS u, NULL AS v, NULL AS w, NULL AS x, NULL::bytea AS y, NULL::bytea AS z
FROM l CROSS JOIN g CROSS JOIN c WHERE g.last IS NULL OR l.ord <= g.last
UNION ALL
SELECT 1, count(*), NULL, NULL, NULL, NULL, array_agg(a.pos * 4 + a.under::int * 2 + a.fits::int)::text, array_agg(a.ord)::text, array_agg(a.id)::text,
	array_agg(a.event_seq)::text, array_agg(a.visible_at)::text, array_agg(a.past)::text, NULL, NULL
FROM a
UNION ALL
SELECT 2, e.seq, e.happened_at, e.not_before, e.not_after, NULL, e.tenant, e.id, e.type, e.content_type, e.header, NULL, e.digest, e.body
FROM (SELECT DISTINCT unnest(g.seqs) AS seq FROM g) s CROSS JOIN LATERAL (SELECT e.* FROM {events} e WHERE e.seq = s.seq LIMIT 1) e`

// postgresTaken are the columns of t.
const postgresTaken = "d.id, d.event_seq, d.visible_at, d.size, CASE WHEN d.token > 0 THEN " + pastColumns + " END AS past"

// laneMost bounds what one claim takes of a lane, and postgresLaneMost what it
// looks at.
const (
	laneMost         = 1023
	postgresLaneMost = "1024"
)

func (q postgresQueue) claim(ctx context.Context, c conn, p store.ClaimParams) (store.Batch, error) {
	if len(p.Lanes) == 0 {
		now, err := c.now(ctx)
		return store.Batch{Now: micros(now)}, err
	}
	a := newClaimAnswer(q.Store, p)
	var ids, numbers, floors, last array
	for i := range p.Lanes {
		ids.text(clean(p.Lanes[i].ID))
		numbers.int(int64(min(p.Lanes[i].N, laneMost)))
		floors.int(a.seen[i].floor.visible)
		last.int(a.seen[i].floor.number)
	}
	bytes := int64(math.MaxInt64)
	if p.MaxBytes > 0 {
		bytes = int64(p.MaxBytes)
	}
	args := []any{
		ids.String(), numbers.String(), floors.String(), last.String(), min(p.Max, math.MaxInt32), bytes, max(p.Lease.Microseconds(), 1), postgresDear,
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
	// time, created_at, revision, when it has work next if nothing more of it was
	// locked; tenant. Of the deliveries: how many; their places with what became of
	// them, their lanes' places, ids, event_seqs, visible_ats and pasts. Of an event:
	// seq, happened_at, not_before, not_after; tenant, id, type, content type,
	// header; digest, body.
	kind number
	n    [5]nullNumber
	s    [6]sql.NullString
	bin  [2][]byte
	dest []any
}

// The kinds of rows.
const (
	claimedLane = iota
	claimedDeliveries
	claimedEvent
)

// seenLane is a lane with its floor. If it was visited, next is when it has work
// next. more is the first delivery that was locked and not taken.
type seenLane struct {
	floor   floor
	visited bool
	next    int64
	more    takenRow
	under   bool // more was under the floor
}

func newClaimAnswer(s *Store, p store.ClaimParams) *claimAnswer {
	a := &claimAnswer{taking: newTaking(s, p), seen: make([]seenLane, len(p.Lanes)), found: make(map[int64]store.Event)}
	for i := range p.Lanes {
		a.seen[i].floor = s.floors.of(p.Lanes[i].ID)
	}
	a.dest = []any{
		&a.kind, &a.n[0], &a.n[1], &a.n[2], &a.n[3], &a.n[4], &a.s[0], &a.s[1], &a.s[2], &a.s[3], &a.s[4], &a.s[5], &a.bin[0], &a.bin[1],
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
	case claimedLane:
		a.begin(n[1].Int64)
		lane := int(n[0].Int64) - 1
		l := &a.lanes[lane]
		l.snapshotKey = snapshotKey{a.params.Lanes[lane].ID, n[2].Int64, n[3].Int64}
		l.tenant, l.exists = a.s[0].String, n[2].Valid
		a.seen[lane].visited, a.seen[lane].next = true, n[4].Int64
	case claimedDeliveries:
		return a.deliveries(int(n[0].Int64))
	case claimedEvent:
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

// deliveries reads those that were locked, of which there are so many.
func (a *claimAnswer) deliveries(count int) error {
	var columns [6]arrayReader
	for i := range columns {
		columns[i].rest = a.s[i].String
	}
	a.rows = slices.Grow(a.rows, count)
	for range count {
		how, lane := columns[0].int(), columns[1].int()-1
		r := takenRow{id: number(columns[2].int()), seq: number(columns[3].int()), visible: number(columns[4].int()), lane: int(lane), place: int(how >> 2)}
		before := columns[5].text()
		for i := range columns {
			if columns[i].failed || lane < 0 || int(lane) >= len(a.lanes) {
				return errBadArray
			}
		}
		if how&1 == 0 {
			if l := &a.seen[lane]; l.more.place == 0 || r.place < l.more.place {
				l.more, l.under = r, how&2 != 0
			}
			continue
		}
		if err := (*past)(&r).parse(before); err != nil {
			return err
		}
		a.lanes[lane].taken++
		a.rows = append(a.rows, r)
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
		next := l.next
		if l.more.place != 0 {
			next = int64(l.more.visible)
		}
		a.visit(i, next)
		if l.under {
			l.floor = floor{visible: next}
		}
		if l.floor.visible != 0 {
			a.store.floors.set(a.params.Lanes[i].ID, l.floor)
		}
	}
	return a.batch(ctx, c, events)
}
