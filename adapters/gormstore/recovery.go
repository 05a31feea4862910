package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Cancel implements [store.Recovery].
func (s *Store) Cancel(ctx context.Context, tenant string, ids []string, reason store.Code) ([]bool, error) {
	if len(ids) == 0 {
		return nil, ctx.Err()
	}
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n := deliveryNumber(id); n != 0 {
			numbers = append(numbers, n)
		}
	}
	numbers = sortedSet(numbers)
	var pending map[int64]bool
	// To do it again does no harm, but would answer that none was pending.
	err := s.write(ctx, fmt.Sprintf("cancelling %d deliveries", len(ids)), once, func(ctx context.Context, c conn) error {
		pending = make(map[int64]bool)
		delta := make(tally)
		now, err := c.now(ctx)
		if err != nil {
			return err
		}
		err = inLists(numbers, func(list string, args []any) error {
			text := "SELECT id, endpoint_id FROM {deliveries}" + s.dialect.byNumber() + " WHERE id IN (" + list + ") AND tenant = ? AND " + statePending + " ORDER BY id" + s.forUpdate()
			return c.query(ctx, text, append(args, named(tenant)), func(rows *sql.Rows) error {
				var n int64
				var endpoint string
				err := rows.Scan(&n, &endpoint)
				pending[n] = true
				delta.add(place{tenant, endpoint}, store.Counts{Pending: -1, Cancelled: 1})
				return err
			})
		})
		if err != nil {
			return err
		}
		err = inLists(keys(pending), func(list string, args []any) error {
			_, err := c.exec(ctx, "UPDATE {deliveries}"+s.dialect.byNumber()+" SET "+s.raiseToken()+", state = 4, reason = ?, updated_at = ? WHERE id IN ("+list+")",
				append([]any{clean(string(reason)), now}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
		return s.addDelta(ctx, c, delta.payload())
	})
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		s.afterDelta(ctx)
	}
	cancelled := make([]bool, len(ids))
	for i, id := range ids {
		n := deliveryNumber(id)
		cancelled[i] = pending[n]
		delete(pending, n) // who is named again is not pending any more
	}
	return cancelled, nil
}

// raiseToken are the assignments that take a delivery from whoever holds it. A
// token that was not settled joins the lost ones. MySQL assigns from left to
// right.
func (s *Store) raiseToken() string {
	joined := "CONCAT(COALESCE(lost_tokens, ','), token, ',')"
	if s.dialect == sqlite {
		joined = "COALESCE(lost_tokens, ',') || token || ','"
	}
	return "lost_tokens = CASE WHEN hold <> 2 AND token > 0 THEN " + joined + " ELSE lost_tokens END, token = token + 1, hold = 0"
}
