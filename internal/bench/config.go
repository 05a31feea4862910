package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// config is the command line.
type config struct {
	// Group is what is run, unless Contenders or Scenarios, nil by default, say
	// otherwise.
	Group      string
	Contenders []string
	Scenarios  []string
	Rounds     int
	Warmup     bool
	Gate       bool

	// Given are servers not to be started, by kind, and Dir is where the files
	// of SQLite are made.
	Given map[string]*given
	Dir   string

	Rivals rivals

	// InFlight is how many requests are under way at once, for everybody but
	// the rivals.
	InFlight int
	// StoreInFlight is that of this library on durable stores, which may want
	// larger batches; 0 is InFlight.
	StoreInFlight int
	// StoreToEndpoint is how many of these may go to one endpoint; 0 leaves it
	// to the library.
	StoreToEndpoint int
	Endpoints       int
	Payload         int

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

	Claim claim

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

// claim sizes the scenario of that name.
type claim struct {
	// Small is how many deliveries lie in the one database besides those that
	// are claimed, BigPending and BigHistory how many in the other.
	Small, BigPending, BigHistory int
	// Claims is how many are timed in each.
	Claims int
}

// rivals are the settings of the rivals that were found by trying.
type rivals struct{ RiverWorkers, RiverConns, AsynqWorkers, AsynqServers int }

// profiles are the directories to which children write what they saw of
// themselves during the measured part; empty for none.
type profiles struct{ CPU, Memory, Trace string }

// defaults are the sizes of a full run. A drain takes four to six seconds on
// two cores.
func defaults() config {
	return config{
		Group:            memoryGroup,
		Given:            givenByEnvironment(),
		Dir:              os.TempDir(),
		Rivals:           rivals{RiverWorkers: 200, RiverConns: 16, AsynqWorkers: 200, AsynqServers: 4},
		Claim:            claim{Small: 10_000, BigPending: 1_000_000, BigHistory: 10_000_000, Claims: 300},
		Rounds:           3,
		Warmup:           true,
		InFlight:         32,
		StoreInFlight:    512,
		StoreToEndpoint:  64,
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
		Timeout:          10 * time.Minute,
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
	c.Claim = claim{Small: 1000, BigPending: 20_000, BigHistory: 50_000, Claims: 50}
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
	fs.StringVar(&c.Group, "group", c.Group, "what to run: "+strings.Join(groupNames(), ", "))
	fs.Func("gate", "run this `group`, and exit with status 1 if one of its gates is missed", func(s string) error {
		c.Group, c.Gate = s, true
		return nil
	})
	fs.IntVar(&c.Rounds, "rounds", c.Rounds, "rounds; in each, every contender runs once")
	fs.BoolVar(&c.Warmup, "warmup", c.Warmup, "run every contender once before the first round and discard it")
	listVar(fs, &c.Contenders, "contenders", contenderNames(), "comma-separated")
	listVar(fs, &c.Scenarios, "scenarios", scenarioNames(), "comma-separated")
	for _, kind := range givenKinds {
		fs.StringVar(&c.Given[kind].DSN, kind, c.Given[kind].DSN,
			"`DSN` of a server to use instead of starting one; default $"+givenVariable(kind))
		fs.IntVar(&c.Given[kind].PID, kind+"-pid", 0, "the first process of that server, for its CPU time")
	}
	fs.StringVar(&c.Dir, "dir", c.Dir, "`directory` for the files of SQLite, on a disk")
	fs.IntVar(&c.Rivals.RiverWorkers, "river-workers", c.Rivals.RiverWorkers, "River's MaxWorkers")
	fs.IntVar(&c.Rivals.AsynqWorkers, "asynq-workers", c.Rivals.AsynqWorkers, "asynq's Concurrency, over all its servers")
	fs.IntVar(&c.Rivals.AsynqServers, "asynq-servers", c.Rivals.AsynqServers, "servers in the process of "+asynqServersName)
	fs.IntVar(&c.Rivals.RiverConns, "river-conns", c.Rivals.RiverConns, "connections of River's pool")
	fs.IntVar(&c.Deliveries, "n", c.Deliveries, "deliveries of one drain or publish run of the fastest; the others make their share of it")
	fs.IntVar(&c.InFlight, "inflight", c.InFlight, "requests under way at once")
	fs.IntVar(&c.StoreInFlight, "store-inflight", c.StoreInFlight, "requests of this library under way at once on durable stores; 0 is -inflight")
	fs.IntVar(&c.StoreToEndpoint, "store-to-endpoint", c.StoreToEndpoint, "how many of these may go to one endpoint; 0 is the library's default")
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
	fs.IntVar(&c.Claim.Small, "claim-small", c.Claim.Small, "deliveries in the small database of the claim scenario")
	fs.IntVar(&c.Claim.BigPending, "claim-pending", c.Claim.BigPending, "pending deliveries in the big one")
	fs.IntVar(&c.Claim.BigHistory, "claim-history", c.Claim.BigHistory, "delivered ones in the big one")
	fs.IntVar(&c.Claim.Claims, "claims", c.Claim.Claims, "claims that are timed in each")
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
		{"claim-small", c.Claim.Small}, {"claim-pending", c.Claim.BigPending}, {"claim-history", c.Claim.BigHistory},
		{"claims", c.Claim.Claims}, {"river-workers", c.Rivals.RiverWorkers}, {"asynq-workers", c.Rivals.AsynqWorkers},
		{"asynq-servers", c.Rivals.AsynqServers}, {"river-conns", c.Rivals.RiverConns},
	} {
		if n.value < 1 {
			return fmt.Errorf("-%s: %d is below 1", n.name, n.value)
		}
	}
	if !slices.Contains(groupNames(), c.Group) {
		return fmt.Errorf("-group: %q is none of %s", c.Group, strings.Join(groupNames(), ", "))
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
	usage = fmt.Sprintf("%s; of %s (default: those of the group)", usage, strings.Join(known, ","))
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
