package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

var insertProofs = []proof{
	{"Insert/Result", insertResult},
	{"Insert/EventKept", insertEventKept},
	{"Insert/DeliveryStart", insertDeliveryStart},
	{"Insert/Scheduled", insertScheduled},
	{"Insert/NoDeliveries", insertNoDeliveries},
	{"Insert/EndpointsNotChecked", insertEndpointsNotChecked},
	{"Insert/Batch", insertBatch},
	{"Insert/ErrorStoresNothing", insertErrorStoresNothing},
	{"Insert/Full", insertFull},
}

func insertResult(t *tester) {
	in := t.insert(
		with(event("", "one"), "a"),
		with(event("", "none")),
		with(event("t", "three"), "b", "a", "c"),
	)
	seen := make(map[string]bool)
	for i, endpoints := range [][]string{{"a"}, {}, {"b", "a", "c"}} {
		for j, id := range t.ids(in[i], endpoints...) {
			if id == "" || len(id) > 64 || strings.Trim(id, idBytes) != "" {
				t.Errorf("delivery id %q is not 1 to 64 bytes of [A-Za-z0-9_-]", id)
			}
			if seen[id] {
				t.Errorf("delivery id %q was made twice", id)
			}
			seen[id] = true
			d := t.delivery([]string{"", "", "t"}[i], id)
			if d.EventID != in[i].EventID || d.EndpointID != endpoints[j] {
				t.Errorf("delivery %s is of event %q to %q, want %q to %q", id, d.EventID, d.EndpointID, in[i].EventID, endpoints[j])
			}
		}
	}
}

const idBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

func insertEventKept(t *tester) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	maximal := event("tenant-ü", strings.Repeat("x", 63)+"_")
	maximal.Type = strings.Repeat("long.", 25) + "end"
	maximal.Body, maximal.Digest = bytes.Repeat(every, 400), every[224:]
	maximal.ContentType = "application/cloudevents+json; charset=utf-8"
	maximal.Header = []store.Header{{Name: "ce-id", Value: "1"}, {Name: "ce-subject", Value: "a, b; \"c\""}, {Name: "X-A", Value: ""}}
	maximal.At, maximal.Until = t.now().Add(-time.Hour).Truncate(precision), happened.AddDate(50, 0, 0)
	minimal := store.Event{ID: "-", Type: "x", Body: []byte{}}
	zone := event("", "zone")
	zone.Time = happened.In(time.FixedZone("east", 5*3600))
	nul := event("", "nul")
	nul.Body = []byte("\x00 \x00\xff\xfe")

	for _, e := range []store.Event{maximal, minimal, zone, nul} {
		before := t.now()
		t.insert(with(e, "lane-"+e.ID[:1]))
		after := t.now()
		got, err := t.Store.Event(t.ctx, e.Tenant, e.ID)
		t.noError(err, "Event %q", e.ID)
		if !between(got.CreatedAt, before, after) {
			t.Errorf("event %q was created at %v, not between %v and %v", e.ID, got.CreatedAt, before, after)
		}
		want := e
		want.CreatedAt = got.CreatedAt
		if d := kept(got, want); d != "" {
			t.Errorf("event %q was not kept as given: %s", e.ID, d)
		}
		if got.Body == nil {
			t.Errorf("event %q has a nil body, as if it had been purged", e.ID)
		}
		for _, listed := range everything(t, t.events(store.EventQuery{Scope: store.Scope{Tenant: e.Tenant}})) {
			if listed.ID == e.ID {
				if d := same(listed, got); d != "" || listed.Body == nil {
					t.Errorf("event %q is listed otherwise than read: %s", e.ID, d)
				}
			}
		}
		b := t.take(held, 1, "lane-"+e.ID[:1])
		if len(b.Events) != 1 {
			t.Fatalf("event %q was not claimed", e.ID)
		}
		if d := same(b.Events[0], got); d != "" || b.Events[0].Body == nil {
			t.Errorf("event %q is claimed otherwise than read: %s", e.ID, d)
		}
	}
}

