package store

import "context"

// Writer takes events in. Match and Insert need not be atomic together: an
// endpoint that is deleted, paused or disabled between them keeps the
// deliveries made for it, and Claim says what became of it.
type Writer interface {
	// Match returns, aligned with types, the endpoints of the tenant that are
	// active or paused and have a pattern in [MatchingPatterns] of the type,
	// each once.
	Match(ctx context.Context, tenant string, types []string) ([][]Endpoint, error)

	// Insert stores events with their deliveries and returns what became of
	// each, aligned with events. It is atomic: on an error nothing is stored.
	//
	// An event whose (Tenant, ID) is stored already, or stands earlier in the
	// batch, is not stored again: with an equal Digest the result is Duplicate
	// and names the deliveries of the original, otherwise it is Conflict. The
	// rest of the batch proceeds.
	//
	// Deliveries start as pending and visible at the later of now and the
	// event's At. Endpoints are not checked: a delivery for one that does not
	// exist is stored, and Claim returns it with a tombstone. When Insert has
	// returned nil, the events are as durable as the store makes anything, and
	// the deliveries can be claimed.
	//
	// ErrFull if there is no room.
	Insert(ctx context.Context, events []NewEvent) ([]Inserted, error)
}

// NewEvent is an event with the endpoints it goes to.
type NewEvent struct {
	Event Event
	// Deliveries may be empty: the event is kept and can be replayed later.
	// An endpoint stands in it at most once.
	Deliveries []NewDelivery
}

// NewDelivery is a delivery to be made.
type NewDelivery struct {
	EndpointID string
}

// Inserted is the fate of one event of an Insert.
type Inserted struct {
	EventID    string
	Deliveries []DeliveryRef
	Duplicate  bool
	Conflict   bool
}

// DeliveryRef names a delivery and where it goes.
type DeliveryRef struct{ ID, EndpointID string }

// Tx is a Writer bound to a transaction of the host: what it inserts exists
// when, and only when, the host commits. Only a store that lives in a database
// makes one.
type Tx interface {
	Writer
	// StoreID equals the [Info].ID of the store that made it.
	StoreID() string
}
