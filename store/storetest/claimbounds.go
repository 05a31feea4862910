package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var claimBoundsProofs = []proof{
	{"Claim/N", claimN},
	{"Claim/LaneOrder", claimLaneOrder},
	{"Claim/Max", claimMax},
	{"Claim/MaxBytes", claimMaxBytes},
	{"Claim/Visited", claimVisited},
	{"Claim/VisitedBounded", claimVisitedBounded},
	{"Claim/PastTheUnclaimable", claimPastTheUnclaimable},
}

// fill publishes n events to each lane.
func (t *tester) fill(n int, lanes ...string) {
	t.tb.Helper()
	var events []store.NewEvent
	for _, l := range lanes {
		for i := range n {
			events = append(events, with(event("", fmt.Sprintf("%s-%d", l, i)), l))
		}
	}
	t.insert(events...)
}

// perLane writes how many deliveries a batch holds of each lane.
func perLane(b store.Batch, lanes ...string) string {
	count := make(map[string]int)
	for _, c := range b.Deliveries {
		count[c.Delivery.EndpointID]++
	}
	var s []string
	for _, l := range lanes {
		s = append(s, fmt.Sprintf("%s:%d", l, count[l]))
	}
	return strings.Join(s, " ")
}

func lanes(pairs ...any) []store.Lane {
	var l []store.Lane
	for i := 0; i < len(pairs); i += 2 {
		l = append(l, store.Lane{ID: pairs[i].(string), N: pairs[i+1].(int)})
	}
	return l
}

func claimN(t *tester) {
	t.fill(5, "a", "b", "c")
	p := store.ClaimParams{Lanes: lanes("a", 3, "b", 0, "c", 9, "none", 4), Max: 100, Lease: held}
	if got := perLane(t.claim(p), "a", "b", "c"); got != "a:3 b:0 c:5" {
		t.Errorf("claimed %s, want a:3 b:0 c:5", got)
	}
	if got := perLane(t.claim(p), "a", "b", "c"); got != "a:2 b:0 c:0" {
		t.Errorf("the second time claimed %s, want a:2 b:0 c:0", got)
	}
}

// The order of the named lanes decides, not their ids nor their age.
func claimLaneOrder(t *tester) {
	t.fill(3, "a", "b", "c")
	p := store.ClaimParams{Lanes: lanes("c", 2, "a", 2, "b", 2), Max: 3, Lease: held}
	for _, want := range []string{"c:2 a:1 b:0", "c:1 a:2 b:0", "c:0 a:0 b:2", "c:0 a:0 b:1", "c:0 a:0 b:0"} {
		if got := perLane(t.claim(p), "c", "a", "b"); got != want {
			t.Errorf("claimed %s, want %s", got, want)
		}
	}
}

func claimMax(t *tester) {
	t.fill(7, "a", "b")
	for _, c := range []struct {
		max  int
		want string
	}{{1, "a:1 b:0"}, {5, "a:5 b:0"}, {4, "a:1 b:3"}, {100, "a:0 b:4"}} {
		p := store.ClaimParams{Lanes: lanes("a", 50, "b", 50), Max: c.max, Lease: held}
		if got := perLane(t.claim(p), "a", "b"); got != c.want {
			t.Errorf("with Max %d claimed %s, want %s", c.max, got, c.want)
		}
	}
}

// sized publishes an event with a body of so many bytes.
func (t *tester) sized(id string, size int, lanes ...string) {
	t.tb.Helper()
	e := event("", id)
	e.Body = []byte(strings.Repeat("x", size))
	t.insert(with(e, lanes...))
	t.pass(2 * precision) // so that the order within the lane is known
}

func claimMaxBytes(t *tester) {
	take := func(maxBytes int, want ...string) {
		t.tb.Helper()
		b := t.claim(store.ClaimParams{Lanes: lanes("l", 100, "m", 100), Max: 100, MaxBytes: maxBytes, Lease: held})
		if got := taken(b); !equalSets(got, want) {
			t.Errorf("with MaxBytes %d claimed %q, want %q", maxBytes, got, want)
		}
	}
	t.sized("huge", 5000, "l")
	t.sized("a100", 100, "l")
	t.sized("b100", 100, "l")
	t.sized("c200", 200, "l")
	t.sized("d10", 10, "l")
	take(50, "huge") // the first, whatever its size, and nothing more
	take(1, "a100")
	take(299, "b100")        // the next would exceed it, and is not passed over for d10
	take(300, "c200", "d10") // within it
	take(300)
	t.sized("e100", 100, "l")
	t.sized("f200", 200, "m")
	take(300, "e100", "f200") // to the last byte

	// A body counts once, however many deliveries share it.
	t.sized("shared", 100, "l", "m")
	t.sized("more", 100, "m")
	take(250, "shared", "shared", "more")
	t.sized("shared2", 100, "l", "m")
	t.sized("more2", 100, "l")
	t.sized("more3", 100, "m")
	take(200+50, "shared2", "more2", "shared2")
	take(0, "more3")
	for i := range 20 {
		t.sized(fmt.Sprint("all", i), 1000, "l")
	}
	if b := t.take(held, 100, "l"); len(b.Deliveries) != 20 {
		t.Errorf("with MaxBytes 0 claimed %d of 20", len(b.Deliveries))
	}
}

