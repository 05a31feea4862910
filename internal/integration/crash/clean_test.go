//go:build unix

package crash

import (
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

func playLab(t *testing.T, seed uint64, f fault) history.Report {
	t.Helper()
	var report history.Report
	traced := f.store == nil && f.engine == nil && f.transport == nil && f.mutate == nil // a fault breaks rules, as it should
	synctest.Test(t, func(t *testing.T) {
		h := newLab(t, seed, f).play(24)
		if f.mutate != nil {
			f.mutate(&h)
		}
		report = history.Check(h)
		if traced && len(report.Violations) > 0 && report.Violations[0].Delivery != "" {
			t.Log(history.Trace(h, report.Violations[0].Delivery))
		}
	})
	return report
}

// A store and an engine without a fault break no rule, whatever happens to them.
func TestCleanHistories(t *testing.T) {
	causes := map[string]int{}
	for seed := range uint64(20) {
		r := playLab(t, seed, fault{})
		if len(r.Violations) > 0 {
			t.Errorf("seed %d:\n%s", seed, r.Text(20))
		}
		for cause, n := range r.Duplicates {
			causes[cause] += n
		}
		causes["retry"] += r.Retries
		causes["interruption"] += r.Interrupted
		causes["suspect"] += r.Suspects
		causes["shutdown"] += r.CutOff
	}
	t.Log(causes)
	for _, cause := range []string{"kill", "stop", "outage", "requeued", "retry", "interruption", "shutdown", "suspect"} {
		if causes[cause] == 0 {
			t.Errorf("nothing was repeated after: %s: the schedules prove nothing about it", cause)
		}
	}
}

// The same on SQLite, with a pool for each process: its claims remember what they
// took, its lanes have floors, and calls share transactions that fail.
func TestCleanHistoriesOnSQLite(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			at := sqliteSite(t)
			open := func() store.Store {
				s, free, err := at.open(t.Context(), 4)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = free() })
				return s
			}
			h := newLabOn(t, seed, fault{}, open(), open).play(24)
			r := history.Check(h)
			if len(r.Violations) > 0 {
				t.Errorf("seed %d:\n%s", seed, r.Text(20))
				t.Log(history.Trace(h, r.Violations[0].Delivery))
			}
			t.Logf("%d deliveries, %v", r.Deliveries, r.Duplicates)
		})
	}
}
