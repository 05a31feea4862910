package store

import "errors"

// Errors that a store returns, wrapped or bare; test with errors.Is. Any other
// error is taken as passing: the engine logs it, backs off and tries again.
var (
	// ErrNotFound: no such record in that tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the record changed since it was read (an endpoint's
	// Revision), or an idempotency key was used before with another event.
	ErrConflict = errors.New("conflict")
	// ErrExists: a record with that id exists.
	ErrExists = errors.New("already exists")
	// ErrFull: the store has no room; nothing was written. Deliveries that are
	// in it go on.
	ErrFull = errors.New("store is full")
	// ErrForeignTx: a Tx of another store was handed in.
	ErrForeignTx = errors.New("transaction belongs to another store")
	// ErrInvalidCursor: a cursor that this store did not make for this query.
	ErrInvalidCursor = errors.New("invalid cursor")
)
