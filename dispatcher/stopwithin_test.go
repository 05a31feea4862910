package dispatcher_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// A callback that stops its own engine is told that it cannot wait for it, and the
// engine ends all the same, with everything stored.
func TestStopWithinACallback(t *testing.T) {
	// Each returns an option that has stop called by one kind of callback.
	observe := func(o dispatcher.Observer) dispatcher.Option { return dispatcher.WithObserver(o) }
	of := func(f func(*dispatcher.Observer, func(context.Context, dispatcher.Delivery))) func(func(context.Context)) dispatcher.Option {
		return func(stop func(context.Context)) dispatcher.Option {
			var o dispatcher.Observer
			f(&o, func(ctx context.Context, _ dispatcher.Delivery) { stop(ctx) })
			return observe(o)
		}
	}
	type callback = func(context.Context, dispatcher.Delivery)
	for name, with := range map[string]func(stop func(context.Context)) dispatcher.Option{
		"Delivered": of(func(o *dispatcher.Observer, f callback) { o.Delivered = f }),
		"Retrying":  of(func(o *dispatcher.Observer, f callback) { o.Retrying = f }),
		"Attempted": func(stop func(context.Context)) dispatcher.Option {
			return observe(dispatcher.Observer{Attempted: func(ctx context.Context, _ dispatcher.Delivery, _ dispatcher.Attempt) { stop(ctx) }})
		},
		"EndpointChanged": func(stop func(context.Context)) dispatcher.Option {
			return observe(dispatcher.Observer{EndpointChanged: func(ctx context.Context, _ dispatcher.Endpoint, c dispatcher.EndpointChange) {
				if c == dispatcher.EndpointWasDisabled {
					stop(ctx)
				}
			}})
		},
		"StoreFailed": func(stop func(context.Context)) dispatcher.Option {
			return observe(dispatcher.Observer{StoreFailed: func(ctx context.Context, _ string, _ error) { stop(ctx) }})
		},
		"Before": func(stop func(context.Context)) dispatcher.Option {
			return dispatcher.WithSendHook(dispatcher.SendHook{Before: func(ctx context.Context, _ *dispatcher.Outgoing) context.Context {
				stop(ctx)
				return ctx
			}})
		},
		"After": func(stop func(context.Context)) dispatcher.Option {
			return dispatcher.WithSendHook(dispatcher.SendHook{After: func(ctx context.Context, _ *dispatcher.Outgoing, _ dispatcher.Attempt) { stop(ctx) }})
		},
		"Sign": func(stop func(context.Context)) dispatcher.Option {
			return dispatcher.WithSigner(stoppingSigner{signer.StandardWebhooks(), stop})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e *dispatcher.Engine
				var told []error
				stop := func(ctx context.Context) {
					derived, cancel := context.WithCancel(ctx)
					defer cancel()
					told = append(told, e.Stop(derived))
				}
				rc := &receiver{answer: func(_ *http.Request, _ int) (*http.Response, error) {
					switch name {
					case "Retrying":
						return respond(503), nil
					case "EndpointChanged":
						return respond(410), nil
					}
					return respond(200), nil
				}}
				failed := false
				s := &faultStore{Store: memstore.New(), fail: func(op string) fault {
					if name == "StoreFailed" && op == "settle" && !failed {
						failed = true
						return faultBefore
					}
					return faultNone
				}}
				e = newEngine(t, s, rc, with(stop))
				register(t, e, dispatcher.EndpointConfig{})
				rcpt := publish(t, e, dispatcher.Event{})
				done := make(chan error, 1)
				go func() { done <- e.Run(t.Context()) }()
				if err := <-done; err != nil {
					t.Errorf("Run: %v", err)
				}
				if len(told) == 0 {
					t.Fatal("the callback was not called")
				}
				for _, err := range told {
					if err == nil {
						t.Error("Stop said that the engine had ended")
					}
				}
				if d := delivery(t, e, rcpt.Deliveries[0].ID); d.Attempts != 1 || d.Claimed {
					t.Errorf("the outcome was not stored: %+v", d)
				}
				if err := e.Stop(t.Context()); err != nil {
					t.Errorf("Stop from outside, later: %v", err)
				}
			})
		})
	}
}

// A callback of one engine can stop another one, and wait for it.
func TestStopWithinACallbackOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := newEngine(t, memstore.New(), &receiver{})
		ended := make(chan error, 1)
		go func() { ended <- other.Run(t.Context()) }()
		told := make(chan error, 1)
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithObserver(dispatcher.Observer{
			Delivered: func(ctx context.Context, _ dispatcher.Delivery) { told <- other.Stop(ctx) },
		}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		publish(t, e, dispatcher.Event{})
		if err := errors.Join(<-told, <-ended); err != nil {
			t.Error(err)
		}
	})
}

// What is in flight when a callback stops the engine has the engine's own time to
// drain, and is cut off then.
func TestStopWithinACallbackDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *dispatcher.Engine
		rc := &receiver{answer: func(r *http.Request, _ int) (*http.Response, error) {
			if r.URL.Path == "/hangs" {
				return hang(r, 0)
			}
			time.Sleep(time.Second)
			return respond(200), nil
		}}
		e = newEngine(t, memstore.New(), rc, dispatcher.WithDrainTimeout(5*time.Second), dispatcher.WithObserver(dispatcher.Observer{
			Delivered: func(ctx context.Context, _ dispatcher.Delivery) { _ = e.Stop(ctx) },
		}))
		register(t, e, dispatcher.EndpointConfig{URL: "https://receiver.example/hangs"})
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		begun := time.Now()
		if err := e.Run(t.Context()); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(begun); took < 6*time.Second || took > 7*time.Second {
			t.Errorf("Run ended after %v, want the answer's second and the drain's five", took)
		}
		for _, ref := range rcpt.Deliveries {
			if d := delivery(t, e, ref.ID); d.State == dispatcher.StatePending && (d.Tries != 0 || d.Claimed) {
				t.Errorf("cut off at a cost: %+v", d)
			}
		}
	})
}

type stoppingSigner struct {
	signer.Signer
	stop func(context.Context)
}

func (s stoppingSigner) Sign(ctx context.Context, h http.Header, m signer.Message, active, retiring []signer.Secret) error {
	s.stop(ctx)
	return s.Signer.Sign(ctx, h, m, active, retiring)
}
