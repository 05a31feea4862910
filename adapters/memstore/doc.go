// Package memstore keeps endpoints, events, deliveries and attempts in the
// memory of the process. It is a [store.Store] without a database:
//
//	hooks, err := dispatcher.New(memstore.New(), …)
//
// # What it is for
//
// Nothing survives the process: what was acknowledged is gone after a crash, a
// restart or a deploy. Use it in tests, in demonstrations, and in programs of a
// single process that may lose what they have not delivered yet. [store.Info]
// says so: neither Durable nor Shared. Everything else holds as in any other
// store: the same fencing by tokens, the same order, the same errors.
//
// # Bounds
//
// Memory is finite, so a store has bounds, see [WithMaxDeliveries] and
// [WithMaxBytes]. Over what is kept, not over what is pending: delivered events
// stay, with their attempts, until [Store.Purge] removes them or their room is
// needed. When there is no room for what comes in, events that have no pending
// delivery are evicted with their history, those first that ended the longest
// ago. An evicted event is forgotten: its id is free, so publishing it again
// makes a new one. Pending deliveries are never evicted. If nothing is left to
// evict, Insert answers [store.ErrFull], and so do CreateEndpoint,
// UpdateEndpoint and a Requeue that makes deliveries; nothing is written then.
// Settle never fails for lack of room: if evicting does not help, the attempts
// it records lose their headers and response bodies, and the little that is left
// of them may exceed the bound.
//
// # Time
//
// The clock of a store never goes backwards, whatever the system's does: it
// stands still until the system's clock has caught up. No two events or
// endpoints get the same CreatedAt; they are at least a nanosecond apart. Times
// that order deliveries end in the year 2262: a later [store.Event].At counts as
// that.
package memstore
