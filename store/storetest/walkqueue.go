package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

// The steps of the walk that deal with events and deliveries.

// reread compares a delivery that a step changed, takes over the times that the
// store chose, and checks that they may be so. A delivery that is pending is to
// be visible after rest, from the time of the step; restFrom is the earliest.
func (w *walker) reread(d *modelDelivery, rest time.Duration, notBefore time.Time) {
	w.tb.Helper()
	from, to := w.span()
	got := w.tester.delivery(d.Tenant, d.ID)
	if !between(got.UpdatedAt, from, to) {
		w.Errorf("delivery %s was updated at %v, want from %v to %v", d.ID, got.UpdatedAt, from, to)
	}
	if d.State == store.StatePending && !between(got.VisibleAt, latest(from.Add(rest), notBefore), latest(to.Add(rest), notBefore)) {
		w.Errorf("delivery %s is visible at %v, want from %v to %v and %v later, not before %v", d.ID, got.VisibleAt, from, to, rest, notBefore)
	}
	if d.State == store.StateDelivered && d.DeliveredAt.IsZero() {
		if d.DeliveredAt = got.DeliveredAt; !between(got.DeliveredAt, from, to) {
			w.Errorf("delivery %s was delivered at %v, want from %v to %v", d.ID, got.DeliveredAt, from, to)
		}
	}
	d.UpdatedAt, d.VisibleAt = got.UpdatedAt, got.VisibleAt
	if diff := same(got, d.Delivery); diff != "" {
		w.Errorf("delivery %s: %s", d.ID, diff)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// known adds a delivery that the store made.
func (w *walker) known(id string, e store.Event, lane string, at time.Time) {
	got := w.tester.delivery(e.Tenant, id)
	if w.m.deliveries[id] != nil {
		w.Errorf("the delivery id %s was made twice", id)
	}
	d := &modelDelivery{settled: make(map[int64]bool), Delivery: store.Delivery{
		ID: id, Tenant: e.Tenant, EventID: e.ID, EventType: e.Type, EndpointID: lane,
		State: store.StatePending, Token: got.Token, CreatedAt: got.CreatedAt,
	}}
	if from, to := w.span(); !between(got.CreatedAt, from, to) {
		w.Errorf("delivery %s was created at %v, want from %v to %v", id, got.CreatedAt, from, to)
	}
	w.m.deliveries[id] = d
	w.ids = append(w.ids, id)
	w.reread(d, 0, at)
}

func (w *walker) insert() {
	var batch []store.NewEvent
	for range 1 + w.rng.IntN(3) {
		tenant := w.rng.IntN(len(walkTenants))
		e := event(walkTenants[tenant], fmt.Sprint("e", w.rng.IntN(30)))
		e.Type = pick(w, walkTypes)
		e.Body = []byte(strings.Repeat("b", 1+w.rng.IntN(100)))
		if w.chance(5) {
			e.Digest = []byte("another")
		}
		if w.chance(4) {
			e.Header = []store.Header{{Name: "X-A", Value: e.Type}, {Name: "X-B", Value: "é"}}
		}
		if w.chance(4) {
			e.At = w.before.Add(time.Duration(w.rng.IntN(9)-2) * w.unit / 2)
		}
		if w.chance(4) {
			e.Until = w.before.Add(time.Duration(w.rng.IntN(9)-4) * w.unit)
		}
		var to []string
		for lane, id := range walkLanes {
			if (laneTenant(lane) == e.Tenant || id == "lane9") && !w.chance(3) {
				to = append(to, id)
			}
		}
		batch = append(batch, with(e, to...))
	}
	in, err := w.Store.Insert(w.ctx, batch)
	w.noError(err, "Insert")
	if len(in) != len(batch) {
		w.Fatalf("Insert of %d events returned %d results", len(batch), len(in))
	}
	for i, n := range batch {
		k := eventKey{n.Event.Tenant, n.Event.ID}
		w.say("insert %q in %q to %d: duplicate %v, conflict %v", k.id, k.tenant, len(n.Deliveries), in[i].Duplicate, in[i].Conflict)
		if in[i].EventID != k.id {
			w.Errorf("result %d is that of %q, want %q", i, in[i].EventID, k.id)
		}
		if old := w.m.events[k]; old != nil {
			equal := string(old.Digest) == string(n.Event.Digest)
			if in[i].Duplicate != equal || in[i].Conflict == equal {
				w.Errorf("insert of the stored event %q: %+v, want duplicate %v", k.id, in[i], equal)
			}
			for _, r := range in[i].Deliveries {
				if d := w.m.deliveries[r.ID]; equal && (d == nil || d.EventID != k.id || d.Tenant != k.tenant || d.EndpointID != r.EndpointID) {
					w.Errorf("the duplicate of %q names %+v, which is not its delivery", k.id, r)
				}
			}
			continue
		}
		if in[i].Duplicate || in[i].Conflict || len(in[i].Deliveries) != len(n.Deliveries) {
			w.Fatalf("insert of the new event %q to %d: %+v", k.id, len(n.Deliveries), in[i])
		}
		got, err := w.Store.Event(w.ctx, k.tenant, k.id)
		w.noError(err, "Event")
		n.Event.CreatedAt = got.CreatedAt
		if from, to := w.span(); !between(got.CreatedAt, from, to) || kept(got, n.Event) != "" {
			w.Errorf("event %q, created at %v: %s", k.id, got.CreatedAt, kept(got, n.Event))
		}
		w.m.events[k] = &got
		for _, to := range n.Deliveries {
			id := w.tester.ids(in[i], to.EndpointID)[0]
			w.known(id, n.Event, to.EndpointID, n.Event.At)
			w.fresh[id] = true
		}
	}
}

func (w *walker) settle() {
	if len(w.claims) == 0 {
		return
	}
	var outcomes []store.Outcome
	for range 1 + w.rng.IntN(4) {
		recent := w.claims
		if w.chance(3) {
			recent = recent[max(0, len(recent)-8):]
		}
		o := outcome(pick(w, recent), pick(w, states))
		o.Delay = time.Duration(w.rng.IntN(5)-1) * w.unit / 2
		o.Reason = pick(w, []store.Code{"", "one", "two"})
		o.Attempt.Status, o.Free = w.rng.IntN(600), w.chance(4)
		if w.chance(4) {
			o.Attempt = nil
		}
		if w.chance(20) {
			o.DeliveryID = "unknown"
		}
		outcomes = append(outcomes, o)
	}
	r, err := w.Store.Settle(w.ctx, outcomes)
	w.noError(err, "Settle")
	lost, maybe := make(map[string]bool), make(map[string]bool)
	for _, o := range outcomes {
		d := w.m.deliveries[o.DeliveryID]
		f := w.m.fate(o)
		w.say("settle %s token %d as %v, attempt %v, delay %v: %d", o.DeliveryID, o.Token, o.State, o.Attempt != nil, o.Delay, f)
		switch f {
		case fateApplied:
			w.m.settle(o)
			w.reread(d, max(o.Delay, 0), time.Time{})
			if diff := kept(w.tester.attempts(d.Tenant, d.ID), d.attempts); diff != "" {
				w.Errorf("attempts of delivery %s: %s", d.ID, diff)
			}
		case fateLost:
			lost[o.DeliveryID] = true
		case fateOld:
			maybe[o.DeliveryID] = true
		}
	}
	for _, id := range r.Lost {
		if !lost[id] && !maybe[id] {
			w.Errorf("Settle lost %s, which it should not have", id)
		}
	}
	for id := range lost {
		if !slices.Contains(r.Lost, id) {
			w.Errorf("Settle did not lose %s, which it should have", id)
		}
	}
}

func (w *walker) requeue() {
	p := store.RequeueParams{DryRun: w.chance(4)}
	seen := make(map[string]bool) // what a call does to one delivery twice is not said
	for range 1 + w.rng.IntN(3) {
		lane := w.rng.IntN(len(walkLanes))
		item := store.RequeueItem{Tenant: laneTenant(lane), EventID: fmt.Sprint("e", w.rng.IntN(30)), EndpointID: walkLanes[lane]}
		if item.EndpointID == "lane9" {
			item.Tenant = pick(w, walkTenants)
		}
		if len(w.ids) > 0 && w.chance(2) {
			item.DeliveryID = pick(w, w.ids)
			if d := w.m.deliveries[item.DeliveryID]; d != nil && !w.chance(5) {
				item.Tenant = d.Tenant
			}
		}
		for s := range states {
			if w.chance(4) {
				item.If = append(item.If, states[s])
			}
		}
		d := w.m.between(eventKey{item.Tenant, item.EventID}, item.EndpointID)
		key := item.Tenant + "/" + item.EventID + "/" + item.EndpointID
		if item.DeliveryID != "" {
			d = w.m.deliveries[item.DeliveryID]
			key = item.DeliveryID
		}
		if d != nil {
			key = d.ID
		}
		if !seen[key] {
			seen[key] = true
			p.Items = append(p.Items, item)
		}
	}
	for i, r := range w.requeueWith(p) {
		w.requeued(p.Items[i], p.DryRun, r)
	}
}

// requeued judges the result of one item and follows it.
func (w *walker) requeued(item store.RequeueItem, dry bool, r store.Requeued) {
	w.say("requeue %+v, dry %v: %+v", item, dry, r)
	k := eventKey{item.Tenant, item.EventID}
	d := w.m.between(k, item.EndpointID)
	if item.DeliveryID != "" {
		if d = w.m.delivery(item.Tenant, item.DeliveryID); d != nil {
			k = eventKey{d.Tenant, d.EventID}
		}
	}
	e := w.m.events[k]
	want := []store.RequeueResult{store.RequeueDone}
	switch skip := d != nil && len(item.If) > 0 && !slices.Contains(item.If, d.State); {
	case d == nil && (item.DeliveryID != "" || e == nil):
		want[0] = store.RequeueNotFound
	case e.Body == nil && skip:
		want = []store.RequeueResult{store.RequeueNoBody, store.RequeueSkipped}
	case e.Body == nil:
		want[0] = store.RequeueNoBody
	case d == nil:
		want[0] = store.RequeueCreated
	case skip:
		want[0] = store.RequeueSkipped
	}
	if !slices.Contains(want, r.Result) {
		w.Errorf("requeue of %+v: %+v, want result %v", item, r, want)
		return
	}
	if d != nil && (r.DeliveryID != d.ID || r.EndpointID != d.EndpointID || r.Was != d.State) || d == nil && r.Was != 0 {
		w.Errorf("requeue of %+v: %+v, want %+v", item, r, d)
	}
	switch {
	case dry:
	case r.Result == store.RequeueDone:
		if got := w.tester.delivery(d.Tenant, d.ID); got.Token <= d.Token {
			w.Errorf("requeue left token %d, want it above %d", got.Token, d.Token)
		} else {
			d.Token = got.Token
		}
		d.requeue()
		w.reread(d, 0, time.Time{})
	case r.Result == store.RequeueCreated:
		w.known(r.DeliveryID, *e, item.EndpointID, time.Time{})
	}
}

func (w *walker) cancel() {
	if len(w.ids) == 0 {
		return
	}
	tenant := pick(w, walkTenants)
	ids := []string{"unknown"}
	for range 4 {
		if id := pick(w, w.ids); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for i, was := range w.tester.cancel(tenant, ids...) {
		d := w.m.delivery(tenant, ids[i])
		w.say("cancel %s in %q: %v", ids[i], tenant, was)
		if want := d != nil && d.State == store.StatePending; was != want {
			w.Errorf("cancel of %s in %q: %v, want %v", ids[i], tenant, was, want)
		} else if want {
			got := w.tester.delivery(tenant, d.ID)
			if got.Token <= d.Token {
				w.Errorf("cancel left token %d, want it above %d", got.Token, d.Token)
			}
			d.State, d.Reason, d.Claimed, d.Token = store.StateCancelled, "host", false, got.Token
			w.reread(d, 0, time.Time{})
		}
	}
}