// Visited tells what remains, so that the engine neither forgets a lane with
// leased or resting deliveries nor looks again at one that is drained.
func claimVisited(t *tester) {
	now := t.now()
	t.fill(2, "leased", "partly", "drained", "resting")
	t.endpoint("", "paused")
	t.fill(1, "paused")
	t.status("", "paused", store.EndpointPaused, "")
	future := event("", "future")
	future.At = now.Add(77 * time.Hour)
	t.insert(with(future, "scheduled", "partly"))
	t.finish(store.StateDelivered, "drained")
	for _, c := range t.take(held, 2, "resting").Deliveries {
		o := outcome(c, store.StatePending)
		o.Delay = 10 * time.Hour
		if c.Delivery.EventID == "resting-1" {
			o.Delay = 5 * time.Hour
		}
		t.settled(o)
	}
	visible := t.delivery("", everything(t, t.deliveries(store.DeliveryQuery{EventID: "partly-0"}))[0].ID).VisibleAt

	p := store.ClaimParams{Lanes: lanes("leased", 5, "partly", 1, "drained", 5, "resting", 5, "paused", 5, "scheduled", 5, "unknown", 5), Max: 100, Lease: 3 * time.Hour}
	b := t.claim(p)
	if got := perLane(b, "leased", "partly"); got != "leased:2 partly:1" || len(b.Deliveries) != 3 {
		t.Errorf("claimed %s and %d in all, want leased:2 partly:1", got, len(b.Deliveries))
	}
	resting := t.delivery("", everything(t, t.deliveries(store.DeliveryQuery{EventID: "resting-1"}))[0].ID).VisibleAt
	want := map[string]time.Time{
		"leased": b.Now.Add(3 * time.Hour), "partly": visible, "drained": {},
		"resting": resting, "paused": {}, "scheduled": future.At, "unknown": {},
	}
	for lane, next := range want {
		if got := t.next(b, lane).Next; !near(got, next, precision) {
			t.Errorf("lane %s: next is %v, want %v", lane, got, next)
		}
	}
	// The next claim finds both in part leased.
	b2 := t.claim(p)
	for lane, next := range map[string]time.Time{"leased": b.Now.Add(3 * time.Hour), "partly": b.Now.Add(3 * time.Hour)} {
		if got := t.next(b2, lane).Next; !near(got, next, precision) {
			t.Errorf("the second time lane %s: next is %v, want the end of the first lease %v", lane, got, next)
		}
	}
	for _, c := range append(b.Deliveries, b2.Deliveries...) {
		t.settled(outcome(c, store.StateDelivered))
	}
	b = t.claim(p)
	for lane, next := range map[string]time.Time{"leased": {}, "partly": future.At} {
		if got := t.next(b, lane).Next; !near(got, next, precision) {
			t.Errorf("after all were delivered lane %s: next is %v, want %v", lane, got, next)
		}
	}
}

// A lane that was not looked at must not be taken for drained. What a bounded
// claim does tell must be right all the same.
func claimVisitedBounded(t *tester) {
	t.fill(3, "a", "b", "c")
	pending := t.deliveries(store.DeliveryQuery{State: store.StatePending})
	for bound := 1; bound <= 9; bound++ {
		b := t.claim(store.ClaimParams{Lanes: lanes("a", 9, "b", 9, "c", 9), Max: bound, Lease: held})
		next := make(map[string]time.Time)
		for _, d := range everything(t, pending) {
			if at, ok := next[d.EndpointID]; !ok || d.VisibleAt.Before(at) {
				next[d.EndpointID] = d.VisibleAt
			}
		}
		for _, v := range b.Visited {
			if !near(v.Next, next[v.ID], precision) {
				t.Errorf("Max %d: next of lane %s is %v, want %v", bound, v.ID, v.Next, next[v.ID])
			}
		}
		if rest := t.take(held, 100, "a", "b", "c"); len(rest.Deliveries) != 9-len(b.Deliveries) {
			t.Errorf("Max %d: claimed %d, and then %d of 9", bound, len(b.Deliveries), len(rest.Deliveries))
		}
		for _, d := range everything(t, pending) {
			t.requeue(store.RequeueItem{DeliveryID: d.ID})
		}
		t.pass(t.unit / 10)
	}
}

// What may not be taken does not stand in the way of what may, whatever its
// number and place.
func claimPastTheUnclaimable(t *tester) {
	t.endpoint("", "paused")
	t.fill(300, "paused", "leased", "unnamed")
	t.status("", "paused", store.EndpointPaused, "")
	t.take(held, 1000, "leased")
	t.fill(2, "l", "leased2")
	b := t.claim(store.ClaimParams{Lanes: lanes("paused", 8, "leased", 8, "l", 8), Max: 8, Lease: held})
	if got := perLane(b, "paused", "leased", "l", "unnamed"); got != "paused:0 leased:0 l:2 unnamed:0" {
		t.Errorf("claimed %s, want l:2 and nothing else", got)
	}
}
