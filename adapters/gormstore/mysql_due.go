package gormstore

import (
	"context"

	"github.com/postrider/postrider/store"
)

// mysqlSweep jumps from lane to lane: grouped by the first columns of an index,
// with nothing but their minimum read, a "loose index scan" does that.
const mysqlSweep = `SELECT w.endpoint_id, w.next, COALESCE(e.status = 2 AND e.deleted_at IS NULL, FALSE)
	FROM (SELECT endpoint_id, MIN(visible_at) AS next FROM {deliveries} FORCE INDEX ({deliveries_queue})
		WHERE state = 1 AND endpoint_id > ? GROUP BY state, endpoint_id ORDER BY state, endpoint_id LIMIT ?) w
	LEFT JOIN {endpoints} e ON e.id = w.endpoint_id ORDER BY w.endpoint_id`

func (q mysqlQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, mysqlSweep)
}
