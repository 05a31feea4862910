package gormstore

import (
	"context"
	"sync/atomic"
)

// schemaState remembers that the tables were seen to be ones that the library
// can work with. The zero value has not looked.
type schemaState struct{ checked atomic.Bool }

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
	s.schema.checked.Store(true)
	return nil
}
