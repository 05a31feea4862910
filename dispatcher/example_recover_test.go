package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// A receiver was down; what it missed is counted first, and then recovered.
func ExampleRecoverer_recover() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	down := time.Now().Add(-time.Hour)
	for range 3 {
		hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid"}) // nobody was registered
	}
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/hooks", Events: []string{"*"}})

	missed := dispatcher.Recovery{Endpoint: ep.ID, From: down}
	missed.DryRun = true
	count, _ := hooks.Recover(ctx, missed)
	missed.DryRun = false
	done, err := hooks.Recover(ctx, missed)
	fmt.Println(count.Created, done.Created, err)
	// Output:
	// 3 3 <nil>
}

func ExampleRecoverer_resend() {
	ctx := context.Background()
	hooks, _ := published(1)
	for d := range hooks.Deliveries(ctx, dispatcher.DeliveryFilter{}) {
		hooks.Cancel(ctx, d.ID)
		fmt.Println("resend:", hooks.Resend(ctx, d.ID))
		again, _ := hooks.Delivery(ctx, d.ID)
		fmt.Println(again.State, again.ID == d.ID)
	}
	// Output:
	// resend: <nil>
	// pending true
}

func ExampleRecoverer_replay() {
	ctx := context.Background()
	hooks, ep := published(0)
	rcpt, _ := hooks.Publish(ctx, dispatcher.Event{Type: "a.b"})
	refs, err := hooks.Replay(ctx, rcpt.EventID) // to all that match now
	fmt.Println(len(refs), refs[0].EndpointID == ep.ID, err)
	// Output:
	// 1 true <nil>
}

func ExampleRecoverer_cancel() {
	ctx := context.Background()
	hooks, _ := published(1)
	for d := range hooks.Deliveries(ctx, dispatcher.DeliveryFilter{}) {
		fmt.Println(hooks.Cancel(ctx, d.ID))
		fmt.Println(errors.Is(hooks.Cancel(ctx, d.ID), store.ErrConflict)) // it has ended
	}
	// Output:
	// <nil>
	// true
}

// "Send test webhook", with its result at once.
func ExampleRecoverer_sendTest() {
	ctx := context.Background()
	receiver := httptest.NewServer(http.NotFoundHandler())
	defer receiver.Close()
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses())
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: receiver.URL, Events: []string{"*"}})
	attempt, err := hooks.SendTest(ctx, ep.ID, "invoice.paid")
	fmt.Println(attempt.Status, attempt.Code, err)
	// Output:
	// 404 http_status <nil>
}

func ExampleExplainer() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	hooks.Register(ctx, dispatcher.EndpointConfig{Name: "users", URL: "https://example.com/", Events: []string{"user.*"}})
	hooks.Register(ctx, dispatcher.EndpointConfig{Name: "invoices", URL: "https://example.com/", Events: []string{"invoice.*"}})
	matches, _ := hooks.Explain(ctx, dispatcher.Event{Type: "user.created"})
	for _, m := range matches {
		fmt.Printf("%s: %v %q %q\n", m.Endpoint.Name, m.Matches, m.Pattern, m.Reason)
	}
	// Unordered output:
	// users: true "user.*" ""
	// invoices: false "" "no_pattern"
}

func ExampleEngine_Operator() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	for _, tenant := range []string{"acme", "globex"} {
		hooks.Tenant(tenant).Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/", Events: []string{"*"}})
		hooks.Tenant(tenant).Publish(ctx, dispatcher.Event{Type: "a.b"})
	}
	stats, err := hooks.Operator().Stats(ctx, dispatcher.StatsFilter{})
	fmt.Println(stats.Total.Pending, err)
	// Output:
	// 2 <nil>
}

func ExampleObserver() {
	hooks, err := dispatcher.New(memstore.New(), dispatcher.WithObserver(dispatcher.Observer{
		Failed: func(_ context.Context, d dispatcher.Delivery) {
			fmt.Println("tell the owner of", d.EndpointID, "that", d.EventType, "failed:", d.Reason)
		},
	}))
	fmt.Println(hooks != nil, err)
	// Output:
	// true <nil>
}
