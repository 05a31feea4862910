package memstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

// clock is a clock that runs, and can be moved forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// The store holds the whole contract, without exceptions.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Target {
		var c clock
		return storetest.Target{
			Store:   memstore.New(memstore.WithClock(c.now)),
			Advance: c.advance,
			Bounded: func(testing.TB) store.Store {
				return memstore.New(memstore.WithClock(c.now), memstore.WithMaxDeliveries(100))
			},
		}
	})
}
