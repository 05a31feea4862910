package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

var pageProofs = []proof{
	{"Page/EqualTimes", pageEqualTimes},
	{"Page/AcrossTenants", pageAcrossTenants},
	{"Page/NewestFirst", pageNewestFirst},
	{"Page/Moving", pageMoving},
	{"Page/Removed", pageRemoved},
	{"Page/Sparse", pageSparse},
	{"Page/LastHasNoNext", pageLastHasNoNext},
}

// pages walks a list with every page size that could matter and checks that
// each walk finds the same records.
func pages[T any](t *tester, l list[T], want []string) {
	t.tb.Helper()
	for _, limit := range []int{1, 2, 3, 5, len(want), len(want) + 1} {
		if got := idsOf(l, walk(t, l, max(limit, 1), nil)); !equalSets(got, want) {
			t.Errorf("%s by %d: %d records, want %d: %q", l.name, limit, len(got), len(want), got)
		}
	}
}

// One batch makes events and deliveries of one time: the id has to tell them
// apart.
func pageEqualTimes(t *tester) {
	const n = 9
	var events []store.NewEvent
	var ids, deliveries, endpoints []string
	for i := range n {
		e := event("", fmt.Sprint("e", (i*7)%n))
		events = append(events, with(e, "a", "b", "c"))
		ids = append(ids, "/"+e.ID)
		endpoints = append(endpoints, t.endpoint("", fmt.Sprint("ep", (i*5)%n)).ID)
	}
	for _, in := range t.insert(events...) {
		deliveries = append(deliveries, refs(in)...)
	}
	pages(t, t.events(store.EventQuery{}), ids)
	pages(t, t.deliveries(store.DeliveryQuery{}), deliveries)
	pages(t, t.deliveries(store.DeliveryQuery{EndpointID: "b"}), idsOf(t.deliveries(store.DeliveryQuery{}), everything(t, t.deliveries(store.DeliveryQuery{EndpointID: "b"}))))
	pages(t, t.endpoints(store.EndpointQuery{}), endpoints)
	if n := len(everything(t, t.deliveries(store.DeliveryQuery{EndpointID: "b"}))); n != 9 {
		t.Errorf("%d deliveries to b, want 9", n)
	}
}

// Events of several tenants can have one id and one time.
func pageAcrossTenants(t *tester) {
	var events []store.NewEvent
	var want []string
	for i := range 7 {
		for _, id := range []string{"same", "other"} {
			e := event(fmt.Sprint("t", i), id)
			events = append(events, with(e))
			want = append(want, e.Tenant+"/"+e.ID)
		}
	}
	t.insert(events...)
	pages(t, t.events(store.EventQuery{Scope: store.Scope{All: true}}), want)
}

func pageNewestFirst(t *tester) {
	var events, endpoints []string
	for i := range 6 {
		id := fmt.Sprint((i*5)%6, "-", i) // unlike the order of insertion
		t.endpoint("", id)
		t.publish("", id, id)
		events, endpoints = append(events, "/"+id), append(endpoints, id)
		t.pass(2 * precision)
	}
	slices.Reverse(events)
	slices.Reverse(endpoints)
	// Settling in another order changes nothing about it.
	for _, i := range []int{3, 0, 5} {
		t.finish(store.StateDelivered, endpoints[i])
		t.status("", endpoints[i], store.EndpointPaused, "")
	}
	for _, limit := range []int{1, 4, 10} {
		if got := idsOf(t.events(store.EventQuery{}), walk(t, t.events(store.EventQuery{}), limit, nil)); !slices.Equal(got, events) {
			t.Errorf("events by %d: %q, want %q", limit, got, events)
		}
		if got := idsOf(t.endpoints(store.EndpointQuery{}), walk(t, t.endpoints(store.EndpointQuery{}), limit, nil)); !slices.Equal(got, endpoints) {
			t.Errorf("endpoints by %d: %q, want %q", limit, got, endpoints)
		}
		var got []string
		for _, d := range walk(t, t.deliveries(store.DeliveryQuery{}), limit, nil) {
			got = append(got, d.EndpointID)
		}
		if !slices.Equal(got, endpoints) {
			t.Errorf("deliveries by %d go to %q, want %q", limit, got, endpoints)
		}
	}
}

