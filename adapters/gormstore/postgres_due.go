package gormstore

import (
	"context"

	"github.com/postrider/postrider/store"
)

// What a lane has next, on Postgres: its first delivery that is visible and not
// leased, or else what comes first of the ends of its leases and the next one to
// be visible. A lease is no part of the index of the queue, so that a claim
// changes no index; what is leased stays at the front, and is passed over.

// postgresNext is an expression for when a lane has work next, as of a time.
func postgresNext(lane, now string) string {
	return `coalesce((SELECT h.visible_at FROM {deliveries} h
			WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at <= ` + now + ` AND h.leased_until <= ` + now + `
			ORDER BY h.visible_at, h.id LIMIT 1), ` + postgresLater(lane, now) + `)`
}

// postgresLater is such an expression for a lane without anything visible that
// is not leased. Leases are looked at in the order of the queue, the first thousand
// of them: more of one lane are hardly ever out at once.
func postgresLater(lane, now string) string {
	return `least((SELECT min(q.leased_until) FROM (SELECT h.leased_until FROM {deliveries} h
			WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at <= ` + now + `
			ORDER BY h.visible_at, h.id LIMIT 1000) q WHERE q.leased_until > ` + now + `),
		(SELECT h.visible_at FROM {deliveries} h WHERE h.endpoint_id = ` + lane + ` AND h.state = 1 AND h.visible_at > ` + now + `
			ORDER BY h.visible_at, h.id LIMIT 1))`
}

// postgresSweep jumps from lane to lane by one look-up in the index each. For
// the array see [dialect.tail].
var postgresSweep = `
WITH RECURSIVE c AS MATERIALIZED (SELECT {now} AS now),
w AS (
	(SELECT d.endpoint_id FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > (SELECT ?::text)
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1)
	UNION ALL
	SELECT n.endpoint_id FROM w CROSS JOIN LATERAL (
		SELECT d.endpoint_id FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > w.endpoint_id
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1) n
)
SELECT l.lane, ` + postgresNext("l.lane", "c.now") + `, coalesce(e.status = 2 AND e.deleted_at IS NULL, false)
FROM c CROSS JOIN unnest(ARRAY(SELECT * FROM w LIMIT (SELECT ?::int))) AS l(lane) LEFT JOIN {endpoints} e ON e.id = l.lane
ORDER BY l.lane`

func (q postgresQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, pageBy(postgresSweep))
}
