package dispatchertest

import (
	"context"
	"slices"

	"github.com/postrider/postrider/dispatcher"
)

// Waiter waits for deliveries to end (delivered, failed or cancelled), as an
// observer of the engine that delivers them:
//
//	w := dispatchertest.NewWaiter(t)
//	hooks, err := dispatcher.New(store, dispatcher.WithObserver(w.Observer()))
//	…
//	d := w.Wait(ctx, rcpt.Deliveries[0].ID)
//
// Each end of a delivery is returned once, by whichever of its methods: after a
// Resend, Wait waits for the next end of the same delivery.
type Waiter struct {
	t TB
	board
	ended []dispatcher.Delivery
	// pending holds the last state seen of deliveries that will be tried again.
	pending map[string]dispatcher.Delivery
}

// NewWaiter returns a Waiter, which sees nothing until an engine has its
// [Waiter.Observer].
func NewWaiter(t TB) *Waiter {
	return &Waiter{t: t, pending: map[string]dispatcher.Delivery{}}
}

// Observer is for [dispatcher.WithObserver]. Several engines may share it.
func (w *Waiter) Observer() dispatcher.Observer {
	ended := func(_ context.Context, d dispatcher.Delivery) {
		w.change(func() {
			w.ended = append(w.ended, d)
			delete(w.pending, d.ID)
		})
	}
	return dispatcher.Observer{
		Delivered: ended, Failed: ended, Cancelled: ended,
		Retrying: func(_ context.Context, d dispatcher.Delivery) {
			w.change(func() { w.pending[d.ID] = d })
		},
	}
}

// Wait waits until the delivery has ended, and returns it. It ends the test if
// ctx ends before, or after 10 s if ctx has no deadline.
func (w *Waiter) Wait(ctx context.Context, deliveryID string) dispatcher.Delivery {
	w.t.Helper()
	d, err := w.take(ctx, func(d dispatcher.Delivery) bool { return d.ID == deliveryID })
	if err != nil {
		var last dispatcher.Delivery
		w.look(func() { last = w.pending[deliveryID] })
		if last.ID == "" {
			w.t.Fatalf("dispatchertest: delivery %q has not ended, and no attempt of it was seen: %v", deliveryID, err)
		}
		w.t.Fatalf("dispatchertest: %s: %v", describe(last), err)
	}
	return d
}

// WaitReceipt is [Waiter.Wait] for all deliveries of what Publish returned, in
// their order, within one deadline. It ends the test if there are none, because
// no endpoint matched the event.
func (w *Waiter) WaitReceipt(ctx context.Context, r dispatcher.Receipt) []dispatcher.Delivery {
	w.t.Helper()
	ctx, cancel := bounded(ctx)
	defer cancel()
	ids := deliveriesOf(w.t, r)
	ended := make([]dispatcher.Delivery, len(ids))
	for i, id := range ids {
		ended[i] = w.Wait(ctx, id)
	}
	return ended
}

// Next waits until any delivery has ended, and returns it; the earliest one, if
// several have. It ends the test as Wait does.
func (w *Waiter) Next(ctx context.Context) dispatcher.Delivery {
	w.t.Helper()
	d, err := w.take(ctx, func(dispatcher.Delivery) bool { return true })
	if err != nil {
		w.t.Fatalf("dispatchertest: no further delivery has ended: %v", err)
	}
	return d
}

// take waits for an end that fits, and forgets it.
func (w *Waiter) take(ctx context.Context, fits func(dispatcher.Delivery) bool) (d dispatcher.Delivery, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err = w.wait(ctx, func() bool {
		i := slices.IndexFunc(w.ended, fits)
		if i < 0 {
			return false
		}
		d = w.ended[i]
		w.ended = slices.Delete(w.ended, i, i+1)
		return true
	})
	return d, err
}
