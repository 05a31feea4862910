//go:build unix

package crash

import (
	"context"
	"sync"

	"github.com/postrider/postrider/store"
)

// faulty is a store with a fault: what is set replaces the method. Counting and
// remembering is up to the fault; mu guards it.
type faulty struct {
	store.Store
	mu         sync.Mutex
	n          int
	insert     func(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error)
	claim      func(ctx context.Context, p store.ClaimParams) (store.Batch, error)
	settle     func(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error)
	requeue    func(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error)
	delivery   func(d store.Delivery) store.Delivery
	attempts   func(a []store.Attempt) []store.Attempt
	statistics func(s store.Stats) store.Stats
}

func (f *faulty) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if f.insert != nil {
		return f.insert(ctx, events)
	}
	return f.Store.Insert(ctx, events)
}

func (f *faulty) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	if f.claim != nil {
		return f.claim(ctx, p)
	}
	return f.Store.Claim(ctx, p)
}

func (f *faulty) Settle(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
	if f.settle != nil {
		return f.settle(ctx, outcomes)
	}
	return f.Store.Settle(ctx, outcomes)
}

func (f *faulty) Requeue(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
	if f.requeue != nil {
		return f.requeue(ctx, p)
	}
	return f.Store.Requeue(ctx, p)
}

func (f *faulty) Deliveries(ctx context.Context, q store.DeliveryQuery) (store.Page[store.Delivery], error) {
	p, err := f.Store.Deliveries(ctx, q)
	if f.delivery != nil {
		for i := range p.Items {
			p.Items[i] = f.delivery(p.Items[i])
		}
	}
	return p, err
}

func (f *faulty) Attempts(ctx context.Context, tenant, id string) ([]store.Attempt, error) {
	a, err := f.Store.Attempts(ctx, tenant, id)
	if f.attempts != nil {
		a = f.attempts(a)
	}
	return a, err
}

func (f *faulty) Stats(ctx context.Context, q store.StatsQuery) (store.Stats, error) {
	s, err := f.Store.Stats(ctx, q)
	if f.statistics != nil {
		s = f.statistics(s)
	}
	return s, err
}

// every tells, once in n calls, that it is time.
func (f *faulty) every(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return f.n%n == 0
}
