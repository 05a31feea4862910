package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var dueProofs = []proof{
	{"Due/Start", dueStart},
	{"Due/Tail", dueTail},
	{"Due/TailBehind", dueTailBehind},
	{"Due/TailLimit", dueTailLimit},
	{"Due/Both", dueBoth},
	{"Due/Paused", duePaused},
	{"Due/DisabledDeleted", dueDisabledDeleted},
	{"Due/Next", dueNext},
	{"Due/Advisory", dueAdvisory},
}

// tail looks for what was inserted after a mark, until it is behind no more.
func (t *tester) tail(mark string, limit int) (lanes map[string]time.Time, next string) {
	t.tb.Helper()
	lanes = make(map[string]time.Time)
	for range 5_000 {
		d := t.due(store.DueParams{Mark: mark, Limit: limit})
		if len(d.Lanes) > limit {
			t.Fatalf("a tail with limit %d reports %d lanes", limit, len(d.Lanes))
		}
		for _, l := range d.Lanes {
			lanes[l.ID] = l.Next
		}
		mark = d.Mark
		if !d.Behind {
			return lanes, mark
		}
	}
	t.Fatalf("the tail is behind without end")
	return nil, ""
}

// coming returns the lanes with something to come, sorted.
func coming(lanes map[string]time.Time) string {
	var ids []string
	for id, next := range lanes {
		if !next.IsZero() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func dueStart(t *tester) {
	d := t.due(store.DueParams{Limit: 1})
	if len(d.Lanes) != 0 || d.Behind {
		t.Errorf("an empty store reports %+v", d)
	}
	if d = t.due(store.DueParams{Sweep: true, Limit: 1}); len(d.Lanes) != 0 || !d.Wrapped {
		t.Errorf("a sweep of an empty store reports %+v, want nothing and Wrapped", d)
	}
	t.publish("", "e", "lane")
	d = t.due(store.DueParams{Limit: 10})
	if len(d.Lanes) != 0 || d.Behind {
		t.Errorf("without a mark Due reports %v, behind %v; want the present end and nothing", d.Lanes, d.Behind)
	}
	if d.Mark == "" {
		t.Errorf("without a mark Due returns no mark")
	}
	if got, _ := t.tail(d.Mark, 10); len(got) != 0 {
		t.Errorf("from the present end Due reports %v, want nothing", got)
	}
	t.pass(t.unit)
	if later := t.now(); later.Before(d.Now.Add(t.unit - precision)) {
		t.Errorf("Now is %v, %v after it was %v", later, t.unit, d.Now)
	}
}

func dueTail(t *tester) {
	empty := t.due(store.DueParams{Limit: 10}).Mark
	before := t.now()
	t.publish("", "e1", "a", "b")
	t.publish("t", "e2", "b", "c")
	after := t.now()
	lanes, mark := t.tail(empty, 10)
	if got := coming(lanes); got != "a b c" {
		t.Errorf("the tail from a mark of the empty store reports %q, want a b c", got)
	}
	for id, next := range lanes {
		if !between(next, before, after) {
			t.Errorf("lane %s is to be looked at at %v, want the time of the insert, %v to %v", id, next, before, after)
		}
	}
	if got, _ := t.tail(mark, 10); len(got) != 0 {
		t.Errorf("the tail from its own mark reports %v, want nothing", got)
	}
	t.publish("", "e3", "d")
	if got, _ := t.tail(mark, 10); coming(got) != "d" {
		t.Errorf("the tail reports %v, want d alone", got)
	}
	// A mark says where the caller stood; it is not used up.
	if got, _ := t.tail(mark, 10); coming(got) != "d" {
		t.Errorf("the same mark again reports %v, want d alone", got)
	}
	if got, _ := t.tail(empty, 10); coming(got) != "a b c d" {
		t.Errorf("the first mark again reports %v, want a b c d", got)
	}
	// A duplicate inserts nothing.
	_, mark = t.tail(mark, 10)
	t.again(event("", "e3"), "z")
	if got, _ := t.tail(mark, 10); len(got) != 0 {
		t.Errorf("after a duplicate the tail reports %v, want nothing", got)
	}
}

// Behind must be said, or lanes are missed until the next sweep; what is said
// to be complete has to be.
func dueTailBehind(t *tester) {
	for limit := 1; limit <= 12; limit++ {
		mark := t.due(store.DueParams{Limit: limit}).Mark
		want := make(map[string]bool)
		for i := range 10 {
			id := fmt.Sprintf("lane-%d-%d", limit, i)
			t.publish("", "to-"+id, id)
			want[id] = true
		}
		d := t.due(store.DueParams{Mark: mark, Limit: limit})
		if len(d.Lanes) > limit {
			t.Errorf("limit %d: %d lanes", limit, len(d.Lanes))
		}
		if limit < 10 && !d.Behind {
			t.Errorf("limit %d of 10 lanes: not behind", limit)
		}
		for _, l := range d.Lanes {
			if !want[l.ID] {
				t.Errorf("limit %d: lane %s was inserted before the mark", limit, l.ID)
			}
			delete(want, l.ID)
		}
		if !d.Behind && len(want) != 0 {
			t.Errorf("limit %d: not behind, but %d lanes were not reported", limit, len(want))
		}
		t.tail(mark, limit) // whoever reads on comes to an end
		if limit > 10 && d.Behind {
			t.Errorf("limit %d of 10 lanes: behind, but nothing is left", limit)
		}
	}
}

// Whoever reads on from where the tail ended, and sweeps if it was behind,
// misses nothing.
func dueTailLimit(t *tester) {
	mark := t.due(store.DueParams{Limit: 1}).Mark
	var want []string
	seen := make(map[string]time.Time)
	for i := range 30 {
		id := fmt.Sprintf("l%02d", i)
		t.publish("", "e-"+id, id, "shared")
		want = append(want, id)
		if i%7 != 6 {
			continue
		}
		d := t.due(store.DueParams{Mark: mark, Limit: 3})
		for _, l := range d.Lanes {
			seen[l.ID] = l.Next
		}
		if d.Behind {
			for id, next := range t.sweep(5, nil) {
				seen[id] = next
			}
		}
		mark = d.Mark
	}
	rest, _ := t.tail(mark, 100)
	for id, next := range rest {
		seen[id] = next
	}
	if got := coming(seen); got != strings.Join(append(want, "shared"), " ") {
		t.Errorf("reported %q, want all of %q and shared", got, want)
	}
}

func dueBoth(t *tester) {
	t.publish("", "old", "old")
	mark := t.due(store.DueParams{Limit: 10}).Mark
	t.publish("", "new", "new")
	d := t.due(store.DueParams{Mark: mark, Sweep: true, Limit: 10})
	lanes := make(map[string]time.Time)
	for _, l := range d.Lanes {
		lanes[l.ID] = l.Next
	}
	if coming(lanes) != "new old" || !d.Wrapped || d.Behind {
		t.Errorf("sweep and tail together: %+v, want both lanes and Wrapped", d)
	}
	if got, _ := t.tail(d.Mark, 10); len(got) != 0 {
		t.Errorf("the mark did not move: %v", got)
	}
}

func duePaused(t *tester) {
	for _, id := range []string{"a", "p", "q", "z"} {
		t.endpoint("", id)
		t.publish("", "e1-"+id, id)
	}
	t.status("", "p", store.EndpointPaused, "")
	t.status("", "q", store.EndpointPaused, "")
	mark := t.due(store.DueParams{Limit: 10}).Mark
	for _, id := range []string{"a", "p", "q", "z"} {
		t.publish("", "e2-"+id, id)
	}
	for limit := 1; limit <= 5; limit++ {
		lanes := t.sweep(limit, nil)
		if _, ok := lanes["p"]; ok || coming(lanes) != "a z" {
			t.Errorf("a sweep by %d reports %v, want a and z, and no paused lane", limit, lanes)
		}
		lanes, _ = t.tail(mark, limit)
		if _, ok := lanes["p"]; ok || coming(lanes) != "a z" {
			t.Errorf("a tail by %d reports %v, want a and z, and no paused lane", limit, lanes)
		}
	}
	t.status("", "p", store.EndpointActive, "")
	if got := coming(t.sweep(2, nil)); got != "a p z" {
		t.Errorf("after resuming p the sweep reports %q, want a p z", got)
	}
}

func dueDisabledDeleted(t *tester) {
	mark := t.due(store.DueParams{Limit: 10}).Mark
	for _, id := range []string{"disabled", "deleted", "paused-deleted"} {
		t.endpoint("", id)
		t.publish("", "to-"+id, id)
	}
	t.publish("", "to-none", "unknown")
	t.status("", "disabled", store.EndpointDisabled, "")
	t.remove("", "deleted")
	t.status("", "paused-deleted", store.EndpointPaused, "")
	t.remove("", "paused-deleted")
	const want = "deleted disabled paused-deleted unknown"
	if got := coming(t.sweep(2, nil)); got != want {
		t.Errorf("the sweep reports %q, want %q", got, want)
	}
	if lanes, _ := t.tail(mark, 10); coming(lanes) != want {
		t.Errorf("the tail reports %q, want %q", coming(lanes), want)
	}
}

// laneNext returns what a sweep and, if it is named, a claim of nothing say
// about a lane. They have to agree.
func (t *tester) laneNext(lane string) time.Time {
	t.tb.Helper()
	next := t.sweep(3, nil)[lane]
	if v := t.next(t.claim(store.ClaimParams{Lanes: []store.Lane{{ID: lane}}, Max: 1, Lease: held}), lane); !near(v.Next, next, precision) {
		t.Errorf("of lane %s the sweep says %v and Claim %v", lane, next, v.Next)
	}
	return next
}

// A next time that is too late delays deliveries, one that is too early wakes
// the engine for nothing.
func dueNext(t *tester) {
	t.publish("", "other", "other")
	want := func(step string, at time.Time) {
		t.tb.Helper()
		if got := t.laneNext("l"); !near(got, at, precision) {
			t.Errorf("%s: next is %v, want %v", step, got, at)
		}
	}
	now := t.now()
	insert := func(id string, at time.Time) string {
		e := event("", id)
		e.At = at
		return t.insert(with(e, "l"))[0].Deliveries[0].ID
	}
	want("nothing is pending", time.Time{})
	insert("late", now.Add(50*time.Hour))
	want("one in the future", now.Add(50*time.Hour))
	insert("later", now.Add(60*time.Hour))
	want("a later one was added", now.Add(50*time.Hour))
	soon := insert("soon", now.Add(40*time.Hour))
	want("an earlier one was added", now.Add(40*time.Hour))
	t.cancel("", soon)
	want("the earliest was cancelled", now.Add(50*time.Hour))

	first := insert("first", time.Time{})
	want("one is visible now", t.delivery("", first).VisibleAt)
	c := t.takeOne(held, "l")
	want("it is leased for longer than the rest is away", earliest(c.Delivery.VisibleAt, now.Add(50*time.Hour)))
	o := outcome(c, store.StatePending)
	o.Delay = 30 * time.Hour
	t.settled(o)
	want("it rests after a failed attempt", t.delivery("", first).VisibleAt)
	t.requeue(store.RequeueItem{DeliveryID: first})
	want("it was requeued", t.delivery("", first).VisibleAt)
	c = t.takeOne(2*time.Hour, "l")
	want("it is leased", c.Delivery.VisibleAt)
	t.settled(outcome(c, store.StateDelivered))
	want("it ended", now.Add(50*time.Hour))
	for _, d := range everything(t, t.deliveries(store.DeliveryQuery{EndpointID: "l"})) {
		t.cancel("", d.ID)
	}
	want("nothing is pending any more", time.Time{})
	t.requeue(store.RequeueItem{DeliveryID: first})
	want("a delivered one was requeued", t.delivery("", first).VisibleAt)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Looking changes nothing: not what is claimable, nor what a claim finds.
func dueAdvisory(t *tester) {
	id := t.publish("", "e", "l")[0]
	mark := t.due(store.DueParams{Limit: 1}).Mark
	before := t.delivery("", id)
	for range 3 {
		t.sweep(1, nil)
		t.tail(mark, 1)
	}
	if d := same(t.delivery("", id), before); d != "" {
		t.Errorf("Due changed a delivery: %s", d)
	}
	t.takeOne(2*t.unit, "l")
	t.sweep(1, nil)
	t.pass(3 * t.unit)
	t.sweep(1, nil)
	if c := t.takeOne(held, "l"); c.Delivery.Interrupted != 1 {
		t.Errorf("Interrupted is %d, want 1", c.Delivery.Interrupted)
	}
}
