package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

var modelProofs = []proof{
	{"Model/Walk1", randomWalk(1)},
	{"Model/Walk2", randomWalk(2)},
	{"Model/Walk3", randomWalk(3)},
	{"Model/Walk4", randomWalk(4)},
	{"Model/Walk5", randomWalk(5)},
	{"Model/Walk6", randomWalk(6)},
	{"Model/Walk7", randomWalk(7)},
	{"Model/Walk8", randomWalk(8)},
}

// walker takes a random walk through the store's methods, the model beside it.
// All that is visible is compared after each step.
type walker struct {
	*tester
	m   *model
	rng *rand.Rand
	// claims are those of the walk so far, outdated ones too.
	claims []store.Claimed
	// ids are the deliveries made so far, purged ones too.
	ids    []string
	mark   string
	fresh  map[string]bool // deliveries inserted since the mark
	names  int
	log    []string
	before time.Time // the step began
}

// The walk's small world: collisions are wanted. Each lane belongs to one
// tenant; lane9 never gets an endpoint, and all tenants use it.
var (
	walkTenants = []string{"", "a", "A"}
	walkLanes   = []string{"lane0", "lane1", "lane2", "lane3", "Lane3", "lane4", "lane9"}
	walkTypes   = []string{"x", "x.y", "x.y.z", "X.y", "z"}
)

func laneTenant(lane int) string { return walkTenants[lane%len(walkTenants)] }

func randomWalk(n uint64) func(t *tester) {
	return func(t *tester) {
		if t.Advance == nil {
			t.unit = 20 * time.Millisecond // the walk passes time often
		}
		w := &walker{tester: t, m: newModel(), rng: rand.New(rand.NewPCG(t.seed, n)), fresh: make(map[string]bool)}
		w.mark = t.due(store.DueParams{Limit: 1}).Mark
		steps := 300
		if t.Advance == nil {
			steps /= 2
		}
		if testing.Short() {
			steps /= 2
		}
		t.tb.Logf("seed %d, walk %d", t.seed, n)
		for step := range steps {
			w.step()
			w.check(step%25 == 0 || step == steps-1)
			if t.hasFailed() {
				t.Fatalf("seed %d, walk %d failed at step %d; the last steps were:\n\t%s", t.seed, n, step, strings.Join(w.log, "\n\t"))
			}
		}
	}
}

// say notes what a step does.
func (w *walker) say(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
	w.log = w.log[max(0, len(w.log)-25):]
}

func (w *walker) step() {
	if len(w.ids) > 150 { // enough to hold
		w.erase()
	}
	w.before = w.now()
	switch n := w.rng.IntN(100); {
	case n < 5:
		w.create()
	case n < 9:
		w.update()
	case n < 13:
		w.setStatus()
	case n < 14:
		w.delete()
	case n < 17:
		w.match()
	case n < 33:
		w.insert()
	case n < 53:
		w.claim()
	case n < 73:
		w.settle()
	case n < 80:
		w.requeue()
	case n < 83:
		w.cancel()
	case n < 87:
		w.purge()
	case n < 88:
		w.erase()
	case n < 91:
		w.look()
	default:
		d := time.Duration(w.rng.IntN(4))*w.unit/2 + time.Duration(w.rng.IntN(5))*time.Millisecond
		w.say("pass %v", d)
		w.pass(d)
	}
}

// chance is true once in n times.
func (w *walker) chance(n int) bool { return w.rng.IntN(n) == 0 }

func pick[T any](w *walker, from []T) T { return from[w.rng.IntN(len(from))] }

// lane returns a lane and its tenant.
func (w *walker) lane() (id, tenant string) {
	i := w.rng.IntN(len(walkLanes))
	return walkLanes[i], laneTenant(i)
}

// span is when something happened by the store's clock: during the step.
func (w *walker) span() (from, to time.Time) { return w.before, w.now() }

