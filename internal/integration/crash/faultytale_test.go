//go:build unix

package crash

import (
	"bytes"
	"context"
	"slices"

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

// miscounted tells of other numbers of expired leases in a row, by what an outcome
// that is stored does to them.
func miscounted(s store.Store, more func(o store.Outcome, told int) int) store.Store {
	extra, told := map[string]int{}, map[string]int{}
	r := retold(s, func(d store.Delivery, _ int) store.Delivery {
		d.Expiries = max(d.Expiries+extra[d.ID], 0)
		told[d.ID] = d.Expiries
		return d
	}).(*faulty)
	r.settle = func(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
		result, err := r.Store.Settle(ctx, outcomes)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, o := range outcomes {
			if err == nil && !slices.Contains(result.Lost, o.DeliveryID) {
				extra[o.DeliveryID] += more(o, told[o.DeliveryID])
			}
		}
		return result, err
	}
	return r
}

func expiriesKept(s store.Store) store.Store {
	return miscounted(s, func(o store.Outcome, told int) int {
		if o.Attempt == nil {
			return 0
		}
		return told
	})
}

func expiriesReleased(s store.Store) store.Store {
	return miscounted(s, func(o store.Outcome, told int) int {
		if o.Attempt != nil {
			return 0
		}
		return -told
	})
}
