package dispatcher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
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

func TestConstructorStartsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		newEngine(t, memstore.New(), &receiver{})
		// The bubble ends in a panic if anything is left in it.
	})
}

func TestRunAndStop500TimesLeavesNoGoroutine(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	before := runtime.NumGoroutine()
	for range 500 {
		e, err := dispatcher.New(memstore.New(), dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses())
		if err != nil {
			t.Fatal(err)
		}
		register(t, e, dispatcher.EndpointConfig{URL: srv.URL})
		delivered := make(chan struct{})
		go func() {
			defer close(delivered)
			for range 3 {
				publish(t, e, dispatcher.Event{})
			}
		}()
		done := make(chan error, 1)
		go func() { done <- e.Run(context.Background()) }()
		<-delivered
		if err := e.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	srv.CloseClientConnections()
	// Connections that were just closed take a moment to end.
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

// Without a context neither begins: a panic would come in the goroutine of a run that
// others wait for.
func TestRunAndStopWithoutAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, memstore.New(), &receiver{})
		refused(t, "Run", "ctx", e.Run(nil)) //nolint:staticcheck // that is what is tested
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		refused(t, "Stop", "ctx", e.Stop(nil)) //nolint:staticcheck // that is what is tested
		elapse(time.Second)
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateDelivered {
			t.Errorf("after a Stop that was refused: %+v", d)
		}
	})
}

// Stop under load, with time to drain: nothing lost, nothing sent twice.
func TestStopUnderLoad100Times(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		rc := &receiver{answer: func(*http.Request, int) (*http.Response, error) {
			mu.Lock()
			d := time.Duration(random.IntN(50)) * time.Millisecond
			mu.Unlock()
			time.Sleep(d)
			return respond(200), nil
		}}
		s := memstore.New()
		var published atomic.Int64
		publisher := newEngine(t, s, rc)
		for _, u := range []string{"https://a.example/", "https://b.example/", "https://c.example/"} {
			register(t, publisher, dispatcher.EndpointConfig{URL: u})
		}
		stopPublishing := make(chan struct{})
		publishing := make(chan struct{})
		go func() {
			defer close(publishing)
			for {
				select {
				case <-stopPublishing:
					return
				case <-time.After(time.Millisecond):
					publish(t, publisher, dispatcher.Event{})
					published.Add(1)
				}
			}
		}()
		for range 100 {
			e := newEngine(t, s, rc, dispatcher.WithPollInterval(5*time.Millisecond))
			done := make(chan error, 1)
			go func() { done <- e.Run(context.Background()) }()
			mu.Lock()
			d := time.Duration(random.IntN(100)) * time.Millisecond
			mu.Unlock()
			elapse(d)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := e.Stop(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			stats, err := s.Claim(t.Context(), claimNothing)
			if err != nil || len(stats.Deliveries) != 0 {
				t.Fatal(err)
			}
		}
		close(stopPublishing)
		<-publishing
		e := newEngine(t, s, rc)
		stop := start(t, e)
		elapse(time.Minute)
		stop()
		stats, err := e.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Delivered != 3*published.Load() || stats.Total.Pending != 0 {
			t.Errorf("%+v of %d published, %v", stats.Total, published.Load(), err)
		}
		sent := map[string]int{}
		for _, r := range rc.log() {
			sent[r.url+" "+r.id]++
		}
		if len(sent) != 3*int(published.Load()) {
			t.Errorf("%d deliveries arrived, want %d", len(sent), 3*published.Load())
		}
		for k, n := range sent {
			if n != 1 {
				t.Errorf("%s was sent %d times", k, n)
			}
		}
		for d, err := range e.Deliveries(t.Context(), dispatcher.DeliveryFilter{}) {
			if err != nil || d.Interrupted != 0 || d.Attempts != 1 {
				t.Fatalf("%+v, %v", d, err)
			}
		}
	})
}

// A shutdown that does not wait costs no retry: the attempt is recorded, and the
// delivery is as before.
func TestStopThatCutsAttemptsOffCostsNoRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		rc := &receiver{answer: hang}
		e := newEngine(t, s, rc)
		go func() { _ = e.Run(context.Background()) }()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := e.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("Stop took %v", d)
		}
		d := delivery(t, e, rcpt.Deliveries[0].ID)
		if d.State != dispatcher.StatePending || d.Tries != 0 || d.Attempts != 1 || d.Claimed || d.VisibleAt.After(time.Now()) {
			t.Errorf("after being cut off: %+v", d)
		}
		attempts, err := e.Attempts(t.Context(), d.ID)
		if err != nil || len(attempts) != 1 || attempts[0].Code != dispatcher.CodeInterrupted {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
		rc.set(nil)
		next := newEngine(t, s, rc)
		stop := start(t, next)
		elapse(time.Second)
		stop()
		if d = delivery(t, e, d.ID); d.State != dispatcher.StateDelivered || d.Tries != 1 {
			t.Errorf("after the next run: %+v", d)
		}
	})
}

