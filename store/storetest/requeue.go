package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

var requeueProofs = []proof{
	{"Requeue/Fresh", requeueFresh},
	{"Requeue/InFlight", requeueInFlight},
	{"Requeue/If", requeueIf},
	{"Requeue/ByNames", requeueByNames},
	{"Requeue/Created", requeueCreated},
	{"Requeue/NotFound", requeueNotFound},
	{"Requeue/NoBody", requeueNoBody},
	{"Requeue/DryRun", requeueDryRun},
	{"Requeue/Aligned", requeueAligned},
	{"Requeue/Race", requeueRace},
}

// inState makes a delivery that went through an attempt and an expired lease
// and is in the given state, and returns it.
func (t *tester) inState(tenant, name string, s store.State) store.Delivery {
	t.tb.Helper()
	id := t.publish(tenant, name, name)[0]
	o := outcome(t.takeOne(held, name), store.StatePending)
	t.settled(o)
	t.expire(name)
	o = outcome(t.takeOne(held, name), s)
	if o.Attempt = attempt(418); s == store.StatePending {
		o.Delay = 1000 * time.Hour
		o.Attempt = nil
	}
	t.settled(o)
	return t.delivery(tenant, id)
}

var states = []store.State{store.StatePending, store.StateDelivered, store.StateFailed, store.StateCancelled}

func requeueFresh(t *tester) {
	for _, s := range states {
		before := t.inState("t", s.String(), s)
		attempts := t.attempts("t", before.ID)
		t.pass(t.unit)
		from := t.now()
		r := t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: before.ID})[0]
		to := t.now()
		if want := (store.Requeued{Result: store.RequeueDone, DeliveryID: before.ID, EndpointID: before.EndpointID, Was: s}); r != want {
			t.Errorf("requeue of a %v one: %+v, want %+v", s, r, want)
		}
		got := t.delivery("t", before.ID)
		want := before
		want.State, want.Reason, want.Tries, want.Expiries = store.StatePending, "", 0, 0
		want.Token, want.VisibleAt, want.UpdatedAt = got.Token, got.VisibleAt, got.UpdatedAt
		if d := same(got, want); d != "" {
			t.Errorf("a requeued %v one: %s", s, d)
		}
		if got.Token <= before.Token || !between(got.VisibleAt, from, to) {
			t.Errorf("a requeued %v one: token %d after %d, visible at %v, want from %v to %v", s, got.Token, before.Token, got.VisibleAt, from, to)
		}
		t.wantUnchanged("after the requeue", got, attempts)
		if c := t.takeOne(held, s.String()); c.Delivery.ID != before.ID || c.Expired {
			t.Errorf("claimed %s, expired %v; want %s afresh", c.Delivery.ID, c.Expired, before.ID)
		}
	}
}

func requeueInFlight(t *tester) {
	id := t.publish("t", "e", "l")[0]
	c := t.takeOne(held, "l")
	if r := t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: id})[0]; r.Result != store.RequeueDone || r.Was != store.StatePending {
		t.Errorf("requeue in flight: %+v", r)
	}
	if d := t.delivery("t", id); d.Claimed {
		t.Errorf("a requeued delivery reads as claimed")
	}
	again := t.takeOne(held, "l")
	t.wantLost("requeued in flight", "t", id, outcome(c, store.StateDelivered))
	t.settled(outcome(again, store.StateDelivered))
	if d := t.delivery("t", id); d.Attempts != 1 || d.Interrupted != 0 {
		t.Errorf("after it: %+v", d)
	}
}

func requeueIf(t *tester) {
	for i, c := range []struct {
		only []store.State
		want map[store.State]bool
	}{
		{nil, map[store.State]bool{1: true, 2: true, 3: true, 4: true}},
		{[]store.State{}, map[store.State]bool{1: true, 2: true, 3: true, 4: true}},
		{[]store.State{store.StateFailed}, map[store.State]bool{store.StateFailed: true}},
		{[]store.State{store.StatePending}, map[store.State]bool{store.StatePending: true}},
		{[]store.State{store.StateCancelled, store.StateDelivered}, map[store.State]bool{store.StateCancelled: true, store.StateDelivered: true}},
	} {
		for _, s := range states {
			before := t.inState("", fmt.Sprint("d", i, "-", s), s)
			attempts := t.attempts("", before.ID)
			byID := i%2 == 0
			item := store.RequeueItem{EventID: before.EventID, EndpointID: before.EndpointID, If: c.only}
			if byID {
				item.DeliveryID = before.ID
			}
			r := t.requeue(item)[0]
			if r.DeliveryID != before.ID || r.EndpointID != before.EndpointID || r.Was != s {
				t.Errorf("If %v of a %v one: %+v", c.only, s, r)
			}
			if c.want[s] {
				if d := t.delivery("", before.ID); r.Result != store.RequeueDone || d.Token <= before.Token {
					t.Errorf("If %v of a %v one: %+v, want RequeueDone", c.only, s, r)
				}
				continue
			}
			if r.Result != store.RequeueSkipped {
				t.Errorf("If %v of a %v one: %+v, want RequeueSkipped", c.only, s, r)
			}
			t.wantUnchanged("skipped", before, attempts)
		}
	}
}