// check compares everything visible with the model.
func (w *walker) check(thorough bool) {
	all := store.Scope{All: true}
	deliveries := everything(w.tester, w.deliveries(store.DeliveryQuery{Scope: all}))
	if len(deliveries) != len(w.m.deliveries) {
		w.Errorf("%d deliveries are stored, want %d", len(deliveries), len(w.m.deliveries))
	}
	now := w.now()
	for _, d := range deliveries {
		want := w.m.deliveries[d.ID]
		if want == nil {
			w.Errorf("delivery %s is not known", d.ID)
			continue
		}
		if diff := same(unclaimed(d, now), unclaimed(want.Delivery, now)); diff != "" {
			w.Errorf("delivery %s: %s", d.ID, diff)
		}
		if thorough || w.chance(8) {
			if diff := kept(w.attempts(d.Tenant, d.ID), want.attempts); diff != "" {
				w.Errorf("attempts of delivery %s: %s", d.ID, diff)
			}
		}
	}
	events := everything(w.tester, w.events(store.EventQuery{Scope: all}))
	if len(events) != len(w.m.events) {
		w.Errorf("%d events are stored, want %d", len(events), len(w.m.events))
	}
	for _, e := range events {
		if want := w.m.events[eventKey{e.Tenant, e.ID}]; want == nil {
			w.Errorf("event %q of tenant %q is not known", e.ID, e.Tenant)
		} else if diff := same(e, *want); diff != "" || (e.Body == nil) != (want.Body == nil) {
			w.Errorf("event %q of tenant %q: %s", e.ID, e.Tenant, diff)
		}
	}
	endpoints := everything(w.tester, w.endpoints(store.EndpointQuery{Scope: all}))
	alive := 0
	for id, e := range w.m.endpoints {
		if w.m.endpoint(e.Tenant, id) != nil {
			alive++
		}
	}
	if len(endpoints) != alive {
		w.Errorf("%d endpoints are listed, want %d", len(endpoints), alive)
	}
	for _, e := range endpoints {
		if want := w.m.endpoint(e.Tenant, e.ID); want == nil {
			w.Errorf("endpoint %q of tenant %q is not known", e.ID, e.Tenant)
		} else if diff := same(e, want.Endpoint); diff != "" {
			w.Errorf("endpoint %q: %s", e.ID, diff)
		}
	}
	w.checkStats()
	w.checkLanes()
	if thorough || w.chance(4) {
		w.checkList()
	}
}

// unclaimed clears Claimed where a lease has run out: whether it still counts
// as outstanding then is not said.
func unclaimed(d store.Delivery, now time.Time) store.Delivery {
	if d.State == store.StatePending && !d.VisibleAt.After(now) {
		d.Claimed = false
	}
	return d
}

func (w *walker) checkStats() {
	q := store.StatsQuery{Scope: store.Scope{Tenant: pick(w, walkTenants), All: w.chance(3)}}
	if w.chance(3) {
		q.EndpointID = pick(w, walkLanes)
	}
	by := make(map[string]*store.Counts)
	var want store.Stats
	for _, d := range w.m.deliveries {
		if !q.Scope.Includes(d.Tenant) || q.EndpointID != "" && q.EndpointID != d.EndpointID {
			continue
		}
		if by[d.EndpointID] == nil {
			by[d.EndpointID] = new(store.Counts)
		}
		*by[d.EndpointID].Of(d.State)++
		*want.Total.Of(d.State)++
	}
	for id, c := range by {
		want.Endpoints = append(want.Endpoints, store.EndpointCounts{EndpointID: id, Counts: *c})
	}
	slices.SortFunc(want.Endpoints, func(a, b store.EndpointCounts) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	if diff := same(w.stats(q), want); diff != "" {
		w.Errorf("Stats(%+v): %s", q, diff)
	}
}

// checkLanes compares a whole sweep with the pending deliveries.
func (w *walker) checkLanes() {
	limit := 1 + w.rng.IntN(8)
	got := w.sweep(limit, nil)
	for _, lane := range walkLanes {
		next, reported := got[lane]
		if want := w.m.next(lane); !sameNext(next, want, w.now()) {
			w.Errorf("a sweep by %d says that lane %s is to be looked at at %v, want %v", limit, lane, next, want)
		}
		if reported && w.m.paused(lane) {
			w.Errorf("a sweep by %d reports the paused lane %s", limit, lane)
		}
	}
}

// checkList compares one random query, read in pages, with the model.
func (w *walker) checkList() {
	q := store.DeliveryQuery{Scope: store.Scope{Tenant: pick(w, walkTenants), All: w.chance(2)}}
	if w.chance(3) {
		q.EndpointID = pick(w, walkLanes)
	}
	if w.chance(4) {
		q.EventID = fmt.Sprint("e", w.rng.IntN(30))
	}
	if w.chance(4) {
		q.EventType = pick(w, walkTypes)
	}
	q.State = store.State(w.rng.IntN(5))
	if w.chance(3) && len(w.ids) > 0 {
		if d := w.m.deliveries[pick(w, w.ids)]; d != nil {
			q.From = d.CreatedAt
		}
	}
	if w.chance(3) && len(w.ids) > 0 {
		if d := w.m.deliveries[pick(w, w.ids)]; d != nil {
			q.To = d.CreatedAt
		}
	}
	var want []string
	for _, d := range w.m.deliveries {
		if matches(q, d.Delivery) {
			want = append(want, d.ID)
		}
	}
	l := w.deliveries(q)
	limit := 1 + w.rng.IntN(6)
	if got := idsOf(l, walk(w.tester, l, limit, nil)); !equalSets(got, want) {
		w.Errorf("Deliveries(%+v) by %d: %d records, want %d", q, limit, len(got), len(want))
	}
}
