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
	Sink string
	// Server is the one that the contender works on, if any.
	Server server
	Config config
}

// result is what a run measured; what its scenario does not measure is zero.
type result struct {
	// Deliveries were made within Usage.
	Deliveries int
	Usage      usage
	Latency    latency
	// Base is what Latency is to be compared with, where one run measures both.
	Base latency
	// HeapBytes is what one pending delivery keeps on the heap.
	HeapBytes float64
}

// rate is deliveries per second.
func (r result) rate() float64 { return float64(r.Deliveries) / r.Usage.Elapsed.Seconds() }

// cpuPerThousand is seconds of CPU for 1,000 deliveries, the database server's
// included.
func (r result) cpuPerThousand() float64 {
	return (r.Usage.CPU + r.Usage.ServerCPU).Seconds() / float64(r.Deliveries) * 1000
}

// serverPerThousand is the database server's part of cpuPerThousand.
func (r result) serverPerThousand() float64 {
	return r.Usage.ServerCPU.Seconds() / float64(r.Deliveries) * 1000
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
	e, err := findEntrant(j.Contender)
	if err != nil {
		return result{}, err
	}
	r := &running{job: j, entrant: e, contender: e.make(), sink: newSinkClient(j.Sink)}
	defer func() {
		// The context may have ended; closing gets a time of its own.
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, r.close(closeCtx, s.unfinished))
	}()
	return s.run(ctx, r)
}

// closeTimeout is for what is in flight, and for what a database has to remove.
const closeTimeout = 10 * time.Second

// running is a job under way.
type running struct {
	job
	entrant   entrant
	contender contender
	sink      *sinkClient
	setupInfo setup
	ready     bool // setup succeeded
	// drops remove the databases of the run, and end contenders before the last.
	drops []func(context.Context) error
	// databases is how many have been made.
	databases int
}

// setup prepares database, contender and sink.
func (r *running) setup(ctx context.Context, s setup, c sinkConfig) error {
	s, err := r.prepare(ctx, s)
	if err != nil {
		return err
	}
	r.setupInfo = s
	r.ready = true // close is safe after a failed setup, too
	keys, err := r.contender.setup(ctx, s)
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	c.Endpoints, c.Keys, c.Verify = s.Endpoints, keys, r.Config.Verify
	return r.sink.configure(ctx, c)
}

// prepare makes a database and completes the set-up with what does not depend on
// the scenario.
func (r *running) prepare(ctx context.Context, s setup) (setup, error) {
	dsn, drop, err := r.Server.fresh(ctx, r.databases)
	if err != nil {
		return s, fmt.Errorf("make a database: %w", err)
	}
	r.databases++
	r.drops = append(r.drops, drop)
	s.Sink, s.DSN = r.Sink, dsn
	s.Payload = payload(r.Config.Payload)
	s.Publishers, s.Outstanding = r.Config.Publishers, r.Config.Outstanding
	s.Rivals = r.Config.Rivals
	if s.InFlight > 0 && r.Config.StoreInFlight > 0 && r.entrant.postrider() && r.entrant.shared() {
		s.InFlight, s.ToEndpoint = r.Config.StoreInFlight, r.Config.StoreToEndpoint
	}
	return s, nil
}

// close ends the contender and removes its database.
func (r *running) close(ctx context.Context, unfinished bool) error {
	var err error
	if r.ready {
		if closeErr := r.contender.close(ctx); closeErr != nil && !unfinished {
			err = fmt.Errorf("close: %w", closeErr)
		}
	}
	for _, drop := range r.drops {
		err = errors.Join(err, drop(ctx))
	}
	return err
}

// measure runs f under the meter and the wanted profiles.
func (r *running) measure(f func() error) (u usage, err error) {
	name := fmt.Sprintf("%s-%s-%s-%d", r.Scenario, r.Variant, r.Contender, r.Round)
	stop, err := startProfiles(r.Config.Profiles, name)
	if err != nil {
		return u, err
	}
	m, err := startMeter(r.Server.PIDs)
	if err == nil {
		err = f()
	}
	if err == nil {
		u, err = m.stop()
	}
	return u, errors.Join(err, stop())
}
