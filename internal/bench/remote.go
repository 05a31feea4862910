package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// remoteWarmup is how many events precede those that are measured, so that all
// connections are there.
const remoteWarmup = 50

// publisherJob is what a publisher has to do.
type publisherJob struct {
	Contender string
	// Setup is that of the process that receives.
	Setup setup
	// N events are published at Rate, after those that warm up.
	N, Rate int
}

// runRemote measures latency at a low rate when another process publishes than
// the one that sends.
func runRemote(ctx context.Context, r *running) (result, error) {
	n := samples(r.Config.Rate, r.Config.LatencyDuration)
	err := r.setup(ctx,
		setup{Endpoints: r.Config.Endpoints, InFlight: r.Config.InFlight, Capacity: n + remoteWarmup},
		sinkConfig{Record: true})
	if err != nil {
		return result{}, err
	}
	if err := r.contender.open(ctx); err != nil {
		return result{}, err
	}
	var sent map[string]time.Time
	u, err := r.measure(func() (err error) {
		sent, err = runPublisher(ctx, publisherJob{r.Contender, r.setupInfo, n, r.Config.Rate})
		return err
	})
	if err != nil {
		return result{}, err
	}
	lat, err := r.latencyOf(ctx, sent)
	if err != nil {
		return result{}, err
	}
	return result{Deliveries: n, Usage: u, Latency: lat}, r.sink.expect(ctx, n+remoteWarmup)
}

// runPublisher lets a process of its own publish, and returns when, by the wall
// clock, it began to publish each of the events.
func runPublisher(ctx context.Context, j publisherJob) (map[string]time.Time, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.CommandContext(ctx, exe, rolePublisher)
	cmd.WaitDelay = waitDelay
	cmd.Stderr = os.Stderr
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start publisher: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start publisher: %w", err)
	}
	sendErr := json.NewEncoder(stdin).Encode(j)
	if err := errors.Join(sendErr, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	var at []int64
	if err := json.Unmarshal(stdout.Bytes(), &at); err != nil {
		return nil, fmt.Errorf("publisher: read result: %w", err)
	}
	sent := make(map[string]time.Time, len(at))
	for i, ns := range at {
		sent[eventID(i)] = time.Unix(0, ns)
	}
	return sent, nil
}

// eventID names the i-th event of a series whose receipt is timed.
func eventID(i int) string { return "evt_" + strconv.Itoa(i) }

// servePublisher is the process that publishes: one job in, the times out.
func servePublisher(ctx context.Context, stdin io.Reader, stdout io.Writer) (err error) {
	var j publisherJob
	if err := json.NewDecoder(stdin).Decode(&j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		os.Exit(exitError) // the one that waits for it is gone
	}()
	e, err := findEntrant(j.Contender)
	if err != nil {
		return err
	}
	q, err := asQueued(e.make())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.close(context.WithoutCancel(ctx))) }()
	if err := q.attach(ctx, j.Setup); err != nil {
		return err
	}
	start := time.Now()
	at := make([]int64, j.N)
	err = pace(ctx, remoteWarmup+j.N, j.Rate, func(i int) error {
		id := "warm_" + strconv.Itoa(i)
		if i >= remoteWarmup {
			id = eventID(i - remoteWarmup)
		}
		began, err := q.send(ctx, id, i%j.Setup.Endpoints)
		if i >= remoteWarmup {
			at[i-remoteWarmup] = began.UnixNano()
		}
		return err
	})
	if err != nil {
		return err
	}
	end := time.Now()
	if err := checkClock(end.Sub(start), end.Round(0).Sub(start.Round(0))); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(at)
}
