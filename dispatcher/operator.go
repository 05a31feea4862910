package dispatcher

import (
	"context"
	"iter"

	"github.com/postrider/postrider/store"
)

// OperatorView reads across all tenants, for those who run the service. What it
// shows names its tenant; to act on it, use [Engine.Tenant].
type OperatorView interface {
	// Endpoints, EndpointPage, Deliveries, DeliveryPage and Stats are those of
	// [EndpointManager] and [Inspector], over all tenants.
	Endpoints(ctx context.Context, f EndpointFilter) iter.Seq2[Endpoint, error]
	EndpointPage(ctx context.Context, f EndpointFilter, cursor string, limit int) (Page[Endpoint], error)
	Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error]
	DeliveryPage(ctx context.Context, f DeliveryFilter, cursor string, limit int) (Page[Delivery], error)
	Stats(ctx context.Context, f StatsFilter) (Stats, error)
}

// Operator returns a view over all tenants. Do not hand it to one.
func (e *Engine) Operator() OperatorView {
	return &tenant{engine: e, scope: store.Scope{All: true}}
}