// Between the pages records are added and settled. Those that match all the
// time come exactly once.
func pageMoving(t *tester) {
	want := make(map[string]bool)
	for i := range 20 {
		lane := fmt.Sprint("l", i%3)
		id := t.publish("", fmt.Sprint("e", i), lane)[0]
		want[id] = true
		t.endpoint("", fmt.Sprint("ep", i))
		if i%4 == 0 {
			t.pass(2 * precision)
		}
	}
	for limit := 1; limit <= 6; limit++ {
		step := 0
		move := func() {
			step++
			if step > 30 {
				return
			}
			t.publish("", fmt.Sprintf("new-%d-%d", limit, step), "l0", "l9")
			t.endpoint("", fmt.Sprintf("new-%d-%d", limit, step))
			t.finish([]store.State{store.StatePending, store.StateDelivered}[step%2], fmt.Sprint("l", step%3))
			t.status("", fmt.Sprint("ep", step%20), store.EndpointStatus(step%3+1), "")
		}
		got := walk(t, t.deliveries(store.DeliveryQuery{}), limit, move)
		found := 0
		for _, d := range got {
			if want[d.ID] {
				found++
			}
		}
		if found != len(want) {
			t.Errorf("deliveries by %d: %d of the %d that were there all the time", limit, found, len(want))
		}
		step = 0
		count := func(ids []string) (old int) {
			for _, id := range ids {
				if !strings.Contains(id, "new-") {
					old++
				}
			}
			return old
		}
		if n := count(idsOf(t.events(store.EventQuery{}), walk(t, t.events(store.EventQuery{}), limit+10, func() { t.publish("", fmt.Sprintf("new-e-%d-%d", limit, step)); step++ }))); n != 20 {
			t.Errorf("events by %d: %d of the 20 that were there all the time", limit+10, n)
		}
		step = 0
		if n := count(idsOf(t.endpoints(store.EndpointQuery{}), walk(t, t.endpoints(store.EndpointQuery{}), limit+10, func() { t.endpoint("", fmt.Sprintf("new-e-%d-%d", limit, step)); step++ }))); n != 20 {
			t.Errorf("endpoints by %d: %d of the 20 that were there all the time", limit+10, n)
		}
	}
}

// The record that a cursor stands on may go: the place in the order stays.
func pageRemoved(t *tester) {
	for i := range 12 {
		t.publish("", fmt.Sprintf("e%02d", i), "l")
		t.endpoint("", fmt.Sprintf("p%02d", i))
		t.pass(2 * precision)
	}
	var pending []string
	for _, d := range everything(t, t.deliveries(store.DeliveryQuery{})) {
		pending = append(pending, d.ID) // newest first
	}
	// Whatever was seen stops matching, the last one of the page with it.
	var seen []string
	l := t.deliveries(store.DeliveryQuery{State: store.StatePending})
	page := l.page
	l.page = func(ctx context.Context, cursor string, limit int) (store.Page[store.Delivery], error) {
		p, err := page(ctx, cursor, limit)
		for _, d := range p.Items {
			seen = append(seen, d.ID)
		}
		return p, err
	}
	walk(t, l, 2, func() { t.cancel("", seen...) })
	if !slices.Equal(seen, pending) {
		t.Errorf("while the seen ones were cancelled, the pages held %q, want %q", seen, pending)
	}
	var names []string
	m := t.endpoints(store.EndpointQuery{})
	endpoints := m.page
	m.page = func(ctx context.Context, cursor string, limit int) (store.Page[store.Endpoint], error) {
		p, err := endpoints(ctx, cursor, limit)
		for _, e := range p.Items {
			names = append(names, e.ID)
		}
		return p, err
	}
	walk(t, m, 3, func() {
		for _, id := range names[len(names)-3:] {
			t.remove("", id)
		}
	})
	if want := "p11 p10 p09 p08 p07 p06 p05 p04 p03 p02 p01 p00"; strings.Join(names, " ") != want {
		t.Errorf("while the seen ones were deleted, the pages held %q, want %q", names, want)
	}
	// The same with events that are purged between the pages.
	t.cancel("", pending...)
	t.pass(2 * t.unit)
	events := walk(t, t.events(store.EventQuery{}), 4, nil)
	first, err := t.Store.Events(t.ctx, store.EventQuery{Limit: 4})
	t.noError(err, "Events")
	t.purge(store.PurgeParams{OlderThan: t.unit, Limit: 100})
	t.publish("", "newer", "l")
	rest, err := t.Store.Events(t.ctx, store.EventQuery{Limit: 4, Cursor: first.Next})
	if err != nil || len(rest.Items) != 0 || len(events) != 12 {
		t.Errorf("after all events behind the cursor were purged: %d events, %v; want none", len(rest.Items), err)
	}
}

