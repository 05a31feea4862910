package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// config is the command line.
type config struct {
	Contenders []string
	Scenarios  []string
	Rounds     int
	Warmup     bool
	Gate       bool

	// InFlight is how many requests are under way at once, for everybody.
	InFlight  int
	Endpoints int
	Payload   int

	Deliveries int
	// Publishers is how many goroutines publish at once, and Outstanding the
	// number of unsettled deliveries at which they wait.
	Publishers  int
	Outstanding int

	Rate            int
	LatencyDuration time.Duration

	BigBacklog, SmallBacklog int
	BacklogWindow            time.Duration

	Isolation isolation

	MemoryDeliveries int

	// Verify is how many requests the sink checks the signature of: one of
	// every Verify, 0 for none.
	Verify   int
	Profiles profiles
	Timeout  time.Duration
}

// isolation sizes the scenario of that name.
type isolation struct {
	Endpoints int
	Hanging   int
	// Backlog is the number of deliveries that wait for the hanging endpoints.
	Backlog        int
	Rate           int
	Duration       time.Duration
	AttemptTimeout time.Duration
}

// profiles are the directories to which children write what they saw of
// themselves during the measured part; empty for none.
type profiles struct{ CPU, Memory, Trace string }

// defaults are the sizes of a full run. A drain takes four to six seconds on
// two cores.
func defaults() config {
	return config{
		Contenders:       slices.Clone(contenderNames),
		Scenarios:        scenarioNames(),
		Rounds:           5,
		Warmup:           true,
		InFlight:         32,
		Endpoints:        10,
		Payload:          1024,
		Deliveries:       160_000,
		Publishers:       4,
		Outstanding:      10_000,
		Rate:             100,
		LatencyDuration:  10 * time.Second,
		BigBacklog:       1_000_000,
		SmallBacklog:     10_000,
		BacklogWindow:    5 * time.Second,
		MemoryDeliveries: 100_000,
		Timeout:          5 * time.Minute,
		Isolation: isolation{
			Endpoints: 1000, Hanging: 100, Backlog: 100_000,
			Rate: 500, Duration: 10 * time.Second, AttemptTimeout: 5 * time.Second,
		},
	}
}

// shorten makes a smoke run of c: everything once, nothing to compare with
// another day's figures.
func (c *config) shorten() {
	c.Rounds = 1
	c.Warmup = false
	c.Deliveries = 20_000
	c.LatencyDuration = 2 * time.Second
	c.BigBacklog = 100_000
	c.BacklogWindow = time.Second
	c.MemoryDeliveries = 20_000
	c.Isolation.Backlog = 10_000
	c.Isolation.Duration = 2 * time.Second
	c.Isolation.AttemptTimeout = 2 * time.Second
}

