package storetest

import (
	"maps"
	"slices"
	"sync"

	"github.com/postrider/postrider/store"
)

var copyProofs = []proof{
	{"Copies/Insert", copiesInsert},
	{"Copies/EventHeader", copiesEventHeader},
	{"Copies/Claim", copiesClaim},
	{"Copies/Settle", copiesSettle},
	{"Copies/Endpoint", copiesEndpoint},
	{"Copies/Concurrent", copiesConcurrent},
}

// spoil overwrites every byte of the slices.
func spoil(slices ...[]byte) {
	for _, s := range slices {
		for i := range s {
			s[i] = 0xee
		}
		if s := s[:cap(s)]; len(s) > 0 {
			s[len(s)-1] = 0xee
		}
	}
}

func spoilEndpoint(e *store.Endpoint) {
	for i := range e.Patterns {
		e.Patterns[i] = "spoiled"
	}
	for i := range e.Secrets {
		spoil(e.Secrets[i].Sealed)
		e.Secrets[i] = store.SealedSecret{}
	}
	spoil(e.Headers)
	for k := range e.Metadata {
		e.Metadata[k] = "spoiled"
	}
	if e.Metadata != nil {
		e.Metadata["spoiled"] = "spoiled"
	}
	for i := range e.Retry {
		e.Retry[i] = -1
	}
}

func spoilAttempt(a *store.Attempt) {
	spoil(a.ResponseBody)
	for i := range a.RequestHeader {
		a.RequestHeader[i] = store.Header{}
	}
	for i := range a.ResponseHeader {
		a.ResponseHeader[i] = store.Header{}
	}
}

// wantEvent checks that the bytes of the event "e" are what was published.
func (t *tester) wantEvent(after string) {
	t.tb.Helper()
	want := event("", "e")
	e, err := t.Store.Event(t.ctx, "", "e")
	t.noError(err, "Event")
	if string(e.Body) != string(want.Body) || string(e.Digest) != string(want.Digest) {
		t.Errorf("after %s the event has the body %q and the digest %x", after, e.Body, e.Digest)
	}
}

func copiesEventHeader(t *tester) {
	given := []store.Header{{Name: "ce-id", Value: "1"}, {Name: "ce-type", Value: "x"}}
	want := []store.Header{{Name: "ce-id", Value: "1"}, {Name: "ce-type", Value: "x"}}
	e := event("", "e")
	e.Header = given
	t.insert(with(e, "l"))
	clear(given)
	for _, how := range []string{"Insert", "Event", "Claim"} {
		got, err := t.Store.Event(t.ctx, "", "e")
		t.noError(err, "Event")
		if !slices.Equal(got.Header, want) {
			t.Errorf("after the header that was given to or got from %s was changed, it is %v", how, got.Header)
		}
		clear(got.Header)
		if how == "Event" {
			b := t.take(held, 1, "l")
			if len(b.Events) != 1 || !slices.Equal(b.Events[0].Header, want) {
				t.Fatalf("claimed with %v", b.Events)
			}
			clear(b.Events[0].Header)
		}
	}
	none := event("", "none")
	t.insert(with(none))
	if got, err := t.Store.Event(t.ctx, "", "none"); err != nil || got.Header != nil {
		t.Errorf("an event without a header has %v, %v", got.Header, err)
	}
}

func copiesInsert(t *tester) {
	e := event("", "e")
	batch := []store.NewEvent{with(e, "l", "m")}
	in := t.insert(batch...)
	ids := t.ids(in[0], "l", "m")
	spoil(e.Body, e.Digest)
	batch[0].Deliveries[0].EndpointID = "spoiled"
	batch[0] = store.NewEvent{}
	in[0].Deliveries[0] = store.DeliveryRef{}
	t.wantEvent("the caller reused what it gave to Insert")
	if d := t.delivery("", ids[0]); d.EndpointID != "l" {
		t.Errorf("the delivery goes to %q", d.EndpointID)
	}
	again := t.again(event("", "e"))
	if !again.Duplicate || !equalSets(refs(again), ids) {
		t.Errorf("the duplicate is %+v", again)
	}
	again.Deliveries[0] = store.DeliveryRef{}
	if again := t.again(event("", "e")); !equalSets(refs(again), ids) {
		t.Errorf("the second duplicate is %+v", again)
	}

	read, err := t.Store.Event(t.ctx, "", "e")
	t.noError(err, "Event")
	spoil(read.Body, read.Digest)
	t.wantEvent("the caller changed what Event returned")
	for _, e := range everything(t, t.events(store.EventQuery{})) {
		spoil(e.Body, e.Digest)
	}
	t.wantEvent("the caller changed what Events returned")

	lanes := lanes("m", 1, "l", 1)
	t.claim(store.ClaimParams{Lanes: lanes, Max: 5, Lease: held})
	if lanes[0].ID != "m" || lanes[1].N != 1 {
		t.Errorf("Claim changed the caller's lanes: %v", lanes)
	}
	list := slices.Clone(ids)
	t.cancel("", list...)
	only := []store.State{store.StateCancelled}
	items := []store.RequeueItem{{DeliveryID: ids[0], If: only}}
	t.requeue(items...)
	if !slices.Equal(list, ids) || only[0] != store.StateCancelled || items[0].DeliveryID != ids[0] {
		t.Errorf("Cancel or Requeue changed what it was given")
	}
}

