package storetest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

// The suite has to judge alike whatever the clock is. The adapter's own test
// runs it with a clock that runs and can be moved.

// With a clock that stands still all that happens between two moves happens at
// one time, in years that are not the process's.
func TestFrozenClock(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Target {
		var at atomic.Int64
		at.Store(time.Date(2001, 2, 3, 4, 5, 6, 789_000_000, time.UTC).UnixNano())
		clock := memstore.WithClock(func() time.Time { return time.Unix(0, at.Load()) })
		return storetest.Target{
			Store:   memstore.New(clock),
			Advance: func(d time.Duration) { at.Add(int64(d)) },
			Bounded: func(testing.TB) store.Store { return memstore.New(clock, memstore.WithMaxDeliveries(8)) },
		}
	}, storetest.Seed(2))
}

// Without a clock to move the suite waits, as it does for a database.
func TestRealTime(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Target {
		return storetest.Target{Store: memstore.New()}
	})
}