func requeueByNames(t *tester) {
	ids := t.publish("t", "e", "a", "b")
	t.publish("t", "f", "a")
	t.finish(store.StateDelivered, "a", "b")
	r := t.requeue(store.RequeueItem{Tenant: "t", EventID: "e", EndpointID: "b"})[0]
	if want := (store.Requeued{Result: store.RequeueDone, DeliveryID: ids[1], EndpointID: "b", Was: store.StateDelivered}); r != want {
		t.Errorf("requeue by names: %+v, want %+v", r, want)
	}
	if c := t.takeOne(held, "b"); c.Delivery.ID != ids[1] {
		t.Errorf("claimed %s, want %s", c.Delivery.ID, ids[1])
	}
	t.takeNone("a", "its delivery was not requeued")
	// A delivery's id is read first; the names are then not.
	r = t.requeue(store.RequeueItem{Tenant: "t", DeliveryID: ids[0], EventID: "f", EndpointID: "b"})[0]
	if r.DeliveryID != ids[0] || r.EndpointID != "a" {
		t.Errorf("requeue by id with other names: %+v, want %s to a", r, ids[0])
	}
	t.wantCount(2, 3)
}

func requeueCreated(t *tester) {
	t.publish("t", "e", "a")
	t.pass(t.unit)
	from := t.now()
	// If does not restrict the making of one that is missing.
	r := t.requeue(store.RequeueItem{Tenant: "t", EventID: "e", EndpointID: "b", If: []store.State{store.StateFailed}})[0]
	to := t.now()
	if r.Result != store.RequeueCreated || r.DeliveryID == "" || r.EndpointID != "b" || r.Was != 0 {
		t.Fatalf("requeue of a missing one: %+v", r)
	}
	d := t.delivery("t", r.DeliveryID)
	want := store.Delivery{
		ID: r.DeliveryID, Tenant: "t", EventID: "e", EventType: "invoice.paid", EndpointID: "b", State: store.StatePending,
		Token: d.Token, VisibleAt: d.VisibleAt, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if diff := same(d, want); diff != "" {
		t.Errorf("the delivery it made: %s", diff)
	}
	if !between(d.VisibleAt, from, to) || !between(d.CreatedAt, from, to) {
		t.Errorf("created at %v, visible at %v; want from %v to %v", d.CreatedAt, d.VisibleAt, from, to)
	}
	if got := t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}}).Total; got.Pending != 2 {
		t.Errorf("%d deliveries are counted as pending, want 2", got.Pending)
	}
	if lanes := coming(t.sweep(10, nil)); lanes != "a b" {
		t.Errorf("the sweep reports %q, want a b", lanes)
	}
	c := t.takeOne(held, "b")
	if c.Delivery.ID != r.DeliveryID {
		t.Errorf("claimed %s, want %s", c.Delivery.ID, r.DeliveryID)
	}
	t.settled(outcome(c, store.StateDelivered))
	if r2 := t.requeue(store.RequeueItem{Tenant: "t", EventID: "e", EndpointID: "b"})[0]; r2.Result != store.RequeueDone || r2.DeliveryID != r.DeliveryID {
		t.Errorf("requeue of the one made: %+v", r2)
	}
	t.wantCount(1, 2)

	// A delivery that was scheduled is made for now.
	late := event("t", "late")
	late.At = t.now().Add(1000 * time.Hour)
	t.insert(with(late, "c"))
	t.requeue(store.RequeueItem{Tenant: "t", EventID: "late", EndpointID: "d"}, store.RequeueItem{Tenant: "t", EventID: "late", EndpointID: "c"})
	if b := t.take(held, 10, "c", "d"); len(b.Deliveries) != 2 {
		t.Errorf("claimed %d deliveries of a scheduled event after a requeue, want 2", len(b.Deliveries))
	}
}