func copiesClaim(t *tester) {
	created, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint("", "l"))
	t.noError(err, "CreateEndpoint")
	t.publish("", "e", "l", "m")
	for range 2 {
		b := t.take(held, 10, "l")
		for i := range b.Events {
			spoil(b.Events[i].Body, b.Events[i].Digest)
		}
		for i := range b.Endpoints {
			spoilEndpoint(&b.Endpoints[i])
		}
		t.settled(release(b.Deliveries[0]))
		t.wantEvent("the caller changed what Claim returned")
		if d := same(t.readEndpoint("", "l"), created); d != "" {
			t.Errorf("the caller changed the endpoint that Claim returned, and the store's with it: %s", d)
		}
	}
	// Nor are the parts of one answer joined: what is appended to one body does
	// not run into the next.
	t.fill(5, "many")
	b := t.take(held, 10, "many")
	for i := range b.Events {
		_ = append(b.Events[i].Body, "spoiled, whatever it runs into, as far as it goes"...)
		_ = append(b.Events[i].Digest, "spoiled"...)
	}
	for _, e := range b.Events {
		want := event("", e.ID)
		if string(e.Body) != string(want.Body) || string(e.Digest) != string(want.Digest) {
			t.Errorf("after appending to the bodies of a batch, event %q has the body %q and the digest %x", e.ID, e.Body, e.Digest)
		}
	}
	if b := t.take(held, 10, "m"); string(b.Events[0].Body) != string(event("", "e").Body) {
		t.Errorf("another delivery of the event is claimed with the body %q", b.Events[0].Body)
	}
}

func copiesSettle(t *tester) {
	given := func() *store.Attempt {
		return &store.Attempt{
			ResponseBody: []byte("answer"), Status: 200,
			RequestHeader: []store.Header{{Name: "A", Value: "1"}}, ResponseHeader: []store.Header{{Name: "B", Value: "2"}},
		}
	}
	id := t.publish("", "e", "l")[0]
	o := outcome(t.takeOne(held, "l"), store.StateDelivered)
	o.Attempt = given()
	outcomes := []store.Outcome{o}
	if _, err := t.Store.Settle(t.ctx, outcomes); err != nil {
		t.Fatalf("Settle: %v", err)
	}
	spoilAttempt(o.Attempt)
	*o.Attempt = store.Attempt{}
	outcomes[0] = store.Outcome{}
	for _, after := range []string{"the caller reused what it gave to Settle", "the caller changed what Attempts returned"} {
		want := given()
		want.Number, want.DeliveryID = 1, id
		got := t.attempts("", id)
		if len(got) != 1 {
			t.Fatalf("%d attempts are recorded, want 1", len(got))
		}
		if d := same(got[0], *want); d != "" {
			t.Errorf("after %s: %s", after, d)
		}
		spoilAttempt(&got[0])
	}
	// A purge of bodies empties the store's, not what others hold.
	before := t.attempts("", id)
	e, err := t.Store.Event(t.ctx, "", "e")
	t.noError(err, "Event")
	t.pass(2 * t.unit)
	t.purge(store.PurgeParams{OlderThan: t.unit, BodiesOnly: true, Limit: 1})
	if string(before[0].ResponseBody) != "answer" || string(e.Body) != string(event("", "e").Body) {
		t.Errorf("a purge of bodies changed what the caller had read")
	}
}

