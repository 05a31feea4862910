package main

import (
	"context"
	"fmt"
)

// The scenarios.
const (
	scenarioDrain     = "drain"
	scenarioPublish   = "publish"
	scenarioBatch     = "batch"
	scenarioLatency   = "latency"
	scenarioRemote    = "remote"
	scenarioBacklog   = "backlog"
	scenarioIsolation = "isolation"
	scenarioMemory    = "memory"
	scenarioStore     = "store"
	scenarioClaim     = "claim"
)

// The variants of the scenarios that have some.
const (
	variantWide    = "wide"    // an event goes to every endpoint
	variantNarrow  = "narrow"  // an event goes to one endpoint
	variantSmall   = "small"   // the small backlog
	variantBig     = "big"     // the big one
	variantWithout = "without" // no endpoint hangs
	variantWith    = "with"    // some do
	variantPending = "pending" // much is pending for other endpoints
	variantHistory = "history" // much was delivered
)

// scenario is something to measure. In each round every contender runs each
// variant once.
type scenario struct {
	name string
	// variants has at least one element, "" where there is but one.
	variants []string
	// takes tells which contenders it can be asked of.
	takes func(entrant) bool
	// once means that a run is a comparison in itself, and long: there are no
	// rounds.
	once bool
	// unfinished means that deliveries are left when the run ends, so that the
	// contender need not close in time.
	unfinished bool
	run        func(context.Context, *running) (result, error)
}

var scenarios = []scenario{
	{name: scenarioDrain, variants: []string{variantWide, variantNarrow}, takes: anybody, run: runDrain},
	{name: scenarioPublish, variants: []string{variantWide}, takes: anybody, run: runPublish},
	{name: scenarioBatch, variants: []string{variantWide, variantNarrow}, takes: entrant.queue, unfinished: true, run: runBatch},
	{name: scenarioLatency, variants: []string{""}, takes: anybody, run: runLatency},
	{name: scenarioRemote, variants: []string{""}, takes: entrant.shared, run: runRemote},
	{name: scenarioBacklog, variants: []string{variantSmall, variantBig}, takes: entrant.postrider, unfinished: true, run: runBacklog},
	{name: scenarioIsolation, variants: []string{variantWithout, variantWith}, takes: entrant.postrider, unfinished: true, run: runIsolation},
	{name: scenarioMemory, variants: []string{variantWide, variantNarrow}, takes: inMemory, unfinished: true, run: runMemory},
	{name: scenarioStore, variants: []string{variantSmall, variantBig}, takes: entrant.postrider, unfinished: true, run: runStore},
	{name: scenarioClaim, variants: []string{variantPending, variantHistory}, takes: inDatabases, once: true, unfinished: true, run: runClaim},
}

func anybody(entrant) bool { return true }

func inMemory(e entrant) bool { return e.name == memoryName }

// inDatabases: two of them can lie beside each other, which they cannot in a
// cluster of Redis.
func inDatabases(e entrant) bool { return e.postrider() && e.server != redisClusterServer }

func scenarioNames() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return names
}

func findScenario(name string) (scenario, error) {
	for _, s := range scenarios {
		if s.name == name {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("unknown scenario %q", name)
}

// fanOut is the fan-out of the job's variant.
func (r *running) fanOut() int {
	if r.Variant == variantWide {
		return r.Config.Endpoints
	}
	return 1
}

// deliveries is the size of a run: the contender's share, in whole events.
func (r *running) deliveries() int {
	return r.whole(max(1, int(float64(r.Config.Deliveries)*r.entrant.share)))
}

// whole is n, rounded up to what whole events make.
func (r *running) whole(n int) int {
	f := r.fanOut()
	return (n + f - 1) / f * f
}

// runDrain measures sending alone: everything was published before.
func runDrain(ctx context.Context, r *running) (result, error) {
	n := r.deliveries()
	err := r.setup(ctx, setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n}, sinkConfig{})
	if err != nil {
		return result{}, err
	}
	if err := r.contender.fill(ctx, n, r.fanOut()); err != nil {
		return result{}, fmt.Errorf("fill: %w", err)
	}
	u, err := r.measure(func() error { return r.contender.drain(ctx, n) })
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u}, r.sink.expect(ctx, n)
}

// runPublish measures publishing and sending side by side.
func runPublish(ctx context.Context, r *running) (result, error) {
	n := r.deliveries()
	err := r.setup(ctx, setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n}, sinkConfig{})
	if err != nil {
		return result{}, err
	}
	u, err := r.measure(func() error { return r.contender.publish(ctx, n, r.fanOut()) })
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u}, r.sink.expect(ctx, n)
}

// batchFactor makes the batch scenario last: publishing alone is faster than
// sending.
const batchFactor = 3

// runBatch measures publishing alone, in batches, by several at once.
func runBatch(ctx context.Context, r *running) (result, error) {
	q, err := asQueued(r.contender)
	if err != nil {
		return result{}, err
	}
	n := batchFactor * r.deliveries()
	err = r.setup(ctx, setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n}, sinkConfig{})
	if err != nil {
		return result{}, err
	}
	u, err := r.measure(func() error { return q.fill(ctx, n, r.fanOut()) })
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u}, r.sink.expect(ctx, 0)
}

// runMemory measures what waiting deliveries keep on the heap, their events'
// payloads included.
func runMemory(ctx context.Context, r *running) (result, error) {
	n := r.whole(r.Config.MemoryDeliveries)
	err := r.setup(ctx, setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n}, sinkConfig{})
	if err != nil {
		return result{}, err
	}
	before := liveHeap()
	if err := r.contender.fill(ctx, n, r.fanOut()); err != nil {
		return result{}, fmt.Errorf("fill: %w", err)
	}
	after := liveHeap()
	return result{HeapBytes: (float64(after) - float64(before)) / float64(n)}, r.sink.expect(ctx, 0)
}