// remoteSigner waits for a key that does not come.
type remoteSigner struct{ signer.Signer }

func (remoteSigner) Sign(ctx context.Context, _ http.Header, _ signer.Message, _, _ []signer.Secret) error {
	<-ctx.Done()
	return ctx.Err()
}

// Nor does one that cuts signing off.
func TestStopWhileSigningFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithSigner(remoteSigner{signer.StandardWebhooks()}))
		go func() { _ = e.Run(context.Background()) }()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StatePending || d.Tries != 0 || d.Claimed {
			t.Errorf("after being cut off: %+v", d)
		}
	})
}

// hungStore does not answer some calls until they are given up.
type hungStore struct {
	store.Store
	claims, endpoints atomic.Bool
}

func (s *hungStore) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	if s.claims.Load() {
		<-ctx.Done()
		return store.Batch{}, ctx.Err()
	}
	return s.Store.Claim(ctx, p)
}

func (s *hungStore) Endpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	if s.endpoints.Load() {
		<-ctx.Done()
		return store.Endpoint{}, ctx.Err()
	}
	return s.Store.Endpoint(ctx, tenant, id)
}

// A store that does not answer holds nobody up for longer than there is time.
func TestStopWhileTheStoreHangs(t *testing.T) {
	for name, hang := range map[string]func(*hungStore){
		"claim":   func(s *hungStore) { s.claims.Store(true) },
		"disable": func(s *hungStore) { s.endpoints.Store(true) },
	} {
		for _, by := range []string{"Stop", "context"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &hungStore{Store: memstore.New()}
					e := newEngine(t, s, &receiver{answer: answerStatus(410)}, dispatcher.WithDrainTimeout(time.Second))
					running, end := context.WithCancel(t.Context())
					defer end()
					done := make(chan error, 1)
					go func() { done <- e.Run(running) }()
					register(t, e, dispatcher.EndpointConfig{})
					hang(s)
					publish(t, e, dispatcher.Event{})
					elapse(100 * time.Millisecond)
					began := time.Now()
					if by == "Stop" {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						defer cancel()
						if err := e.Stop(ctx); err != nil {
							t.Error(err)
						}
					} else {
						end()
					}
					if err := <-done; err != nil {
						t.Error(err)
					}
					if d := time.Since(began); d > 2*time.Second {
						t.Errorf("it took %v", d)
					}
				})
			})
		}
	}
}

// Whoever stops an engine with less time than the first one does not wait for a
// store that is away.
func TestSecondStopWithLessTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultStore{Store: memstore.New(), fail: func(op string) fault {
			if op == "settle" {
				return faultBefore
			}
			return faultNone
		}}
		e := newEngine(t, s, &receiver{})
		go func() { _ = e.Run(context.Background()) }()
		register(t, e, dispatcher.EndpointConfig{})
		publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		patient, cancelPatient := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancelPatient()
		go func() { _ = e.Stop(patient) }()
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := e.Stop(ctx); err == nil {
			t.Error("no error, though an outcome is not stored")
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("Stop took %v", d)
		}
	})
}

func TestRunReturnsWhenItMayNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, memstore.New(), &receiver{})
		stop := start(t, e)
		synctest.Wait()
		if err := e.Run(t.Context()); !errors.Is(err, dispatcher.ErrRunning) {
			t.Errorf("a second Run: %v", err)
		}
		stop()
		stop = start(t, e) // may be run again after its context ended
		synctest.Wait()
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		if err := e.Run(t.Context()); err != nil {
			t.Errorf("Run after Stop does not return at once: %v", err)
		}
		if err := e.Stop(t.Context()); err != nil {
			t.Errorf("Stop after Stop: %v", err)
		}
		if _, err := e.Publish(t.Context(), dispatcher.Event{Type: "still.works"}); err != nil {
			t.Errorf("Publish after Stop: %v", err)
		}
	})
}

// Idle is idle: between deliveries the engine sleeps until one is due.
func TestIdleEngineHardlyCallsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &countingStore{Store: memstore.New()}
		e := newEngine(t, s, &receiver{})
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		publish(t, e, dispatcher.Event{At: time.Now().Add(2 * time.Hour)})
		elapse(time.Second)
		s.calls.Store(0)
		elapse(time.Hour)
		// One look a minute, and one purge.
		if n := s.calls.Load(); n > 62 {
			t.Errorf("%d store calls in an idle hour", n)
		}
		elapse(time.Hour)
		if st, err := e.Stats(t.Context(), dispatcher.StatsFilter{}); err != nil || st.Total.Delivered != 1 {
			t.Errorf("%+v, %v", st.Total, err)
		}
	})
}
