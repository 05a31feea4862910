package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// order is a payload; Published lets the receiver tell how long it took.
type order struct {
	Number    int       `json:"number"`
	Published time.Time `json:"published"`
}

// publisher publishes a hundred events a second, and never calls Run: it has
// nothing to do with receivers, however slow.
func publisher(ctx context.Context, w io.Writer) error {
	s, err := setupFromEnvironment()
	if err != nil {
		return err
	}
	hooks, client, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	begun := time.Now()
	clock := time.NewTicker(10 * time.Millisecond)
	defer clock.Stop()
	for n := range events {
		e := dispatcher.Event{Type: "order.created", Key: fmt.Sprintf("order %d created", n), Payload: order{n, time.Now()}}
		if _, err := hooks.Publish(ctx, e); err != nil {
			return err
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	fmt.Fprintf(w, "publisher  process %d has published %d events in %.1f s\n", os.Getpid(), events, time.Since(begun).Seconds())
	return nil
}

// workers deliver until ctx ends, and then finish what they have begun. Redis
// wakes them when another process publishes. There may be any number of such
// processes; what one that dies had claimed is taken up by the others.
func workers(ctx context.Context, w io.Writer) error {
	s, err := setupFromEnvironment()
	if err != nil {
		return err
	}
	var delivered atomic.Int64
	hooks, client, err := s.open(dispatcher.WithObserver(dispatcher.Observer{
		Delivered: func(context.Context, dispatcher.Delivery) { delivered.Add(1) },
	}))
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := hooks.Run(ctx); err != nil {
		return err
	}
	fmt.Fprintf(w, "workers    process %d has delivered %d\n", os.Getpid(), delivered.Load())
	return nil
}
