package memstore

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// Store is a [store.Store] in memory. The zero value is an empty store with the
// defaults. A Store must not be copied after its first use.
//
// The methods are those of the interfaces in package store, whose comments
// state what each one owes. Bad arguments, such as a Limit below 1, are refused
// with an error that names them, and nothing is written.
type Store struct {
	// mu guards everything below. It is held for short: what can be encoded
	// before or copied afterwards is; walks over many records let go of it
	// every few thousand. Methods that are not exported expect it to be held,
	// unless they say otherwise.
	mu sync.Mutex
	// ready tells that the rest was made; a zero value is made at its first use.
	ready bool

	clock func() time.Time
	// last is the latest time that was read, lastTick the latest that was given
	// to a record as its CreatedAt.
	last, lastTick int64

	// These three do not change, so they may be read without the lock by whoever
	// held it before.
	id       string
	idPrefix string // of delivery ids
	seed     maphash.Seed

	// The records. An event belongs to a tenant, a row (a delivery) to an event
	// and a lane, a lane to a tenant. Lanes and tenants exist as long as they
	// have something.
	tenants tenants
	lanes   lanes
	events  eventTable
	rows    rowTable
	bounds
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New(options ...Option) *Store {
	s := new(Store)
	for _, o := range options {
		if o != nil {
			o(s)
		}
	}
	s.init()
	return s
}

// init makes a zero value usable.
func (s *Store) init() {
	if s.ready {
		return
	}
	s.ready = true
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.maxUnits <= 0 {
		s.maxUnits = DefaultMaxDeliveries
	}
	if s.maxBytes <= 0 {
		s.maxBytes = DefaultMaxBytes
	}
	s.id = "memory-" + rand.Text()
	s.idPrefix = newIDPrefix()
	s.seed = maphash.MakeSeed()
	s.tenants.byName = make(map[string]*tenant)
	s.lanes.init()
	s.events.init()
	s.rows.init()
}

// lock locks the store, unless the context has ended.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.init()
	return nil
}

// Info implements [store.Store]: a store named "memory" with an ID of its own,
// neither durable nor shared.
func (s *Store) Info() store.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	return store.Info{Name: "memory", ID: s.id}
}
