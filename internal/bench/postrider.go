package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// postrider is the library with everything on that it does by default: the
// egress guard, timings, the log of attempts with headers, sealed secrets and
// Standard Webhooks signatures.
type postrider struct {
	// name is that of the contender, and says which store.
	name string

	store     store.Store
	free      func() error
	engine    *dispatcher.Engine
	endpoints []string
	// delivered and failed count what a durable store has settled; see settled.
	delivered, failed atomic.Int64
	// ran receives what Run returned; nil before start.
	ran chan error
}

func (p *postrider) setup(ctx context.Context, s setup) ([][]byte, error) {
	if err := p.attach(ctx, s); err != nil {
		return nil, err
	}
	keys := make([][]byte, s.Endpoints)
	for n := range s.Endpoints {
		ep, secret, err := p.engine.Register(ctx, dispatcher.EndpointConfig{
			Name:   fmt.Sprintf("Sink %d", n),
			URL:    endpointURL(s.Sink, n),
			Events: []string{wideType, narrowType(n)},
		})
		if err != nil {
			return nil, fmt.Errorf("register endpoint %d: %w", n, err)
		}
		p.endpoints = append(p.endpoints, ep.ID)
		// Standard Webhooks: the key is the base64 after "whsec_".
		keys[n], err = base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
		if err != nil {
			return nil, fmt.Errorf("key of endpoint %d: %w", n, err)
		}
	}
	return keys, nil
}

// attach makes the engine, which sends nothing until start.
func (p *postrider) attach(ctx context.Context, s setup) (err error) {
	if p.store, p.free, err = openStore(ctx, p.name, s); err != nil {
		return err
	}
	opts := []dispatcher.Option{dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses()}
	if p.store.Info().Durable {
		// Several processes of a run must open what one has sealed.
		keyring, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "bench", Bytes: make([]byte, 32)})
		if err != nil {
			return err
		}
		opts = append(opts, dispatcher.WithKeyring(keyring), dispatcher.WithObserver(p.observer()))
	}
	if s.InFlight > 0 {
		opts = append(opts, dispatcher.WithConcurrency(s.InFlight))
	}
	if s.ToEndpoint > 0 {
		opts = append(opts, dispatcher.WithMaxInFlight(s.ToEndpoint))
	}
	if s.AttemptTimeout > 0 {
		opts = append(opts, dispatcher.WithAttemptTimeout(s.AttemptTimeout))
	}
	p.engine, err = dispatcher.New(p.store, opts...)
	return err
}

func (p *postrider) publish(ctx context.Context, e event) error {
	_, err := p.engine.Publish(ctx, dispatcher.Event{ID: e.ID, Type: e.Type, Payload: e.Payload})
	return err
}

func (p *postrider) publishBatch(ctx context.Context, events []event) error {
	batch := make([]dispatcher.Event, len(events))
	for i, e := range events {
		batch[i] = dispatcher.Event{ID: e.ID, Type: e.Type, Payload: e.Payload}
	}
	_, err := p.engine.PublishBatch(ctx, batch)
	return err
}

func (p *postrider) start(context.Context) error {
	if p.ran != nil {
		return errors.New("started twice")
	}
	p.ran = make(chan error, 1)
	// Stop ends it, not the run's context: the end of a run is orderly.
	go func() { p.ran <- p.engine.Run(context.Background()) }()
	return nil
}

// observer counts what has been settled.
func (p *postrider) observer() dispatcher.Observer {
	failed := func(context.Context, dispatcher.Delivery) { p.failed.Add(1) }
	return dispatcher.Observer{
		Delivered: func(context.Context, dispatcher.Delivery) { p.delivered.Add(1) },
		Failed:    failed,
		Cancelled: failed,
	}
}

// settled asks a store in memory, and counts what is settled in another: asking
// a database two hundred times a second would be a load of its own.
func (p *postrider) settled(ctx context.Context) (delivered, failed int64, err error) {
	if p.store.Info().Durable {
		return p.delivered.Load(), p.failed.Load(), nil
	}
	stats, err := p.engine.Stats(ctx, dispatcher.StatsFilter{})
	return stats.Total.Delivered, stats.Total.Failed + stats.Total.Cancelled, err
}

func (p *postrider) pause(ctx context.Context) error { return p.each(ctx, p.engine.Pause) }

func (p *postrider) resume(ctx context.Context) error { return p.each(ctx, p.engine.Resume) }

func (p *postrider) each(ctx context.Context, f func(context.Context, string) error) error {
	for _, id := range p.endpoints {
		if err := f(ctx, id); err != nil {
			return fmt.Errorf("endpoint %s: %w", id, err)
		}
	}
	return nil
}

func (p *postrider) stop(ctx context.Context) error {
	err := p.halt(ctx)
	if p.free != nil {
		err = errors.Join(err, p.free())
	}
	return err
}

// halt ends the sending and leaves the store open.
func (p *postrider) halt(ctx context.Context) error {
	if p.engine == nil {
		return nil
	}
	err := p.engine.Stop(ctx)
	if p.ran != nil {
		err = errors.Join(err, <-p.ran)
		p.ran = nil
	}
	return err
}
