package gormstore

import (
	"context"

	"github.com/postrider/postrider/store"
)

// postgresSweep jumps from lane to lane by one look-up in the index each. For
// the array see [dialect.tail].
var postgresSweep = `
WITH RECURSIVE w AS (
	(SELECT d.endpoint_id FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > (SELECT ?::text)
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1)
	UNION ALL
	SELECT n.endpoint_id FROM w CROSS JOIN LATERAL (
		SELECT d.endpoint_id FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > w.endpoint_id
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1) n
),
c AS MATERIALIZED (SELECT ?::int AS most, ` + postgresKeptNow + ` AS now)
SELECT l.lane, ` + postgres.next("l.lane", "c.now") + `, coalesce(e.status = 2 AND e.deleted_at IS NULL, false)
FROM c CROSS JOIN unnest(ARRAY(SELECT * FROM w LIMIT (SELECT most FROM c))) AS l(lane) LEFT JOIN {endpoints} e ON e.id = l.lane
ORDER BY l.lane`

func (q postgresQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, pageBy(postgresSweep, postgresDear))
}
