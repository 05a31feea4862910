package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Event implements [store.Inspector].
func (s *Store) Event(ctx context.Context, tenant, id string) (e store.Event, err error) {
	err = s.read(ctx, fmt.Sprintf("reading event %q", id), func(ctx context.Context, c conn) error {
		var r eventRow
		if err := found(c.one(ctx, "SELECT "+eventColumns+" FROM {events} e WHERE e.tenant = ? AND e.id = ?", []any{named(tenant), named(id)}, r.dest()...)); err != nil {
			return err
		}
		e, err = r.event()
		return err
	})
	if err != nil {
		return store.Event{}, err
	}
	return e, nil
}

// found tells what a store says of a row that is not there.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// Delivery implements [store.Inspector].
func (s *Store) Delivery(ctx context.Context, tenant, id string) (d store.Delivery, err error) {
	err = s.read(ctx, fmt.Sprintf("reading delivery %q", id), func(ctx context.Context, c conn) error {
		var r deliveryRow
		err := c.one(ctx, "SELECT "+s.dialect.deliveryColumns()+" FROM {deliveries} d JOIN {events} e ON e.seq = d.event_seq WHERE d.id = ? AND d.tenant = ?",
			[]any{deliveryNumber(id), named(tenant)}, r.dest()...)
		d = r.delivery()
		return found(err)
	})
	if err != nil {
		return store.Delivery{}, err
	}
	return d, nil
}

// Attempts implements [store.Inspector].
func (s *Store) Attempts(ctx context.Context, tenant, deliveryID string) (attempts []store.Attempt, err error) {
	err = s.read(ctx, fmt.Sprintf("reading the attempts of delivery %q", deliveryID), func(ctx context.Context, c conn) error {
		number := deliveryNumber(deliveryID)
		var one int
		if err := found(c.one(ctx, "SELECT 1 FROM {deliveries} WHERE id = ? AND tenant = ?", []any{number, named(tenant)}, &one)); err != nil {
			return err
		}
		attempts = []store.Attempt{}
		return c.query(ctx, "SELECT "+attemptColumns+" FROM {attempts} a WHERE a.delivery_id = ? ORDER BY a.number", []any{number}, func(rows *sql.Rows) error {
			var r attemptRow
			if err := rows.Scan(r.dest()...); err != nil {
				return err
			}
			a, err := r.attempt(deliveryID)
			attempts = append(attempts, a)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return attempts, nil
}
