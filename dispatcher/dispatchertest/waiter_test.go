package dispatchertest_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/dispatchertest"
)

// transport answers without a network, as synctest asks for.
type transport func() int

func (f transport) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: f(), Header: http.Header{}, Body: http.NoBody}, nil
}

func example(patterns ...string) dispatcher.EndpointConfig {
	return dispatcher.EndpointConfig{URL: "https://receiver.example/", Events: patterns}
}

// A Waiter waits through hours of retries on a fake clock.
func TestWaiterInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dispatchertest.NewWaiter(t)
		var n atomic.Int32
		e := newEngine(t, dispatcher.WithObserver(w.Observer()), dispatcher.WithRetry(dispatcher.Schedule(time.Hour, 6*time.Hour)),
			dispatcher.WithTransport(transport(func() int {
				if n.Add(1) < 3 {
					return 500
				}
				return 200
			})))
		dispatchertest.Run(t, e)
		register(t, e, example("*"))
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		start := time.Now()
		d := w.WaitReceipt(ctx, publish(t, e, dispatcher.Event{}))[0]
		if d.State != dispatcher.StateDelivered || d.Attempts != 3 || time.Since(start) < 7*time.Hour {
			t.Errorf("after %v: %+v, want it delivered by the third attempt, hours later", time.Since(start), d)
		}

		// Each end is returned once, so that a resend is waited for.
		if err := e.Resend(ctx, d.ID); err != nil {
			t.Fatal(err)
		}
		if d := w.Wait(ctx, d.ID); d.Attempts != 4 {
			t.Errorf("after the resend: %d attempts, want 4", d.Attempts)
		}
	})
}

func TestWaiterSeesEveryEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dispatchertest.NewWaiter(t)
		e := newEngine(t, dispatcher.WithObserver(w.Observer()), dispatcher.WithRetry(dispatcher.Schedule()),
			dispatcher.WithTransport(transport(func() int { return 500 })))
		dispatchertest.Run(t, e)
		register(t, e, example("*"))
		publish(t, e, dispatcher.Event{})
		if d := w.Next(t.Context()); d.State != dispatcher.StateFailed {
			t.Errorf("state %v, want failed", d.State)
		}
		r := publish(t, e, dispatcher.Event{At: time.Now().Add(time.Hour)})
		if err := e.Cancel(t.Context(), r.Deliveries[0].ID); err != nil {
			t.Fatal(err)
		}
		if d := w.Wait(t.Context(), r.Deliveries[0].ID); d.State != dispatcher.StateCancelled {
			t.Errorf("state %v, want cancelled", d.State)
		}
	})
}

// A failure says how far the delivery has come.
func TestWaiterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probe
		w := dispatchertest.NewWaiter(&p)
		e := newEngine(t, dispatcher.WithObserver(w.Observer()), dispatcher.WithRetry(dispatcher.Schedule(time.Hour)),
			dispatcher.WithTransport(transport(func() int { return 503 })))
		dispatchertest.Run(t, e)
		start := time.Now()
		p.wantFatal(t, "no further delivery has ended: context deadline exceeded", func() { w.Next(t.Context()) })
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("gave up after %v, want the default of 10 s", d)
		}
		r := publish(t, e, dispatcher.Event{})
		p.wantFatal(t, "no endpoint matched it", func() { w.WaitReceipt(t.Context(), r) })
		p.wantFatal(t, "no endpoint matched it", func() { dispatchertest.AwaitReceipt(&p, e, time.Second, r) })
		register(t, e, example("*"))
		r = publish(t, e, dispatcher.Event{})
		id := r.Deliveries[0].ID
		p.wantFatal(t, "delivery "+id+" is pending, attempts: 1, reason http_status, status 503: context deadline exceeded",
			func() { w.WaitReceipt(t.Context(), r) })
		p.wantFatal(t, "delivery "+id+" is pending, attempts: 1, reason http_status, status 503: context deadline exceeded",
			func() { dispatchertest.AwaitReceipt(&p, e, time.Second, r) })
		p.wantFatal(t, `delivery "none" has not ended, and no attempt of it was seen`, func() { w.Wait(t.Context(), "none") })
		p.wantFatal(t, `delivery none: memstore: delivery "none": not found`, func() { dispatchertest.Await(&p, e, time.Second, "none") })
	})
}

func TestAwaitReturnsInOrder(t *testing.T) {
	rcv, e := arrange(t, t, nil)
	var ids []string
	for range 3 {
		register(t, e, rcv.Endpoint())
	}
	for _, ref := range publish(t, e, dispatcher.Event{}).Deliveries {
		ids = append([]string{ref.ID}, ids...)
	}
	ended := dispatchertest.Await(t, e, limit, ids...)
	if len(ended) != 3 {
		t.Fatalf("%d deliveries, want 3", len(ended))
	}
	for i, d := range ended {
		if d.ID != ids[i] || d.State != dispatcher.StateDelivered {
			t.Errorf("delivery %d: %+v, want %s delivered", i, d, ids[i])
		}
	}
	if all := dispatchertest.Await(t, e, limit); len(all) != 0 {
		t.Errorf("without ids: %v", all)
	}
}

func TestRunReportsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probe
		e := newEngine(t)
		dispatchertest.Run(t, e)
		synctest.Wait() // it runs
		dispatchertest.Run(&p, e)
		synctest.Wait()
		p.end()
		if log := p.logged(); !strings.Contains(log, dispatcher.ErrRunning.Error()) {
			t.Errorf("log %q, want ErrRunning", log)
		}
	})
}
