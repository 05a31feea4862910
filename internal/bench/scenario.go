package main

import (
	"context"
	"fmt"
)

// The scenarios.
const (
	scenarioDrain     = "drain"
	scenarioPublish   = "publish"
	scenarioLatency   = "latency"
	scenarioBacklog   = "backlog"
	scenarioIsolation = "isolation"
	scenarioMemory    = "memory"
)

// The variants of the scenarios that have some.
const (
	variantWide    = "wide"    // an event goes to every endpoint
	variantNarrow  = "narrow"  // an event goes to one endpoint
	variantSmall   = "small"   // the small backlog
	variantBig     = "big"     // the big one
	variantWithout = "without" // no endpoint hangs
	variantWith    = "with"    // some do
)

// scenario is something to measure. In each round every contender runs each
// variant once.
type scenario struct {
	name string
	// variants has at least one element, "" where there is but one.
	variants []string
	// queueOnly leaves out contenders in which nothing can wait.
	queueOnly bool
	// unfinished means that deliveries are left when the run ends, so that the
	// contender need not close in time.
	unfinished bool
	run        func(context.Context, *running) (result, error)
}

var scenarios = []scenario{
	{name: scenarioDrain, variants: []string{variantWide, variantNarrow}, run: runDrain},
	{name: scenarioPublish, variants: []string{variantWide}, run: runPublish},
	{name: scenarioLatency, variants: []string{""}, run: runLatency},
	{name: scenarioBacklog, variants: []string{variantSmall, variantBig}, queueOnly: true, unfinished: true, run: runBacklog},
	{name: scenarioIsolation, variants: []string{variantWithout, variantWith}, queueOnly: true, unfinished: true, run: runIsolation},
	{name: scenarioMemory, variants: []string{variantWide, variantNarrow}, queueOnly: true, unfinished: true, run: runMemory},
}

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

// whole is n, rounded up to what whole events make.
func (r *running) whole(n int) int {
	f := r.fanOut()
	return (n + f - 1) / f * f
}

// runDrain measures sending alone: everything was published before.
func runDrain(ctx context.Context, r *running) (result, error) {
	n := r.whole(r.Config.Deliveries)
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
	n := r.whole(r.Config.Deliveries)
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
