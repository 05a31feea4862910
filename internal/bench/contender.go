package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// contender is a way to get webhooks delivered. A child makes one, uses it for
// one run and ends.
type contender interface {
	// setup connects to the sink and registers the endpoints. It returns the
	// keys that sign for each of them.
	setup(ctx context.Context, s setup) (keys [][]byte, err error)
	// fill makes n deliveries wait, without sending any. What fanOut deliveries
	// share is one event.
	fill(ctx context.Context, n, fanOut int) error
	// drain starts to send and returns when n deliveries have been settled. It
	// is an error if one of them failed.
	drain(ctx context.Context, n int) error
	// publish sends n deliveries while their events are being published, one
	// event per call, and returns when all have been settled.
	publish(ctx context.Context, n, fanOut int) error
	// open starts to send what send is given.
	open(ctx context.Context) error
	// send publishes one event with the given id to one endpoint and returns
	// the wall clock from just before.
	send(ctx context.Context, id string, endpoint int) (at time.Time, err error)
	// close ends the sending and frees what setup took.
	close(ctx context.Context) error
}

// setup says what to set up.
type setup struct {
	// Sink is the sink's base URL.
	Sink      string
	Endpoints int
	Payload   []byte
	// InFlight is how many requests are under way at once; 0 leaves it to the
	// contender's defaults.
	InFlight int
	// AttemptTimeout ends a request; 0 leaves it to the contender's default.
	AttemptTimeout time.Duration
	// Publishers and Outstanding shape publish; see config.
	Publishers, Outstanding int
	// Capacity is how many deliveries the run will make at most, for stores
	// that are bounded.
	Capacity int
}

// contenderNames are all contenders; the first is the base of every ratio.
var contenderNames = []string{rawName, memoryName}

// newContender makes the contender of that name.
func newContender(name string) (contender, error) {
	switch name {
	case rawName:
		return &raw{}, nil
	case memoryName:
		return &queued{queue: newMemoryQueue()}, nil
	}
	return nil, fmt.Errorf("unknown contender %q", name)
}

// hasQueue tells whether deliveries can wait in the contender; the others are
// left out of the scenarios that are about waiting.
func hasQueue(name string) bool { return name != rawName }

// wideType is the type of events that go to every endpoint.
const wideType = "wide.event"

// narrowType is the type of events that go to one endpoint.
func narrowType(endpoint int) string { return "narrow.n" + strconv.Itoa(endpoint) }
