//go:build unix

package crash

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
)

// form is how much the suite does.
type form struct {
	full, taste bool

	kills, deliveries         int // of the random kills
	perPoint, pointDeliveries int // of the kills at named points
	restarts, cuts            int
	blackhole, pause          time.Duration
	commits                   int
	crashes                   int
	life                      time.Duration // of a process that crashes soon after its start
}

// theForm is what POSTRIDER_CRASH says: "full", "short", or, without it, a taste.
func theForm() form {
	switch os.Getenv("POSTRIDER_CRASH") {
	case "full":
		return form{
			full: true, kills: 50, deliveries: 10_000, perPoint: 20, pointDeliveries: 7_000, restarts: 10, cuts: 100,
			blackhole: time.Minute, pause: 20 * time.Second, commits: 200, crashes: 30, life: 1500 * time.Millisecond,
		}
	case "short":
		return form{
			kills: 6, deliveries: 1_500, perPoint: 2, pointDeliveries: 1_000, restarts: 1, cuts: 10,
			blackhole: 5 * time.Second, pause: 4 * time.Second, commits: 20, crashes: 5, life: 600 * time.Millisecond,
		}
	}
	return form{taste: true, kills: 3, deliveries: 600}
}

// The suite, store by store.
func TestStores(t *testing.T) {
	f := theForm()
	chosen := kinds
	if f.taste {
		chosen = kinds[:1] // SQLite, which needs no server
	} else if !f.full {
		chosen = kinds[:len(kinds)-1] // no cluster
	}
	if list := os.Getenv("POSTRIDER_CRASH_STORES"); list != "" {
		chosen = strings.Split(list, ",")
	}
	for _, kind := range chosen {
		t.Run(kind, func(t *testing.T) {
			p := newPlace(t, kind)
			t.Run("SIGKILL", func(t *testing.T) { testSIGKILL(t, p) })
			if p.cluster != nil {
				t.Run("failover", func(t *testing.T) { testFailover(t, p) })
				t.Run("failover, not waiting", func(t *testing.T) { testFailoverUnwaited(t, p) })
				t.Run("reshard", func(t *testing.T) { testReshard(t, p) })
				return
			}
			if f.taste || !f.full && kind != "sqlite" && kind != "postgres" {
				return // in the short form two stores stand for all
			}
			t.Run("points", func(t *testing.T) { testPoints(t, p) })
			t.Run("drain", func(t *testing.T) { testDrain(t, p) })
			t.Run("SIGSTOP", func(t *testing.T) { testSIGSTOP(t, p) })
			t.Run("crash-loop", func(t *testing.T) { testCrashLoop(t, p) })
			if kind == "sqlite" {
				t.Run("locked", func(t *testing.T) { testLocked(t, p) })
				t.Run("faults", func(t *testing.T) { testFaults(t, p) })
				return
			}
			t.Run("commit cut", func(t *testing.T) { testCommitCut(t, p) })
			t.Run("outages", func(t *testing.T) { testOutages(t, p) })
		})
	}
}

// table is what was seen.
var table struct {
	sync.Mutex
	rows []string
}

func note(kind, what string, r history.Report) {
	table.Lock()
	defer table.Unlock()
	lost := 0
	for _, v := range r.Violations {
		if v.Rule == history.Lost {
			lost++
		}
	}
	var duplicates []string
	for cause, n := range r.Duplicates {
		duplicates = append(duplicates, fmt.Sprintf("%s %d", cause, n))
	}
	slices.Sort(duplicates)
	healthy := "-"
	if len(r.Healthy) > 0 {
		healthy = slices.Max(r.Healthy).Round(time.Millisecond).String()
	}
	calls := "-"
	if r.Busiest > 0 {
		calls = fmt.Sprint(r.Busiest)
	}
	table.rows = append(table.rows, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\t%s\t%d\t%v\t%s\t%s\t%d\t%d",
		kind, what, r.Kills, r.Deliveries, r.Requests, lost, strings.Join(duplicates, ", "), r.Suspects,
		r.Recovered.Round(time.Millisecond), healthy, calls, r.Undone, len(r.Violations)))
}

// printTable prints what was seen, store by store.
func printTable() {
	if len(table.rows) == 0 {
		return
	}
	slices.Sort(table.rows)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "store\ttest\tkills\tdeliveries\trequests\tlost\trepeated after\tsuspects\tdone after\thealthy after\tcalls/s\tundone\tviolations")
	for _, r := range table.rows {
		fmt.Fprintln(w, r)
	}
	_ = w.Flush()
}