func requeueNotFound(t *tester) {
	id := t.publish("t", "e", "a")[0]
	for _, item := range []store.RequeueItem{
		{Tenant: "t", DeliveryID: "unknown"},
		{Tenant: "t", DeliveryID: "unknown", EventID: "e", EndpointID: "a"},
		{Tenant: "t", DeliveryID: "unknown", If: []store.State{store.StatePending}},
		{Tenant: "t", EventID: "unknown", EndpointID: "a"},
		{Tenant: "t", EventID: "E", EndpointID: "a"},
		{Tenant: "t", EndpointID: "a"},
		{Tenant: "t"},
		{Tenant: "", DeliveryID: id},
		{Tenant: "", EventID: "e", EndpointID: "a"},
		{Tenant: "", EventID: "e", EndpointID: "b"},
		{Tenant: "other", EventID: "e", EndpointID: "b"},
	} {
		for _, dry := range []bool{true, false} {
			r := t.requeueWith(store.RequeueParams{Items: []store.RequeueItem{item}, DryRun: dry})[0]
			if r.Result != store.RequeueNotFound || r.DeliveryID != "" || r.Was != 0 {
				t.Errorf("requeue of %+v: %+v, want RequeueNotFound", item, r)
			}
		}
	}
	t.wantCount(1, 1)
	if d := t.delivery("t", id); d.Token != 0 && d.UpdatedAt.After(d.CreatedAt) {
		t.Errorf("the delivery that does exist changed: %+v", d)
	}
}

func requeueNoBody(t *tester) {
	ids := t.publish("", "e", "a", "b")
	empty := event("", "empty")
	empty.Body = []byte{}
	emptyID := t.insert(with(empty, "c"))[0].Deliveries[0].ID
	t.finish(store.StateDelivered, "a", "c")
	t.finish(store.StateFailed, "b")
	t.pass(10 * t.unit)
	middle := t.now()
	t.publish("", "young", "y")
	t.finish(store.StateDelivered, "y")

	// An empty body is not a purged one.
	if r := t.requeue(store.RequeueItem{DeliveryID: emptyID})[0]; r.Result != store.RequeueDone {
		t.Errorf("requeue of an event with an empty body: %+v, want RequeueDone", r)
	}
	t.purge(store.PurgeParams{OlderThan: t.before(middle), BodiesOnly: true, Limit: 10})
	stats := t.stats(store.StatsQuery{})
	for _, item := range []store.RequeueItem{
		{DeliveryID: ids[0]},
		{DeliveryID: ids[1], If: []store.State{store.StateFailed}},
		{EventID: "e", EndpointID: "a"},
		{EventID: "e", EndpointID: "new"},
	} {
		for _, dry := range []bool{true, false} {
			if r := t.requeueWith(store.RequeueParams{Items: []store.RequeueItem{item}, DryRun: dry})[0]; r.Result != store.RequeueNoBody {
				t.Errorf("requeue of %+v after its body was purged: %+v, want RequeueNoBody", item, r)
			}
		}
	}
	t.takeNone("a", "there is nothing to send")
	t.takeNone("new", "there is nothing to send")
	if d := same(t.stats(store.StatsQuery{}), stats); d != "" {
		t.Errorf("the counts changed: %s", d)
	}
	if d := t.delivery("", ids[1]); d.State != store.StateFailed || d.Reason != "http_status" {
		t.Errorf("the delivery changed: %+v", d)
	}
	if r := t.requeue(store.RequeueItem{EventID: "young", EndpointID: "y"})[0]; r.Result != store.RequeueDone {
		t.Errorf("requeue of an event whose body was kept: %+v", r)
	}
}

