package dispatcher_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// slowSettles is a store whose Settle takes a while.
type slowSettles struct {
	store.Store
	takes time.Duration

	mu    sync.Mutex
	sizes []int
	// waited is the longest time from an attempt's end to the outcome's storing.
	waited time.Duration
}

func (s *slowSettles) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	select {
	case <-time.After(s.takes): // of the fake clock
	case <-ctx.Done():
		return store.SettleResult{}, ctx.Err()
	}
	s.mu.Lock()
	s.sizes = append(s.sizes, len(o))
	for _, one := range o {
		s.waited = max(s.waited, time.Since(one.Attempt.StartedAt.Add(one.Attempt.Duration)))
	}
	s.mu.Unlock()
	return s.Store.Settle(ctx, o)
}

// Outcomes that come while others are being stored share a call with those that
// come a little later, and no outcome waits long.
func TestOutcomesShareCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			n     = 2000
			every = 100 * time.Microsecond
			takes = 2 * time.Millisecond
			delay = 5 * time.Millisecond // of a batch that is not full
		)
		s := &slowSettles{Store: memstore.New(), takes: takes}
		e := newEngine(t, s, &receiver{})
		register(t, e, dispatcher.EndpointConfig{})
		from := time.Now().Add(time.Second)
		for i := range n {
			publish(t, e, dispatcher.Event{At: from.Add(time.Duration(i) * every)})
		}
		stop := start(t, e)
		elapse(10 * time.Second)
		stop()
		total := 0
		for _, size := range s.sizes {
			total += size
		}
		if total != n {
			t.Errorf("%d outcomes were stored, not %d", total, n)
		}
		if most := int(n*every/(takes+delay)) + 5; len(s.sizes) > most {
			t.Errorf("%d calls for %d outcomes, not at most %d: %d", len(s.sizes), n, most, s.sizes)
		}
		if most := takes + delay + takes; s.waited > most {
			t.Errorf("an outcome was stored after %v, not at most %v", s.waited, most)
		}
	})
}
