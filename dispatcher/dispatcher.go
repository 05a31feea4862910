package dispatcher

import (
	"context"
	"iter"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// Dispatcher is everything a host does with webhooks, for one tenant. *Engine
// is the one of tenant "". The interface may grow: a fake should embed it.
type Dispatcher interface {
	Publisher
	EndpointManager
	Inspector
	Explainer
	Recoverer
}

// Publisher takes events.
type Publisher interface {
	// Publish stores the event and a delivery for each endpoint that matches
	// now, and wakes the engine. When it returns nil, that is as durable as the
	// store makes it. An event that no endpoint matches is kept as well. What
	// another process or engine changed of endpoints counts within a second.
	//
	// An event whose ID or Key was published before is not stored again: the
	// receipt then says Duplicate and names the original's deliveries. If the
	// earlier event was another one (type, payload, Time, At or Until differ, as
	// they were given), the error is [store.ErrConflict].
	Publish(ctx context.Context, e Event) (Receipt, error)

	// PublishBatch publishes several events in one atomic store call. The
	// receipts align with the events. If some of them conflict, the others are
	// stored and the error, beside the receipts, is a [store.ErrConflict].
	PublishBatch(ctx context.Context, events []Event) ([]Receipt, error)

	// PublishTx publishes within a transaction of the host: the events exist
	// when, and only when, it commits. Call [Engine.Wake] after the commit for
	// the least delay; the engine finds them by itself otherwise. The error is
	// [store.ErrForeignTx] for a transaction that another store made.
	PublishTx(ctx context.Context, tx store.Tx, events ...Event) ([]Receipt, error)
}

// EndpointManager keeps endpoints.
type EndpointManager interface {
	// Register makes an endpoint and returns it with its secret, which is
	// generated unless the configuration gives one. The secret is not shown
	// again.
	Register(ctx context.Context, c EndpointConfig) (Endpoint, signer.Secret, error)
	// Endpoint returns one endpoint; [store.ErrNotFound] if there is none.
	Endpoint(ctx context.Context, id string) (Endpoint, error)
	// Endpoints walks over the endpoints, newest first. It stops after an error.
	Endpoints(ctx context.Context, f EndpointFilter) iter.Seq2[Endpoint, error]
	// EndpointPage returns one page of them, and the cursor of the next, "" at
	// the end. A limit of 0 means 100; 1000 is the most.
	EndpointPage(ctx context.Context, f EndpointFilter, cursor string, limit int) (Page[Endpoint], error)
	// Update changes what is set in u. rev is the Revision that the caller has
	// seen; if the endpoint was changed since, the error is [store.ErrConflict].
	Update(ctx context.Context, id string, rev int64, u EndpointUpdate) (Endpoint, error)
	// RotateSecret gives the endpoint a new secret and returns it. See
	// [Rotation] for when it begins to sign.
	RotateSecret(ctx context.Context, id string, r Rotation) (signer.Secret, error)
	// SwitchSecret makes a prepared secret sign. Those that signed until now end,
	// or go on beside it for 24 h where the signer can carry several signatures.
	// [store.ErrConflict] if none is prepared, or too many sign (see [Rotation]).
	SwitchSecret(ctx context.Context, id string) error
	// Pause holds deliveries back; they are made and wait. One small write,
	// whatever the backlog. A disabled endpoint is paused then, so that deliveries
	// are made for it again.
	Pause(ctx context.Context, id string) error
	// Resume makes a paused or disabled endpoint active.
	Resume(ctx context.Context, id string) error
	// Disable ends an endpoint without deleting it: no deliveries are made for
	// it, and those that wait are cancelled.
	Disable(ctx context.Context, id string) error
	// Delete removes an endpoint. Deliveries that wait are cancelled; the
	// history stays until it is purged.
	Delete(ctx context.Context, id string) error
}

// Inspector tells what happened.
type Inspector interface {
	// Event returns a published event; [store.ErrNotFound] if there is none.
	Event(ctx context.Context, id string) (PublishedEvent, error)
	// Delivery returns one delivery; [store.ErrNotFound] if there is none.
	Delivery(ctx context.Context, id string) (Delivery, error)
	// Deliveries walks over deliveries, newest first. A delivery that matches
	// throughout appears exactly once, whatever happens meanwhile. It stops
	// after an error.
	Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error]
	// DeliveryPage returns one page of them, and the cursor of the next, "" at
	// the end. A limit of 0 means 100; 1000 is the most.
	DeliveryPage(ctx context.Context, f DeliveryFilter, cursor string, limit int) (Page[Delivery], error)
	// Attempts returns the recorded attempts of a delivery, the first first.
	Attempts(ctx context.Context, deliveryID string) ([]Attempt, error)
	// Stats counts deliveries by state, in all and by endpoint.
	Stats(ctx context.Context, f StatsFilter) (Stats, error)
}