func insertDeliveryStart(t *tester) {
	before := t.now()
	id := t.publish("t", "e", "lane")[0]
	after := t.now()
	d := t.delivery("t", id)
	want := store.Delivery{
		ID: id, Tenant: "t", EventID: "e", EventType: "invoice.paid", EndpointID: "lane", State: store.StatePending,
		Token: d.Token, VisibleAt: d.VisibleAt, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if diff := same(d, want); diff != "" {
		t.Errorf("a new delivery: %s", diff)
	}
	for name, at := range map[string]time.Time{"VisibleAt": d.VisibleAt, "CreatedAt": d.CreatedAt, "UpdatedAt": d.UpdatedAt} {
		if !between(at, before, after) {
			t.Errorf("%s is %v, want the store's time of the insert, between %v and %v", name, at, before, after)
		}
	}
	if c := t.takeOne(held, "lane"); c.Delivery.ID != id {
		t.Errorf("claimed %s, want %s at once", c.Delivery.ID, id)
	}
	if a := t.attempts("t", id); len(a) != 0 {
		t.Errorf("a new delivery has %d attempts", len(a))
	}
}

func insertScheduled(t *tester) {
	now := t.now()
	past, soon, late := event("", "past"), event("", "soon"), event("", "late")
	past.At, soon.At, late.At = now.Add(-1000*time.Hour), now.Add(4*t.unit), now.Add(1000*time.Hour)
	in := t.insert(with(past, "past"), with(soon, "soon"), with(late, "late"))
	after := t.now()

	if d := t.delivery("", in[0].Deliveries[0].ID); !between(d.VisibleAt, now, after) {
		t.Errorf("with At long past, VisibleAt is %v, want the time of the insert, %v to %v", d.VisibleAt, now, after)
	}
	for i, at := range []time.Time{soon.At, late.At} {
		if d := t.delivery("", in[i+1].Deliveries[0].ID); !near(d.VisibleAt, at, precision) {
			t.Errorf("VisibleAt is %v, want the event's At, %v", d.VisibleAt, at)
		}
	}
	if b := t.take(held, 10, "past", "soon", "late"); len(b.Deliveries) != 1 && b.Now.Before(soon.At.Add(-precision)) {
		t.Errorf("claimed %d deliveries before their time, want only the one whose At is past", len(b.Deliveries)-1)
	}
	t.pass(t.now().Sub(now) + 4*t.unit + 2*precision)
	t.finish(store.StateDelivered, "soon")
	if d := t.delivery("", in[1].Deliveries[0].ID); d.Attempts+int(d.Token) == 0 {
		t.Errorf("the delivery was not claimable after At")
	}
	t.takeNone("late", "its At has not come")
}

func insertNoDeliveries(t *tester) {
	t.publish("", "lonely")
	if _, err := t.Store.Event(t.ctx, "", "lonely"); err != nil {
		t.Errorf("an event without deliveries was not kept: %v", err)
	}
	if got := everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{All: true}})); len(got) != 0 {
		t.Errorf("it has %d deliveries", len(got))
	}
	r := t.requeue(store.RequeueItem{EventID: "lonely", EndpointID: "later"})
	if r[0].Result != store.RequeueCreated {
		t.Fatalf("replay of it: %+v, want RequeueCreated", r[0])
	}
	if c := t.takeOne(held, "later"); c.Delivery.EventID != "lonely" {
		t.Errorf("claimed a delivery of %q", c.Delivery.EventID)
	}
}

func insertEndpointsNotChecked(t *tester) {
	t.endpoint("", "gone")
	t.remove("", "gone")
	t.endpoint("", "off")
	t.status("", "off", store.EndpointDisabled, "")
	ids := t.publish("", "e", "never-was", "gone", "off")
	for _, id := range ids {
		if d := t.delivery("", id); d.State != store.StatePending {
			t.Errorf("delivery to %q is %v, want pending", d.EndpointID, d.State)
		}
	}
	if b := t.take(held, 10, "never-was", "gone", "off"); len(b.Deliveries) != 3 {
		t.Errorf("Claim took %d of 3 deliveries to endpoints that are missing, deleted or disabled", len(b.Deliveries))
	}
}

