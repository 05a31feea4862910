package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// key names a series of runs.
type key struct{ Scenario, Variant, Contender string }

// results are the runs of each series, one for each round.
type results map[key][]result

// measure starts the sink and lets the contenders take turns, scenario by
// scenario: A B A B …, so that a machine that slows down does so for all.
func measure(ctx context.Context, cfg config, progress io.Writer) (results, error) {
	plan, err := planOf(cfg)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	sink, err := startSink(ctx, exe)
	if err != nil {
		return nil, err
	}
	defer sink.stop()
	servers := newServers(exe, cfg)
	defer servers.stop()

	all := results{}
	for _, p := range plan {
		for _, round := range rounds(cfg, p.scenario) {
			for _, k := range p.series {
				e, err := findEntrant(k.Contender)
				if err != nil {
					return nil, err
				}
				srv, err := servers.of(ctx, e.server)
				if err != nil {
					return nil, err
				}
				start := time.Now()
				res, err := runChild(ctx, exe, job{
					Scenario: k.Scenario, Variant: k.Variant, Contender: k.Contender,
					Round: round, Sink: sink.base, Server: srv, Config: cfg,
				})
				if err != nil {
					return nil, err
				}
				fmt.Fprintf(progress, "%-10s %-8s %-23s round %d  %5.1fs  %s\n",
					k.Scenario, k.Variant, k.Contender, round, time.Since(start).Seconds(), brief(res))
				if round > 0 {
					all[k] = append(all[k], res)
				}
			}
		}
	}
	return all, nil
}

// rounds are the numbers of a scenario's rounds, of which 0 is discarded.
func rounds(cfg config, s scenario) []int {
	n := cfg.Rounds
	if s.once {
		return []int{1}
	}
	var all []int
	if cfg.Warmup {
		all = append(all, 0)
	}
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// brief is a result on a line, for those who wait.
func brief(r result) string {
	var parts []string
	if r.Usage.Elapsed > 0 && r.Latency.Samples == 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s, %.4f CPU s/1000", r.rate(), r.cpuPerThousand()))
	}
	if r.Latency.Samples > 0 {
		parts = append(parts, fmt.Sprintf("p50 %v, p99 %v, max %v", r.Latency.P50, r.Latency.P99, r.Latency.Max))
	}
	if r.Base.Samples > 0 {
		parts = append(parts, fmt.Sprintf("beside p50 %v, p99 %v", r.Base.P50, r.Base.P99))
	}
	if r.HeapBytes > 0 {
		parts = append(parts, fmt.Sprintf("%.0f bytes per delivery", r.HeapBytes))
	}
	return strings.Join(parts, ", ")
}

// waitDelay is how long a process that was told to end may take before its
// pipes are closed.
const waitDelay = 5 * time.Second

// sinkProcess is the sink as the parent sees it.
type sinkProcess struct {
	base  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// startSink starts a sink and returns when it listens.
func startSink(ctx context.Context, exe string) (*sinkProcess, error) {
	cmd := exec.CommandContext(ctx, exe, roleSink)
	cmd.WaitDelay = waitDelay
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start sink: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start sink: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sink: %w", err)
	}
	s := &sinkProcess{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start sink: no address: %w", err)
	}
	s.base = strings.TrimSpace(line)
	return s, nil
}

// stop ends the sink. It closes the sink's input, upon which the sink ends by
// itself, and kills it should it not.
func (s *sinkProcess) stop() {
	_ = s.stdin.Close()
	kill := time.AfterFunc(waitDelay, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait() // how it ended does not matter any more
}

// runChild does a job in a fresh process.
func runChild(ctx context.Context, exe string, j job) (result, error) {
	// The child ends itself at the time-out; this is for one that cannot.
	ctx, cancel := context.WithTimeout(ctx, j.Config.Timeout+2*waitDelay)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, roleChild)
	cmd.WaitDelay = waitDelay
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return result{}, fmt.Errorf("start child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("start child: %w", err)
	}
	// The input stays open while the child works: its end tells the child that
	// this process is gone.
	sendErr := json.NewEncoder(stdin).Encode(j)
	waitErr := cmd.Wait()
	if err := errors.Join(sendErr, waitErr); err != nil {
		return result{}, fmt.Errorf("child for %s %s of %s: %w\n%s", j.Scenario, j.Variant, j.Contender, err, stderr.Bytes())
	}
	var res result
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		return result{}, fmt.Errorf("child for %s %s of %s: read result: %w", j.Scenario, j.Variant, j.Contender, err)
	}
	return res, nil
}
