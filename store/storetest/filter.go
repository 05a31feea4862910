package storetest

import (
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

var filterProofs = []proof{
	{"Filter/Events", filterEvents},
	{"Filter/Deliveries", filterDeliveries},
	{"Filter/HalfOpen", filterHalfOpen},
}

// filterEvents asks for every combination of the filters and compares with what
// the fields of the whole list say.
func filterEvents(t *tester) {
	for i := range 24 {
		e := event([]string{"", "a", "b"}[i%3], fmt.Sprint("e", i))
		e.Type = []string{"x", "x.y", "X", "xx"}[i/3%4]
		t.insert(with(e))
		t.pass(2 * precision)
	}
	all := everything(t, t.events(store.EventQuery{Scope: store.Scope{All: true}}))
	from, to := all[18].CreatedAt, all[5].CreatedAt
	for _, scope := range []store.Scope{{}, {Tenant: "a"}, {Tenant: "none"}, {All: true}} {
		for _, eventType := range []string{"", "x", "x.y", "X", "xx", "none"} {
			for _, from := range []time.Time{{}, from} {
				for _, to := range []time.Time{{}, to} {
					q := store.EventQuery{Scope: scope, Type: eventType, From: from, To: to}
					var want []string
					for _, e := range all {
						if scope.Includes(e.Tenant) && (eventType == "" || e.Type == eventType) && within(e.CreatedAt, from, to) {
							want = append(want, e.Tenant+"/"+e.ID)
						}
					}
					l := t.events(q)
					if got := idsOf(l, walk(t, l, 3, nil)); !equalSets(got, want) {
						t.Errorf("Events(%+v): %q, want %q", q, got, want)
					}
				}
			}
		}
	}
}

// within tells whether a time lies in a half-open span; a zero bound is none.
func within(at, from, to time.Time) bool {
	return (from.IsZero() || !at.Before(from)) && (to.IsZero() || at.Before(to))
}

func filterDeliveries(t *tester) {
	for i := range 16 {
		e := event([]string{"", "a"}[i%2], fmt.Sprint("e", i/4)) // the tenants share the ids
		e.ID = fmt.Sprint("e", i/2)
		e.Type = []string{"x", "x.y"}[i/2%2]
		t.insert(with(e, "l", "m", fmt.Sprint("n", i%4)))
		t.pass(2 * precision)
	}
	for i, c := range t.take(held, 100, "l", "m", "n0", "n2").Deliveries {
		t.settled(outcome(c, states[i%4]))
	}
	all := everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{All: true}}))
	if len(all) != 48 {
		t.Fatalf("%d deliveries are listed, want 48", len(all))
	}
	from, to := all[40].CreatedAt, all[7].CreatedAt
	for _, scope := range []store.Scope{{}, {Tenant: "a"}, {All: true, Tenant: "a"}} {
		for _, endpoint := range []string{"", "l", "n1", "L"} {
			for _, id := range []string{"", "e3", "E3"} {
				for _, eventType := range []string{"", "x", "x.y"} {
					for state := store.State(0); state <= store.StateCancelled; state++ {
						for _, bounds := range [][2]time.Time{{}, {from, {}}, {{}, to}, {from, to}} {
							q := store.DeliveryQuery{Scope: scope, EndpointID: endpoint, EventID: id, EventType: eventType, State: state, From: bounds[0], To: bounds[1]}
							var want []string
							for _, d := range all {
								if matches(q, d) {
									want = append(want, d.ID)
								}
							}
							l := t.deliveries(q)
							if got := idsOf(l, walk(t, l, 10, nil)); !equalSets(got, want) {
								t.Fatalf("Deliveries(%+v): %d records, want %d", q, len(got), len(want))
							}
						}
					}
				}
			}
		}
	}
}

// matches is what a DeliveryQuery means.
func matches(q store.DeliveryQuery, d store.Delivery) bool {
	return q.Scope.Includes(d.Tenant) && (q.EndpointID == "" || q.EndpointID == d.EndpointID) &&
		(q.EventID == "" || q.EventID == d.EventID) && (q.EventType == "" || q.EventType == d.EventType) &&
		(q.State == 0 || q.State == d.State) && within(d.CreatedAt, q.From, q.To)
}

func filterHalfOpen(t *tester) {
	var at []time.Time
	for i := range 3 {
		id := t.publish("", fmt.Sprint("e", i), "l")[0]
		at = append(at, t.delivery("", id).CreatedAt)
		t.pass(2 * precision)
	}
	for _, c := range []struct {
		from, to time.Time
		want     int
	}{
		{at[1], time.Time{}, 2}, {time.Time{}, at[1], 1}, {at[0], at[2], 2}, {at[1], at[1], 0}, {at[2], at[0], 0},
		{at[1], at[1].Add(precision), 1}, {at[1].Add(precision), time.Time{}, 1}, {time.Time{}, at[1].Add(precision), 2},
		{at[1].In(time.FixedZone("east", 9*3600)), time.Time{}, 2},
	} {
		if n := len(everything(t, t.deliveries(store.DeliveryQuery{From: c.from, To: c.to}))); n != c.want {
			t.Errorf("deliveries from %v to %v: %d, want %d", c.from, c.to, n, c.want)
		}
		if n := len(everything(t, t.events(store.EventQuery{From: c.from, To: c.to}))); n != c.want {
			t.Errorf("events from %v to %v: %d, want %d", c.from, c.to, n, c.want)
		}
	}
}
