// Package dispatcher gives a Go backend outbound webhooks, in process: it
// registers endpoints, signs, delivers, retries and lets the host inspect what
// happened, over a store that the host chooses.
//
//	hooks, err := dispatcher.New(memstore.New())
//	ep, secret, err := hooks.Register(ctx, dispatcher.EndpointConfig{
//		Name: "Billing", URL: "https://example.com/hooks", Events: []string{"invoice.*"},
//	})
//	go hooks.Run(ctx)
//	rcpt, err := hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid", Payload: invoice})
//
// # What is promised
//
// When Publish returns nil, the event and its deliveries are as durable as the
// store makes them, and each delivery reaches a terminal state. Delivery is at
// least once: an attempt that was in flight when the process died, or whose
// outcome could not be stored before its lease ran out, may be repeated.
// Receivers recognise a repeat by the event id, which never changes.
//
// An event is encoded once, at Publish, into the bytes that every attempt signs
// and sends. Only the timestamp of the signature is fresh for each attempt.
//
// # Tenants
//
// An [Engine] is the [Dispatcher] of the tenant "". [Engine.Tenant] returns
// that of another one; a tenant sees its own endpoints, events and deliveries
// and nobody else's. EraseTenant of the store removes all of it ([store.Retention]).
// Stop publishing for the tenant before: what is published after it is kept, as of
// any tenant.
//
// # Catalog
//
// With a [Catalog] ([WithCatalog]) events of unknown types, and payloads that
// break the schema of their type, are refused at Publish. An [EventType] makes
// events from Go values; package adapters/jsonschema derives its schema.
//
// # Safety
//
// Only https URLs with a valid certificate and public addresses are reached,
// unless [WithPlainHTTP] and [WithPrivateAddresses] say otherwise. The address
// is checked when it is dialled, after name resolution. Redirects are not
// followed. Secrets and custom headers are sealed before the store sees them
// ([WithKeyring]) and never appear in errors, logs or recorded attempts.
//
// # Errors
//
// Bad input gets a [*ValidationError] that names field and reason; nothing is
// written then. The others are for errors.Is:
//
//	[store.ErrNotFound]       no such endpoint, event or delivery in the tenant
//	[store.ErrConflict]       the endpoint changed since it was read, the ID or
//	                          Key belongs to another event, or the delivery or
//	                          endpoint is in no state for what was asked
//	[store.ErrFull]           the store has no room; nothing was written
//	[store.ErrInvalidCursor]  a cursor that is not of this list
//	[store.ErrForeignTx]      a transaction of another store
//	[ErrPayloadPurged]        the event's payload is gone, and cannot be sent again
//	[ErrRunning]              Run, while it runs
//
// Any other error is the store's, such as a lost connection. A Publish that
// returned one may have been stored or not: repeat it under the same ID or Key
// of the [Event].
//
// # Running
//
// Run blocks; its context, or Stop, ends it. A service usually does
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	done := make(chan error, 1)
//	go func() { done <- hooks.Run(ctx) }()
//	… // serve until ctx ends
//	err := <-done // drained: wait for it before the database is closed
//
// and needs Stop only where the time to drain is another one than
// [WithDrainTimeout].
package dispatcher
