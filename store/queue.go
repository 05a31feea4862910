package store

import (
	"context"
	"time"
)

// Queue hands deliveries to engines and takes the outcomes back.
//
// The engine holds in memory which lanes have work and how many free slots
// each may use. Due tells it, without taking a lock, which lanes have work and
// when; Claim takes named lanes with numbers. So neither a claim nor a publish
// touches anything that an unclaimable backlog or another publisher holds.
type Queue interface {
	// Due reports lanes with pending deliveries and when each can be claimed
	// next. It takes no locks and is advisory: it may miss deliveries whose
	// transaction has not ended and report ones that another process takes.
	// Lanes of paused endpoints are not reported; those of disabled and deleted
	// ones are.
	Due(ctx context.Context, p DueParams) (DueLanes, error)

	// Claim takes, for each named lane in order, up to N deliveries that are
	// visible now, the earliest VisibleAt first, and stops at Max or MaxBytes.
	// One whose lease ran out may come as early as it did before that lease.
	// No delivery is returned to two callers under one token. Each claimed
	// delivery gets VisibleAt = now + Lease and a Token higher than any before;
	// if its last lease ran out unsettled, Expiries and Interrupted rise by one
	// and Expired is set.
	//
	// Deliveries of a paused endpoint are never returned. Those of a disabled
	// or deleted endpoint are, with the endpoint as it stands (a tombstone has
	// DeletedAt set and may lack everything but ID).
	//
	// Each event stands in the batch once, however many of its deliveries do,
	// and so does each endpoint.
	//
	// If the answer is lost on its way, the leases run out by themselves.
	Claim(ctx context.Context, p ClaimParams) (Batch, error)

	// Settle stores outcomes, all in one transaction with their attempts.
	//
	// An outcome takes effect only if the delivery is pending and holds its
	// Token; the time plays no part. Otherwise nothing about that delivery
	// changes, and its id is in Lost, except that an outcome whose token was
	// settled before is not applied again and not lost: Settle can be repeated.
	// Ids that do not exist are lost.
	//
	// State StatePending makes the delivery visible after Delay (below 0 counts
	// as 0); a terminal state ends it. With an Attempt, the attempt gets the
	// delivery's next number, Attempts rises by one, so does Tries unless Free is
	// set, and Expiries becomes 0; without one (a release) none of them changes.
	// The first StateDelivered sets DeliveredAt. An empty Reason leaves the
	// stored one.
	Settle(ctx context.Context, outcomes []Outcome) (SettleResult, error)
}

// DueParams says where to look.
type DueParams struct {
	// Mark is the place in the order of insertion up to which the caller has
	// looked, from an earlier answer. Lanes with deliveries inserted after it
	// are reported. "" asks for the present end, and reports none.
	Mark string
	// Sweep asks for the next page of a walk over all lanes with pending
	// deliveries, at Cursor; "" begins a new walk at a place of the store's
	// choice.
	Sweep  bool
	Cursor string
	// Limit bounds the lanes of the sweep, and of the tail; at least 1.
	Limit int
}

// DueLanes is what Due saw. A lane may stand in it twice.
type DueLanes struct {
	Lanes []LaneAt
	// Mark is to be handed in next time. Deliveries whose transaction commits
	// late may lie behind it: the sweep finds them.
	Mark string
	// Behind: more was inserted after Mark than Limit lanes could report.
	Behind bool
	// Cursor continues the walk.
	Cursor string
	// Wrapped: the walk is complete. Every lane that had a pending delivery of
	// an endpoint that was not paused, from the walk's beginning to now, has
	// been reported.
	Wrapped bool
	// Now is the store's time, to read LaneAt.Next against.
	Now time.Time
}

// LaneAt is a lane and when it has work next.
type LaneAt struct {
	ID string
	// Next is the earliest VisibleAt among the lane's pending deliveries,
	// leased ones included. If that has passed, any time that has may stand for
	// it. Zero means that there is nothing to come: none is pending, or the
	// endpoint is paused.
	Next time.Time
}

// ClaimParams says what to take.
type ClaimParams struct {
	Lanes []Lane
	// Max bounds the deliveries of the batch; at least 1.
	Max int
	// MaxBytes bounds the event bodies of the batch, each counted once; 0 means
	// no bound. The first delivery is taken whatever its size.
	MaxBytes int
	// Lease is how long the caller may hold what it takes; above 0.
	Lease time.Duration
}

// Lane names a lane and how many to take from it.
type Lane struct {
	ID string
	N  int
}

// Batch is what Claim took.
type Batch struct {
	Deliveries []Claimed
	Events     []Event
	Endpoints  []Endpoint
	// Visited tells, for each lane that was looked at before Max or MaxBytes was
	// reached, what remains in it. A lane that is not in it was not looked at.
	Visited []LaneAt
	// Now is the store's time of the claim.
	Now time.Time
}

// Claimed is one delivery of a Batch.
type Claimed struct {
	Delivery Delivery
	// Event and Endpoint are indexes into the Batch.
	Event, Endpoint int
	// Expired: this claim found that the last lease had run out unsettled.
	Expired bool
}

// Outcome is what became of a claimed delivery.
type Outcome struct {
	DeliveryID string
	Token      int64
	State      State
	// Delay is how long a pending delivery rests, by the store's clock.
	Delay  time.Duration
	Reason Code
	// Attempt is what was seen; nil if nothing was sent.
	Attempt *Attempt
	// Free: the Attempt costs no retry budget, as one that a shutdown cut off.
	Free bool
}

// SettleResult says what was not stored.
type SettleResult struct {
	// Lost holds the ids of deliveries that others have claimed, requeued,
	// cancelled or purged meanwhile.
	Lost []string
}