// A batch larger than what a statement's placeholders or a script's unpacking
// usually bear.
func insertBatch(t *tester) {
	const n = 600
	events := make([]store.NewEvent, n)
	for i := range events {
		events[i] = with(event("t", fmt.Sprintf("e%03d", i)), fmt.Sprintf("lane%d", i%7), "all")
	}
	in := t.insert(events...)
	for i := range in {
		t.ids(in[i], fmt.Sprintf("lane%d", i%7), "all")
	}
	got := everything(t, t.deliveries(store.DeliveryQuery{Scope: store.Scope{Tenant: "t"}}))
	if len(got) != 2*n {
		t.Errorf("%d deliveries are stored, want %d", len(got), 2*n)
	}
	if b := t.take(held, 1000, "all"); len(b.Deliveries) != n {
		t.Errorf("claimed %d of %d", len(b.Deliveries), n)
	}
}

// Whatever a store refuses, it refuses the batch with it. What it accepts of
// these is up to the store.
func insertErrorStoresNothing(t *tester) {
	bad := map[string]store.Event{
		"a NUL in the type":      {ID: "bad1", Type: "a\x00b", Body: []byte("x")},
		"bad UTF-8 in the type":  {ID: "bad2", Type: "a\xff\xfeb", Body: []byte("x")},
		"an id of 100,000 bytes": {ID: strings.Repeat("i", 100_000), Type: "a", Body: []byte("x")},
		"an empty id":            {Type: "a", Body: []byte("x")},
	}
	for name, e := range bad {
		id := "good-" + fmt.Sprint(len(e.ID))
		in, err := t.Store.Insert(t.ctx, []store.NewEvent{with(event("", id), "lane"), with(e, "lane"), with(event("", id+"-2"), "lane")})
		_, found := t.Store.Event(t.ctx, "", id)
		_, found2 := t.Store.Event(t.ctx, "", id+"-2")
		if err == nil {
			t.noError(found, "%s was accepted, but not the event before it", name)
			t.noError(found2, "%s was accepted, but not the event after it", name)
			continue
		}
		if in != nil {
			t.Errorf("%s: Insert returned a result and an error", name)
		}
		if !errors.Is(found, store.ErrNotFound) || !errors.Is(found2, store.ErrNotFound) {
			t.Errorf("%s: Insert failed (%v), but others of the batch are stored", name, err)
		}
	}
}

func insertFull(t *tester) {
	t.need(t.Bounded != nil, "Bounded hook")
	f := t.on(t.Bounded(t.tb))
	stored := 0
	var err error
	for ; err == nil; stored++ {
		if stored > 10_000 {
			t.Fatalf("no ErrFull after %d events", stored)
		}
		_, err = f.Store.Insert(t.ctx, []store.NewEvent{with(event("", fmt.Sprint("e", stored)), "lane")})
	}
	stored--
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("Insert into a store without room: %v, want ErrFull", err)
	}
	count := func() int { return len(everything(f, f.events(store.EventQuery{}))) }
	if n := count(); n != stored || stored < 8 {
		t.Errorf("%d events are stored, want the %d acknowledged ones, and at least 8", n, stored)
	}

	// Make room for less than the next batch: none of it may be stored.
	for range 2 {
		c := f.take(held, 1, "lane").Deliveries
		if len(c) != 1 {
			t.Fatalf("a full store gives no deliveries")
		}
		f.settled(outcome(c[0], store.StateDelivered))
		if a := f.attempts("", c[0].Delivery.ID); len(a) != 1 {
			t.Errorf("a full store recorded %d attempts of a settled delivery, want 1", len(a))
		}
	}
	t.pass(t.unit)
	if n := f.purge(store.PurgeParams{Limit: 10}); n != 2 {
		t.Fatalf("purged %d events of a full store, want the 2 delivered ones", n)
	}
	batch := make([]store.NewEvent, stored+1)
	for i := range batch {
		batch[i] = with(event("", fmt.Sprint("again", i)), "lane")
	}
	if in, err := f.Store.Insert(t.ctx, batch); !errors.Is(err, store.ErrFull) || in != nil {
		t.Errorf("a batch larger than the room: %d results, %v; want ErrFull", len(in), err)
	}
	if n := count(); n != stored-2 {
		t.Errorf("%d events are stored after it, want still %d", n, stored-2)
	}
	f.insert(with(event("", "fits"), "lane"))
	f.finish(store.StateDelivered, "lane")
}
