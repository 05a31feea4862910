// Package trial puts a dispatcher and a product's own receivers together: one
// endpoint for each receiver that can run on this machine.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/wire"
)

// Trial is a running dispatcher and its receivers.
type Trial struct {
	Hooks *dispatcher.Engine
	// Stands are the receivers that run, in the order of the profile.
	Stands []*Stand
	// Missing are those that do not, because their runtime is not installed.
	Missing []receiver.Snippet

	settled chan dispatcher.Delivery
	running sync.WaitGroup
	runErr  error
}

// Stand is one receiver and its endpoint.
type Stand struct {
	Snippet  receiver.Snippet
	Endpoint dispatcher.Endpoint
	Receiver *receiver.Receiver
	// Tap lies between the dispatcher and the receiver.
	Tap *wire.Tap
}

// Start starts them. The profile's options are all that is configured, but for
// more, and for what lets requests reach the loopback address.
func Start(ctx context.Context, p profile.Profile, more ...dispatcher.Option) (*Trial, error) {
	t := &Trial{settled: make(chan dispatcher.Delivery, 1000)}
	settled := func(_ context.Context, d dispatcher.Delivery) { t.settled <- d }
	hooks, err := dispatcher.New(memstore.New(), slices.Concat(p.Options, more, []dispatcher.Option{
		dispatcher.WithPlainHTTP(),
		dispatcher.WithPrivateAddresses(),
		dispatcher.WithObserver(dispatcher.Observer{Delivered: settled, Retrying: settled, Failed: settled}),
	})...)
	if err != nil {
		return nil, err
	}
	t.Hooks = hooks
	for _, s := range p.Receivers {
		stand, err := t.open(ctx, p, s)
		switch {
		case errors.Is(err, receiver.ErrMissing):
			t.Missing = append(t.Missing, s)
		case err != nil:
			return nil, errors.Join(err, t.Close(ctx))
		default:
			t.Stands = append(t.Stands, stand)
		}
	}
	t.running.Go(func() { t.runErr = hooks.Run(ctx) })
	return t, nil
}

// open registers an endpoint and starts the receiver that knows its secret.
func (t *Trial) open(ctx context.Context, p profile.Profile, s receiver.Snippet) (*Stand, error) {
	tap, err := wire.NewTap(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, secret, err := t.Hooks.Register(ctx, dispatcher.EndpointConfig{
		Name:   s.Host.Runtime,
		URL:    "http://" + tap.Addr() + "/webhooks",
		Events: p.EventTypes,
	})
	if err != nil {
		tap.Close()
		return nil, err
	}
	r, err := receiver.Start(ctx, s, secret)
	if err != nil {
		tap.Close()
		return nil, errors.Join(err, t.Hooks.Delete(ctx, endpoint.ID))
	}
	tap.Forward(r.Addr)
	return &Stand{Snippet: s, Endpoint: endpoint, Receiver: r, Tap: tap}, nil
}

// Deliver publishes an event and returns its deliveries as they are after their
// first attempt, in the order of Stands.
func (t *Trial) Deliver(ctx context.Context, e dispatcher.Event) ([]dispatcher.Delivery, error) {
	receipt, err := t.Hooks.Publish(ctx, e)
	if err != nil {
		return nil, err
	}
	if len(receipt.Deliveries) != len(t.Stands) {
		return nil, fmt.Errorf("%d deliveries were made for %d receivers", len(receipt.Deliveries), len(t.Stands))
	}
	deliveries := make([]dispatcher.Delivery, len(t.Stands))
	for range t.Stands {
		select {
		case d := <-t.settled:
			i := slices.IndexFunc(t.Stands, func(s *Stand) bool { return s.Endpoint.ID == d.EndpointID })
			if d.EventID != receipt.EventID || i < 0 {
				return nil, fmt.Errorf("delivery %s of %s to %s was not expected", d.ID, d.EventID, d.EndpointID)
			}
			deliveries[i] = d
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the deliveries of %s: %w", receipt.EventID, ctx.Err())
		}
	}
	return deliveries, nil
}

// Close stops the dispatcher and the receivers.
func (t *Trial) Close(ctx context.Context) error {
	err := t.Hooks.Stop(ctx)
	t.running.Wait()
	err = errors.Join(err, t.runErr)
	for _, s := range t.Stands {
		err = errors.Join(err, s.Receiver.Stop())
		s.Tap.Close()
	}
	return err
}