// A dry run tells the same as the run, but for the id of what is not made, and
// changes nothing.
func requeueDryRun(t *tester) {
	var items []store.RequeueItem
	for _, s := range states {
		d := t.inState("t", s.String(), s)
		items = append(items, store.RequeueItem{Tenant: "t", DeliveryID: d.ID}, store.RequeueItem{Tenant: "t", EventID: d.EventID, EndpointID: "missing-" + d.EndpointID})
	}
	flying := t.publish("t", "flying", "flying")[0]
	c := t.takeOne(held, "flying")
	items = append(items, store.RequeueItem{Tenant: "t", DeliveryID: flying}, store.RequeueItem{Tenant: "t", DeliveryID: "unknown"},
		store.RequeueItem{Tenant: "t", EventID: "failed", EndpointID: "failed", If: []store.State{store.StateDelivered}})
	scope := store.Scope{All: true}
	read := func() ([]store.Delivery, store.Stats, string) {
		return everything(t, t.deliveries(store.DeliveryQuery{Scope: scope})), t.stats(store.StatsQuery{Scope: scope}), coming(t.sweep(100, nil))
	}
	deliveries, stats, lanes := read()
	dry := t.requeueWith(store.RequeueParams{Items: items, DryRun: true})
	deliveries2, stats2, lanes2 := read()
	if d := same(deliveries2, deliveries) + same(stats2, stats); d != "" || lanes != lanes2 {
		t.Errorf("a dry run changed: %s; lanes %q, before %q", d, lanes2, lanes)
	}
	t.settled(outcome(c, store.StatePending)) // its token is what it was
	run := t.requeueWith(store.RequeueParams{Items: items})
	for i := range run {
		want := run[i]
		if want.Result == store.RequeueCreated {
			if dry[i].EndpointID == "" {
				want.EndpointID = "" // set where a delivery exists
			}
			want.DeliveryID = ""
		}
		if dry[i] != want {
			t.Errorf("item %+v: the dry run says %+v, the run %+v", items[i], dry[i], run[i])
		}
	}
}

func requeueAligned(t *tester) {
	ids := t.publish("", "e", "a", "b", "c")
	t.publish("", "f", "a")
	t.finish(store.StateDelivered, "b")
	r := t.requeue(
		store.RequeueItem{DeliveryID: "unknown"},
		store.RequeueItem{DeliveryID: ids[2]},
		store.RequeueItem{EventID: "f", EndpointID: "z"},
		store.RequeueItem{DeliveryID: ids[1], If: []store.State{store.StateFailed}},
		store.RequeueItem{DeliveryID: ids[1]},
		store.RequeueItem{EventID: "f", EndpointID: "z", If: []store.State{store.StatePending}}, // made above
	)
	var got []string
	for _, r := range r {
		got = append(got, fmt.Sprintf("%d%s%d", r.Result, r.EndpointID, r.Was))
	}
	if got, want := strings.Join(got, " "), "40 1c1 2z0 3b2 1b2 1z1"; got != want {
		t.Errorf("the results, endpoints and states are %q, want %q", got, want)
	}
	if r[5].DeliveryID != r[2].DeliveryID {
		t.Errorf("one event and endpoint named twice: %s and %s", r[2].DeliveryID, r[5].DeliveryID)
	}
	t.wantCount(2, 5)

	const n = 400
	t.fill(n, "many")
	var items []store.RequeueItem
	for _, c := range t.take(held, n, "many").Deliveries {
		t.settled(outcome(c, store.StateFailed))
		items = append(items, store.RequeueItem{DeliveryID: c.Delivery.ID})
	}
	slices.Reverse(items)
	for i, r := range t.requeue(items...) {
		if r.Result != store.RequeueDone || r.DeliveryID != items[i].DeliveryID {
			t.Fatalf("result %d of %d is %+v, want %s", i, n, r, items[i].DeliveryID)
		}
	}
	if b := t.take(held, n, "many"); len(b.Deliveries) != n {
		t.Errorf("claimed %d of %d requeued ones", len(b.Deliveries), n)
	}
}

// One missing delivery, wanted by eight: there is one afterwards.
func requeueRace(t *tester) {
	const callers, rounds = 8, 10
	for round := range rounds {
		name := fmt.Sprint("e", round)
		t.publish("t", name)
		var mu sync.Mutex
		results := make(map[store.RequeueResult]int)
		ids := make(map[string]bool)
		var wg sync.WaitGroup
		for range callers {
			t.spawn(&wg, func() {
				r, err := t.Store.Requeue(t.ctx, store.RequeueParams{Items: []store.RequeueItem{{Tenant: "t", EventID: name, EndpointID: "l"}}})
				if err != nil || len(r) != 1 {
					t.Errorf("concurrent Requeue: %v, %v", r, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				results[r[0].Result]++
				ids[r[0].DeliveryID] = true
			})
		}
		wg.Wait()
		if len(ids) != 1 || results[store.RequeueCreated] != 1 || results[store.RequeueDone] != callers-1 {
			t.Fatalf("%d callers: results %v with %d ids, want one made and the same id for all", callers, results, len(ids))
		}
	}
	t.wantCount(rounds, rounds)
	if got := t.stats(store.StatsQuery{Scope: store.Scope{Tenant: "t"}}).Total.Pending; got != rounds {
		t.Errorf("%d are counted as pending, want %d", got, rounds)
	}
}
