package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var sweepProofs = []proof{
	{"Due/Sweep", dueSweep},
	{"Due/SweepPages", dueSweepPages},
	{"Due/SweepMoving", dueSweepMoving},
	{"Due/ManyLanes", dueManyLanes},
}

// sweep walks over all lanes and returns what was reported of each.
func (t *tester) sweep(limit int, between func()) map[string]time.Time {
	t.tb.Helper()
	lanes := make(map[string]time.Time)
	p := store.DueParams{Sweep: true, Limit: limit}
	for range 5_000 {
		d := t.due(p)
		if len(d.Lanes) > limit {
			t.Fatalf("a sweep with limit %d reports %d lanes", limit, len(d.Lanes))
		}
		for _, l := range d.Lanes {
			if l.Next.IsZero() {
				t.Errorf("a sweep reports lane %s, which has nothing to come", l.ID)
			}
			lanes[l.ID] = l.Next
		}
		if d.Wrapped {
			return lanes
		}
		if between != nil {
			between()
		}
		p.Cursor = d.Cursor
	}
	t.Fatalf("the sweep does not end")
	return nil
}

func dueSweep(t *tester) {
	t.publish("", "e1", "a", "b")
	t.publish("t", "e2", "b", "c")
	t.publish("", "e3", "done")
	t.publish("", "e4", "leased")
	t.finish(store.StateDelivered, "done")
	t.takeOne(held, "leased")
	for range 2 { // a walk can be repeated
		if got := coming(t.sweep(100, nil)); got != "a b c leased" {
			t.Errorf("the sweep reports %q, want a b c leased", got)
		}
	}
	if d := t.due(store.DueParams{Limit: 100}); len(d.Lanes) != 0 {
		t.Errorf("without Sweep Due reports %v", d.Lanes)
	}
	t.cancel("", t.publish("", "e5", "cancelled")...)
	if got := coming(t.sweep(100, nil)); got != "a b c leased" {
		t.Errorf("after a cancel the sweep reports %q", got)
	}
}

func dueSweepPages(t *tester) {
	var want []string
	for i := range 23 {
		id := fmt.Sprintf("l%02d", i)
		t.publish("", "e-"+id, id)
		if i%5 == 0 {
			t.publish("", "second-"+id, id)
		}
		want = append(want, id)
	}
	for _, limit := range []int{1, 2, 3, 7, 22, 23, 24, 1000} {
		for range 3 {
			if got := coming(t.sweep(limit, nil)); got != strings.Join(want, " ") {
				t.Errorf("a sweep by %d reports %q, want %q", limit, got, want)
			}
		}
	}
	// A walk begun anew in the middle of another is a whole one.
	t.due(store.DueParams{Sweep: true, Limit: 5})
	if got := coming(t.sweep(5, nil)); got != strings.Join(want, " ") {
		t.Errorf("a new walk reports %q, want %q", got, want)
	}
}

// Between the pages, lanes come, go, and go and come back; those that stay have
// to be reported whatever happens around the cursor.
func dueSweepMoving(t *tester) {
	var stay, move []string
	for i := range 24 {
		id := fmt.Sprintf("l%02d", i)
		if i%2 == 0 {
			stay = append(stay, id)
		} else {
			move = append(move, id)
		}
		t.publish("", "e-"+id, id)
	}
	for limit := 1; limit <= 5; limit++ {
		step := 0
		got := t.sweep(limit, func() {
			id := move[(step*5+limit)%len(move)]
			if step++; step > 60 {
				return
			}
			t.finish(store.StateDelivered, id)
			t.publish("", fmt.Sprintf("again-%d-%d", limit, step), move[(step*7)%len(move)])
			t.publish("", fmt.Sprintf("new-%d-%d", limit, step), fmt.Sprintf("l%02d-%d", step%24, limit))
			t.finish(store.StateDelivered, fmt.Sprintf("l%02d-%d", (step+12)%24, limit))
		})
		for _, id := range stay {
			if got[id].IsZero() {
				t.Errorf("a sweep by %d misses lane %s, which had work all the time", limit, id)
			}
		}
	}
}

func dueManyLanes(t *tester) {
	const n = 700
	var events []store.NewEvent
	var want []string
	for i := range n {
		id := fmt.Sprintf("l%03d", i)
		events = append(events, with(event("", "to-"+id), id))
		if i%100 < 70 { // the others come to rest, in runs
			want = append(want, id)
		}
	}
	mark := t.due(store.DueParams{Limit: 1}).Mark
	t.insert(events...)
	p := store.ClaimParams{Max: n, Lease: held}
	for i := range n {
		if i%100 >= 70 {
			p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprintf("l%03d", i), N: 1})
		}
	}
	var outcomes []store.Outcome
	for _, c := range t.claim(p).Deliveries {
		outcomes = append(outcomes, outcome(c, store.StateDelivered))
	}
	t.settled(outcomes...)
	for _, limit := range []int{64, 100, n} {
		if got := coming(t.sweep(limit, nil)); got != strings.Join(want, " ") {
			t.Errorf("a sweep by %d does not report the %d of %d lanes with work, but %q", limit, len(want), n, got)
		}
	}
	if d := t.due(store.DueParams{Mark: mark, Limit: n}); !d.Behind {
		lanes := make(map[string]time.Time)
		for _, l := range d.Lanes {
			lanes[l.ID] = l.Next
		}
		if got := coming(lanes); got != strings.Join(want, " ") {
			t.Errorf("a tail by %d does not report the %d lanes with work, but %q", n, len(want), got)
		}
	}
}
