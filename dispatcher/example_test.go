package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// The whole pipeline: register an endpoint, publish an event, deliver it signed,
// and look at what happened.
func Example() {
	ctx := context.Background()
	var secret signer.Secret
	verify := signer.Middleware(signer.StandardWebhooks(), func(*http.Request) ([]signer.Secret, error) {
		return []signer.Secret{secret}, nil
	})
	receiver := httptest.NewServer(verify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m, _ := signer.MessageFromContext(r.Context())
		fmt.Println("received", string(m.Body[:22]))
	})))
	defer receiver.Close()

	delivered := make(chan dispatcher.Delivery, 1)
	hooks, err := dispatcher.New(memstore.New(),
		dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses(), // the receiver is on this machine
		dispatcher.WithObserver(dispatcher.Observer{
			Delivered: func(_ context.Context, d dispatcher.Delivery) { delivered <- d },
		}))
	if err != nil {
		log.Fatal(err)
	}
	_, secret, err = hooks.Register(ctx, dispatcher.EndpointConfig{
		Name: "Billing", URL: receiver.URL, Events: []string{"invoice.*"},
	})
	if err != nil {
		log.Fatal(err)
	}
	go hooks.Run(ctx)
	defer hooks.Stop(ctx)

	if _, err := hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid", Payload: map[string]int{"total": 1900}}); err != nil {
		log.Fatal(err)
	}
	d := <-delivered
	attempts, err := hooks.Attempts(ctx, d.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.State, "after", d.Attempts, "attempt, status", attempts[0].Status)
	// Output:
	// received {"type":"invoice.paid"
	// delivered after 1 attempt, status 200
}

// Bad input names its field and the reason, and nothing is written.
func ExampleValidationError() {
	hooks, _ := dispatcher.New(memstore.New())
	_, _, err := hooks.Register(context.Background(), dispatcher.EndpointConfig{
		URL: "https://user:pass@example.com/", Events: []string{"*"},
	})
	var v *dispatcher.ValidationError
	if errors.As(err, &v) {
		fmt.Println("field:", v.Field)
	}
	// Output:
	// field: url
}

func ExampleNew() {
	_, err := dispatcher.New(memstore.New(), dispatcher.WithConcurrency(0))
	fmt.Println(err)
	// Output:
	// invalid concurrency: must be between 1 and 100000
}

// Tenants see their own and nobody else's.
func ExampleEngine_Tenant() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	acme, globex := hooks.Tenant("acme"), hooks.Tenant("globex")
	ep, _, _ := acme.Register(ctx, dispatcher.EndpointConfig{URL: "https://acme.example/hooks", Events: []string{"*"}})

	_, err := globex.Endpoint(ctx, ep.ID)
	fmt.Println("globex: not found:", errors.Is(err, store.ErrNotFound))
	mine, err := acme.Endpoint(ctx, ep.ID)
	fmt.Println("acme:", mine.URL, err)
	// Output:
	// globex: not found: true
	// acme: https://acme.example/hooks <nil>
}

func ExampleEngine_Stop() {
	hooks, _ := dispatcher.New(memstore.New())
	done := make(chan error, 1)
	go func() { done <- hooks.Run(context.Background()) }()

	// On shutdown: let what is in flight finish, for as long as ctx allows.
	fmt.Println("stop:", hooks.Stop(context.Background()))
	if err := <-done; err == nil {
		fmt.Println("run has ended")
	}
	// Output:
	// stop: <nil>
	// run has ended
}

// A custom header may hold a credential: it is sealed in the store, and its
// value is not shown again.
func ExampleStaticKeyring() {
	ctx := context.Background()
	keys, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "2026", Bytes: make([]byte, 32)}) // 32 random bytes
	if err != nil {
		log.Fatal(err)
	}
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithKeyring(keys))
	ep, secret, _ := hooks.Register(ctx, dispatcher.EndpointConfig{
		URL: "https://example.com/hooks", Events: []string{"*"},
		Headers: map[string]string{"Authorization": "Bearer s3cr3t"},
	})
	fmt.Println(ep.HeaderNames, secret)
	// Output:
	// [Authorization] [redacted]
}
