package main

import (
	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
)

const memoryName = "postrider/memory"

// deliveryBytes is room enough for a delivery and its attempt, without the
// payload.
const deliveryBytes = 4 << 10

// newMemoryQueue is Postrider on the memory store, with room for the run.
func newMemoryQueue() queue {
	return &postrider{newStore: func(s setup) (store.Store, error) {
		return memstore.New(
			memstore.WithMaxDeliveries(s.Capacity),
			memstore.WithMaxBytes(64<<20+int64(s.Capacity)*int64(deliveryBytes+2*len(s.Payload))),
		), nil
	}}
}
