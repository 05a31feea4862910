package store

import "context"

// Store is everything the dispatcher needs. Its parts say what each method
// owes; storetest proves it.
type Store interface {
	Info() Info
	Writer
	Queue
	Endpoints
	Inspector
	Recovery
	Retention
}

// Info describes a store. It does not change.
type Info struct {
	// Name names the kind, such as "memory" or "postgres".
	Name string
	// ID identifies this very store, so that a [Tx] of another one can be
	// refused. Two stores on one database and prefix may share it.
	ID string
	// Durable tells that what was acknowledged survives the process. The
	// dispatcher then insists on sealing secrets.
	Durable bool
	// Shared tells that other processes can write to the store, so that the
	// engine must look for work that nobody told it of.
	Shared bool
	// SingleWriter tells that there is one writer at a time, as in SQLite: from
	// what a transaction of the host writes to its end, other calls that write
	// wait, and fail with nothing written when their context ends. Calls that
	// read go on.
	SingleWriter bool
}

// Notifier is an optional capability of a shared store: it tells of
// deliveries that other processes inserted.
type Notifier interface {
	// Listen calls wake, from one goroutine, soon after deliveries became
	// claimable through another process, until ctx ends or the connection
	// fails. Lanes say where they are, all of them; without any, the engine has
	// to look. It is an optimisation: notices may be lost, doubled or merged.
	Listen(ctx context.Context, wake func(lanes ...string)) error
}
