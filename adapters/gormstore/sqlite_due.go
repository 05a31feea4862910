package gormstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// sqliteSweep jumps from lane to lane by one look-up in the index each.
var sqliteSweep = `
WITH RECURSIVE w(lane) AS (
	SELECT (SELECT endpoint_id FROM {deliveries} INDEXED BY {deliveries_queue} WHERE state = 1 AND endpoint_id > ?
		ORDER BY endpoint_id LIMIT 1)
	UNION ALL
	SELECT (SELECT endpoint_id FROM {deliveries} INDEXED BY {deliveries_queue} WHERE state = 1 AND endpoint_id > w.lane
		ORDER BY endpoint_id LIMIT 1) FROM w WHERE w.lane IS NOT NULL
	LIMIT ? + 0
)
SELECT w.lane, ` + sqlite.next("w.lane", "n.now") + `, COALESCE(e.status = 2 AND e.deleted_at IS NULL, FALSE)
FROM (SELECT ? AS now) n CROSS JOIN w LEFT JOIN {endpoints} e ON e.id = w.lane WHERE w.lane IS NOT NULL ORDER BY w.lane`

func (q sqliteQueue) due(ctx context.Context, c conn, p store.DueParams) (store.DueLanes, error) {
	return q.look(ctx, c, p, pageBy(sqliteSweep, time.Now().UnixMicro()))
}