// parseFlags reads the command line.
func parseFlags(args []string, stderr io.Writer) (config, error) {
	c := defaults()
	short := slices.Contains(args, "-short") || slices.Contains(args, "--short")
	if short { // before the other flags, so that they can still change a size
		c.shorten()
	}

	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Bool("short", short, "smoke run: one round, small sizes, under a minute; its ratios are rough")
	fs.BoolVar(&c.Gate, "gate", c.Gate, "exit with status 1 if a gate is missed")
	fs.IntVar(&c.Rounds, "rounds", c.Rounds, "rounds; in each, every contender runs once")
	fs.BoolVar(&c.Warmup, "warmup", c.Warmup, "run every contender once before the first round and discard it")
	listVar(fs, &c.Contenders, "contenders", contenderNames, "comma-separated")
	listVar(fs, &c.Scenarios, "scenarios", scenarioNames(), "comma-separated")
	fs.IntVar(&c.Deliveries, "n", c.Deliveries, "deliveries of one drain or publish run")
	fs.IntVar(&c.InFlight, "inflight", c.InFlight, "requests under way at once")
	fs.IntVar(&c.Endpoints, "endpoints", c.Endpoints, "endpoints, which is also the wide fan-out")
	fs.IntVar(&c.Payload, "payload", c.Payload, "bytes of the payload")
	fs.IntVar(&c.Publishers, "publishers", c.Publishers, "goroutines that publish in the publish scenario")
	fs.IntVar(&c.Outstanding, "outstanding", c.Outstanding, "unsettled deliveries at which publishers wait")
	fs.IntVar(&c.Rate, "rate", c.Rate, "events per second of the latency scenario")
	fs.DurationVar(&c.LatencyDuration, "latency", c.LatencyDuration, "duration of one latency run")
	fs.IntVar(&c.BigBacklog, "backlog", c.BigBacklog, "deliveries of the big backlog")
	fs.IntVar(&c.SmallBacklog, "small-backlog", c.SmallBacklog, "deliveries of the small backlog")
	fs.DurationVar(&c.BacklogWindow, "backlog-window", c.BacklogWindow, "how long a backlog's rate is measured")
	fs.IntVar(&c.Isolation.Endpoints, "isolation-endpoints", c.Isolation.Endpoints, "endpoints, the hanging ones included")
	fs.IntVar(&c.Isolation.Hanging, "isolation-hanging", c.Isolation.Hanging, "endpoints that never answer")
	fs.IntVar(&c.Isolation.Backlog, "isolation-backlog", c.Isolation.Backlog, "deliveries that wait for the hanging endpoints")
	fs.IntVar(&c.Isolation.Rate, "isolation-rate", c.Isolation.Rate, "events per second to the healthy endpoints")
	fs.DurationVar(&c.Isolation.Duration, "isolation-duration", c.Isolation.Duration, "duration of one isolation run")
	fs.DurationVar(&c.Isolation.AttemptTimeout, "isolation-timeout", c.Isolation.AttemptTimeout, "attempt timeout, after which a hanging request is tried later")
	fs.IntVar(&c.MemoryDeliveries, "memory-n", c.MemoryDeliveries, "pending deliveries of the memory scenario")
	fs.IntVar(&c.Verify, "verify", c.Verify, "let the sink check one of every `n` signatures; 0 checks none")
	fs.StringVar(&c.Profiles.CPU, "cpuprofile", "", "write CPU profiles of the measured parts to this `directory`")
	fs.StringVar(&c.Profiles.Memory, "memprofile", "", "write allocation profiles to this `directory`")
	fs.StringVar(&c.Profiles.Trace, "trace", "", "write execution traces to this `directory`")
	fs.DurationVar(&c.Timeout, "timeout", c.Timeout, "longest time for one run of a child")
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return c, c.validate()
}

// validate refuses what would measure nothing.
func (c config) validate() error {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"rounds", c.Rounds}, {"n", c.Deliveries}, {"inflight", c.InFlight}, {"endpoints", c.Endpoints},
		{"publishers", c.Publishers}, {"outstanding", c.Outstanding}, {"rate", c.Rate}, {"backlog", c.BigBacklog},
		{"small-backlog", c.SmallBacklog}, {"isolation-hanging", c.Isolation.Hanging},
		{"isolation-backlog", c.Isolation.Backlog}, {"isolation-rate", c.Isolation.Rate}, {"memory-n", c.MemoryDeliveries},
	} {
		if n.value < 1 {
			return fmt.Errorf("-%s: %d is below 1", n.name, n.value)
		}
	}
	if c.Verify < 0 {
		return fmt.Errorf("-verify: %d is below 0", c.Verify)
	}
	if c.Payload < minPayload {
		return fmt.Errorf("-payload: %d is below %d", c.Payload, minPayload)
	}
	if c.Isolation.Hanging >= c.Isolation.Endpoints {
		return fmt.Errorf("-isolation-hanging: %d leaves no healthy one of %d endpoints", c.Isolation.Hanging, c.Isolation.Endpoints)
	}
	return nil
}

// listVar adds a flag that takes a comma-separated choice of known names.
func listVar(fs *flag.FlagSet, to *[]string, name string, known []string, usage string) {
	usage = fmt.Sprintf("%s; of %s (default all)", usage, strings.Join(known, ","))
	fs.Func(name, usage, func(s string) error {
		chosen := strings.Split(s, ",")
		for _, c := range chosen {
			if !slices.Contains(known, c) {
				return fmt.Errorf("unknown name %q", c)
			}
		}
		*to = chosen
		return nil
	})
}
