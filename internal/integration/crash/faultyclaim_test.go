//go:build unix

package crash

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// leased claims with another lease, and says what was asked for.
func leased(s store.Store, change func(time.Duration) time.Duration) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		asked := p.Lease
		p.Lease = change(asked)
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			b.Deliveries[i].Delivery.VisibleAt = b.Now.Add(asked)
		}
		return b, err
	}
	return f
}

func leaseBehind(s store.Store) store.Store {
	return leased(s, func(d time.Duration) time.Duration { return d - 1200*time.Millisecond })
}

func leaseAhead(s store.Store) store.Store {
	return leased(s, func(d time.Duration) time.Duration { return d + 30*time.Second })
}

func nowElsewhere(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		b.Now = b.Now.Add(-700 * time.Millisecond)
		return b, err
	}
	return f
}

func claimTwice(s store.Store) store.Store {
	f := &faulty{Store: s}
	var last store.Batch
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		if err != nil || len(b.Deliveries) == 0 {
			return b, err
		}
		again := f.every(10)
		f.mu.Lock()
		defer f.mu.Unlock()
		if again && len(last.Deliveries) > 0 {
			again := last
			again.Deliveries = slices.Clone(last.Deliveries)
			return again, nil
		}
		last = b
		return b, nil
	}
	return f
}

// claimHeld sometimes claims what is leased, as if it were free.
func claimHeld(s store.Store) store.Store {
	return &shortLease{faulty: faulty{Store: s}}
}

type shortLease struct{ faulty }

func (f *shortLease) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	if asked := p.Lease; f.every(10) {
		p.Lease = time.Millisecond
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			b.Deliveries[i].Delivery.VisibleAt = b.Now.Add(asked)
		}
		return b, err
	}
	return f.Store.Claim(ctx, p)
}

// tokenKept tells the claimer of an expired lease the old token, and knows it
// later.
func tokenKept(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			if b.Deliveries[i].Expired {
				b.Deliveries[i].Delivery.Token--
			}
		}
		return b, err
	}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		return f.settleAs(ctx, o, func(d store.Delivery, o store.Outcome) int64 {
			if o.Token == d.Token-1 {
				return d.Token
			}
			return o.Token
		})
	}
	return f
}

func claimBeyond(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		p.Lanes = slices.Clone(p.Lanes)
		for i := range p.Lanes {
			p.Lanes[i].N += 2
		}
		return f.Store.Claim(ctx, p)
	}
	return f
}
