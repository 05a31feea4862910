package storetest

// The rules of writer.go and queue.go of package store.
var queueSections = []section{
	{"Writer", []rule{
		stated(definition, `Writer takes events in.`),
		proved("Insert/EndpointsNotChecked Status/Deleted Status/Disabled", `Match and Insert need not be atomic together: an endpoint that is deleted, paused or disabled between them keeps the deliveries made for it, and Claim says what became of it.`),
	}},
	{"Writer.Match", []rule{
		proved("Match/Aligned Match/Once Match/Status Match/Patterns Match/Whole Tenant/Match Tx/Match", `Match returns, aligned with types, the endpoints of the tenant that are active or paused and have a pattern in [MatchingPatterns] of the type, each once.`),
	}},
	{"Writer.Insert", []rule{
		proved("Insert/Result Insert/Batch", `Insert stores events with their deliveries and returns what became of each, aligned with events.`),
		proved("Insert/ErrorStoresNothing Every/ContextEndsMidway Insert/Full", `It is atomic: on an error nothing is stored.`),
		proved("Dedupe/Duplicate Dedupe/Conflict Dedupe/WithinBatch Dedupe/Tenants Dedupe/Race Tx/Duplicate", `An event whose (Tenant, ID) is stored already, or stands earlier in the batch, is not stored again: with an equal Digest the result is Duplicate and names the deliveries of the original, otherwise it is Conflict.`),
		proved("Dedupe/RestProceeds Dedupe/WithinBatch", `The rest of the batch proceeds.`),
		proved("Insert/DeliveryStart Insert/Scheduled", `Deliveries start as pending and visible at the later of now and the event's At.`),
		proved("Insert/EndpointsNotChecked Claim/Endpoint", `Endpoints are not checked: a delivery for one that does not exist is stored, and Claim returns it with a tombstone.`),
		proved("Insert/DeliveryStart Shared/SeesWrites", `When Insert has returned nil, the events are as durable as the store makes anything, and the deliveries can be claimed.`),
		proved("Insert/Full", `ErrFull if there is no room.`),
	}},
	{"NewEvent", []rule{
		stated(definition, `NewEvent is an event with the endpoints it goes to.`),
	}},
	{"NewEvent.Deliveries", []rule{
		proved("Insert/NoDeliveries", `Deliveries may be empty: the event is kept and can be replayed later.`),
		stated(callersDuty, `An endpoint stands in it at most once.`),
	}},
	{"NewDelivery", []rule{
		stated(definition, `NewDelivery is a delivery to be made.`),
	}},
	{"Inserted", []rule{
		stated(definition, `Inserted is the fate of one event of an Insert.`),
	}},
	{"DeliveryRef", []rule{
		stated(definition, `DeliveryRef names a delivery and where it goes.`),
	}},
	{"Tx", []rule{
		proved("Tx/Commit Tx/Rollback", `Tx is a Writer bound to a transaction of the host: what it inserts exists when, and only when, the host commits.`),
		stated(definition, `Only a store that lives in a database makes one.`),
	}},
	{"Tx.StoreID", []rule{
		proved("Tx/StoreID", `StoreID equals the [Info].ID of the store that made it.`),
	}},
	{"Queue", []rule{
		stated(definition, `Queue hands deliveries to engines and takes the outcomes back.`),
		stated(dispatchersDuty, `The engine holds in memory which lanes have work and how many free slots each may use.`),
		proved("Due/Advisory Due/Tail Claim/N", `Due tells it, without taking a lock, which lanes have work and when; Claim takes named lanes with numbers.`),
		proved("Claim/PastTheUnclaimable Tx/BlocksNobody", `So neither a claim nor a publish touches anything that an unclaimable backlog or another publisher holds.`),
	}},
	{"Queue.Due", []rule{
		proved("Due/Tail Due/Sweep Due/Next Due/SweepMoving", `Due reports lanes with pending deliveries and when each can be claimed next.`),
		proved("Due/Advisory Tx/BlocksNobody", `It takes no locks and is advisory: it may miss deliveries whose transaction has not ended and report ones that another process takes.`),
		proved("Due/Paused Due/DisabledDeleted Status/Backlog", `Lanes of paused endpoints are not reported; those of disabled and deleted ones are.`),
	}},
	{"Queue.Claim", []rule{
		proved("Claim/Order Claim/LaneOrder Claim/N Claim/Max Claim/MaxBytes Claim/RepeatedLane Claim/NamedLanesOnly", `Claim takes, for each named lane in order, up to N deliveries that are visible now, the earliest VisibleAt first, and stops at Max or MaxBytes.`),
		stated(licence, `One whose lease ran out may come as early as it did before that lease.`),
		proved("Claim/Once Concurrent/History Concurrent/SharedHistory", `No delivery is returned to two callers under one token.`),
		proved("Lease/Length Claim/Token Lease/Expiry Lease/ExpiriesInARow Lease/SettledIsNotExpired", `Each claimed delivery gets VisibleAt = now + Lease and a Token higher than any before; if its last lease ran out unsettled, Expiries and Interrupted rise by one and Expired is set.`),
		proved("Status/Paused Status/Resumed Claim/PastTheUnclaimable Shared/Status", `Deliveries of a paused endpoint are never returned.`),
		proved("Status/Disabled Status/Deleted Claim/Endpoint", `Those of a disabled or deleted endpoint are, with the endpoint as it stands (a tombstone has DeletedAt set and may lack everything but ID).`),
		proved("Claim/EachEventOnce Claim/Content", `Each event stands in the batch once, however many of its deliveries do, and so does each endpoint.`),
		proved("Lease/Expiry", `If the answer is lost on its way, the leases run out by themselves.`),
	}},
	{"Queue.Settle", []rule{
		proved("Settle/Mixture Settle/Batch Every/ContextEndsMidway Fence/ErrorSettlesNothing", `Settle stores outcomes, all in one transaction with their attempts.`),
		proved("Fence/LateButHeld Fence/Stale Fence/Requeued Fence/Cancelled Settle/Mixture", `An outcome takes effect only if the delivery is pending and holds its Token; the time plays no part.`),
		proved("Fence/Stale Fence/Repeat Fence/RepeatChanged Fence/RepeatLater Fence/ManyTokens Fence/TwiceInBatch Fence/Race Settle/Mixture", `Otherwise nothing about that delivery changes, and its id is in Lost, except that an outcome whose token was settled before is not applied again and not lost: Settle can be repeated.`),
		proved("Fence/Unknown Settle/Mixture", `Ids that do not exist are lost.`),
		proved("Settle/Delay Settle/Terminal Settle/Delivered", `State StatePending makes the delivery visible after Delay (below 0 counts as 0); a terminal state ends it.`),
		proved("Settle/Numbering Settle/Free Settle/Release Settle/Delivered Lease/Expiry", `With an Attempt, the attempt gets the delivery's next number, Attempts rises by one, so does Tries unless Free is set, and Expiries becomes 0; without one (a release) none of them changes.`),
		proved("Settle/FirstSuccess Settle/Delivered", `The first StateDelivered sets DeliveredAt.`),
		proved("Settle/Reason", `An empty Reason leaves the stored one.`),
	}},
	{"DueParams", []rule{
		stated(definition, `DueParams says where to look.`),
	}},
	{"DueParams.Mark", []rule{
		proved("Due/Tail", `Mark is the place in the order of insertion up to which the caller has looked, from an earlier answer.`),
		proved("Due/Tail Due/TailLimit Shared/Tail", `Lanes with deliveries inserted after it are reported.`),
		proved("Due/Start", `"" asks for the present end, and reports none.`),
	}},
	{"DueParams.Sweep", []rule{
		proved("Due/Sweep Due/SweepPages Due/ManyLanes", `Sweep asks for the next page of a walk over all lanes with pending deliveries, at Cursor; "" begins a new walk at a place of the store's choice.`),
	}},
	{"DueParams.Limit", []rule{
		proved("Due/TailBehind Due/SweepPages", `Limit bounds the lanes of the sweep, and of the tail; at least 1.`),
	}},
	{"DueLanes", []rule{
		stated(definition, `DueLanes is what Due saw.`),
		stated(callersDuty, `A lane may stand in it twice.`),
	}},
	{"DueLanes.Mark", []rule{
		proved("Due/Tail Due/Both", `Mark is to be handed in next time.`),
		proved("Tx/Commit", `Deliveries whose transaction commits late may lie behind it: the sweep finds them.`),
	}},
	{"DueLanes.Behind", []rule{
		proved("Due/TailBehind Due/TailLimit", `Behind: more was inserted after Mark than Limit lanes could report.`),
	}},
	{"DueLanes.Cursor", []rule{
		proved("Due/SweepPages", `Cursor continues the walk.`),
	}},
	{"DueLanes.Wrapped", []rule{
		proved("Due/SweepPages Due/Both", `Wrapped: the walk is complete.`),
		proved("Due/SweepMoving Due/SweepPages Due/Paused Concurrent/Sweep", `Every lane that had a pending delivery of an endpoint that was not paused, from the walk's beginning to now, has been reported.`),
	}},
	{"DueLanes.Now", []rule{
		proved("Due/Start Lease/StoresClock", `Now is the store's time, to read LaneAt.Next against.`),
	}},
	{"LaneAt", []rule{
		stated(definition, `LaneAt is a lane and when it has work next.`),
	}},
	{"LaneAt.Next", []rule{
		proved("Due/Next Claim/Visited Claim/VisitedBounded Tenant/SharedLane", `Next is the earliest VisibleAt among the lane's pending deliveries, leased ones included.`),
		stated(licence, `If that has passed, any time that has may stand for it.`),
		proved("Claim/Visited Due/Next Status/Paused Claim/PendingOnly", `Zero means that there is nothing to come: none is pending, or the endpoint is paused.`),
	}},
	{"ClaimParams", []rule{
		stated(definition, `ClaimParams says what to take.`),
	}},
	{"ClaimParams.Max", []rule{
		proved("Claim/Max Claim/VisitedBounded", `Max bounds the deliveries of the batch; at least 1.`),
	}},
	{"ClaimParams.MaxBytes", []rule{
		proved("Claim/MaxBytes", `MaxBytes bounds the event bodies of the batch, each counted once; 0 means no bound.`),
		proved("Claim/MaxBytes", `The first delivery is taken whatever its size.`),
	}},
	{"ClaimParams.Lease", []rule{
		proved("Lease/Length", `Lease is how long the caller may hold what it takes; above 0.`),
	}},
	{"Lane", []rule{
		proved("Claim/N", `Lane names a lane and how many to take from it.`),
	}},
	{"Batch", []rule{
		stated(definition, `Batch is what Claim took.`),
	}},
	{"Batch.Visited", []rule{
		proved("Claim/Visited Claim/VisitedBounded", `Visited tells, for each lane that was looked at before Max or MaxBytes was reached, what remains in it.`),
		proved("Claim/VisitedBounded Claim/Visited", `A lane that is not in it was not looked at.`),
	}},
	{"Batch.Now", []rule{
		proved("Claim/Content Lease/StoresClock", `Now is the store's time of the claim.`),
	}},
	{"Claimed", []rule{
		stated(definition, `Claimed is one delivery of a Batch.`),
	}},
	{"Claimed.Event", []rule{
		proved("Claim/Content Claim/EachEventOnce", `Event and Endpoint are indexes into the Batch.`),
	}},
	{"Claimed.Expired", []rule{
		proved("Lease/Expiry Lease/ExpiriesInARow Requeue/Fresh", `Expired: this claim found that the last lease had run out unsettled.`),
	}},
	{"Outcome", []rule{
		stated(definition, `Outcome is what became of a claimed delivery.`),
	}},
	{"Outcome.Delay", []rule{
		proved("Settle/Delay Lease/StoresClock", `Delay is how long a pending delivery rests, by the store's clock.`),
	}},
	{"Outcome.Attempt", []rule{
		proved("Settle/Release Settle/Attempt", `Attempt is what was seen; nil if nothing was sent.`),
	}},
	{"Outcome.Free", []rule{
		proved("Settle/Free", `Free: the Attempt costs no retry budget, as one that a shutdown cut off.`),
	}},
	{"SettleResult", []rule{
		stated(definition, `SettleResult says what was not stored.`),
	}},
	{"SettleResult.Lost", []rule{
		proved("Fence/Stale Fence/Requeued Fence/Cancelled Purge/LateWrite", `Lost holds the ids of deliveries that others have claimed, requeued, cancelled or purged meanwhile.`),
	}},
}
