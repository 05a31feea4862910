package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// An idempotency key makes a repeated Publish harmless.
func ExampleEvent_key() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	paid := dispatcher.Event{Type: "invoice.paid", Key: "invoice-7-paid", Payload: map[string]int{"id": 7}}

	first, _ := hooks.Publish(ctx, paid)
	again, _ := hooks.Publish(ctx, paid)
	fmt.Println("same event:", first.EventID == again.EventID, "- duplicate:", again.Duplicate)

	paid.Payload = map[string]int{"id": 8}
	_, err := hooks.Publish(ctx, paid)
	fmt.Println("another event under the same key is a conflict:", errors.Is(err, store.ErrConflict))
	// Output:
	// same event: true - duplicate: true
	// another event under the same key is a conflict: true
}

// A scheduled event waits; a perishable one is given up when it is of no use.
func ExampleEvent_schedule() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/hooks", Events: []string{"*"}})
	opening := time.Now().Add(time.Hour)
	rcpt, _ := hooks.Publish(ctx, dispatcher.Event{Type: "sale.opened", At: opening, Until: opening.Add(24 * time.Hour)})
	d, _ := hooks.Delivery(ctx, rcpt.Deliveries[0].ID)
	fmt.Println(d.State, "until opening:", d.VisibleAt.Equal(opening))
	// Output:
	// pending until opening: true
}

// A batch is one atomic store call; the receipts align with the events.
func ExamplePublisher_publishBatch() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/hooks", Events: []string{"user.*"}})
	receipts, err := hooks.PublishBatch(ctx, []dispatcher.Event{
		{Type: "user.created", Payload: 1},
		{Type: "invoice.paid", Payload: 2}, // nobody listens; it is kept and can be replayed
	})
	fmt.Println(len(receipts[0].Deliveries), len(receipts[1].Deliveries), err)
	// Output:
	// 1 0 <nil>
}
