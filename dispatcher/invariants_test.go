package dispatcher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// recordingStore keeps everything that is handed to a store.
type recordingStore struct {
	store.Store
	mu  sync.Mutex
	saw bytes.Buffer
}

func (s *recordingStore) record(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.saw, "%+v %q\n", v, v)
	_ = json.NewEncoder(&s.saw).Encode(v)
}

func (s *recordingStore) CreateEndpoint(ctx context.Context, e store.Endpoint) (store.Endpoint, error) {
	s.record(e)
	return s.Store.CreateEndpoint(ctx, e)
}

func (s *recordingStore) UpdateEndpoint(ctx context.Context, e store.Endpoint) (store.Endpoint, error) {
	s.record(e)
	return s.Store.UpdateEndpoint(ctx, e)
}

func (s *recordingStore) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	for _, one := range o {
		s.record(one)
		if one.Attempt != nil {
			s.record(*one.Attempt)
		}
	}
	return s.Store.Settle(ctx, o)
}

// Secrets and outbound credentials never appear in what the store sees, in logs,
// errors, printed values or JSON.
func TestSecretsNeverAppear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		const credential, querySecret = "s3cr3t-credential", "s3cr3t-query"
		secret, err := signer.NewSecret("whsec_" + key)
		if err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		s := &recordingStore{Store: memstore.New()}
		rc := &receiver{answer: func(r *http.Request, n int) (*http.Response, error) {
			if n == 1 {
				return nil, fmt.Errorf("cannot reach %s", r.URL)
			}
			return respond(200), nil
		}}
		var seen bytes.Buffer
		var mu sync.Mutex
		see := func(v ...any) {
			mu.Lock()
			defer mu.Unlock()
			for _, x := range v {
				fmt.Fprintf(&seen, "%v %+v %#v %q\n", x, x, x, x)
				_ = json.NewEncoder(&seen).Encode(x)
			}
		}
		e := newEngine(t, s, rc,
			dispatcher.WithLogger(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))),
			dispatcher.WithRetry(dispatcher.Schedule(time.Second)),
			dispatcher.WithObserver(dispatcher.Observer{
				Attempted: func(_ context.Context, d dispatcher.Delivery, a dispatcher.Attempt) { see(d, a) },
				EndpointChanged: func(_ context.Context, ep dispatcher.Endpoint, _ dispatcher.EndpointChange) {
					ep.URL = "" // the URL is the owner's own data
					see(ep)
				},
			}))
		defer start(t, e)()
		config := dispatcher.EndpointConfig{
			URL: "https://receiver.example/hooks?token=" + querySecret, Events: []string{"*"},
			Headers: map[string]string{"Authorization": "Bearer " + credential}, Secret: secret,
		}
		ep, back, err := e.Register(t.Context(), config)
		if err != nil || !back.Equal(secret) {
			t.Fatal(err)
		}
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Minute)
		attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
		if err != nil || len(attempts) != 2 {
			t.Fatalf("%d attempts, %v", len(attempts), err)
		}
		ep.URL = ""
		see(ep, back, secret, attempts)
		// What the receiver got is the real thing.
		last := rc.log()[1]
		if first(last.header, "Authorization") != "Bearer "+credential || !strings.Contains(last.url, querySecret) || !verifies(t, rc, signer.StandardWebhooks(), secret) {
			t.Error("the request lacks the credential, the query or the signature")
		}
		stored := s.saw.String()
		for where, text := range map[string]string{"the logs": logs.String(), "what was printed": seen.String(), "the store": stored} {
			for _, hidden := range []string{key, credential} {
				if strings.Contains(text, hidden) {
					t.Errorf("%q appears in %s", hidden, where)
				}
			}
		}
		for where, text := range map[string]string{"the logs": logs.String(), "what was printed": seen.String()} {
			if strings.Contains(text, querySecret) {
				t.Errorf("the query appears in %s", where)
			}
		}
		if stored == "" || seen.Len() == 0 {
			t.Error("nothing was looked at")
		}
	})
}

