package gormstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/postrider/postrider/store"
)

// postgresSettle applies outcomes whose token holds, numbers and stores their
// attempts, adds to the counts, and says which took effect. The outcomes are
// arrays by rising number of the delivery, and width_bucket finds a delivery's
// place in them: a join would be served by comparing each with each. Of each
// outcome, the blob holds detail and response body of the attempt. The answer is
// an array of the places of those that took effect, or NULL if all did.
//
// Most batches say the same of all their deliveries. In the statement for those
// the arrays that are marked have one element, which stands for all: to find
// them for each delivery costs as much as the update.
func postgresSettle(alike bool) string {
	of := func(array, place string) string {
		if alike {
			place = "1"
		}
		return array + "[" + place + "]"
	}
	const place = "width_bucket(d.id, (SELECT ids FROM p))"
	d := func(array string) string { return of("(SELECT "+array+" FROM p)", place) }
	u := func(array string) string { return of("(SELECT "+array+" FROM p)", "u.place") }
	return `
WITH p AS MATERIALIZED (SELECT {now} AS now, ?::bytea AS blob,
	?::bigint[] AS ids, ?::bigint[] AS tokens, ?::bigint[] AS started, ?::bigint[] AS durations, ?::int[] AS starts, ?::int[] AS lengths,
	/* marked: */ ?::int[] AS states, ?::bigint[] AS delays, ?::text[] AS reasons, ?::int[] AS attempts, ?::int[] AS tries,
	?::int[] AS statuses, ?::int[] AS truncated, ?::text[] AS codes, ?::text[] AS errors
),
u AS (
	UPDATE {deliveries} d SET
		state = ` + d("states") + `, hold = 2, updated_at = (SELECT now FROM p),
		visible_at = CASE WHEN ` + d("states") + ` = 1 THEN (SELECT now FROM p) + ` + d("delays") + ` ELSE d.visible_at END,
		leased_until = CASE WHEN ` + d("states") + ` = 1 THEN 0 ELSE d.leased_until END,
		reason = coalesce(nullif(` + d("reasons") + `, ''), d.reason),
		attempts = d.attempts + ` + d("attempts") + `, tries = d.tries + ` + d("tries") + `,
		expiries = CASE WHEN ` + d("attempts") + ` = 1 THEN 0 ELSE d.expiries END,
		last_status = CASE WHEN ` + d("attempts") + ` = 1 THEN ` + d("statuses") + ` ELSE d.last_status END,
		delivered_at = CASE WHEN ` + d("states") + ` = 2 THEN coalesce(d.delivered_at, (SELECT now FROM p)) ELSE d.delivered_at END
	WHERE d.id = ANY ((SELECT ids FROM p)::bigint[]) AND d.token = (SELECT tokens FROM p)[` + place + `] AND d.` + statePending + ` AND d.hold <> 2
	RETURNING d.id, d.attempts, d.tenant, d.endpoint_id, d.state, ` + place + ` AS place
),
t AS (
	INSERT INTO {attempts} (delivery_id, number, started_at, duration, status, truncated, code, error, detail, response_body)
	SELECT u.id, u.attempts, nullif((SELECT started FROM p)[u.place], -9223372036854775808), (SELECT durations FROM p)[u.place],
		` + u("statuses") + `, ` + u("truncated") + `, ` + u("codes") + `, ` + u("errors") + `,
		convert_from(substring((SELECT blob FROM p) FROM (SELECT starts FROM p)[u.place * 2 - 1] FOR (SELECT lengths FROM p)[u.place * 2 - 1]), 'UTF8'),
		substring((SELECT blob FROM p) FROM (SELECT starts FROM p)[u.place * 2] FOR nullif((SELECT lengths FROM p)[u.place * 2], -1))
	FROM u WHERE ` + u("attempts") + ` = 1
),
g AS (
	INSERT INTO {deltas} (payload)
	SELECT string_agg(json_build_array(n.tenant, n.endpoint_id, -n.pending, n.delivered, n.failed, n.cancelled)::text, ',')
	FROM (SELECT u.tenant, u.endpoint_id, count(*) AS pending, count(*) FILTER (WHERE u.state = 2) AS delivered,
			count(*) FILTER (WHERE u.state = 3) AS failed, count(*) FILTER (WHERE u.state = 4) AS cancelled
		FROM u WHERE u.state <> 1 GROUP BY u.tenant, u.endpoint_id) n
	HAVING count(*) > 0
)
SELECT CASE WHEN count(*) < (SELECT cardinality(ids) FROM p) THEN coalesce(array_agg(u.place), ARRAY[]::int[])::text END FROM u`
}

