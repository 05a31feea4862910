package dispatchertest

import (
	"context"

	"github.com/postrider/postrider/store"
)

// What a store can do besides taking events. Only methods that the Dispatcher
// interface may gain, and a Run of the engine, could get here; they get an error
// and no nil pointer.

func (l *ledger) Due(context.Context, store.DueParams) (store.DueLanes, error) {
	return store.DueLanes{}, l.unfaked("a store's Due")
}

func (l *ledger) Claim(context.Context, store.ClaimParams) (store.Batch, error) {
	return store.Batch{}, l.unfaked("a store's Claim")
}

func (l *ledger) Settle(context.Context, []store.Outcome) (store.SettleResult, error) {
	return store.SettleResult{}, l.unfaked("a store's Settle")
}

func (l *ledger) CreateEndpoint(context.Context, store.Endpoint) (store.Endpoint, error) {
	return store.Endpoint{}, l.unfaked("a store's CreateEndpoint")
}

func (l *ledger) Endpoint(context.Context, string, string) (store.Endpoint, error) {
	return store.Endpoint{}, l.unfaked("a store's Endpoint")
}

func (l *ledger) Endpoints(context.Context, store.EndpointQuery) (store.Page[store.Endpoint], error) {
	return store.Page[store.Endpoint]{}, l.unfaked("a store's Endpoints")
}

func (l *ledger) UpdateEndpoint(context.Context, store.Endpoint) (store.Endpoint, error) {
	return store.Endpoint{}, l.unfaked("a store's UpdateEndpoint")
}

func (l *ledger) SetEndpointStatus(context.Context, string, string, store.EndpointStatus, store.Code) (store.Endpoint, error) {
	return store.Endpoint{}, l.unfaked("a store's SetEndpointStatus")
}

func (l *ledger) DeleteEndpoint(context.Context, string, string) error {
	return l.unfaked("a store's DeleteEndpoint")
}

func (l *ledger) Events(context.Context, store.EventQuery) (store.Page[store.Event], error) {
	return store.Page[store.Event]{}, l.unfaked("a store's Events")
}

func (l *ledger) Delivery(context.Context, string, string) (store.Delivery, error) {
	return store.Delivery{}, l.unfaked("a store's Delivery")
}

func (l *ledger) Deliveries(context.Context, store.DeliveryQuery) (store.Page[store.Delivery], error) {
	return store.Page[store.Delivery]{}, l.unfaked("a store's Deliveries")
}

func (l *ledger) Attempts(context.Context, string, string) ([]store.Attempt, error) {
	return nil, l.unfaked("a store's Attempts")
}

func (l *ledger) Stats(context.Context, store.StatsQuery) (store.Stats, error) {
	return store.Stats{}, l.unfaked("a store's Stats")
}

func (l *ledger) Requeue(context.Context, store.RequeueParams) ([]store.Requeued, error) {
	return nil, l.unfaked("a store's Requeue")
}

func (l *ledger) Cancel(context.Context, string, []string, store.Code) ([]bool, error) {
	return nil, l.unfaked("a store's Cancel")
}

func (l *ledger) Purge(context.Context, store.PurgeParams) (store.Purged, error) {
	return store.Purged{}, l.unfaked("a store's Purge")
}

func (l *ledger) EraseTenant(context.Context, string, int) (store.Purged, error) {
	return store.Purged{}, l.unfaked("a store's EraseTenant")
}
