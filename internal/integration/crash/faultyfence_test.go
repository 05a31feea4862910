//go:build unix

package crash

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// settleAs settles with other tokens than those given, and answers for those
// given.
func (f *faulty) settleAs(ctx context.Context, outcomes []store.Outcome, token func(store.Delivery, store.Outcome) int64) (store.SettleResult, error) {
	changed := slices.Clone(outcomes)
	for i := range changed {
		if d, err := f.Store.Delivery(ctx, "", changed[i].DeliveryID); err == nil {
			changed[i].Token = token(d, changed[i])
		}
	}
	return f.Store.Settle(ctx, changed)
}

func settleUnfenced(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		return f.settleAs(ctx, o, func(d store.Delivery, _ store.Outcome) int64 { return d.Token })
	}
	return f
}

func settleOneBehind(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		return f.settleAs(ctx, o, func(d store.Delivery, o store.Outcome) int64 {
			if o.Token == d.Token-1 && d.Claimed {
				return d.Token
			}
			return o.Token
		})
	}
	return f
}

// settleByTime takes every outcome while a lease, whoever's it is, runs.
func settleByTime(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		return f.settleAs(ctx, o, func(d store.Delivery, o store.Outcome) int64 {
			if d.Claimed && time.Now().Before(d.VisibleAt) {
				return d.Token
			}
			return o.Token
		})
	}
	return f
}

func refuseSome(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		r, err := f.Store.Settle(ctx, o)
		if err == nil && len(o) > 0 && f.every(20) && !slices.Contains(r.Lost, o[0].DeliveryID) {
			r.Lost = append(r.Lost, o[0].DeliveryID)
		}
		return r, err
	}
	return f
}
