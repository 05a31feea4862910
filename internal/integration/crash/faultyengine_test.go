//go:build unix

package crash

import (
	"context"
	"slices"

	"github.com/postrider/postrider/store"
)

// These stand between an engine and what records its calls, so that the engine does
// what one with the fault would.

// claimForgotten loses a delivery between the claim and the attempt.
func claimForgotten(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		if len(b.Deliveries) > 0 && f.every(10) {
			b.Deliveries = b.Deliveries[1:]
		}
		return b, err
	}
	return f
}

// changing changes outcomes on their way from an engine.
func changing(s store.Store, change func(f *faulty, o *store.Outcome) (withhold bool)) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		o = slices.Clone(o)
		kept := o[:0]
		for i := range o {
			if !change(f, &o[i]) {
				kept = append(kept, o[i])
			}
		}
		return f.Store.Settle(ctx, kept)
	}
	return f
}

func settleWithheld(s store.Store) store.Store {
	return changing(s, func(f *faulty, _ *store.Outcome) bool { return f.every(30) })
}

func releaseAnswered(s store.Store) store.Store {
	return changing(s, func(f *faulty, o *store.Outcome) bool {
		if o.Attempt != nil && f.every(30) {
			o.State, o.Attempt = store.StatePending, nil
		}
		return false
	})
}

func cutOffCosts(s store.Store) store.Store {
	return changing(s, func(_ *faulty, o *store.Outcome) bool { o.Free = false; return false })
}

func leaseHalved(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		p.Lease /= 2
		return f.Store.Claim(ctx, p)
	}
	return f
}

func delayOfFirst(s store.Store) store.Store {
	return changing(s, func(_ *faulty, o *store.Outcome) bool { o.Delay = min(o.Delay, labDelays[0]); return false })
}

func suspectsUnknown(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			b.Deliveries[i].Delivery.Expiries = 0
		}
		return b, err
	}
	return f
}

// suspectsTogether sends suspects, after their rest, whatever else is tried.
func suspectsTogether(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.claim = func(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
		b, err := f.Store.Claim(ctx, p)
		for i := range b.Deliveries {
			if c := &b.Deliveries[i]; !c.Expired {
				c.Delivery.Expiries = 0
			}
		}
		return b, err
	}
	return f
}
