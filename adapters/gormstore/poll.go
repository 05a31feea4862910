package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// poll looks for deliveries that others have inserted, where nobody tells: often
// after there were some, and less and less often when there are none.
func (s *Store) poll(ctx context.Context, wake func(...string)) error {
	often, seldom := 50*time.Millisecond, time.Second
	if s.dialect == sqlite { // in this process: a look takes microseconds
		often, seldom = 10*time.Millisecond, 250*time.Millisecond
	}
	seen, err := s.newest(ctx)
	if err != nil {
		return err
	}
	gap := often
	timer := time.NewTimer(gap)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		newest, err := s.newest(ctx)
		if err != nil {
			return err
		}
		if newest > seen {
			seen, gap = newest, often
			if !s.notices.isOwn(newest) {
				wake()
			}
		} else {
			gap = min(gap*3/2, seldom)
		}
		timer.Reset(gap)
	}
}

// newest returns the highest number of a delivery, 0 if there are none, or if
// there was no connection to ask with.
func (s *Store) newest(ctx context.Context) (int64, error) {
	asking, cancel := context.WithTimeout(ctx, min(5*time.Second, s.cfg.timeout))
	defer cancel()
	var newest sql.NullInt64
	err := s.read(asking, "looking for new deliveries", func(ctx context.Context, c conn) error {
		return c.one(ctx, "SELECT MAX(id) FROM {deliveries}", nil, &newest)
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return 0, nil // the host has all connections in use
	}
	return newest.Int64, err
}
