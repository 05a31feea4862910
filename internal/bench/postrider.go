package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// postrider is the library with everything on that it does by default: the
// egress guard, timings, the log of attempts with headers, sealed secrets and
// Standard Webhooks signatures.
type postrider struct {
	// newStore makes the store, empty and with room for the run.
	newStore func(setup) (store.Store, error)

	engine    *dispatcher.Engine
	endpoints []string
	// ran receives what Run returned; nil before start.
	ran chan error
}

func (p *postrider) setup(ctx context.Context, s setup) ([][]byte, error) {
	st, err := p.newStore(s)
	if err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	opts := []dispatcher.Option{dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses()}
	if s.InFlight > 0 {
		opts = append(opts, dispatcher.WithConcurrency(s.InFlight))
	}
	if s.AttemptTimeout > 0 {
		opts = append(opts, dispatcher.WithAttemptTimeout(s.AttemptTimeout))
	}
	if p.engine, err = dispatcher.New(st, opts...); err != nil {
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

func (p *postrider) settled(ctx context.Context) (delivered, failed int64, err error) {
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
	err := p.engine.Stop(ctx)
	if p.ran != nil {
		err = errors.Join(err, <-p.ran)
	}
	return err
}
