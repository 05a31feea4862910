package dispatcher_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// stalledStore answers its first claim that takes anything late, as if the
// process had been stopped meanwhile.
type stalledStore struct {
	store.Store
	delay time.Duration
	once  atomic.Bool
}

func (s *stalledStore) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	b, err := s.Store.Claim(ctx, p)
	if len(b.Deliveries) > 0 && s.once.CompareAndSwap(false, true) {
		time.Sleep(s.delay)
	}
	return b, err
}

// A process that was stopped for longer than its lease sends nothing under it:
// another one has sent it.
func TestNothingIsSentUnderALeaseThatRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc, s := &receiver{}, memstore.New()
		options := []dispatcher.Option{
			dispatcher.WithAttemptTimeout(30 * time.Second), dispatcher.WithLeaseMargin(30 * time.Second),
			dispatcher.WithPollInterval(time.Second),
		}
		stopped := newEngine(t, &stalledStore{Store: s, delay: 3 * time.Minute}, rc, options...)
		stop := start(t, stopped)
		register(t, stopped, dispatcher.EndpointConfig{})
		receipt := publish(t, stopped, dispatcher.Event{})
		elapse(time.Second)
		other := newEngine(t, s, rc, options...)
		stopOther := start(t, other)
		elapse(10 * time.Minute)
		stop()
		stopOther()
		d, err := other.Delivery(t.Context(), receipt.Deliveries[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(rc.log()); n != 1 || d.State != dispatcher.StateDelivered || d.Attempts != 1 {
			t.Errorf("%d requests, state %v, %d attempts; want 1, delivered, 1", n, d.State, d.Attempts)
		}
	})
}

// Nor if it is a callback of the host that takes longer than the lease.
func TestNothingIsSentAfterAHookThatOutlastsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc, s := &receiver{}, memstore.New()
		slow := newEngine(t, s, rc, dispatcher.WithSendHook(dispatcher.SendHook{
			Before: func(ctx context.Context, _ *dispatcher.Outgoing) context.Context {
				time.Sleep(3 * time.Minute)
				return ctx
			},
		}))
		stop := start(t, slow)
		register(t, slow, dispatcher.EndpointConfig{})
		receipt := publish(t, slow, dispatcher.Event{})
		elapse(time.Second)
		other := newEngine(t, s, rc, dispatcher.WithPollInterval(time.Second))
		stopOther := start(t, other)
		elapse(10 * time.Minute)
		stop()
		stopOther()
		if d := delivery(t, other, receipt.Deliveries[0].ID); len(rc.log()) != 1 || d.State != dispatcher.StateDelivered || d.Attempts != 1 {
			t.Errorf("%d requests, state %v, %d attempts; want 1, delivered, 1", len(rc.log()), d.State, d.Attempts)
		}
	})
}

// Two outcomes of one delivery that are there at once, the first of them lost to
// a requeue, are told apart.
func TestOutcomesOfOneDeliveryAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rc := &receiver{}
		var delivered, lost atomic.Int64
		e := newEngine(t, memstore.New(), rc, dispatcher.WithObserver(dispatcher.Observer{
			Delivered:   func(context.Context, dispatcher.Delivery) { delivered.Add(1) },
			OutcomeLost: func(context.Context, dispatcher.Delivery) { lost.Add(1) },
		}))
		stop := start(t, e)
		register(t, e, dispatcher.EndpointConfig{})
		for range 5 { // so that the endpoint is trusted with two at once
			publish(t, e, dispatcher.Event{})
		}
		elapse(time.Second)
		delivered.Store(0)
		rc.set(func(*http.Request, int) (*http.Response, error) {
			<-release
			return respond(200), nil
		})
		receipt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		if err := e.Resend(t.Context(), receipt.Deliveries[0].ID); err != nil {
			t.Fatal(err)
		}
		elapse(10 * time.Second)
		n := len(rc.log()) - 5
		close(release)
		if n != 2 {
			t.Errorf("%d requests under way, want 2", n)
		}
		elapse(time.Second)
		stop()
		if delivered.Load() != 1 || lost.Load() != 1 {
			t.Errorf("%d observed as delivered and %d as lost, want 1 and 1", delivered.Load(), lost.Load())
		}
	})
}

// Whoever resends a delivery gets an attempt that begins after that, even if the
// outcome of the one before waits to be stored.
func TestResendWhileAnOutcomeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: answerStatus(500)}
		var lost atomic.Int64
		e := newEngine(t, memstore.New(), rc, dispatcher.WithRetry(dispatcher.Schedule(24*time.Hour)),
			dispatcher.WithObserver(dispatcher.Observer{
				OutcomeLost: func(context.Context, dispatcher.Delivery) { lost.Add(1) },
			}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		receipt := publish(t, e, dispatcher.Event{})
		synctest.Wait() // answered, and not yet stored
		if n := len(rc.log()); n != 1 {
			t.Fatalf("%d requests, want 1", n)
		}
		rc.set(nil)
		if err := e.Resend(t.Context(), receipt.Deliveries[0].ID); err != nil {
			t.Fatal(err)
		}
		elapse(time.Minute)
		if d := delivery(t, e, receipt.Deliveries[0].ID); d.State != dispatcher.StateDelivered || len(rc.log()) != 2 || lost.Load() != 1 {
			t.Errorf("a minute after the resend: %v, %d requests, %d outcomes lost; want delivered, 2, 1", d.State, len(rc.log()), lost.Load())
		}
	})
}

// slowSettle is a store that takes long to begin its first Settle of an attempt.
type slowSettle struct {
	store.Store
	delay time.Duration
	once  atomic.Bool
	// asked are the tokens of the calls.
	mu    sync.Mutex
	asked []int64
}

func (s *slowSettle) Settle(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
	s.mu.Lock()
	for _, o := range outcomes {
		s.asked = append(s.asked, o.Token)
	}
	s.mu.Unlock()
	if s.once.CompareAndSwap(false, true) {
		time.Sleep(s.delay)
	}
	return s.Store.Settle(ctx, outcomes)
}

// A process that claims again what it has an unsaved outcome for stores that under
// the new token, and sends nothing. The place that the claim took is free again.
func TestAnOutcomeOutlivesItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc, s := &receiver{}, &slowSettle{Store: memstore.New(), delay: 20 * time.Second}
		var lost atomic.Int64
		e := newEngine(t, s, rc, dispatcher.WithAttemptTimeout(5*time.Second), dispatcher.WithLeaseMargin(time.Second),
			dispatcher.WithPollInterval(time.Second), dispatcher.WithObserver(dispatcher.Observer{
				OutcomeLost: func(context.Context, dispatcher.Delivery) { lost.Add(1) },
			}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{MaxInFlight: 1})
		receipt := publish(t, e, dispatcher.Event{})
		elapse(time.Minute)
		d := delivery(t, e, receipt.Deliveries[0].ID)
		if n := len(rc.log()); n != 1 || d.State != dispatcher.StateDelivered || d.Attempts != 1 || lost.Load() != 0 {
			t.Errorf("%d requests, %v after %d attempts, %d outcomes lost; want one request, whose outcome is there", n, d.State, d.Attempts, lost.Load())
		}
		s.mu.Lock()
		if asked := s.asked; len(asked) != 2 || asked[1] <= asked[0] {
			t.Errorf("the outcome was handed in under the tokens %v, want the first, and one of a later claim", asked)
		}
		s.mu.Unlock()
		publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		if n := len(rc.log()); n != 2 {
			t.Errorf("%d requests after another event, want 2: the endpoint may have one under way", n)
		}
	})
}
