package dispatcher_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// crashingHost runs processes over one store; each is killed when it sends what
// kills it, or after some time.
type crashingHost struct {
	t     *testing.T
	store *memstore.Store
	// kills tells whether sending this request ends the process.
	kills func(*http.Request) bool
	// answer is what a request gets that does not.
	answer func(*http.Request, int) (*http.Response, error)
	sent   map[string]int // by message id
}

// live runs one process until it crashes, or for at most d, when it is killed.
func (h *crashingHost) live(d time.Duration, opts ...dispatcher.Option) {
	conn := &faultStore{Store: h.store}
	crashed := make(chan struct{})
	rt := &receiver{answer: func(r *http.Request, n int) (*http.Response, error) {
		id := first(r.Header, "webhook-id")
		conn.mu.Lock()
		if conn.dead {
			conn.mu.Unlock()
			return nil, errKilled
		}
		h.sent[id]++
		if h.kills(r) {
			conn.dead = true
			close(crashed)
			conn.mu.Unlock()
			return nil, errKilled
		}
		conn.mu.Unlock()
		if h.answer != nil {
			return h.answer(r, n)
		}
		return respond(200), nil
	}}
	e := newEngine(h.t, conn, rt, append(opts,
		dispatcher.WithAttemptTimeout(2*time.Second), dispatcher.WithLeaseMargin(time.Second),
		dispatcher.WithPollInterval(100*time.Millisecond))...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(context.Background())
	}()
	timer := time.NewTimer(d)
	select {
	case <-crashed:
	case <-timer.C:
		conn.kill()
	}
	timer.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.Stop(ctx) // nothing reaches the store any more: this only ends the goroutines
	<-done
}

// A delivery that ends every process that tries it is slowed down, and failed in
// the end; what is in flight beside it is delivered.
func TestDeliveryThatKillsItsProcessIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &crashingHost{t: t, store: memstore.New(), sent: map[string]int{}}
		admin := newEngine(t, h.store, &receiver{})
		register(t, admin, dispatcher.EndpointConfig{})
		poison := publish(t, admin, dispatcher.Event{})
		h.kills = func(r *http.Request) bool { return first(r.Header, "webhook-id") == poison.EventID }
		for range 100 {
			publish(t, admin, dispatcher.Event{})
		}
		began := time.Now()
		lives := 0
		for ; lives < 200; lives++ {
			h.live(10 * time.Minute)
			if delivery(t, admin, poison.Deliveries[0].ID).State.Terminal() {
				break
			}
		}
		d := delivery(t, admin, poison.Deliveries[0].ID)
		if d.State != dispatcher.StateFailed || d.Reason != dispatcher.CodeCrashing || d.Tries != 0 || d.Interrupted != 10 {
			t.Errorf("the delivery is %v (%s), tries %d, interrupted %d", d.State, d.Reason, d.Tries, d.Interrupted)
		}
		if n := h.sent[poison.EventID]; n != 10 {
			t.Errorf("it was sent %d times, want 10", n)
		}
		// Delays that double from the lease of 3 s: 3+6+12+…+192 s at least.
		if took := time.Since(began); took < 6*time.Minute {
			t.Errorf("ten crashes within %v: it was not slowed down", took)
		}
		h.kills = func(*http.Request) bool { return false }
		h.live(time.Hour)
		stats, err := admin.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Delivered != 100 || stats.Total.Failed != 1 {
			t.Errorf("%+v, %v", stats.Total, err)
		}
	})
}

// A host that crashes soon after each start fails no delivery.
func TestHostInACrashLoopFailsNoDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &crashingHost{t: t, store: memstore.New(), sent: map[string]int{}, kills: func(*http.Request) bool { return false }}
		admin := newEngine(t, h.store, &receiver{})
		register(t, admin, dispatcher.EndpointConfig{})
		// Attempts take longer than the process lives.
		h.answer = func(r *http.Request, n int) (*http.Response, error) {
			timer := time.NewTimer(1500 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
				return respond(200), nil
			case <-r.Context().Done():
				return nil, context.Cause(r.Context())
			}
		}
		const n = 50
		for range n {
			publish(t, admin, dispatcher.Event{})
		}
		for range 100 {
			h.live(time.Second)
			elapse(4 * time.Second)
		}
		stats, err := admin.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Failed != 0 || stats.Total.Pending != n {
			t.Errorf("after 100 crashes: %+v, %v", stats.Total, err)
		}
		h.live(6 * time.Hour)
		if stats, err = admin.Stats(t.Context(), dispatcher.StatsFilter{}); err != nil || stats.Total.Delivered != n {
			t.Errorf("after a healthy life: %+v, %v", stats.Total, err)
		}
	})
}

// claimKiller is the connection of a process that dies as soon as it has claimed
// something.
type claimKiller struct {
	*faultStore
	died chan struct{}
	once sync.Once
}

func (s *claimKiller) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	b, err := s.faultStore.Claim(ctx, p)
	if len(b.Deliveries) == 0 {
		return b, err
	}
	s.kill()
	s.once.Do(func() { close(s.died) })
	return store.Batch{}, errKilled
}

// Crashes count against a delivery only if it was being tried alone: not if the
// process died before it had sent anything.
func TestCrashAfterClaimFailsNoDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		admin := newEngine(t, s, &receiver{})
		register(t, admin, dispatcher.EndpointConfig{})
		const n = 10
		for range n {
			publish(t, admin, dispatcher.Event{})
		}
		policy := dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Settled: time.Second})
		options := []dispatcher.Option{
			policy, dispatcher.WithAttemptTimeout(2 * time.Second), dispatcher.WithLeaseMargin(time.Second),
			dispatcher.WithPollInterval(100 * time.Millisecond),
		}
		for range 60 {
			conn := &claimKiller{faultStore: &faultStore{Store: s}, died: make(chan struct{})}
			e := newEngine(t, conn, &receiver{}, options...)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = e.Run(context.Background())
			}()
			select {
			case <-conn.died:
			case <-time.After(2 * time.Hour): // all rest
				t.Error("nothing was claimed")
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = e.Stop(ctx)
			<-done
			elapse(4 * time.Second)
		}
		stats, err := admin.Stats(t.Context(), dispatcher.StatsFilter{})
		if err != nil || stats.Total.Pending != n {
			t.Errorf("after 60 crashes: %+v, %v", stats.Total, err)
		}
		e := newEngine(t, s, &receiver{}, options...)
		stop := start(t, e)
		elapse(12 * time.Hour)
		stop()
		if stats, err = admin.Stats(t.Context(), dispatcher.StatsFilter{}); err != nil || stats.Total.Delivered != n {
			t.Errorf("after a healthy life: %+v, %v", stats.Total, err)
		}
	})
}
