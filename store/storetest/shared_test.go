package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

// database plays a shared store: several handles on one memory store, which
// tell each other of inserts, and transactions that are carried out at their
// commit. It exists to try the tests that need these.
type database struct {
	store.Store
	mu        sync.Mutex
	listeners map[*handle]func(...string)
}

type handle struct {
	store.Store
	db *database
}

func (h *handle) Info() store.Info {
	return store.Info{Name: "played", ID: fmt.Sprintf("%p", h.db), Durable: true, Shared: true}
}

func (h *handle) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	in, err := h.Store.Insert(ctx, events)
	if err == nil {
		h.db.notify(h)
	}
	return in, err
}

func (h *handle) Listen(ctx context.Context, wake func(...string)) error {
	h.db.mu.Lock()
	h.db.listeners[h] = wake
	h.db.mu.Unlock()
	<-ctx.Done()
	h.db.mu.Lock()
	defer h.db.mu.Unlock()
	delete(h.db.listeners, h)
	return ctx.Err()
}

func (db *database) notify(by *handle) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for h, wake := range db.listeners {
		if h != by {
			wake()
		}
	}
}

// tx collects what is inserted. Its delivery ids are not those of the commit,
// which a real transaction's are.
type tx struct {
	*handle
	pending []store.NewEvent
	// eager plays a fault: what is inserted exists at once.
	eager bool
}

func (t *tx) StoreID() string { return t.Info().ID }

func (t *tx) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if t.eager {
		return t.handle.Insert(ctx, events)
	}
	var result []store.Inserted
	for _, e := range events {
		in := store.Inserted{EventID: e.Event.ID}
		earlier := slices.IndexFunc(t.pending, func(p store.NewEvent) bool {
			return p.Event.ID == e.Event.ID && p.Event.Tenant == e.Event.Tenant
		})
		if earlier >= 0 {
			in.Duplicate = string(t.pending[earlier].Event.Digest) == string(e.Event.Digest)
			in.Conflict = !in.Duplicate
		} else if _, err := t.Event(ctx, e.Event.Tenant, e.Event.ID); err == nil {
			again, err := t.Store.Insert(ctx, []store.NewEvent{e})
			if err != nil {
				return nil, err
			}
			in = again[0]
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		} else {
			for i, d := range e.Deliveries {
				in.Deliveries = append(in.Deliveries, store.DeliveryRef{ID: fmt.Sprintf("%s-%d", e.Event.ID, i), EndpointID: d.EndpointID})
			}
			t.pending = append(t.pending, e)
		}
		result = append(result, in)
	}
	return result, nil
}

func played(eager bool) storetest.Factory {
	return func(testing.TB) storetest.Target {
		var c clock
		db := &database{Store: memstore.New(memstore.WithClock(c.now)), listeners: make(map[*handle]func(...string))}
		open := func() *handle { return &handle{db.Store, db} }
		return storetest.Target{
			Store:   open(),
			Advance: c.advance,
			Reopen:  func() (store.Store, error) { return open(), nil },
			Begin: func() (storetest.Tx, error) {
				t := &tx{handle: open(), eager: eager}
				return storetest.Tx{
					Tx: t,
					Commit: func() error {
						_, err := t.handle.Insert(context.Background(), t.pending)
						return err
					},
					Rollback: func() error { return nil },
				}, nil
			},
		}
	}
}

func TestShared(t *testing.T) { storetest.Run(t, played(false)) }
