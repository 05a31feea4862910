package gormstore

import (
	"context"
	"database/sql"

	"github.com/postrider/postrider/store"
)

const (
	mysqlSettle         = "UPDATE {deliveries} FORCE INDEX (PRIMARY)"
	mysqlInsertAttempts = "INSERT INTO {attempts} (delivery_id, number, started_at, duration, status, detail, response_body, code, error, truncated) VALUES "
)

func (q mysqlQueue) settle(ctx context.Context, c conn, outcomes []store.Outcome) (store.SettleResult, error) {
	b := newSettlement(outcomes)
	if len(b.todo) == 0 {
		return b.result(outcomes), nil
	}
	d := newSettling(b)
	var now int64
	dest := append([]any{&now}, d.dest...)
	err := inLists(d.ids(), func(list string, args []any) error {
		text := "SELECT {now}, " + heldColumns + " FROM {deliveries} d FORCE INDEX (PRIMARY) WHERE d.id IN (" + list + ") ORDER BY d.id FOR UPDATE"
		return c.query(ctx, text, args, func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			d.decide()
			return nil
		})
	})
	if err != nil || len(d.changes) == 0 {
		return b.result(outcomes), err
	}
	if err := d.update(ctx, c, mysqlSettle, mysqlRows, now); err != nil {
		return store.SettleResult{}, err
	}
	for _, rows := range d.attemptRows() {
		if err := rows.insert(ctx, c, mysqlInsertAttempts, mysqlRows); err != nil {
			return store.SettleResult{}, err
		}
	}
	if err := q.addDelta(ctx, c, d.counts.payload()); err != nil {
		return store.SettleResult{}, err
	}
	return b.result(outcomes), nil
}