var (
	postgresSettleAlike = postgresSettle(true)
	postgresSettleEach  = postgresSettle(false)
)

func (q postgresQueue) settle(ctx context.Context, c conn, outcomes []store.Outcome) (store.SettleResult, error) {
	b := newSettlement(outcomes)
	for _, batch := range b.distinct() {
		if err := q.apply(ctx, c, batch); err != nil {
			return store.SettleResult{}, err
		}
	}
	var left array
	rest := make(map[int64][]*numbered)
	for _, o := range b.todo {
		if !o.applied {
			if rest[o.number] == nil {
				left.int(o.number)
			}
			rest[o.number] = append(rest[o.number], o)
		}
	}
	if len(rest) > 0 {
		err := c.query(ctx, "SELECT id, token, hold, coalesce(lost_tokens, '') FROM {deliveries} WHERE id = ANY (?::bigint[])", []any{left.String()},
			func(rows *sql.Rows) error {
				var id, token int64
				var hold int
				var lost string
				if err := rows.Scan(&id, &token, &hold, &lost); err != nil {
					return err
				}
				for _, o := range rest[id] {
					o.repeated = wasSettled(o.Token, token, hold, lost)
				}
				return nil
			})
		if err != nil {
			return store.SettleResult{}, err
		}
	}
	return b.result(outcomes), nil
}

// apply applies outcomes of distinct deliveries.
func (q postgresQueue) apply(ctx context.Context, c conn, todo []*numbered) error {
	if len(todo) == 0 {
		return nil
	}
	alike := true
	for _, o := range todo[1:] {
		alike = alike && sameEffect(o.Outcome, todo[0].Outcome)
	}
	var id, token, started, duration array
	var state, delay, reason, attempt, try, status, truncated, code, fault array
	var p pieces
	var detail []byte
	none := &store.Attempt{}
	for _, a := range []*array{&id, &token, &started, &duration} {
		a.room(len(todo), 19)
	}
	for i, o := range todo {
		id.int(o.number)
		token.int(o.Token)
		a := o.Attempt
		detail = detail[:0]
		if a == nil {
			a = none
		} else {
			detail = appendDetail(detail, a)
		}
		if i == 0 { // and the others are much the same
			p.room(2*len(todo), (len(detail)+len(a.ResponseBody))/2+16)
		}
		if a.StartedAt.IsZero() {
			started.int(math.MinInt64)
		} else {
			started.int(a.StartedAt.UnixMicro())
		}
		duration.int(int64(a.Duration))
		p.bytes(detail, false)
		p.bytes(a.ResponseBody, a.ResponseBody == nil)
		if alike && i > 0 {
			continue
		}
		state.int(int64(o.State))
		delay.int(max(o.Delay.Microseconds(), 0))
		reason.text(clean(string(o.Reason)))
		attempt.int(boolInt(o.Attempt != nil))
		try.int(boolInt(o.Attempt != nil && !o.Free))
		status.int(int64(a.Status))
		truncated.int(boolInt(a.Truncated))
		code.text(clean(string(a.Code)))
		fault.text(clean(a.Error))
	}
	text := postgresSettleEach
	if alike {
		text = postgresSettleAlike
	}
	args := []any{
		p.parameter(), id.String(), token.String(), started.String(), duration.String(), p.at.String(), p.len.String(),
		state.String(), delay.String(), reason.String(), attempt.String(), try.String(), status.String(), truncated.String(),
		code.String(), fault.String(),
	}
	var applied sql.NullString
	if err := c.one(ctx, text, args, &applied); err != nil {
		return err
	}
	if !applied.Valid { // all of them
		for _, o := range todo {
			o.applied = true
		}
		return nil
	}
	places := arrayReader{rest: applied.String}
	for places.more() {
		place := places.int()
		if places.failed || place < 1 || int(place) > len(todo) {
			return errBadArray
		}
		todo[place-1].applied = true
	}
	if places.failed {
		return errBadArray
	}
	return nil
}

// sameEffect tells whether two outcomes do the same to their deliveries, and say
// the same of their attempts but for what is long or differs always.
func sameEffect(x, y *store.Outcome) bool {
	if x.State != y.State || x.Delay != y.Delay || x.Reason != y.Reason || x.Free != y.Free || (x.Attempt == nil) != (y.Attempt == nil) {
		return false
	}
	a, b := x.Attempt, y.Attempt
	return a == nil || a.Status == b.Status && a.Truncated == b.Truncated && a.Code == b.Code && a.Error == b.Error
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
