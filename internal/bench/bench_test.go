package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the roles in which the program starts
// itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (slices.Contains([]string{roleSink, roleChild, rolePublisher, roleServer}, os.Args[1])) {
		main()
	}
	// Under the race detector every process lingers for a second at its end, for
	// reports of its last moments; the children have none.
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // it only saves time
	}
	os.Exit(m.Run())
}

// tiny is a configuration that measures everything in a moment.
func tiny() config {
	c := defaults()
	c.shorten()
	c.Deliveries = 300
	c.Outstanding = 50
	c.LatencyDuration = 200 * time.Millisecond
	c.SmallBacklog = 100
	c.BigBacklog = 1000
	c.BacklogWindow = 100 * time.Millisecond
	c.MemoryDeliveries = 1000
	c.Verify = 1
	c.Timeout = time.Minute
	c.Claim = claim{Small: 100, BigPending: 1000, BigHistory: 1000, Claims: 10}
	c.Isolation = isolation{
		Endpoints: 20, Hanging: 5, Backlog: 100,
		Rate: 100, Duration: 200 * time.Millisecond, AttemptTimeout: time.Second,
	}
	return c
}

// TestMeasure runs the whole harness. The children themselves fail when the
// sink did not receive exactly what was sent, or found a signature wrong.
func TestMeasure(t *testing.T) {
	cfg := tiny()
	cfg.Rounds = 2
	cfg.Contenders, cfg.Scenarios = []string{rawName, memoryName}, scenarioNames()
	var progress bytes.Buffer
	all, err := measure(t.Context(), cfg, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.Bytes())
	}

	for _, s := range scenarios {
		for _, variant := range s.variants {
			for _, contender := range cfg.Contenders {
				e, err := findEntrant(contender)
				if err != nil {
					t.Fatal(err)
				}
				want := 0
				if s.takes(e) {
					want = len(rounds(cfg, s))
				}
				runs := all[key{s.name, variant, contender}]
				if len(runs) != want {
					t.Errorf("%s %s of %s: %d runs instead of %d", s.name, variant, contender, len(runs), want)
				}
				for _, r := range runs {
					checkResult(t, cfg, s.name, contender, r)
				}
			}
		}
	}

	vs := judge(all)
	want := 0
	for _, d := range demands {
		if slices.Contains(cfg.Contenders, d.Contender) {
			want++
		}
	}
	if len(vs) != want {
		t.Errorf("%d of %d demands were judged", len(vs), want)
	}
	for _, v := range vs {
		if !(v.Ratio.Min > 0) || v.Measured != cfg.Rounds {
			t.Errorf("%s: ratio %+v from %d rounds", v.What, v.Ratio, v.Measured)
		}
	}
	var out bytes.Buffer
	if err := writeReport(&out, cfg, all, vs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## Drain", "## Publish one", "## Publish to receipt at 100/s", "## Draining a backlog", "of healthy endpoints", "## Live heap", "## Publish in batches", "## Claim, settle and record", "## Claims beside", "## Gates"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, out.Bytes())
		}
	}
}

// checkResult looks for the figures that a scenario must have measured.
func checkResult(t *testing.T, cfg config, scenario, contender string, r result) {
	t.Helper()
	switch scenario {
	case scenarioDrain, scenarioPublish, scenarioBatch:
		want := cfg.Deliveries
		if scenario == scenarioBatch {
			want *= batchFactor
		}
		if r.Deliveries != want || r.Usage.Elapsed <= 0 || r.Usage.CPU <= 0 || r.Usage.Mallocs == 0 {
			t.Errorf("%s of %s measured %+v", scenario, contender, r)
		}
	case scenarioBacklog, scenarioStore:
		if r.Deliveries == 0 || r.Usage.Elapsed <= 0 {
			t.Errorf("%s of %s measured %+v", scenario, contender, r)
		}
	case scenarioLatency, scenarioIsolation:
		l := r.Latency
		if l.Samples != 20 || l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P99 {
			t.Errorf("%s of %s measured %+v", scenario, contender, r)
		}
	case scenarioClaim:
		if r.Base.Samples != cfg.Claim.Claims || r.Latency.Samples != cfg.Claim.Claims || r.Base.P50 <= 0 || r.Latency.P50 <= 0 {
			t.Errorf("%s of %s measured %+v", scenario, contender, r)
		}
	case scenarioMemory:
		if r.HeapBytes < float64(cfg.Payload)/float64(cfg.Endpoints)/2 {
			t.Errorf("%s of %s measured %+v", scenario, contender, r)
		}
	}
}

// TestRun goes through the command line.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out, progress bytes.Buffer
	args := []string{"-short", "-scenarios", "drain", "-contenders", "raw", "-n", "100", "-gate", "memory",
		"-cpuprofile", dir, "-memprofile", dir, "-trace", dir}
	if status := run(args, nil, &out, &progress); status != exitOK {
		t.Fatalf("status %d:\n%s", status, progress.Bytes())
	}
	if !strings.Contains(out.String(), "| raw |") {
		t.Errorf("report has no row of raw:\n%s", out.Bytes())
	}
	for _, ext := range []string{".cpu.pprof", ".allocs.pprof", ".trace"} {
		if info, err := os.Stat(dir + "/drain-wide-raw-1" + ext); err != nil || info.Size() == 0 {
			t.Errorf("profile %s: %v", ext, err)
		}
	}
}

func TestRunReportsErrors(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":        {"-nonsense"},
		"argument":            {"drain"},
		"unknown scenario":    {"-scenarios", "sprint"},
		"unknown contender":   {"-contenders", "raw,pigeon"},
		"unknown group":       {"-gate", "carrier"},
		"no rounds":           {"-rounds", "0"},
		"tiny payload":        {"-payload", "10"},
		"negative sample":     {"-verify", "-1"},
		"nobody healthy":      {"-isolation-hanging", "1000"},
		"a child that fails":  {"-short", "-scenarios", "drain", "-contenders", "raw", "-timeout", "1ns"},
		"unwritable profiles": {"-short", "-scenarios", "drain", "-contenders", "raw", "-n", "10", "-cpuprofile", "/dev/null/x"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(args, nil, &out, &errs); status != exitError {
				t.Errorf("status %d instead of %d", status, exitError)
			}
			if errs.Len() == 0 {
				t.Error("no message")
			}
		})
	}
}

func TestShortLeavesOtherFlagsAlone(t *testing.T) {
	c, err := parseFlags([]string{"-n", "77", "-short", "-contenders", "raw"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Deliveries != 77 || c.Rounds != 1 || !slices.Equal(c.Contenders, []string{"raw"}) {
		t.Errorf("parsed %+v", c)
	}
}
