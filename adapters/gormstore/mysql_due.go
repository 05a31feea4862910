package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/postrider/postrider/store"
)

// mysqlSweep jumps from lane to lane: grouped by the first columns of an index,
// with nothing but their minimum read, a "loose index scan" does that. MySQL does
// not consider it where the lane is a parameter, and walks through the whole
// index instead, so the lane is in the text, in hexadecimal digits.
const mysqlSweep = `SELECT w.endpoint_id, w.next, COALESCE(e.status = 2 AND e.deleted_at IS NULL, FALSE)
	FROM (SELECT endpoint_id, MIN(visible_at) AS next FROM {deliveries} FORCE INDEX ({deliveries_queue})
		WHERE state = 1 AND endpoint_id > X'%x' GROUP BY state, endpoint_id ORDER BY state, endpoint_id LIMIT %d) w
	LEFT JOIN {endpoints} e ON e.id = w.endpoint_id ORDER BY w.endpoint_id`

func mysqlPage(ctx context.Context, c conn, after string, limit int, scan func(*sql.Rows) error) error {
	return c.queryOnce(ctx, fmt.Sprintf(mysqlSweep, after, limit), scan)
}

func (q mysqlQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, mysqlPage)
}
