package storetest

// The rules of inspect.go, recovery.go and retention.go of package store.
var inspectSections = []section{
	{"Scope", []rule{
		stated(definition, `Scope selects tenants.`),
		proved("Tenant/Lists Stats/Scope Stats/Empty", `The zero value selects the tenant "".`),
	}},
	{"Scope.All", []rule{
		proved("Tenant/Lists Tenant/Scope", `All selects every tenant; Tenant is then ignored.`),
	}},
	{"Page", []rule{
		proved("Page/NewestFirst", `Page is a part of a list, newest first.`),
	}},
	{"Page.Next", []rule{
		proved("Page/LastHasNoNext", `Next is the cursor of the following page, "" if there is none.`),
	}},
	{"Inspector", []rule{
		stated(definition, `Inspector reads.`),
		proved("Page/EqualTimes Page/AcrossTenants Page/NewestFirst Page/Moving Page/Removed Page/Sparse", `Lists are ordered by (CreatedAt, ID), newest first; a cursor names a place in that order, so that a record which matches throughout appears exactly once over the pages, whatever is added, settled or removed meanwhile.`),
		stated(callersDuty, `Limit is at least 1.`),
		proved("Page/InvalidCursor", `ErrInvalidCursor for a cursor that is not one.`),
	}},
	{"Inspector.Event", []rule{
		proved("Insert/EventKept", `Event returns one event.`),
		proved("Tenant/Reads Purge/Old", `ErrNotFound if the tenant has none by that id.`),
	}},
	{"Inspector.Events", []rule{
		proved("Insert/EventKept Filter/Events", `Events returns a page of events, with their bodies.`),
	}},
	{"Inspector.Delivery", []rule{
		proved("Insert/DeliveryStart", `Delivery returns one delivery.`),
		proved("Tenant/Reads Purge/Old", `ErrNotFound if the tenant has none by that id.`),
	}},
	{"Inspector.Deliveries", []rule{
		proved("Filter/Deliveries Page/EqualTimes", `Deliveries returns a page of deliveries.`),
	}},
	{"Inspector.Attempts", []rule{
		proved("Settle/Numbering Settle/Attempt", `Attempts returns the recorded attempts of a delivery, by rising Number.`),
		proved("Tenant/Reads Purge/LateWrite", `ErrNotFound if the tenant has no such delivery.`),
	}},
	{"Inspector.Stats", []rule{
		proved("Stats/EachMove Stats/Scope Stats/Empty", `Stats counts deliveries by state, overall and for each endpoint that has any.`),
		proved("Stats/Random Stats/EachMove Purge/Old Erase/Everything Concurrent/History", `The counts are exact when nothing moves, and are kept by increments: the cost does not grow with the number of deliveries.`),
	}},
	{"EventQuery", []rule{
		proved("Filter/Events", `EventQuery selects events; a zero field does not restrict.`),
	}},
	{"EventQuery.From", []rule{
		proved("Filter/HalfOpen Filter/Events", `From and To bound CreatedAt: From <= CreatedAt < To.`),
	}},
	{"DeliveryQuery", []rule{
		proved("Filter/Deliveries", `DeliveryQuery selects deliveries; a zero field does not restrict.`),
	}},
	{"DeliveryQuery.From", []rule{
		proved("Filter/HalfOpen Filter/Deliveries", `From and To bound CreatedAt: From <= CreatedAt < To.`),
	}},
	{"StatsQuery", []rule{
		stated(definition, `StatsQuery selects what is counted.`),
	}},
	{"StatsQuery.EndpointID", []rule{
		proved("Stats/Scope", `EndpointID restricts to one endpoint; "" does not.`),
	}},
	{"Stats", []rule{
		stated(definition, `Stats are counts of deliveries.`),
	}},
	{"Stats.Endpoints", []rule{
		proved("Stats/Scope", `Endpoints is ordered by EndpointID.`),
	}},
	{"EndpointCounts", []rule{
		stated(definition, `EndpointCounts are the counts of one endpoint.`),
	}},
	{"Counts", []rule{
		stated(definition, `Counts are numbers of deliveries by state.`),
	}},
	{"Recovery", []rule{
		stated(definition, `Recovery makes deliveries happen again, or not at all.`),
	}},
	{"Recovery.Requeue", []rule{
		proved("Requeue/Fresh Requeue/Aligned", `Requeue makes deliveries pending and visible now, and returns what became of each item, aligned.`),
		proved("Every/ContextEndsMidway", `It is atomic: on an error nothing changed.`),
		proved("Requeue/Fresh Requeue/InFlight Fence/Requeued Settle/FirstSuccess", `A requeued delivery keeps its ID, Attempts, CreatedAt and DeliveredAt; its Token rises, so that an attempt in flight is lost to its sender; Tries and Expiries become 0 and Reason empty.`),
	}},
	{"Recovery.Cancel", []rule{
		proved("Cancel/Pending Cancel/NotPending Cancel/Aligned", `Cancel ends pending deliveries as StateCancelled with the reason and returns, aligned with ids, whether each was pending.`),
		proved("Cancel/Pending Fence/Cancelled", `Their Token rises.`),
		proved("Cancel/Aligned Tenant/Writes", `Ids that do not exist in the tenant are false.`),
	}},
	{"RequeueParams", []rule{
		stated(definition, `RequeueParams names deliveries.`),
	}},
	{"RequeueParams.DryRun", []rule{
		proved("Requeue/DryRun Requeue/NotFound", `DryRun returns what would be done and changes nothing.`),
	}},
	{"RequeueItem", []rule{
		proved("Requeue/Fresh Requeue/ByNames", `RequeueItem names a delivery by its id, or by its event and endpoint.`),
	}},
	{"RequeueItem.EventID", []rule{
		proved("Requeue/ByNames Requeue/NotFound", `EventID and EndpointID are read if DeliveryID is "".`),
		proved("Requeue/Created Requeue/Race Insert/NoDeliveries", `The delivery is made if the event exists and has none to that endpoint.`),
	}},
	{"RequeueItem.If", []rule{
		proved("Requeue/If", `If restricts to deliveries in one of these states; empty does not.`),
		proved("Requeue/Created Requeue/Aligned", `It does not restrict the making of one that is missing.`),
	}},
	{"RequeueResult", []rule{
		stated(definition, `RequeueResult is the fate of a RequeueItem.`),
	}},
	{"const RequeueDone", []rule{
		stated(definition, `The fates of a RequeueItem.`),
		stated(callersDuty, `The zero value is invalid.`),
	}},
	{"RequeueDone", []rule{
		proved("Requeue/Fresh", `RequeueDone: the delivery existed and is pending afresh.`),
	}},
	{"RequeueCreated", []rule{
		proved("Requeue/Created", `RequeueCreated: the delivery was made.`),
	}},
	{"RequeueSkipped", []rule{
		proved("Requeue/If", `RequeueSkipped: the delivery is in a state that If leaves out.`),
	}},
	{"RequeueNotFound", []rule{
		proved("Requeue/NotFound Tenant/Writes", `RequeueNotFound: no such delivery or event in the tenant.`),
	}},
	{"RequeueNoBody", []rule{
		proved("Requeue/NoBody", `RequeueNoBody: the event's payload was purged; there is nothing to send.`),
	}},
	{"Requeued", []rule{
		stated(definition, `Requeued is what became of a RequeueItem.`),
	}},
	{"Requeued.DeliveryID", []rule{
		proved("Requeue/DryRun Requeue/If Requeue/NotFound", `DeliveryID and EndpointID are set where a delivery exists; DeliveryID is "" for one that a dry run would make.`),
	}},
	{"Requeued.Was", []rule{
		proved("Requeue/Fresh Requeue/Created Requeue/If", `Was is the state before, 0 if the delivery was made.`),
	}},
	{"Retention", []rule{
		stated(definition, `Retention bounds what is kept.`),
	}},
	{"Retention.Purge", []rule{
		proved("Purge/Old Purge/Pending Purge/ChangedLately Purge/Tombstones Purge/Churn", `Purge removes events that were created more than OlderThan ago and have no pending delivery, and no delivery that changed within OlderThan, together with their deliveries and attempts; tombstones of endpoints without deliveries go too.`),
		proved("Purge/LateWrite", `A late write to what was purged is lost, not an error.`),
		proved("Purge/Limit", `It does at most Limit events at a time, so that claims are not held up.`),
	}},
	{"Retention.EraseTenant", []rule{
		proved("Erase/Everything Erase/Limit Purge/Churn", `EraseTenant removes everything of a tenant, endpoints and pending deliveries included, at most limit events at a time.`),
		proved("Erase/Limit Erase/Everything", `It is done when the result says not More.`),
	}},
	{"PurgeParams", []rule{
		stated(definition, `PurgeParams says what may go.`),
	}},
	{"PurgeParams.BodiesOnly", []rule{
		proved("Purge/BodiesOnly", `BodiesOnly empties the events' Body and the attempts' ResponseBody, and keeps the history.`),
		proved("Requeue/NoBody", `Such events cannot be sent again.`),
	}},
	{"PurgeParams.Limit", []rule{
		proved("Purge/Limit", `Limit bounds the events of one call; at least 1.`),
	}},
	{"Purged", []rule{
		stated(definition, `Purged says what went.`),
	}},
	{"Purged.Events", []rule{
		proved("Purge/Limit Purge/BodiesOnly", `Events counts the events removed or emptied.`),
	}},
	{"Purged.More", []rule{
		proved("Purge/Limit", `More tells that the Limit was reached.`),
	}},
}
