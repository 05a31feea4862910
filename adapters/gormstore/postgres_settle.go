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
// outcome, the blob holds reason, code, error, detail and response body.
const postgresSettle = `
WITH c AS MATERIALIZED (SELECT {now} AS now),
p AS MATERIALIZED (SELECT ?::bytea AS blob,
	?::bigint[] AS ids, ?::bigint[] AS tokens, ?::int[] AS states, ?::bigint[] AS delays, ?::int[] AS attempts, ?::int[] AS tries,
	?::bigint[] AS started, ?::bigint[] AS durations, ?::int[] AS statuses, ?::int[] AS truncated, ?::int[] AS starts, ?::int[] AS lengths
),
u AS (
	UPDATE {deliveries} d SET
		state = p.states[width_bucket(d.id, p.ids)], hold = 2, updated_at = c.now,
		visible_at = CASE WHEN p.states[width_bucket(d.id, p.ids)] = 1 THEN c.now + p.delays[width_bucket(d.id, p.ids)] ELSE d.visible_at END,
		reason = CASE WHEN p.lengths[width_bucket(d.id, p.ids) * 5 - 4] = 0 THEN d.reason ELSE convert_from(
			substring(p.blob FROM p.starts[width_bucket(d.id, p.ids) * 5 - 4] FOR p.lengths[width_bucket(d.id, p.ids) * 5 - 4]), 'UTF8') END,
		attempts = d.attempts + p.attempts[width_bucket(d.id, p.ids)], tries = d.tries + p.tries[width_bucket(d.id, p.ids)],
		expiries = CASE WHEN p.attempts[width_bucket(d.id, p.ids)] = 1 THEN 0 ELSE d.expiries END,
		last_status = CASE WHEN p.attempts[width_bucket(d.id, p.ids)] = 1 THEN p.statuses[width_bucket(d.id, p.ids)] ELSE d.last_status END,
		delivered_at = CASE WHEN p.states[width_bucket(d.id, p.ids)] = 2 THEN coalesce(d.delivered_at, c.now) ELSE d.delivered_at END
	FROM c CROSS JOIN p
	WHERE d.id = ANY (p.ids) AND d.token = p.tokens[width_bucket(d.id, p.ids)] AND d.state = 1 AND d.hold <> 2
	RETURNING d.id, d.attempts, d.tenant, d.endpoint_id, d.state, width_bucket(d.id, p.ids) AS place
),
t AS (
	INSERT INTO {attempts} (delivery_id, number, started_at, duration, status, truncated, code, error, detail, response_body)
	SELECT u.id, u.attempts, nullif(p.started[u.place], -9223372036854775808), p.durations[u.place], p.statuses[u.place], p.truncated[u.place],
		convert_from(substring(p.blob FROM p.starts[u.place * 5 - 3] FOR p.lengths[u.place * 5 - 3]), 'UTF8'),
		convert_from(substring(p.blob FROM p.starts[u.place * 5 - 2] FOR p.lengths[u.place * 5 - 2]), 'UTF8'),
		convert_from(substring(p.blob FROM p.starts[u.place * 5 - 1] FOR p.lengths[u.place * 5 - 1]), 'UTF8'),
		substring(p.blob FROM p.starts[u.place * 5] FOR nullif(p.lengths[u.place * 5], -1))
	FROM u CROSS JOIN p WHERE p.attempts[u.place] = 1
),
g AS (
	INSERT INTO {deltas} (payload)
	SELECT string_agg(json_build_array(n.tenant, n.endpoint_id, -n.pending, n.delivered, n.failed, n.cancelled)::text, ',')
	FROM (SELECT u.tenant, u.endpoint_id, count(*) AS pending, count(*) FILTER (WHERE u.state = 2) AS delivered,
			count(*) FILTER (WHERE u.state = 3) AS failed, count(*) FILTER (WHERE u.state = 4) AS cancelled
		FROM u WHERE u.state <> 1 GROUP BY u.tenant, u.endpoint_id) n
	HAVING count(*) > 0
)
SELECT u.place FROM u`

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
	var id, token, state, delay, attempt, try, started, duration, status, truncated array
	var p pieces
	var detail []byte
	none := &store.Attempt{}
	for _, o := range todo {
		id.int(o.number)
		token.int(o.Token)
		state.int(int64(o.State))
		delay.int(max(o.Delay.Microseconds(), 0))
		a := o.Attempt
		attempt.int(boolInt(a != nil))
		try.int(boolInt(a != nil && !o.Free))
		p.text(string(o.Reason))
		detail = detail[:0]
		if a == nil {
			a = none
		} else {
			detail = appendDetail(detail, a)
		}
		if a.StartedAt.IsZero() {
			started.int(math.MinInt64)
		} else {
			started.int(a.StartedAt.UnixMicro())
		}
		duration.int(int64(a.Duration))
		status.int(int64(a.Status))
		truncated.int(boolInt(a.Truncated))
		p.text(string(a.Code))
		p.text(a.Error)
		p.bytes(detail, false)
		p.bytes(a.ResponseBody, a.ResponseBody == nil)
	}
	args := []any{
		p.parameter(), id.String(), token.String(), state.String(), delay.String(), attempt.String(), try.String(),
		started.String(), duration.String(), status.String(), truncated.String(), p.at.String(), p.len.String(),
	}
	return c.query(ctx, postgresSettle, args, func(rows *sql.Rows) error {
		var place int
		if err := rows.Scan(&place); err != nil {
			return err
		}
		todo[place-1].applied = true
		return nil
	})
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
