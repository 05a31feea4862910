package dispatchertest

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// pollInterval is how often Await asks.
const pollInterval = 5 * time.Millisecond

// Await waits until the deliveries have ended (delivered, failed or cancelled)
// and returns them in the order of their ids. It asks d every 5 ms, so that it
// also sees what another process stores. It ends the test if a delivery is not
// found, or has not ended after the timeout, which is for all of them together.
func Await(t TB, d dispatcher.Inspector, timeout time.Duration, deliveryIDs ...string) []dispatcher.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ended := make([]dispatcher.Delivery, 0, len(deliveryIDs))
	for _, id := range deliveryIDs {
		delivery, err := awaitOne(ctx, d, id)
		if err != nil {
			t.Fatalf("dispatchertest: Await, timeout %v: %v", timeout, err)
			return nil
		}
		ended = append(ended, delivery)
	}
	return ended
}

// AwaitReceipt is [Await] for all deliveries of what Publish returned. It ends
// the test if there are none, because no endpoint matched the event.
func AwaitReceipt(t TB, d dispatcher.Inspector, timeout time.Duration, r dispatcher.Receipt) []dispatcher.Delivery {
	t.Helper()
	return Await(t, d, timeout, deliveriesOf(t, r)...)
}

// deliveriesOf ends the test rather than wait for nothing.
func deliveriesOf(t TB, r dispatcher.Receipt) []string {
	t.Helper()
	if len(r.Deliveries) == 0 {
		t.Fatalf("dispatchertest: event %q has no deliveries to wait for: no endpoint matched it", r.EventID)
	}
	ids := make([]string, len(r.Deliveries))
	for i, ref := range r.Deliveries {
		ids[i] = ref.ID
	}
	return ids
}

func awaitOne(ctx context.Context, d dispatcher.Inspector, id string) (dispatcher.Delivery, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	// Said instead of the error of a call that the deadline cut short.
	last := fmt.Sprintf("delivery %s could not be read in time", id)
	for {
		delivery, err := d.Delivery(ctx, id)
		switch {
		case err == nil && delivery.State.Terminal():
			return delivery, nil
		case err == nil:
			last = describe(delivery)
		case ctx.Err() == nil:
			return delivery, fmt.Errorf("delivery %s: %w", id, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return delivery, fmt.Errorf("%s: %w", last, ctx.Err())
		}
	}
}

// describe says how far a delivery has come.
func describe(d dispatcher.Delivery) string {
	text := fmt.Sprintf("delivery %s is %s, attempts: %d", d.ID, d.State, d.Attempts)
	if d.Reason != "" {
		text += ", reason " + string(d.Reason)
	}
	if d.LastStatus != 0 {
		text += fmt.Sprintf(", status %d", d.LastStatus)
	}
	return text
}

// stopTimeout is how long attempts in flight may go on when the test is over.
const stopTimeout = time.Second

// Run runs the engine until the test ends. Attempts in flight then have a second
// to finish. What Run returns is reported to the test, if it is an error. A
// Receiver that is made before ends after the engine, as it should.
func Run(t TB, e *dispatcher.Engine) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(context.Background()); err != nil {
			t.Errorf("dispatchertest: Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = e.Stop(ctx) // it returns what Run returns
		<-done
	})
}
