package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// job is one run of one contender, done by a child.
type job struct {
	Scenario, Variant, Contender string
	// Round names the run in profiles' file names.
	Round int
	// Sink is the sink's base URL.
	Sink   string
	Config config
}

// result is what a run measured; what its scenario does not measure is zero.
type result struct {
	// Deliveries were made within Usage.
	Deliveries int
	Usage      usage
	Latency    latency
	// HeapBytes is what one pending delivery keeps on the heap.
	HeapBytes float64
}

// rate is deliveries per second.
func (r result) rate() float64 { return float64(r.Deliveries) / r.Usage.Elapsed.Seconds() }

// cpuPerThousand is seconds of CPU for 1,000 deliveries.
func (r result) cpuPerThousand() float64 {
	return r.Usage.CPU.Seconds() / float64(r.Deliveries) * 1000
}

// allocs is the number of allocations for one delivery.
func (r result) allocs() float64 { return float64(r.Usage.Mallocs) / float64(r.Deliveries) }

// allocBytes is the size of the allocations for one delivery.
func (r result) allocBytes() float64 { return float64(r.Usage.AllocBytes) / float64(r.Deliveries) }

// serveJob is a child's process: one job in, one result out. The child ends
// early when stdin does, which is when the parent has ended.
func serveJob(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var j job
	dec := json.NewDecoder(stdin)
	if err := dec.Decode(&j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		os.Exit(exitError)
	}()
	ctx, cancel := context.WithTimeout(ctx, j.Config.Timeout)
	defer cancel()
	res, err := runJob(ctx, j)
	if err != nil {
		return fmt.Errorf("%s %s of %s: %w", j.Scenario, j.Variant, j.Contender, err)
	}
	return json.NewEncoder(stdout).Encode(res)
}

// runJob does a job in this process.
func runJob(ctx context.Context, j job) (_ result, err error) {
	s, err := findScenario(j.Scenario)
	if err != nil {
		return result{}, err
	}
	c, err := newContender(j.Contender)
	if err != nil {
		return result{}, err
	}
	r := &running{job: j, contender: c, sink: newSinkClient(j.Sink)}
	defer func() {
		// The context may have ended; closing gets a few seconds of its own.
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if !r.ready {
			return
		}
		if closeErr := c.close(closeCtx); closeErr != nil && !s.unfinished {
			err = errors.Join(err, fmt.Errorf("close: %w", closeErr))
		}
	}()
	return s.run(ctx, r)
}

// running is a job under way.
type running struct {
	job
	contender contender
	sink      *sinkClient
	ready     bool // setup succeeded
}

// setup prepares contender and sink.
func (r *running) setup(ctx context.Context, s setup, c sinkConfig) error {
	s.Sink = r.Sink
	s.Payload = payload(r.Config.Payload)
	s.Publishers, s.Outstanding = r.Config.Publishers, r.Config.Outstanding
	keys, err := r.contender.setup(ctx, s)
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	r.ready = true
	c.Endpoints, c.Keys, c.Verify = s.Endpoints, keys, r.Config.Verify
	return r.sink.configure(ctx, c)
}

// measure runs f under the meter and the wanted profiles.
func (r *running) measure(f func() error) (u usage, err error) {
	name := fmt.Sprintf("%s-%s-%s-%d", r.Scenario, r.Variant, r.Contender, r.Round)
	stop, err := startProfiles(r.Config.Profiles, name)
	if err != nil {
		return u, err
	}
	m, err := startMeter()
	if err == nil {
		err = f()
	}
	if err == nil {
		u, err = m.stop()
	}
	return u, errors.Join(err, stop())
}