// The loops survive a store that fails: they back off, call it at most four
// times a second, and recover by themselves.
func TestLoopsSurviveAStoreOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultStore{Store: memstore.New()}
		var failures atomic.Int64
		rc := &receiver{answer: func(*http.Request, int) (*http.Response, error) {
			time.Sleep(time.Second)
			return respond(200), nil
		}}
		e := newEngine(t, s, rc, dispatcher.WithPollInterval(time.Second),
			dispatcher.WithObserver(dispatcher.Observer{StoreFailed: func(context.Context, string, error) { failures.Add(1) }}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		for range 20 {
			publish(t, e, dispatcher.Event{})
		}
		elapse(500 * time.Millisecond)
		s.mu.Lock()
		s.fail = func(string) fault { return faultBefore }
		s.calls = nil
		s.mu.Unlock()
		elapse(10 * time.Minute)
		s.mu.Lock()
		for op, n := range s.calls {
			if n > 600*4 {
				t.Errorf("%d calls of %s in ten minutes of outage", n, op)
			}
		}
		// Claiming pauses while outcomes wait; the others go on trying.
		if s.calls["settle"] < 60 || s.calls["due"] < 60 {
			t.Errorf("the loops gave up: %v", s.calls)
		}
		s.fail = nil
		s.mu.Unlock()
		if failures.Load() == 0 {
			t.Error("the observer was not told")
		}
		elapse(time.Minute)
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Delivered != 20 {
			t.Errorf("after the outage: %+v, %v", stats.Total, err)
		}
	})
}

// An outcome that could not be stored before its lease ran out is stored when
// the same process claims the delivery again, without sending.
func TestUnsavedOutcomeIsSettledWithoutSending(t *testing.T) {
	for _, kind := range []fault{faultBefore, faultAfter} {
		synctest.Test(t, func(t *testing.T) {
			s := &faultStore{Store: memstore.New()}
			rc := &receiver{}
			e := newEngine(t, s, rc, dispatcher.WithAttemptTimeout(time.Second), dispatcher.WithLeaseMargin(time.Second),
				dispatcher.WithPollInterval(time.Second))
			defer start(t, e)()
			register(t, e, dispatcher.EndpointConfig{})
			s.mu.Lock()
			s.fail = func(op string) fault {
				if op == "settle" {
					return kind
				}
				return faultNone
			}
			s.mu.Unlock()
			rcpt := publish(t, e, dispatcher.Event{})
			elapse(30 * time.Second) // many leases
			s.mu.Lock()
			s.fail = nil
			s.mu.Unlock()
			elapse(time.Minute)
			if n := len(rc.log()); n != 1 {
				t.Errorf("sent %d times", n)
			}
			d := delivery(t, e, rcpt.Deliveries[0].ID)
			if d.State != dispatcher.StateDelivered || d.Attempts != 1 {
				t.Errorf("%+v", d)
			}
		})
	}
}

// One outcome that the store refuses for ever does not hold the others back.
func TestPoisonedOutcomeDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &poisonedStore{Store: memstore.New()}
		e := newEngine(t, s, &receiver{})
		stop := start(t, e)
		register(t, e, dispatcher.EndpointConfig{})
		for i := range 100 {
			rcpt := publish(t, e, dispatcher.Event{At: time.Now().Add(time.Second)})
			if i == 50 {
				s.poison.Store(rcpt.Deliveries[0].ID)
			}
		}
		elapse(5 * time.Minute)
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Delivered != 99 {
			t.Errorf("%+v, %v", stats.Total, err)
		}
		s.poison.Store("")
		elapse(time.Minute)
		stop()
	})
}

// What a host's classifier gives as a reason becomes one that every store takes.
func TestReasonsOfAClassifierAreMadeCodes(t *testing.T) {
	for given, want := range map[dispatcher.Code]dispatcher.Code{
		"":                       dispatcher.CodeHTTPStatus,
		"quota_2":                "quota_2",
		"Over Quota: é\x00\xff!": "over_quota______",
		dispatcher.Code(strings.Repeat("ä", 100)): dispatcher.Code(strings.Repeat("_", 64)),
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, memstore.New(), &receiver{answer: answerStatus(500)},
				dispatcher.WithClassifier(func(dispatcher.Result) dispatcher.Verdict {
					return dispatcher.Verdict{Action: dispatcher.ActionFail, Reason: given}
				}))
			defer start(t, e)()
			register(t, e, dispatcher.EndpointConfig{})
			rcpt := publish(t, e, dispatcher.Event{})
			elapse(time.Second)
			if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateFailed || d.Reason != want {
				t.Errorf("%q: %v, %q, want failed, %q", given, d.State, d.Reason, want)
			}
		})
	}
}

type poisonedStore struct {
	store.Store
	poison atomic.Value
}

func (s *poisonedStore) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	for _, one := range o {
		if one.DeliveryID == s.poison.Load() {
			return store.SettleResult{}, errors.New("cannot store this")
		}
	}
	return s.Store.Settle(ctx, o)
}

