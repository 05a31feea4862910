package gormstore

import (
	"context"

	"github.com/postrider/postrider/store"
)

// postgresSweep jumps from lane to lane by one look-up in the index each.
const postgresSweep = `
WITH RECURSIVE w AS (
	(SELECT d.endpoint_id, d.visible_at FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > ?
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1)
	UNION ALL
	SELECT n.endpoint_id, n.visible_at FROM w CROSS JOIN LATERAL (
		SELECT d.endpoint_id, d.visible_at FROM {deliveries} d WHERE d.state = 1 AND d.endpoint_id > w.endpoint_id
		ORDER BY d.endpoint_id, d.visible_at, d.id LIMIT 1) n
)
SELECT l.endpoint_id, l.visible_at, coalesce(e.status = 2 AND e.deleted_at IS NULL, false)
FROM (SELECT * FROM w LIMIT ?::int) l LEFT JOIN {endpoints} e ON e.id = l.endpoint_id
ORDER BY l.endpoint_id`

func (q postgresQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, pageBy(postgresSweep))
}
