package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/storetest"
)

// clock runs, and can be moved forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// restless is a store with a fault that one test finds.
type restless struct {
	store.Store
	asked atomic.Int64
}

func (r *restless) Info() store.Info {
	i := r.Store.Info()
	i.Shared = r.asked.Add(1)%2 == 0
	return i
}

// fragile is a store that panics.
type fragile struct{ store.Store }

func (fragile) Stats(context.Context, store.StatsQuery) (store.Stats, error) { panic("out of order") }

func wrapped(wrap func(store.Store) store.Store) storetest.Factory {
	return func(testing.TB) storetest.Target {
		var c clock
		return storetest.Target{Store: wrap(memstore.New(memstore.WithClock(c.now))), Advance: c.advance}
	}
}

// runs are runs of the suite that have to end in a certain way. Each is a
// process of its own: a test cannot watch itself fail.
var runs = map[string]struct {
	open    storetest.Factory
	options []storetest.Option
	// only selects tests; output is what the run has to say.
	only, output string
	passes       bool
}{
	"a sound store": {
		open: wrapped(func(s store.Store) store.Store { return s }), only: "Info", passes: true,
	},
	"a faulty store": {
		open: wrapped(func(s store.Store) store.Store { return &restless{Store: s} }), only: "Info",
		output: "Info: It does not change.",
	},
	"a faulty store, excepted": {
		open: wrapped(func(s store.Store) store.Store { return &restless{Store: s} }), only: "Info", passes: true,
		options: []storetest.Option{storetest.Exception("Info/Stable", "it cannot rest")}, output: "excepted: it cannot rest",
	},
	"a sound store, excepted": {
		open: wrapped(func(s store.Store) store.Store { return s }), only: "Info",
		options: []storetest.Option{storetest.Exception("Info/Stable", "it could not rest")}, output: "the test passes, but is excepted (it could not rest)",
	},
	"an exception of no test": {
		open: wrapped(func(s store.Store) store.Store { return s }), only: "Info",
		options: []storetest.Option{storetest.Exception("Info/Unstable", "why not")}, output: `"Info/Unstable", which is no test`,
	},
	"an exception without a reason": {
		open: wrapped(func(s store.Store) store.Store { return s }), only: "Info",
		options: []storetest.Option{storetest.Exception("Info/Stable", " ")}, output: "does not say why",
	},
	"two exceptions of one test": {
		open: wrapped(func(s store.Store) store.Store { return &restless{Store: s} }), only: "Info",
		options: []storetest.Option{storetest.Exception("Info/Stable", "a"), storetest.Exception("Info/Stable", "b")}, output: "excepted twice",
	},
	"an exception of a test that is not run": {
		open: wrapped(func(s store.Store) store.Store { return s }), only: "Tx",
		options: []storetest.Option{storetest.Exception("Tx/Commit", "no transactions")}, output: "exception for a test that is not run",
	},
	"a panic": {
		open: wrapped(func(s store.Store) store.Store { return fragile{s} }), only: "Stats",
		output: "panic: out of order",
	},
	"a panic, excepted": {
		open: wrapped(func(s store.Store) store.Store { return fragile{s} }), only: "Dedupe", passes: true,
		options: []storetest.Option{storetest.Exception("Dedupe/WithinBatch", "it counts nothing")}, output: "excepted: panic: out of order",
	},
	"a transaction that is none": {
		open: played(true), only: "Tx",
		output: "FAIL: TestRun/Tx/Rollback",
	},
}

const runVariable = "STORETEST_RUN"

// TestRun is one of the runs, in the process that TestExceptions starts for it.
func TestRun(t *testing.T) {
	name := os.Getenv(runVariable)
	if name == "" {
		t.Skip("started by TestExceptions")
	}
	run, ok := runs[name]
	if !ok {
		t.Fatalf("no run %q", name)
	}
	storetest.Run(t, run.open, run.options...)
}

func TestExceptions(t *testing.T) {
	for name, run := range runs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestRun$/^"+run.only+"$")
			cmd.Env = append(os.Environ(), runVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if (err == nil) != run.passes {
				t.Errorf("the run ended with %v, want success: %v\n%s", err, run.passes, out)
			}
			if !strings.Contains(string(out), run.output) {
				t.Errorf("the run does not say %q:\n%s", run.output, out)
			}
			if strings.Contains(string(out), "no tests to run") || !strings.Contains(string(out), "=== RUN   TestRun/"+run.only+"/") {
				t.Errorf("the run ran nothing:\n%s", out)
			}
		})
	}
}
