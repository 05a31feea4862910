// Package store is the contract between the dispatcher and the place where
// endpoints, events, deliveries and attempts are kept. It holds records,
// interfaces and errors, and does no I/O.
//
// Hosts meet it in two places: they construct a store (memstore, gormstore,
// redisstore, or their own) and hand it to dispatcher.New, and they test for
// its errors with errors.Is. Everything else here is for people who write a
// store; the conformance suite in storetest proves each duty stated in these
// comments.
//
// # The records
//
// An [Endpoint] is a URL of a receiver with the event patterns it subscribes
// to. An [Event] is published once and kept as the exact bytes that every
// attempt signs and sends. A [Delivery] is one event to one endpoint, with a
// state. An [Attempt] is one HTTP try of a delivery. These are the words of the
// Standard Webhooks specification.
//
// # The delivery row is the queue
//
// There is no second queue that could diverge. A pending delivery has a time
// VisibleAt; it may be claimed when that time has come. Claiming pushes
// VisibleAt forward by the lease, so a delivery whose process died becomes
// claimable again by the very same predicate:
//
//	state = pending AND lane = $endpoint AND visible_at <= now
//
// Claiming also raises the delivery's Token. Every later write names the token
// and changes nothing when the row holds another one. The token is the only
// fence; time is never one.
//
// # Lanes
//
// A lane is the queue of one endpoint. The engine decides how many deliveries
// of which lanes it can take, and the store takes exactly those: a claim never
// walks past deliveries that may not be taken, whatever their number. See
// [Queue].
//
// # Rules for every method
//
// All methods are safe for concurrent use, also from several processes where
// [Info].Shared is true. They honour the context's end. They return either a
// result or an error, never both, and an error means that nothing was written,
// or that it is not known whether it was (a lost connection); every write is
// therefore safe to repeat. An empty batch does nothing and succeeds.
//
// The store copies what it is given: the caller may reuse every slice and map
// as soon as the method returns. What a store returns belongs to the caller.
//
// All times a store sets come from the store's own clock (the database's, not
// the process's) and are in UTC, with at least millisecond precision. Callers
// pass durations, never points in time, except for times that a host chose
// ([Event].At and [Event].Until) and for filters.
//
// Every read and write is scoped by tenant. "" is a tenant like any other. An
// id that belongs to another tenant is not found, nor is text that none can be.
package store
