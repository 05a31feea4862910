//go:build unix

package crash

import (
	"context"
	"slices"

	"github.com/postrider/postrider/store"
)

func settleForgotten(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		if f.every(20) {
			return store.SettleResult{}, nil
		}
		return f.Store.Settle(ctx, o)
	}
	return f
}

func settleHalf(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		if o = slices.Clone(o); f.every(20) {
			for i := range o {
				o[i].Attempt = nil
			}
		}
		return f.Store.Settle(ctx, o)
	}
	return f
}

// settleTorn writes attempts outside of the transaction: they stay when it fails.
func settleTorn(s store.Store) store.Store {
	f := &faulty{Store: s}
	stray := map[string][]store.Attempt{}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		if len(o) > 0 && o[0].Attempt != nil && f.every(10) {
			f.mu.Lock()
			stray[o[0].DeliveryID] = append(stray[o[0].DeliveryID], *o[0].Attempt)
			f.mu.Unlock()
			return store.SettleResult{}, context.DeadlineExceeded
		}
		return f.Store.Settle(ctx, o)
	}
	f.attempts = func(a []store.Attempt) []store.Attempt {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(a) == 0 {
			return a
		}
		a = append(slices.Clone(a), stray[a[0].DeliveryID]...)
		for i := range a {
			a[i].Number = i + 1
		}
		return a
	}
	f.delivery = func(d store.Delivery) store.Delivery {
		f.mu.Lock()
		defer f.mu.Unlock()
		d.Attempts += len(stray[d.ID])
		return d
	}
	return f
}

func insertLess(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.insert = func(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
		if !f.every(5) || len(events[0].Deliveries) < 2 {
			return f.Store.Insert(ctx, events)
		}
		less := slices.Clone(events)
		less[0].Deliveries = less[0].Deliveries[1:]
		r, err := f.Store.Insert(ctx, less)
		if err == nil {
			r[0].Deliveries = append(r[0].Deliveries, store.DeliveryRef{ID: "dlv_lost", EndpointID: events[0].Deliveries[0].EndpointID})
		}
		return r, err
	}
	return f
}

// insertTorn stores a part of an event's deliveries, as one does that is not atomic
// and was interrupted; the next try finds the event there.
func insertTorn(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.insert = func(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
		if f.every(5) && len(events[0].Deliveries) > 1 {
			half := slices.Clone(events[:1])
			half[0].Deliveries = half[0].Deliveries[1:]
			if _, err := f.Store.Insert(ctx, half); err != nil {
				return nil, err
			}
			r, err := f.Store.Insert(ctx, events)
			for i := range r {
				if r[i].Duplicate {
					r[i].Deliveries = nil // or it would tell by itself
				}
			}
			return r, err
		}
		return f.Store.Insert(ctx, events)
	}
	return f
}

func insertNothing(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.insert = func(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
		if !f.every(7) {
			return f.Store.Insert(ctx, events)
		}
		var r []store.Inserted
		for i := range events {
			in := store.Inserted{EventID: events[i].Event.ID}
			for _, d := range events[i].Deliveries {
				in.Deliveries = append(in.Deliveries, store.DeliveryRef{ID: "dlv_" + events[i].Event.ID + d.EndpointID, EndpointID: d.EndpointID})
			}
			r = append(r, in)
		}
		return r, nil
	}
	return f
}

func insertAnew(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.insert = func(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
		if len(events) == 1 && f.every(2) {
			other := slices.Clone(events)
			other[0].Event.ID += "x"
			return f.Store.Insert(ctx, other)
		}
		return f.Store.Insert(ctx, events)
	}
	return f
}

// resurrect requeues deliveries that are done, by itself.
func resurrect(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		r, err := f.Store.Settle(ctx, o)
		if err == nil && len(o) > 0 && f.every(20) {
			_, err = f.Store.Requeue(ctx, store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: o[0].DeliveryID}}})
		}
		return r, err
	}
	return f
}

func settleAtOnce(s store.Store) store.Store {
	f := &faulty{Store: s}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		o = slices.Clone(o)
		for i := range o {
			o[i].Delay = 0
		}
		return f.Store.Settle(ctx, o)
	}
	return f
}

// requeueUnfenced takes the outcome of an attempt that was in flight at a
// requeue.
func requeueUnfenced(s store.Store) store.Store {
	f := &faulty{Store: s}
	requeued := map[string]int64{}
	f.requeue = func(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
		r, err := f.Store.Requeue(ctx, p)
		for _, q := range r {
			if d, err := f.Store.Delivery(ctx, "", q.DeliveryID); err == nil {
				f.mu.Lock()
				requeued[d.ID] = d.Token
				f.mu.Unlock()
			}
		}
		return r, err
	}
	f.settle = func(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
		return f.settleAs(ctx, o, func(d store.Delivery, o store.Outcome) int64 {
			f.mu.Lock()
			defer f.mu.Unlock()
			if t := requeued[d.ID]; t != 0 && o.Token < t && d.Token >= t {
				return d.Token
			}
			return o.Token
		})
	}
	return f
}
