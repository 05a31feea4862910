package memstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// stray calls the store at random, as several engines and hosts would at once.
func stray(s *Store, seed uint64, steps int, tenants []string) error {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 5))
	var ids []string
	var claimed []store.Claimed
	id := func(kind string, n int) string { return fmt.Sprint(kind, rng.IntN(n)) }
	code := func() store.Code { return store.Code([]string{"", "a", "b", id("c", 20)}[rng.IntN(4)]) }
	for range steps {
		tenant := tenants[rng.IntN(len(tenants))]
		var err error
		switch rng.IntN(16) {
		case 0:
			_, err = s.CreateEndpoint(ctx, store.Endpoint{
				ID: id("lane", 8), Tenant: tenant, Patterns: []string{"*", id("type", 3)}[:rng.IntN(3)], Status: store.EndpointStatus(1 + rng.IntN(3)),
			})
		case 1:
			var e store.Endpoint
			if e, err = s.Endpoint(ctx, tenant, id("lane", 8)); err == nil {
				e.Patterns = []string{id("type", 3)}
				_, err = s.UpdateEndpoint(ctx, e)
			}
		case 2:
			_, err = s.SetEndpointStatus(ctx, tenant, id("lane", 8), store.EndpointStatus(1+rng.IntN(3)), code())
		case 3:
			err = s.DeleteEndpoint(ctx, tenant, id("lane", 8))
		case 4, 5, 6:
			batch := make([]store.NewEvent, rng.IntN(4))
			for i := range batch {
				batch[i].Event = store.Event{
					ID: id("event", 300), Tenant: tenant, Type: id("type", 3), Body: make([]byte, rng.IntN(300)), Digest: []byte{byte(rng.IntN(2))},
				}
				if rng.IntN(4) == 0 {
					batch[i].Event.At = s.clock().Add(time.Duration(rng.IntN(1000)) * time.Millisecond)
				}
				for _, n := range rng.Perm(8)[:rng.IntN(5)] {
					batch[i].Deliveries = append(batch[i].Deliveries, store.NewDelivery{EndpointID: fmt.Sprint("lane", n)})
				}
			}
			var in []store.Inserted
			in, err = s.Insert(ctx, batch)
			for _, in := range in {
				for _, d := range in.Deliveries {
					ids = append(ids, d.ID)
				}
			}
		case 7, 8:
			p := store.ClaimParams{Max: 1 + rng.IntN(20), MaxBytes: rng.IntN(2000), Lease: time.Duration(1 + rng.IntN(2e9))}
			for _, n := range rng.Perm(8) {
				p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("lane", n), N: rng.IntN(6)})
			}
			var b store.Batch
			b, err = s.Claim(ctx, p)
			claimed = append(claimed, b.Deliveries...)
		case 9, 10:
			var outcomes []store.Outcome
			for range min(len(claimed), rng.IntN(12)) {
				c := claimed[rng.IntN(len(claimed))].Delivery
				o := store.Outcome{DeliveryID: c.ID, Token: c.Token, State: store.State(1 + rng.IntN(4)), Delay: time.Duration(rng.IntN(1e9)), Reason: code()}
				if rng.IntN(3) > 0 {
					o.Attempt = &store.Attempt{Status: rng.IntN(600), ResponseBody: make([]byte, rng.IntN(500))}
				}
				outcomes = append(outcomes, o)
			}
			_, err = s.Settle(ctx, outcomes)
		case 11, 12:
			var items []store.RequeueItem
			for range rng.IntN(6) {
				item := store.RequeueItem{Tenant: tenant, EventID: id("event", 300), EndpointID: id("lane", 8)}
				if len(ids) > 0 && rng.IntN(2) == 0 {
					item.DeliveryID = ids[rng.IntN(len(ids))]
				}
				items = append(items, item)
			}
			_, err = s.Requeue(ctx, store.RequeueParams{Items: items, DryRun: rng.IntN(4) == 0})
		case 13:
			if len(ids) > 0 {
				_, err = s.Cancel(ctx, tenant, ids[rng.IntN(len(ids)):][:1], code())
			}
		case 14:
			_, err = s.Purge(ctx, store.PurgeParams{OlderThan: time.Duration(rng.IntN(1e8)), BodiesOnly: rng.IntN(2) == 0, Limit: 1 + rng.IntN(20)})
		case 15:
			if rng.IntN(8) == 0 {
				_, err = s.EraseTenant(ctx, tenant, 1+rng.IntN(50))
			}
		}
		switch {
		case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists), errors.Is(err, store.ErrFull):
		default:
			return err
		}
	}
	return nil
}

// After any calls, in any order, all indexes and counts agree with the records;
// also where the store is nearly always full. Two tenants use the same ids.
func TestInvariants(t *testing.T) {
	for name, options := range map[string][]Option{
		"unbounded":  nil,
		"deliveries": {WithMaxDeliveries(60)},
		"bytes":      {WithMaxBytes(40_000)},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				c := newFakeClock()
				s := New(append(options, WithClock(c.now))...)
				for round := range uint64(60) {
					if err := stray(s, seed<<32|round, 25, []string{"", "t"}); err != nil {
						t.Fatal(err)
					}
					c.t = c.t.Add(100 * time.Millisecond)
					if verify(t, s); t.Failed() {
						return
					}
				}
				for _, tenant := range []string{"", "t"} {
					for {
						p, err := s.EraseTenant(context.Background(), tenant, 7)
						if err != nil {
							t.Fatal(err)
						}
						if !p.More {
							break
						}
					}
				}
				verify(t, s)
				if s.bytes != 0 || s.units != 0 || len(s.rows.pages) != 0 || len(s.events.pages) != 0 || len(s.rows.logs.pages) != 0 || len(s.rows.late) != 0 || len(s.lanes.byID) != 0 {
					t.Errorf("after all was erased, %d bytes and %d deliveries are accounted for, %d, %d, %d pages, %d lanes held",
						s.bytes, s.units, len(s.rows.pages), len(s.events.pages), len(s.rows.logs.pages), len(s.lanes.byID))
				}
			}
		})
	}
}

func TestInvariantsConcurrently(t *testing.T) {
	s := New(WithMaxDeliveries(500))
	var wg sync.WaitGroup
	for i := range uint64(8) {
		wg.Go(func() {
			if err := stray(s, i, 2000, []string{"", "t", fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	verify(t, s)
}
