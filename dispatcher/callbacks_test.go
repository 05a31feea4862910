package dispatcher_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// No panic of what a host brings leaves the library or stops deliveries.
func TestPanicsOfHostsAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		panics := func(context.Context, dispatcher.Delivery) { panic("observer") }
		rc := &receiver{answer: func(_ *http.Request, n int) (*http.Response, error) {
			if n == 1 {
				panic("transport")
			}
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc,
			dispatcher.WithLogger(slog.New(slog.NewTextHandler(&logs, nil))),
			dispatcher.WithClassifier(func(dispatcher.Result) dispatcher.Verdict { panic("classifier") }),
			dispatcher.WithRetry(panickingPolicy{}),
			dispatcher.WithObserver(dispatcher.Observer{Delivered: panics, Retrying: panics}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Hour)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered || d.Attempts != 2 {
			t.Errorf("%+v", d)
		}
		for _, who := range []string{"observer panicked", "classifier panicked", "retry policy panicked"} {
			if !strings.Contains(logs.String(), who) {
				t.Errorf("%q is not in the log", who)
			}
		}
	})
}

// Nor does one of its log, which everything that goes wrong is told.
func TestPanicsOfALogAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		s := &faultStore{Store: memstore.New(), fail: func(string) fault {
			if failing.Load() {
				return faultBefore
			}
			return faultNone
		}}
		e := newEngine(t, s, &receiver{}, dispatcher.WithLogger(slog.New(panickingLog{slog.DiscardHandler})),
			dispatcher.WithObserver(dispatcher.Observer{Delivered: func(context.Context, dispatcher.Delivery) { panic("observer") }}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{At: time.Now().Add(time.Second)})
		failing.Store(true)
		elapse(time.Minute)
		failing.Store(false)
		elapse(time.Minute)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered {
			t.Errorf("%+v", d)
		}
	})
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("log") }

// A keyring that panics is one that does not answer: the deliveries wait for it.
func TestPanicsOfAKeyringAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, err := dispatcher.StaticKeyring(dispatcher.Key{ID: "k", Bytes: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		ring := &moodyKeyring{Keyring: keys}
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithKeyring(ring))
		defer start(t, e)()
		ep := register(t, e, dispatcher.EndpointConfig{Headers: map[string]string{"X-A": "b"}})
		ring.panics.Store(true)
		if _, err := e.RotateSecret(t.Context(), ep.ID, dispatcher.Rotation{}); err == nil {
			t.Error("a secret was sealed")
		}
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(24 * time.Hour)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StatePending || d.Interrupted != 0 {
			t.Errorf("while the keyring panics: %+v", d)
		}
		ring.panics.Store(false)
		elapse(time.Minute)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered || d.Tries != 1 {
			t.Errorf("afterwards: %+v", d)
		}
	})
}

type moodyKeyring struct {
	dispatcher.Keyring
	panics atomic.Bool
}

func (k *moodyKeyring) Seal(ctx context.Context, plaintext, data []byte) ([]byte, error) {
	if k.panics.Load() {
		panic("keyring")
	}
	return k.Keyring.Seal(ctx, plaintext, data)
}

func (k *moodyKeyring) Open(ctx context.Context, sealed, data []byte) ([]byte, error) {
	if k.panics.Load() {
		panic("keyring")
	}
	return k.Keyring.Open(ctx, sealed, data)
}

// A callback that ends its goroutine, as t.FailNow does, keeps no place: the
// deliveries of the endpoint go on.
func TestGoroutinesThatHostsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var once sync.Once
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithConcurrency(1),
			dispatcher.WithSendHook(dispatcher.SendHook{Before: func(ctx context.Context, _ *dispatcher.Outgoing) context.Context {
				once.Do(runtime.Goexit)
				return ctx
			}}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		first, second := publish(t, e, dispatcher.Event{}), publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		if d := delivery(t, e, second.Deliveries[0].ID); d.State != dispatcher.StateDelivered {
			t.Errorf("after one attempt came to nothing, the next is %v", d.State)
		}
		elapse(5 * time.Minute)
		if d := delivery(t, e, first.Deliveries[0].ID); d.State != dispatcher.StateDelivered || d.Interrupted != 1 {
			t.Errorf("after its lease ran out: %+v", d)
		}
	})
}

// Nor does it end settling, claiming or the other calls, and what was sent keeps its
// outcome, so that it is not sent again.
func TestGoroutinesThatObserversEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, failing atomic.Int64
		ends := func(context.Context, dispatcher.Delivery) { calls.Add(1); runtime.Goexit() }
		s := &faultStore{Store: memstore.New(), fail: func(string) fault {
			if failing.Load() > 0 {
				return faultBefore
			}
			return faultNone
		}}
		rc := &receiver{}
		e := newEngine(t, s, rc, dispatcher.WithConcurrency(1),
			dispatcher.WithClassifier(func(dispatcher.Result) dispatcher.Verdict { runtime.Goexit(); return dispatcher.Verdict{} }),
			dispatcher.WithObserver(dispatcher.Observer{
				Attempted:   func(context.Context, dispatcher.Delivery, dispatcher.Attempt) { calls.Add(1); runtime.Goexit() },
				Delivered:   ends,
				StoreFailed: func(context.Context, string, error) { calls.Add(1); runtime.Goexit() },
			}),
			dispatcher.WithObserver(dispatcher.Observer{Delivered: ends}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		var deliveries []string
		for range 3 {
			deliveries = append(deliveries, publish(t, e, dispatcher.Event{}).Deliveries[0].ID)
		}
		elapse(time.Second)
		if n := calls.Load(); n != 9 {
			t.Errorf("%d calls, want Attempted and two of Delivered for each of three", n)
		}
		failing.Store(1)
		elapse(time.Minute)
		failing.Store(0)
		elapse(time.Minute)
		deliveries = append(deliveries, publish(t, e, dispatcher.Event{}).Deliveries[0].ID)
		elapse(time.Hour)
		for _, id := range deliveries {
			if d := delivery(t, e, id); d.State != dispatcher.StateDelivered || d.Attempts != 1 || d.Expiries != 0 {
				t.Errorf("%+v", d)
			}
		}
		if n := len(rc.log()); n != len(deliveries) {
			t.Errorf("%d requests for %d deliveries", n, len(deliveries))
		}
	})
}

// What breaks off after its status is told to a classifier with both.
func TestAnswerThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatcher.Result
		rc := &receiver{answer: func(*http.Request, int) (*http.Response, error) {
			resp := respond(200)
			resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("half"), brokenReader{})), 10
			return resp, nil
		}}
		e := newEngine(t, memstore.New(), rc, dispatcher.WithRetry(dispatcher.Schedule()),
			dispatcher.WithClassifier(func(r dispatcher.Result) dispatcher.Verdict {
				got = r
				return dispatcher.Classify(r)
			}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		if got.Status != 200 || got.Code != dispatcher.CodeBroken || got.Err == nil {
			t.Errorf("the classifier got %+v", got)
		}
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateFailed {
			t.Errorf("%+v", d)
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type panickingPolicy struct{}

func (panickingPolicy) Delay(int, uint64) (time.Duration, bool) { panic("policy") }