func copiesEndpoint(t *tester) {
	given := fullEndpoint("", "e")
	created, err := t.Store.CreateEndpoint(t.ctx, given)
	t.noError(err, "CreateEndpoint")
	want := withStoreFields(fullEndpoint("", "e"), created)
	check := func(after string) {
		t.tb.Helper()
		if d := kept(t.readEndpoint("", "e"), want); d != "" {
			t.Errorf("after %s: %s", after, d)
		}
		t.wantMatch("", "invoice.paid", "e")
	}
	spoilEndpoint(&given)
	check("the caller reused what it gave to CreateEndpoint")
	spoilEndpoint(&created)
	check("the caller changed what CreateEndpoint returned")
	read := t.readEndpoint("", "e")
	spoilEndpoint(&read)
	check("the caller changed what Endpoint returned")
	for _, e := range everything(t, t.endpoints(store.EndpointQuery{})) {
		spoilEndpoint(&e)
	}
	check("the caller changed what Endpoints returned")
	matched, err := t.Store.Match(t.ctx, "", []string{"invoice.paid", "contact.created"})
	t.noError(err, "Match")
	for _, list := range matched {
		for i := range list {
			spoilEndpoint(&list[i])
		}
	}
	check("the caller changed what Match returned")

	given = withStoreFields(fullEndpoint("", "e"), t.readEndpoint("", "e"))
	updated, err := t.Store.UpdateEndpoint(t.ctx, given)
	t.noError(err, "UpdateEndpoint")
	want = withStoreFields(fullEndpoint("", "e"), updated)
	spoilEndpoint(&given)
	check("the caller reused what it gave to UpdateEndpoint")
	spoilEndpoint(&updated)
	check("the caller changed what UpdateEndpoint returned")
	set := t.status("", "e", store.EndpointPaused, want.StatusReason)
	want.Status, want.Revision, want.UpdatedAt = store.EndpointPaused, set.Revision, set.UpdatedAt
	spoilEndpoint(&set)
	check("the caller changed what SetEndpointStatus returned")
	if !maps.Equal(t.readEndpoint("", "e").Metadata, fullEndpoint("", "").Metadata) {
		t.Errorf("the metadata changed")
	}
}

// Several callers write into what they were given and got at the same time.
// What is shared, the race detector sees.
func copiesConcurrent(t *tester) {
	_, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint("", "l"))
	t.noError(err, "CreateEndpoint")
	t.publish("", "e", "l", "m", "n", "o")
	t.settled(outcome(t.takeOne(held, "o"), store.StateDelivered))
	id := everything(t, t.deliveries(store.DeliveryQuery{EndpointID: "o"}))[0].ID
	var wg sync.WaitGroup
	for _, lane := range []string{"l", "m", "n"} {
		t.spawn(&wg, func() {
			for range 15 {
				b, err := t.Store.Claim(t.ctx, store.ClaimParams{Lanes: lanes(lane, 1), Max: 1, Lease: held})
				if err != nil || len(b.Deliveries) != 1 {
					t.Errorf("Claim of lane %s: %d deliveries, %v", lane, len(b.Deliveries), err)
					return
				}
				if string(b.Events[0].Body) != string(event("", "e").Body) {
					t.Errorf("lane %s got the body %q", lane, b.Events[0].Body)
				}
				spoil(b.Events[0].Body, b.Events[0].Digest)
				spoilEndpoint(&b.Endpoints[0])
				e, err := t.Store.Event(t.ctx, "", "e")
				if err != nil {
					t.Errorf("Event: %v", err)
				}
				spoil(e.Body, e.Digest)
				a, err := t.Store.Attempts(t.ctx, "", id)
				if err != nil || len(a) != 1 {
					t.Errorf("Attempts: %d, %v", len(a), err)
					return
				}
				spoilAttempt(&a[0])
				m, err := t.Store.Match(t.ctx, "", []string{"invoice.paid"})
				if err != nil || len(m) != 1 || len(m[0]) != 1 {
					t.Errorf("Match: %v, %v", m, err)
					return
				}
				spoilEndpoint(&m[0][0])
				o := release(b.Deliveries[0])
				if _, err := t.Store.Settle(t.ctx, []store.Outcome{o}); err != nil {
					t.Errorf("Settle: %v", err)
				}
			}
		})
	}
	wg.Wait()
	t.wantEvent("concurrent callers changed what they got")
}
