package dispatcher_test

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

func published(n int) (*dispatcher.Engine, dispatcher.Endpoint) {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/", Events: []string{"*"}})
	for range n {
		hooks.Publish(ctx, dispatcher.Event{Type: "a.b"})
	}
	return hooks, ep
}

func ExampleInspector_deliveries() {
	hooks, ep := published(3)
	n := 0
	for d, err := range hooks.Deliveries(context.Background(), dispatcher.DeliveryFilter{
		Endpoint: ep.ID, State: dispatcher.StatePending, From: time.Now().Add(-time.Hour),
	}) {
		if err != nil {
			break
		}
		n++
		_ = d.EventID
	}
	fmt.Println(n)
	// Output:
	// 3
}

func ExampleInspector_deliveryPage() {
	ctx := context.Background()
	hooks, _ := published(5)
	for cursor := ""; ; {
		page, err := hooks.DeliveryPage(ctx, dispatcher.DeliveryFilter{}, cursor, 2)
		if err != nil {
			break
		}
		fmt.Println(len(page.Items))
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	// Output:
	// 2
	// 2
	// 1
}

func ExampleInspector_stats() {
	hooks, ep := published(3)
	stats, err := hooks.Stats(context.Background(), dispatcher.StatsFilter{Endpoint: ep.ID})
	fmt.Println(stats.Total.Pending, stats.Total.Delivered, err)
	// Output:
	// 3 0 <nil>
}
