package store

import "context"

// Recovery makes deliveries happen again, or not at all.
type Recovery interface {
	// Requeue makes deliveries pending and visible now, and returns what became
	// of each item, aligned. It is atomic: on an error nothing changed. A
	// requeued delivery keeps its ID, Attempts, CreatedAt and DeliveredAt; its
	// Token rises, so that an attempt in flight is lost to its sender; Tries and
	// Expiries become 0 and Reason empty.
	Requeue(ctx context.Context, p RequeueParams) ([]Requeued, error)

	// Cancel ends pending deliveries as StateCancelled with the reason and
	// returns, aligned with ids, whether each was pending. Their Token rises.
	// Ids that do not exist in the tenant are false.
	Cancel(ctx context.Context, tenant string, ids []string, reason Code) ([]bool, error)
}

// RequeueParams names deliveries.
type RequeueParams struct {
	Items []RequeueItem
	// DryRun returns what would be done and changes nothing.
	DryRun bool
}

// RequeueItem names a delivery by its id, or by its event and endpoint.
type RequeueItem struct {
	Tenant     string
	DeliveryID string
	// EventID and EndpointID are read if DeliveryID is "". The delivery is made
	// if the event exists and has none to that endpoint.
	EventID, EndpointID string
	// If restricts to deliveries in one of these states; empty does not. It
	// does not restrict the making of one that is missing.
	If []State
}

// RequeueResult is the fate of a RequeueItem.
type RequeueResult uint8

// The fates of a RequeueItem. The zero value is invalid.
const (
	// RequeueDone: the delivery existed and is pending afresh.
	RequeueDone RequeueResult = 1
	// RequeueCreated: the delivery was made.
	RequeueCreated RequeueResult = 2
	// RequeueSkipped: the delivery is in a state that If leaves out.
	RequeueSkipped RequeueResult = 3
	// RequeueNotFound: no such delivery or event in the tenant.
	RequeueNotFound RequeueResult = 4
	// RequeueNoBody: the event's payload was purged; there is nothing to send.
	RequeueNoBody RequeueResult = 5
)

// Requeued is what became of a RequeueItem.
type Requeued struct {
	Result RequeueResult
	// DeliveryID and EndpointID are set where a delivery exists; DeliveryID is
	// "" for one that a dry run would make.
	DeliveryID string
	EndpointID string
	// Was is the state before, 0 if the delivery was made.
	Was State
}
