package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

func ExampleEndpointManager_update() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/v1", Events: []string{"*"}})

	url := "https://example.com/v2"
	changed, err := hooks.Update(ctx, ep.ID, ep.Revision, dispatcher.EndpointUpdate{URL: &url})
	fmt.Println(changed.URL, err)

	// Somebody who has seen the first revision only must look again.
	_, err = hooks.Update(ctx, ep.ID, ep.Revision, dispatcher.EndpointUpdate{Events: []string{"invoice.*"}})
	fmt.Println("conflict:", errors.Is(err, store.ErrConflict))
	// Output:
	// https://example.com/v2 <nil>
	// conflict: true
}

func ExampleEndpointManager_pause() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/hooks", Events: []string{"*"}})
	hooks.Pause(ctx, ep.ID) // deliveries are made, and wait
	rcpt, _ := hooks.Publish(ctx, dispatcher.Event{Type: "a.b"})
	fmt.Println("while paused:", len(rcpt.Deliveries), "made")
	hooks.Disable(ctx, ep.ID) // none are made, and those that wait are cancelled
	rcpt, _ = hooks.Publish(ctx, dispatcher.Event{Type: "a.b"})
	fmt.Println("while disabled:", len(rcpt.Deliveries), "made")
	hooks.Resume(ctx, ep.ID)
	// Output:
	// while paused: 1 made
	// while disabled: 0 made
}

func ExampleEndpointManager_endpoints() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	for _, name := range []string{"first", "second", "third"} {
		hooks.Register(ctx, dispatcher.EndpointConfig{Name: name, URL: "https://example.com/", Events: []string{"*"}})
	}
	for ep, err := range hooks.Endpoints(ctx, dispatcher.EndpointFilter{Status: dispatcher.EndpointActive}) {
		if err != nil {
			break
		}
		fmt.Println(ep.Name)
	}
	// Unordered output:
	// third
	// second
	// first
}

// With a scheme that carries several signatures, both secrets sign for a while.
func ExampleRotation() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/", Events: []string{"*"}})
	_, err := hooks.RotateSecret(ctx, ep.ID, dispatcher.Rotation{Grace: 48 * time.Hour})
	ep, _ = hooks.Endpoint(ctx, ep.ID)
	fmt.Println(err, len(ep.Secrets), ep.Secrets[1].Phase == dispatcher.SecretRetiring)
	// Output:
	// <nil> 2 true
}

// A scheme with one signature prepares the new secret; the host switches when
// the receiver knows it.
func ExampleRotation_prepared() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithSigner(signer.GitHub()))
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/", Events: []string{"*"}})
	hooks.RotateSecret(ctx, ep.ID, dispatcher.Rotation{})
	ep, _ = hooks.Endpoint(ctx, ep.ID)
	fmt.Println("prepared:", ep.Secrets[0].Phase == dispatcher.SecretPrepared)
	fmt.Println("switch:", hooks.SwitchSecret(ctx, ep.ID))
	// Output:
	// prepared: true
	// switch: <nil>
}
