package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
)

// schemaState remembers that the tables were seen to be ones that the library
// can work with. The zero value has not looked.
type schemaState struct {
	checked atomic.Bool
	// id is what the first migration has called the tables, wherever they are and
	// however one gets there: it is set before checked.
	id atomic.Pointer[string]
}

// ready returns an error if the library cannot work with the tables. It looks on
// c, until it was content once: the connection may be the only one there is.
func (s *Store) ready(ctx context.Context, c conn) error {
	if s.schema.checked.Load() {
		return nil
	}
	state, err := s.tables().State(ctx, c.pool)
	if err != nil {
		return err
	}
	if err := s.checkSchema(state); err != nil {
		return err
	}
	id := s.info.ID // if somebody has lost the row
	text := s.sql.of("SELECT value FROM {meta} WHERE name = 'store_id'")
	if err := c.pool.QueryRowContext(ctx, text).Scan(&id); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	s.schema.id.Store(&id)
	s.schema.checked.Store(true)
	return nil
}

// identify looks at the tables, unless that was done, before which their id is not
// known.
func (s *Store) identify(ctx context.Context, doing string) error {
	if s.schema.checked.Load() {
		return nil
	}
	return s.read(ctx, doing, func(context.Context, conn) error { return nil })
}

// tablesID is the id of the tables, the same for all who use them. It is known
// after [Store.ready].
func (s *Store) tablesID() string {
	if id := s.schema.id.Load(); id != nil {
		return *id
	}
	return s.info.ID
}
