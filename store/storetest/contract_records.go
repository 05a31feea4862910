package storetest

// The rules of event.go, delivery.go and endpoint.go of package store.
var recordSections = []section{
	{"Event", []rule{
		stated(definition, `Event is something that happened in the host, published once.`),
	}},
	{"Event.ID", []rule{
		proved("Dedupe/Tenants Dedupe/ByteByByte Insert/EventKept", `ID is unique within the tenant, at most 64 bytes of [A-Za-z0-9_-], compared byte by byte.`),
	}},
	{"Event.Type", []rule{
		proved("Insert/EventKept", `Type is dotted, such as "invoice.paid", at most 128 bytes.`),
	}},
	{"Event.Body", []rule{
		proved("Insert/EventKept", `Body holds the exact bytes that every attempt signs and sends.`),
		proved("Purge/BodiesOnly Insert/EventKept", `It is nil once the payload was purged.`),
	}},
	{"Event.Header", []rule{
		proved("Insert/EventKept Copies/EventHeader", `Header holds further fields of the request that belong to the event, in their order; nil if there are none.`),
	}},
	{"Event.Digest", []rule{
		stated(definition, `Digest identifies what the host published.`),
		proved("Dedupe/Duplicate Dedupe/Conflict Dedupe/Digest", `An insert with the id of a stored event and an equal digest is a duplicate, with another one a conflict.`),
		proved("Dedupe/Digest", `At most 32 bytes.`),
	}},
	{"Event.Time", []rule{
		proved("Insert/EventKept Lease/StoresClock", `Time is when it happened, by the host's word.`),
	}},
	{"Event.At", []rule{
		proved("Insert/Scheduled Insert/DeliveryStart", `At is the earliest time of the first attempt; zero means at once.`),
	}},
	{"Event.Until", []rule{
		proved("Insert/EventKept", `Until is when the event stops being of use; zero means never.`),
	}},
	{"Event.CreatedAt", []rule{
		proved("Insert/EventKept Lease/StoresClock", `CreatedAt is set by the store.`),
	}},
	{"MatchingPatterns", []rule{
		proved("Match/Patterns", `MatchingPatterns returns every pattern that matches eventType, the widest first: "*", then each dotted prefix with ".*", then the type itself.`),
		proved("Match/Patterns", `For "invoice.item.added": "*", "invoice.*", "invoice.item.*" and the type.`),
		stated(cost, `There are finitely many, so stores match by index look-ups, never by a scan.`),
		proved("Match/Patterns", `"invoice.*" does not match "invoice".`),
	}},
	{"State", []rule{
		stated(definition, `State is the state of a delivery.`),
	}},
	{"const StatePending", []rule{
		stated(definition, `The states of a delivery.`),
		stated(callersDuty, `The zero value is invalid.`),
		proved("Requeue/Fresh Cancel/NotPending Fence/Repeat Claim/PendingOnly", `All but StatePending are terminal: only [Recovery.Requeue] leaves them.`),
	}},
	{"StateFailed", []rule{
		stated(definition, `StateFailed: the retries are used up, or no retry could succeed.`),
	}},
	{"StateCancelled", []rule{
		stated(definition, `StateCancelled: given up without blame on the receiver: by the host, or because the endpoint or the event's use had ended.`),
	}},
	{"Code", []rule{
		stated(callersDuty, `Code is a short machine-readable reason, such as "http_status" or "endpoint_deleted": at most 64 bytes of [a-z0-9_].`),
		proved("Settle/Reason Endpoint/Kept", `The dispatcher defines them; stores keep them as they are.`),
	}},
	{"Delivery", []rule{
		stated(definition, `Delivery is one event to one endpoint.`),
		proved("Requeue/Created Requeue/Race Dedupe/Duplicate", `There is at most one for each pair.`),
	}},
	{"Delivery.ID", []rule{
		proved("Insert/Result Requeue/Created", `ID is made by the store at Insert: unique over all tenants, at most 64 bytes of [A-Za-z0-9_-].`),
	}},
	{"Delivery.Reason", []rule{
		proved("Settle/Reason Cancel/Pending", `Reason says why the delivery is in its state, or why its last attempt failed.`),
	}},
	{"Delivery.Attempts", []rule{
		proved("Settle/Numbering Settle/Release Requeue/Fresh", `Attempts counts the recorded attempts over the delivery's whole life.`),
	}},
	{"Delivery.Tries", []rule{
		proved("Settle/Free Settle/Release Requeue/Fresh Settle/Numbering", `Tries counts the recorded attempts of the present schedule that were not free; [Recovery.Requeue] starts it afresh.`),
		stated(dispatchersDuty, `It is the retry budget used.`),
	}},
	{"Delivery.Expiries", []rule{
		proved("Lease/ExpiriesInARow Lease/Expiry Lease/SettledIsNotExpired", `Expiries counts the leases that expired one after another, without a recorded attempt between them: attempts of unknown outcome.`),
	}},
	{"Delivery.Interrupted", []rule{
		proved("Lease/Expiry Lease/ExpiriesInARow Requeue/Fresh Concurrent/History", `Interrupted counts all leases that ever expired.`),
	}},
	{"Delivery.Token", []rule{
		proved("Claim/Token Requeue/Fresh Cancel/Pending", `Token rises at every Claim, Requeue and Cancel.`),
	}},
	{"Delivery.Claimed", []rule{
		proved("Lease/Holds Insert/DeliveryStart Settle/Delivered Requeue/InFlight", `Claimed tells that a lease is outstanding; VisibleAt is its end.`),
	}},
	{"Delivery.VisibleAt", []rule{
		proved("Claim/Visible Settle/Delay Insert/Scheduled", `VisibleAt is when a pending delivery can be claimed next.`),
	}},
	{"Delivery.LastStatus", []rule{
		proved("Settle/LastStatus", `LastStatus is the HTTP status of the last recorded attempt, 0 if it got none.`),
	}},
	{"Delivery.DeliveredAt", []rule{
		proved("Settle/FirstSuccess Settle/Delivered", `DeliveredAt is the time of the first success.`),
		proved("Settle/FirstSuccess Requeue/Fresh", `Nothing erases it.`),
	}},
	{"Attempt", []rule{
		proved("Settle/Attempt", `Attempt is one HTTP try of a delivery, with everything seen.`),
		stated(callersDuty, `Its strings are valid UTF-8 without NUL; its sizes are bounded by the dispatcher.`),
	}},
	{"Attempt.Number", []rule{
		proved("Settle/Numbering Fence/Repeat Concurrent/History", `Number is set at Settle: 1 for the delivery's first recorded attempt, rising by one, never changed.`),
	}},
	{"Attempt.StartedAt", []rule{
		proved("Settle/Attempt", `StartedAt is the sender's time.`),
	}},
	{"Attempt.Duration", []rule{
		proved("Settle/Attempt", `Duration runs from the start to the end of the response body.`),
	}},
	{"Attempt.Truncated", []rule{
		proved("Settle/Attempt", `Truncated tells that the response body was longer than what is kept.`),
	}},
	{"Attempt.Code", []rule{
		proved("Settle/Attempt", `Code is the class of the outcome, Error its text; Error is empty after a complete response.`),
	}},
	{"Header", []rule{
		proved("Settle/Attempt", `Header is one field line.`),
	}},
	{"Timings", []rule{
		proved("Settle/Attempt", `Timings are parts of an attempt's Duration; zero means that the part did not happen, as on a reused connection.`),
	}},
	{"EndpointStatus", []rule{
		stated(definition, `EndpointStatus says what happens to events that match an endpoint.`),
	}},
	{"const EndpointActive", []rule{
		stated(definition, `The states of an endpoint.`),
		stated(callersDuty, `The zero value is invalid.`),
	}},
	{"EndpointActive", []rule{
		stated(dispatchersDuty, `EndpointActive: deliveries are made and sent.`),
	}},
	{"EndpointPaused", []rule{
		proved("Status/Paused Status/Resumed Match/Status", `EndpointPaused: deliveries are made and wait; [Queue.Claim] never returns them until the endpoint is active again.`),
	}},
	{"EndpointDisabled", []rule{
		proved("Status/Disabled Match/Status", `EndpointDisabled: no deliveries are made ([Writer.Match] leaves it out); those that were pending are claimed so that the engine can cancel them.`),
	}},
	{"Endpoint", []rule{
		stated(definition, `Endpoint is where a receiver wants its events.`),
		proved("Endpoint/Kept Copies/Endpoint", `Secrets and Headers reach the store sealed; a store keeps their bytes as they are.`),
	}},
	{"Endpoint.ID", []rule{
		proved("Endpoint/Exists Endpoint/ByteByByte Endpoint/Kept", `ID is unique over all tenants, at most 64 bytes of [A-Za-z0-9_-], compared byte by byte.`),
		proved("Claim/NamedLanesOnly Endpoint/ByteByByte", `It is also the id of the endpoint's lane.`),
	}},
	{"Endpoint.URL", []rule{
		proved("Endpoint/Kept", `URL may hold credentials in its query; it is data to the store.`),
	}},
	{"Endpoint.Patterns", []rule{
		proved("Match/Patterns Match/AfterUpdate", `Patterns are the events the endpoint subscribes to: "*", an exact type, or a dotted prefix followed by ".*".`),
		proved("Match/Patterns", `See [MatchingPatterns].`),
	}},
	{"Endpoint.StatusReason", []rule{
		proved("Status/Set Endpoint/Create", `StatusReason says why the endpoint is paused or disabled; empty if a host did it without giving a reason.`),
	}},
	{"Endpoint.Headers", []rule{
		proved("Endpoint/Kept Copies/Endpoint", `Headers are the sealed custom headers, nil if there are none.`),
	}},
	{"Endpoint.Retry", []rule{
		proved("Endpoint/Kept", `Retry holds the delays between attempts, in order; nil means the dispatcher's policy.`),
	}},
	{"Endpoint.MaxInFlight", []rule{
		proved("Endpoint/Kept", `MaxInFlight caps how many deliveries one process sends to the endpoint at once; 0 means the dispatcher's default.`),
	}},
	{"Endpoint.Revision", []rule{
		proved("Endpoint/Create Endpoint/Update Status/Revision", `Revision starts at 1 and rises by one at each write.`),
	}},
	{"Endpoint.DeletedAt", []rule{
		proved("Status/Deleted", `DeletedAt is set on a tombstone: an endpoint that was deleted.`),
		proved("Endpoint/NotFound Endpoint/List Status/Deleted", `Only [Queue.Claim] returns tombstones.`),
	}},
	{"SealedSecret", []rule{
		stated(definition, `SealedSecret is one secret of an endpoint as the store sees it.`),
	}},
	{"SealedSecret.Version", []rule{
		stated(callersDuty, `Version numbers an endpoint's secrets from 1 and is never used again.`),
	}},
	{"SealedSecret.CreatedAt", []rule{
		proved("Endpoint/Kept", `CreatedAt is the dispatcher's time.`),
	}},
	{"SealedSecret.ExpiresAt", []rule{
		proved("Endpoint/Kept", `ExpiresAt ends a retiring secret; zero means that it has no end.`),
	}},
	{"SecretPhase", []rule{
		stated(definition, `SecretPhase is the place of a secret in a rotation.`),
	}},
	{"const SecretActive", []rule{
		stated(definition, `The phases of a secret.`),
		stated(callersDuty, `The zero value is invalid.`),
	}},
	{"SecretActive", []rule{
		stated(dispatchersDuty, `SecretActive signs.`),
	}},
	{"SecretRetiring", []rule{
		stated(dispatchersDuty, `SecretRetiring signs beside the active one until it expires, where the scheme can carry two signatures.`),
	}},
	{"SecretPrepared", []rule{
		stated(dispatchersDuty, `SecretPrepared is known to the receiver but does not sign yet.`),
	}},
	{"Endpoints", []rule{
		stated(definition, `Endpoints keeps endpoints.`),
	}},
	{"Endpoints.CreateEndpoint", []rule{
		proved("Endpoint/Create Endpoint/Kept", `CreateEndpoint inserts e with Revision 1 and the store's times, and returns it as stored.`),
		proved("Endpoint/Exists", `ErrExists if the id is taken, by a tombstone too.`),
	}},
	{"Endpoints.Endpoint", []rule{
		proved("Endpoint/Kept Endpoint/Create", `Endpoint returns one endpoint.`),
		proved("Endpoint/NotFound Tenant/Endpoints", `ErrNotFound if it does not exist in the tenant or was deleted.`),
	}},
	{"Endpoints.Endpoints", []rule{
		proved("Endpoint/List Page/NewestFirst", `Endpoints returns a page, newest first, without deleted ones.`),
	}},
	{"Endpoints.UpdateEndpoint", []rule{
		proved("Endpoint/Update Endpoint/UpdateConflict Endpoint/UpdateKeepsStatus Endpoint/UpdateRace", `UpdateEndpoint replaces everything but ID, Tenant, Status, StatusReason and times, if the stored Revision still equals e.Revision (otherwise ErrConflict, and nothing changes), and returns it as stored.`),
	}},
	{"Endpoints.SetEndpointStatus", []rule{
		proved("Status/Backlog", `SetEndpointStatus is one small write, whatever the endpoint's backlog.`),
		proved("Status/Paused Status/Resumed Status/Disabled Match/Status Shared/Status", `It takes effect for every Claim and Match that begins after it returned.`),
		proved("Status/Revision Status/Set", `The Revision rises unless the endpoint had this status and reason already.`),
	}},
	{"Endpoints.DeleteEndpoint", []rule{
		proved("Status/Deleted Endpoint/NotFound", `DeleteEndpoint turns the endpoint into a tombstone, one small write.`),
		proved("Status/Deleted Due/DisabledDeleted", `Its pending deliveries stay claimable, so that the engine can cancel them.`),
		proved("Status/DeleteTwice Endpoint/NotFound Tenant/Endpoints", `ErrNotFound if there is none, or it was deleted before.`),
	}},
	{"EndpointQuery", []rule{
		stated(definition, `EndpointQuery selects endpoints.`),
	}},
	{"EndpointQuery.Status", []rule{
		proved("Endpoint/List", `Status selects one status; zero selects all.`),
	}},
}
