//go:build unix

package crash

import (
	"bytes"
	"context"

	"github.com/postrider/postrider/store"
)

// retold changes what claims and lists say of a delivery.
func retold(s store.Store, tell func(d store.Delivery, extra int) store.Delivery) store.Store {
	f := &faulty{Store: s}
	expired := map[string]int{}
	told := func(d store.Delivery) store.Delivery {
		f.mu.Lock()
		defer f.mu.Unlock()
		return tell(d, expired[d.ID])
	}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			c := &b.Deliveries[i]
			if c.Expired {
				f.mu.Lock()
				expired[c.Delivery.ID]++
				f.mu.Unlock()
			}
			c.Delivery = told(c.Delivery)
		}
		return b, err
	}
	f.delivery = told
	return f
}

func expiryIsTry(s store.Store) store.Store {
	return retold(s, func(d store.Delivery, n int) store.Delivery { d.Tries += n; return d })
}

func expiryIsAmnesty(s store.Store) store.Store {
	return retold(s, func(d store.Delivery, n int) store.Delivery {
		if n > 0 {
			d.Tries = 0
		}
		return d
	})
}

func expiryUncounted(s store.Store) store.Store {
	return retold(s, func(d store.Delivery, _ int) store.Delivery { d.Expiries, d.Interrupted = 0, 0; return d })
}

func expiryOvercounted(s store.Store) store.Store {
	return retold(s, func(d store.Delivery, _ int) store.Delivery { d.Interrupted += d.Attempts; return d })
}

func attemptTwice(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.attempts = func(a []store.Attempt) []store.Attempt {
		if len(a) > 1 {
			a[1] = a[0]
			a[1].Number = 2
		}
		return a
	}
	return f
}

func numbersReused(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.attempts = func(a []store.Attempt) []store.Attempt {
		for i := range a {
			a[i].Number = 1
		}
		return a
	}
	return f
}

func successErased(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.delivery = func(d store.Delivery) store.Delivery {
		if d.State == store.StateDelivered && d.Attempts > d.Tries {
			d.DeliveredAt = d.UpdatedAt
		}
		return d
	}
	return f
}

func attemptOfAnother(s store.Store) store.Store {
	f := &faulty{Store: s}
	var first *store.Attempt
	f.attempts = func(a []store.Attempt) []store.Attempt {
		if first == nil && len(a) > 0 {
			first = &a[0]
		} else if len(a) > 0 {
			a[0].StartedAt = first.StartedAt
		}
		return a
	}
	return f
}

func bodyAltered(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Events {
			if f.every(50) {
				b.Events[i].Body = append(bytes.Clone(b.Events[i].Body), ' ')
			}
		}
		return b, err
	}
	return f
}

func endpointMixedUp(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		if len(b.Endpoints) > 1 && f.every(5) {
			b.Deliveries[0].Endpoint = (b.Deliveries[0].Endpoint + 1) % len(b.Endpoints)
		}
		return b, err
	}
	return f
}

func countsDrift(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.statistics = func(s store.Stats) store.Stats { s.Total.Delivered--; return s }
	return f
}