// A tenant sees only its own; "" is a tenant like any other.
func TestTenantsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		tenants := []dispatcher.Dispatcher{e, e.Tenant("a"), e.Tenant("b")}
		for i, d := range tenants {
			ep := register(t, d, dispatcher.EndpointConfig{URL: fmt.Sprintf("https://t%d.example/", i)})
			rcpt := publish(t, d, dispatcher.Event{ID: "evt_same", Payload: i})
			if len(rcpt.Deliveries) != 1 || rcpt.Duplicate {
				t.Errorf("tenant %d: %+v", i, rcpt)
			}
			for j, other := range tenants {
				if i == j {
					continue
				}
				if _, err := other.Endpoint(t.Context(), ep.ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("tenant %d reads the endpoint of %d: %v", j, i, err)
				}
				for name, err := range map[string]error{
					"pause":   other.Pause(t.Context(), ep.ID),
					"resume":  other.Resume(t.Context(), ep.ID),
					"disable": other.Disable(t.Context(), ep.ID),
					"delete":  other.Delete(t.Context(), ep.ID),
					"switch":  other.SwitchSecret(t.Context(), ep.ID),
				} {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("tenant %d: %s of an endpoint of %d: %v", j, name, i, err)
					}
				}
				if _, err := other.Delivery(t.Context(), rcpt.Deliveries[0].ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("tenant %d reads a delivery of %d: %v", j, i, err)
				}
				if _, err := other.Attempts(t.Context(), rcpt.Deliveries[0].ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("tenant %d reads attempts of %d: %v", j, i, err)
				}
			}
		}
		elapse(time.Second)
		for i, d := range tenants {
			stats, err := d.Stats(t.Context(), dispatcher.StatsFilter{})
			if err != nil || stats.Total != (store.Counts{Delivered: 1}) {
				t.Errorf("tenant %d counts %+v, %v", i, stats.Total, err)
			}
		}
		if n := len(rc.log()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// An endpoint that is deleted or disabled while deliveries wait gets nothing
// more, and they end with that reason.
func TestDeliveriesOfAnEndedEndpointAreCancelled(t *testing.T) {
	for reason, end := range map[dispatcher.Code]func(dispatcher.Dispatcher, string) error{
		dispatcher.CodeEndpointDeleted:  func(d dispatcher.Dispatcher, id string) error { return d.Delete(context.Background(), id) },
		dispatcher.CodeEndpointDisabled: func(d dispatcher.Dispatcher, id string) error { return d.Disable(context.Background(), id) },
	} {
		synctest.Test(t, func(t *testing.T) {
			rc := &receiver{}
			cancelled := 0
			e := newEngine(t, memstore.New(), rc, dispatcher.WithObserver(dispatcher.Observer{
				Cancelled: func(context.Context, dispatcher.Delivery) { cancelled++ },
			}))
			defer start(t, e)()
			ep := register(t, e, dispatcher.EndpointConfig{})
			if err := e.Pause(t.Context(), ep.ID); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				publish(t, e, dispatcher.Event{})
			}
			elapse(time.Minute)
			if err := end(e, ep.ID); err != nil {
				t.Fatal(err)
			}
			elapse(time.Minute)
			for d, err := range e.Deliveries(t.Context(), dispatcher.DeliveryFilter{}) {
				if err != nil || d.State != dispatcher.StateCancelled || d.Reason != reason {
					t.Errorf("%+v, %v", d, err)
				}
			}
			if len(rc.log()) != 0 || cancelled != 10 {
				t.Errorf("%d requests, %d cancellations observed", len(rc.log()), cancelled)
			}
		})
	}
}

// And not by a claim for each.
func TestBacklogOfAnEndedEndpointIsCancelledByFewClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &countingStore{Store: memstore.New()}
		e := newEngine(t, s, &receiver{})
		deleted, disabled := register(t, e, dispatcher.EndpointConfig{}), register(t, e, dispatcher.EndpointConfig{})
		const events = 1600
		for range events {
			publish(t, e, dispatcher.Event{})
		}
		if err := errors.Join(e.Delete(t.Context(), deleted.ID), e.Disable(t.Context(), disabled.ID)); err != nil {
			t.Fatal(err)
		}
		defer start(t, e)()
		elapse(10 * time.Second)
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Cancelled != 2*events {
			t.Errorf("%+v, %v", stats.Total, err)
		}
		if n := s.calls.Load(); n > events/2 {
			t.Errorf("%d calls of the store for %d deliveries of each", n, events)
		}
	})
}

func TestPausedDeliveriesWaitAndGoOnAfterResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		ep := register(t, e, dispatcher.EndpointConfig{})
		if err := e.Pause(t.Context(), ep.ID); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			publish(t, e, dispatcher.Event{})
		}
		elapse(24 * time.Hour)
		if n := len(rc.log()); n != 0 {
			t.Fatalf("%d requests to a paused endpoint", n)
		}
		if err := e.Resume(t.Context(), ep.ID); err != nil {
			t.Fatal(err)
		}
		elapse(time.Second)
		if n := len(rc.log()); n != 1000 {
			t.Errorf("%d requests within a second of resuming, want 1000", n)
		}
	})
}
