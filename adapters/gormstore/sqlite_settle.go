package gormstore

import (
	"context"
	"database/sql"

	"github.com/postrider/postrider/store"
)

const (
	sqliteHeld = `SELECT ` + heldColumns + ` FROM json_each(?) l CROSS JOIN {deliveries} d ON d.id = l.value`

	// sqliteRows bounds the rows of one INSERT, as sqliteList does lists.
	sqliteRows = 8

	sqliteSettle = "UPDATE OR FAIL {deliveries}"

	sqliteAttempts = "INSERT OR FAIL INTO {attempts} (delivery_id, number, started_at, duration, status, detail, response_body, code, error, truncated) VALUES "
)

func (q sqliteQueue) settle(ctx context.Context, c conn, outcomes []store.Outcome) (store.SettleResult, error) {
	ctx = context.WithoutCancel(ctx) // as in claim
	now, err := c.now(ctx)
	if err != nil {
		return store.SettleResult{}, err
	}
	b := newSettlement(outcomes)
	if len(b.todo) == 0 {
		return b.result(outcomes), nil
	}
	d := newSettling(b)
	if rows, ok := q.claimed.take(b.todo); ok {
		d.believe(rows)
	} else {
		err := c.query(ctx, sqliteHeld, []any{numbersJSON(d.ids())}, func(rows *sql.Rows) error {
			if err := rows.Scan(d.dest...); err != nil {
				return err
			}
			d.decide()
			return nil
		})
		if err != nil {
			return store.SettleResult{}, err
		}
	}
	if err := d.update(ctx, c, sqliteSettle, sqliteList, now); err != nil {
		return store.SettleResult{}, err
	}
	for _, rows := range d.attemptRows() {
		if err := rows.insert(ctx, c, sqliteAttempts, sqliteRows); err != nil {
			return store.SettleResult{}, err
		}
	}
	if err := q.addDelta(ctx, c, d.counts.payload()); err != nil {
		return store.SettleResult{}, err
	}
	return b.result(outcomes), nil
}