// Few records match among many that do not.
func pageSparse(t *tester) {
	const n, batch = 6000, 500
	rare := make(map[string]bool)
	var deliveries []string
	for i := 0; i < n; i += batch {
		var events []store.NewEvent
		for j := i; j < i+batch; j++ {
			e := event("", fmt.Sprint("e", j))
			if j%1237 == 11 {
				e.Type = "rare"
				rare["/"+e.ID] = true
			}
			events = append(events, with(e, "l"))
		}
		for j, in := range t.insert(events...) {
			if events[j].Event.Type == "rare" {
				deliveries = append(deliveries, in.Deliveries[0].ID)
			}
		}
	}
	events := slices.Collect(maps.Keys(rare))
	pages(t, t.events(store.EventQuery{Type: "rare"}), events)
	pages(t, t.events(store.EventQuery{Scope: store.Scope{All: true}, Type: "rare"}), events)
	pages(t, t.deliveries(store.DeliveryQuery{EventType: "rare"}), deliveries)
	pages(t, t.deliveries(store.DeliveryQuery{EventType: "rare", EndpointID: "l"}), deliveries)
	t.cancel("", deliveries...)
	pages(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{All: true}, State: store.StateCancelled}), deliveries)
	if got := walk(t, t.deliveries(store.DeliveryQuery{State: store.StatePending}), 999, nil); len(got) != n-len(deliveries) {
		t.Errorf("%d deliveries are pending, want %d", len(got), n-len(deliveries))
	}
	if n := t.erase("", 1000); n != 6000 {
		t.Errorf("erased %d of 6000 events", n)
	}
	t.wantCount(0, 0)
}

func pageLastHasNoNext(t *tester) {
	t.publish("", "a", "l")
	t.publish("", "b", "l")
	t.endpoint("", "x")
	t.endpoint("", "y")
	for limit := 2; limit <= 3; limit++ {
		e, err := t.Store.Events(t.ctx, store.EventQuery{Limit: limit})
		t.noError(err, "Events")
		d, err := t.Store.Deliveries(t.ctx, store.DeliveryQuery{Limit: limit})
		t.noError(err, "Deliveries")
		p, err := t.Store.Endpoints(t.ctx, store.EndpointQuery{Limit: limit})
		t.noError(err, "Endpoints")
		if e.Next != "" || d.Next != "" || p.Next != "" {
			t.Errorf("with 2 records and limit %d there is a following page: %q, %q, %q", limit, e.Next, d.Next, p.Next)
		}
		if len(e.Items) != 2 || len(d.Items) != 2 || len(p.Items) != 2 {
			t.Errorf("with limit %d the only pages hold %d, %d and %d records, want 2", limit, len(e.Items), len(d.Items), len(p.Items))
		}
	}
	none, err := t.Store.Events(t.ctx, store.EventQuery{Scope: store.Scope{Tenant: "none"}, Limit: 1})
	if err != nil || none.Next != "" || len(none.Items) != 0 {
		t.Errorf("an empty list: %+v, %v", none, err)
	}
}
