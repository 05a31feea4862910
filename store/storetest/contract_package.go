package storetest

// The rules of doc.go, store.go and errors.go of package store.
var packageSections = []section{
	{"store", []rule{
		stated(definition, `Package store is the contract between the dispatcher and the place where endpoints, events, deliveries and attempts are kept.`),
		stated(packagesOwn, `It holds records, interfaces and errors, and does no I/O.`),
		stated(forHosts, `Hosts meet it in two places: they construct a store (memstore, gormstore, redisstore, or their own) and hand it to dispatcher.New, and they test for its errors with errors.Is.`),
		stated(definition, `Everything else here is for people who write a store; the conformance suite in storetest proves each duty stated in these comments.`),
		stated(definition, `An [Endpoint] is a URL of a receiver with the event patterns it subscribes to.`),
		proved("Insert/EventKept Copies/Insert", `An [Event] is published once and kept as the exact bytes that every attempt signs and sends.`),
		stated(definition, `A [Delivery] is one event to one endpoint, with a state.`),
		stated(definition, `An [Attempt] is one HTTP try of a delivery.`),
		stated(definition, `These are the words of the Standard Webhooks specification.`),
		proved("Claim/PendingOnly Due/Sweep Stats/EachMove", `There is no second queue that could diverge.`),
		proved("Claim/Visible Insert/Scheduled Claim/PendingOnly", `A pending delivery has a time VisibleAt; it may be claimed when that time has come.`),
		proved("Lease/Length Lease/Expiry Claim/Token Claim/Visible Status/Paused", `Claiming pushes VisibleAt forward by the lease, so a delivery whose process died becomes claimable again by the very same predicate: state = pending AND lane = $endpoint AND visible_at <= now Claiming also raises the delivery's Token.`),
		proved("Fence/Stale Fence/Requeued Fence/Cancelled Fence/Race Shared/Fence", `Every later write names the token and changes nothing when the row holds another one.`),
		proved("Fence/LateButHeld Fence/Stale Fence/RepeatChanged", `The token is the only fence; time is never one.`),
		stated(definition, `A lane is the queue of one endpoint.`),
		proved("Claim/PastTheUnclaimable Claim/NamedLanesOnly Claim/N", `The engine decides how many deliveries of which lanes it can take, and the store takes exactly those: a claim never walks past deliveries that may not be taken, whatever their number.`),
		stated(definition, `See [Queue].`),
		proved("Concurrent/History Concurrent/SharedHistory Concurrent/Sweep Claim/Once Dedupe/Race Endpoint/UpdateRace Requeue/Race Fence/Race Shared/SeesWrites", `All methods are safe for concurrent use, also from several processes where [Info].Shared is true.`),
		proved("Every/ContextEnded", `They honour the context's end.`),
		proved("Every/ContextEnded Every/ContextEndsMidway Every/Repeat Endpoint/Exists Page/InvalidCursor", `They return either a result or an error, never both, and an error means that nothing was written, or that it is not known whether it was (a lost connection); every write is therefore safe to repeat.`),
		proved("Every/EmptyBatch", `An empty batch does nothing and succeeds.`),
		proved("Copies/Insert Copies/Settle Copies/Endpoint Copies/Concurrent", `The store copies what it is given: the caller may reuse every slice and map as soon as the method returns.`),
		proved("Copies/Insert Copies/Claim Copies/Settle Copies/Endpoint Copies/Concurrent", `What a store returns belongs to the caller.`),
		proved("Lease/StoresClock Lease/Length Endpoint/Create Settle/Delivered", `All times a store sets come from the store's own clock (the database's, not the process's) and are in UTC, with at least millisecond precision.`),
		stated(callersDuty, `Callers pass durations, never points in time, except for times that a host chose ([Event].At and [Event].Until) and for filters.`),
		proved("Tenant/Endpoints Tenant/Reads Tenant/Lists Tenant/Writes Tenant/Match Tenant/ForeignEndpoint Tenant/SharedLane Dedupe/Tenants Erase/Everything", `Every read and write is scoped by tenant.`),
		proved("Tenant/Lists Tenant/Reads Erase/Everything Stats/Scope", `"" is a tenant like any other.`),
		proved("Tenant/Endpoints Tenant/Reads Tenant/Writes Tenant/ForeignEndpoint Tenant/Names", `An id that belongs to another tenant is not found, nor is text that none can be.`),
	}},
	{"Store", []rule{
		stated(definition, `Store is everything the dispatcher needs.`),
		proved("Model/Walk1 Model/Walk2 Model/Walk3 Model/Walk4 Model/Walk5 Model/Walk6 Model/Walk7 Model/Walk8", `Its parts say what each method owes; storetest proves it.`),
	}},
	{"Info", []rule{
		stated(definition, `Info describes a store.`),
		proved("Info/Stable", `It does not change.`),
	}},
	{"Info.Name", []rule{
		proved("Info/Stable", `Name names the kind, such as "memory" or "postgres".`),
	}},
	{"Info.ID", []rule{
		proved("Tx/StoreID Info/Stable", `ID identifies this very store, so that a [Tx] of another one can be refused.`),
		proved("Shared/SeesWrites", `Two stores on one database and prefix may share it.`),
	}},
	{"Info.Durable", []rule{
		proved("Shared/SeesWrites", `Durable tells that what was acknowledged survives the process.`),
		stated(dispatchersDuty, `The dispatcher then insists on sealing secrets.`),
	}},
	{"Info.Shared", []rule{
		proved("Info/Stable", `Shared tells that other processes can write to the store, so that the engine must look for work that nobody told it of.`),
	}},
	{"Info.SingleWriter", []rule{
		proved("Tx/BlocksNobody", `SingleWriter tells that there is one writer at a time, as in SQLite: from what a transaction of the host writes to its end, other calls that write wait, and fail with nothing written when their context ends.`),
		proved("Tx/BlocksNobody", `Calls that read go on.`),
	}},
	{"Notifier", []rule{
		proved("Notifier/Wakes", `Notifier is an optional capability of a shared store: it tells of deliveries that other processes inserted.`),
	}},
	{"Notifier.Listen", []rule{
		proved("Notifier/Wakes Notifier/Ends", `Listen calls wake, from one goroutine, soon after deliveries became claimable through another process, until ctx ends or the connection fails.`),
		proved("Notifier/Wakes", `Lanes say where they are, all of them; without any, the engine has to look.`),
		stated(licence, `It is an optimisation: notices may be lost, doubled or merged.`),
	}},
	{"Announcer", []rule{
		proved("Announcer/Others", `Announcer is an optional capability of a shared store: its processes tell each other how they are configured, so that a difference where they have to agree does not go unnoticed.`),
	}},
	{"Announcer.Announce", []rule{
		proved("Announcer/Others Announcer/Life", `Announce stores an announcement under its Process, in place of an earlier one, for as long as life, and returns those of other processes that still hold, ordered by Process.`),
		proved("Announcer/Life", `A life of 0 or less withdraws it.`),
	}},
	{"Announcement", []rule{
		proved("Announcer/Others", `Announcement is what a process tells of itself.`),
	}},
	{"Announcement.Process", []rule{
		proved("Announcer/Others", `Process identifies the process, at most 64 bytes of [A-Za-z0-9_-].`),
	}},
	{"Announcement.Options", []rule{
		proved("Announcer/Others", `Options are names and values, valid UTF-8 without NUL, of at most 16 KiB in all.`),
		stated(callersDuty, `They hold no secrets.`),
	}},
	{"var ErrNotFound", []rule{
		proved("Endpoint/NotFound Endpoint/Exists Page/InvalidCursor", `Errors that a store returns, wrapped or bare; test with errors.Is.`),
		proved("Every/ContextEnded", `Any other error is taken as passing: the engine logs it, backs off and tries again.`),
	}},
	{"ErrNotFound", []rule{
		proved("Endpoint/NotFound Tenant/Reads Tenant/Endpoints", `ErrNotFound: no such record in that tenant.`),
	}},
	{"ErrConflict", []rule{
		proved("Endpoint/UpdateConflict Endpoint/UpdateRace", `ErrConflict: the record changed since it was read (an endpoint's Revision), or an idempotency key was used before with another event.`),
	}},
	{"ErrExists", []rule{
		proved("Endpoint/Exists", `ErrExists: a record with that id exists.`),
	}},
	{"ErrFull", []rule{
		proved("Insert/Full", `ErrFull: the store has no room; nothing was written.`),
		proved("Insert/Full", `Deliveries that are in it go on.`),
	}},
	{"ErrForeignTx", []rule{
		stated(refusedByDispatcher, `ErrForeignTx: a Tx of another store was handed in.`),
	}},
	{"ErrInvalidCursor", []rule{
		proved("Page/InvalidCursor Page/CursorOfAnotherQuery", `ErrInvalidCursor: a cursor that this store did not make for this query.`),
	}},
}
