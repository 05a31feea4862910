package store

import (
	"context"
	"time"
)

// Retention bounds what is kept.
type Retention interface {
	// Purge removes events that were created more than OlderThan ago and have no
	// pending delivery, and no delivery that changed within OlderThan, together
	// with their deliveries and attempts; tombstones of endpoints without
	// deliveries go too. A late write to what was purged is lost, not an error.
	// It does at most Limit events at a time, so that claims are not held up.
	Purge(ctx context.Context, p PurgeParams) (Purged, error)

	// EraseTenant removes everything of a tenant, endpoints and pending
	// deliveries included, at most limit events at a time. It is done when the
	// result says not More.
	EraseTenant(ctx context.Context, tenant string, limit int) (Purged, error)
}

// PurgeParams says what may go.
type PurgeParams struct {
	OlderThan time.Duration
	// BodiesOnly empties the events' Body and the attempts' ResponseBody, and
	// keeps the history. Such events cannot be sent again.
	BodiesOnly bool
	// Limit bounds the events of one call; at least 1.
	Limit int
}

// Purged says what went.
type Purged struct {
	// Events counts the events removed or emptied.
	Events int
	// More tells that the Limit was reached.
	More bool
}
