//go:build unix

package crash

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// writer writes the records of one process.
type writer struct {
	process string
	sink    history.Sink
	calls   atomic.Int64
}

func (w *writer) write(engine string, r history.Record) {
	r.Process, r.Engine, r.At = w.process, engine, time.Now()
	w.sink.Write(r)
}

// recorder is a store as one engine has it: it records every call, before it
// reaches the store and after it has come back, and passes the points at which
// the process may end itself.
type recorder struct {
	store.Store
	w      *writer
	engine string
	pass   func(point string)
}

// listeningRecorder is one of a store that can tell of other processes' inserts.
type listeningRecorder struct {
	recorder
	store.Notifier
}

// record wraps the store of an engine. pass is called at each named point.
func record(s store.Store, w *writer, engine string, pass func(point string)) store.Store {
	r := recorder{Store: s, w: w, engine: engine, pass: pass}
	if n, ok := s.(store.Notifier); ok {
		return &listeningRecorder{r, n}
	}
	return &r
}

// recorded makes a call with a record before and after it.
func recorded[T any](r *recorder, before history.Record, call func() (T, error), after func(*history.Record, T)) (T, error) {
	id := r.w.calls.Add(1)
	before.Kind, before.Call = history.Calling, id
	r.w.write(r.engine, before)
	result, err := call()
	end := history.Record{Kind: history.Called, Call: id, Op: before.Op}
	if err != nil {
		end.Err = err.Error()
	} else if after != nil {
		after(&end, result)
	}
	r.w.write(r.engine, end)
	return result, err
}

func (r *recorder) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	before := history.Record{Op: history.OpInsert}
	for i := range events {
		before.Events = append(before.Events, events[i].Event.ID)
		before.Wanted = append(before.Wanted, len(events[i].Deliveries))
	}
	return recorded(r, before, func() ([]store.Inserted, error) { return r.Store.Insert(ctx, events) },
		func(end *history.Record, results []store.Inserted) {
			for _, in := range results {
				end.Inserted = append(end.Inserted, history.Inserted{
					Event: in.EventID, Deliveries: in.Deliveries, Duplicate: in.Duplicate, Conflict: in.Conflict,
				})
			}
		})
}

func (r *recorder) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	return recorded(r, history.Record{Op: history.OpDue}, func() (store.DueLanes, error) { return r.Store.Due(ctx, p) }, nil)
}

func (r *recorder) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	before := history.Record{Op: history.OpClaim, Asked: p.Lanes, Max: p.Max, Lease: p.Lease}
	b, err := recorded(r, before, func() (store.Batch, error) {
		r.pass(pointClaiming)
		return r.Store.Claim(ctx, p)
	}, func(end *history.Record, b store.Batch) {
		end.Now = b.Now
		for i := range b.Deliveries {
			c := &b.Deliveries[i]
			end.Claimed = append(end.Claimed, history.Claimed{
				ID: c.Delivery.ID, Endpoint: c.Delivery.EndpointID, Event: c.Delivery.EventID, Token: c.Delivery.Token,
				Attempts: c.Delivery.Attempts, Tries: c.Delivery.Tries, Expiries: c.Delivery.Expiries,
				Interrupted: c.Delivery.Interrupted, Expired: c.Expired, VisibleAt: c.Delivery.VisibleAt,
			})
		}
	})
	if err == nil && len(b.Deliveries) > 0 {
		r.pass(pointClaimed)
	}
	return b, err
}

func (r *recorder) Settle(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
	before := history.Record{Op: history.OpSettle}
	for i := range outcomes {
		o := &outcomes[i]
		rec := history.Outcome{ID: o.DeliveryID, Token: o.Token, State: o.State, Delay: o.Delay, Free: o.Free}
		if o.Attempt != nil {
			rec.HasAttempt, rec.StartedAt, rec.Status = true, o.Attempt.StartedAt, o.Attempt.Status
		}
		before.Outcomes = append(before.Outcomes, rec)
	}
	if len(outcomes) > 0 {
		r.pass(pointUnsettled)
	}
	result, err := recorded(r, before, func() (store.SettleResult, error) {
		if len(outcomes) > 0 {
			r.pass(pointSettling)
		}
		return r.Store.Settle(ctx, outcomes)
	}, func(end *history.Record, s store.SettleResult) { end.Lost = s.Lost })
	if err == nil && len(outcomes) > 0 {
		r.pass(pointSettled)
	}
	return result, err
}

func (r *recorder) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	return recorded(r, history.Record{Op: history.OpPurge}, func() (store.Purged, error) { return r.Store.Purge(ctx, p) }, nil)
}

func (r *recorder) Requeue(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
	before := history.Record{Op: history.OpRequeue}
	for i := range p.Items {
		before.Requeued = append(before.Requeued, p.Items[i].DeliveryID)
	}
	return recorded(r, before, func() ([]store.Requeued, error) { return r.Store.Requeue(ctx, p) },
		func(end *history.Record, results []store.Requeued) {
			for _, q := range results {
				if q.Result == store.RequeueDone {
					end.Requeued = append(end.Requeued, q.DeliveryID)
				}
			}
		})
}
