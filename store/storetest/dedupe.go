package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/postrider/postrider/store"
)

var dedupeProofs = []proof{
	{"Dedupe/Duplicate", dedupeDuplicate},
	{"Dedupe/Conflict", dedupeConflict},
	{"Dedupe/Digest", dedupeDigest},
	{"Dedupe/WithinBatch", dedupeWithinBatch},
	{"Dedupe/RestProceeds", dedupeRestProceeds},
	{"Dedupe/Tenants", dedupeTenants},
	{"Dedupe/ByteByByte", dedupeByteByByte},
	{"Dedupe/Race", dedupeRace},
}

// refs returns the ids of an inserted event's deliveries, sorted.
func refs(in store.Inserted) []string {
	ids := make([]string, len(in.Deliveries))
	for i, r := range in.Deliveries {
		ids[i] = r.ID
	}
	slices.Sort(ids)
	return ids
}

// again inserts one event that may be stored already.
func (t *tester) again(e store.Event, endpoints ...string) store.Inserted {
	t.tb.Helper()
	in, err := t.Store.Insert(t.ctx, []store.NewEvent{with(e, endpoints...)})
	t.noError(err, "Insert")
	if len(in) != 1 || in[0].EventID != e.ID || in[0].Duplicate && in[0].Conflict {
		t.Fatalf("Insert of event %q returned %+v", e.ID, in)
	}
	return in[0]
}

// wantCount checks how much the store holds in all tenants.
func (t *tester) wantCount(events, deliveries int) {
	t.tb.Helper()
	all := store.Scope{All: true}
	if n := len(everything(t, t.events(store.EventQuery{Scope: all}))); n != events {
		t.Errorf("%d events are stored, want %d", n, events)
	}
	if n := len(everything(t, t.deliveries(store.DeliveryQuery{Scope: all}))); n != deliveries {
		t.Errorf("%d deliveries are stored, want %d", n, deliveries)
	}
}

func dedupeDuplicate(t *tester) {
	e := event("t", "e")
	original := t.insert(with(e, "a", "b"))[0]
	stored, err := t.Store.Event(t.ctx, "t", "e")
	t.noError(err, "Event")
	t.pass(t.unit)

	// The digest alone decides, whatever else differs.
	other := e
	other.Type, other.Body, other.ContentType, other.Time = "other.type", []byte("other"), "text/plain", happened.AddDate(1, 0, 0)
	for name, endpoints := range map[string][]string{"the same endpoints": {"a", "b"}, "another endpoint": {"c"}, "none": nil} {
		in := t.again(other, endpoints...)
		if !in.Duplicate || in.Conflict {
			t.Errorf("an equal digest with %s: %+v, want Duplicate", name, in)
		}
		if !slices.Equal(refs(in), refs(original)) {
			t.Errorf("with %s the duplicate names %q, want the original's %q", name, refs(in), refs(original))
		}
		for _, r := range in.Deliveries {
			if d := t.delivery("t", r.ID); d.EndpointID != r.EndpointID {
				t.Errorf("the duplicate names %s to %q, which goes to %q", r.ID, r.EndpointID, d.EndpointID)
			}
		}
	}
	t.wantCount(1, 2)
	got, err := t.Store.Event(t.ctx, "t", "e")
	t.noError(err, "Event")
	if d := same(got, stored); d != "" {
		t.Errorf("the stored event changed: %s", d)
	}

	// It stays one once its deliveries have ended.
	t.finish(store.StateDelivered, "a", "b")
	if in := t.again(e, "a"); !in.Duplicate || !slices.Equal(refs(in), refs(original)) {
		t.Errorf("after delivery: %+v, want Duplicate with %q", in, refs(original))
	}
	if d := t.delivery("t", t.ids(original, "a")[0]); d.State != store.StateDelivered {
		t.Errorf("the duplicate made the delivery %v", d.State)
	}
	t.takeNone("a", "a duplicate makes nothing pending")
}

func dedupeConflict(t *tester) {
	e := event("t", "e")
	t.insert(with(e, "a"))
	other := e
	other.Digest = []byte("another digest")
	if in := t.again(other, "a", "b"); !in.Conflict || in.Duplicate {
		t.Errorf("another digest, all else equal: %+v, want Conflict", in)
	}
	t.wantCount(1, 1)
	got, err := t.Store.Event(t.ctx, "t", "e")
	t.noError(err, "Event")
	if d := kept(got.Digest, e.Digest); d != "" {
		t.Errorf("the stored digest changed: %s", d)
	}
	if in := t.again(e, "a"); !in.Duplicate {
		t.Errorf("the original's digest after a conflict: %+v, want Duplicate", in)
	}
}

func dedupeDigest(t *tester) {
	long := make([]byte, 32)
	for i := range long {
		long[i] = byte(i * 8)
	}
	lastBit := slices.Clone(long)
	lastBit[31] ^= 1
	for i, c := range []struct {
		stored, given []byte
		equal         bool
	}{
		{long, slices.Clone(long), true},
		{long, lastBit, false},
		{long, long[:31], false},
		{long[:31], long, false},
		{[]byte("abc"), []byte("ABC"), false},
		{[]byte("abc"), []byte("abc "), false},
		{[]byte("abc"), []byte("abc\x00"), false},
		{[]byte{0}, []byte{}, false},
		{[]byte{0xff, 0xfe}, []byte{0xff, 0xfd}, false},
		{nil, nil, true},
		{nil, []byte("abc"), false},
		{[]byte("abc"), nil, false},
	} {
		e := event("", fmt.Sprint("e", i))
		e.Digest = c.stored
		t.insert(with(e))
		e.Digest = c.given
		if in := t.again(e); in.Duplicate != c.equal || in.Conflict == c.equal {
			t.Errorf("digest %x after %x: %+v", c.given, c.stored, in)
		}
	}
}

func dedupeWithinBatch(t *tester) {
	e, f := event("", "e"), event("", "e")
	f.Digest = []byte("another digest")
	in, err := t.Store.Insert(t.ctx, []store.NewEvent{with(e, "a", "b"), with(f, "a"), with(e, "a", "c"), with(event("", "g"), "a")})
	t.noError(err, "Insert")
	if len(in) != 4 {
		t.Fatalf("Insert of 4 events returned %d results", len(in))
	}
	if in[0].Duplicate || in[0].Conflict {
		t.Errorf("the first of its id: %+v, want it stored", in[0])
	}
	if in[1].Duplicate || !in[1].Conflict {
		t.Errorf("another digest later in the batch: %+v, want Conflict", in[1])
	}
	if !in[2].Duplicate || in[2].Conflict || !slices.Equal(refs(in[2]), refs(in[0])) {
		t.Errorf("an equal digest later in the batch: %+v, want Duplicate of %+v", in[2], in[0])
	}
	if in[3].Duplicate || in[3].Conflict || len(in[3].Deliveries) != 1 {
		t.Errorf("a new event after them: %+v, want it stored", in[3])
	}
	t.wantCount(2, 3)
	if n := t.stats(store.StatsQuery{}).Total.Pending; n != 3 {
		t.Errorf("%d deliveries are counted, want 3", n)
	}
}

func dedupeRestProceeds(t *tester) {
	old := event("", "old")
	t.insert(with(old, "a"))
	clash := old
	clash.Digest = []byte("another digest")
	in, err := t.Store.Insert(t.ctx, []store.NewEvent{with(event("", "n1"), "a"), with(old, "a"), with(event("", "n2"), "a"), with(clash, "a"), with(event("", "n3"), "a")})
	t.noError(err, "Insert")
	for i, want := range []string{"n1", "old", "n2", "old", "n3"} {
		if in[i].EventID != want || in[i].Duplicate != (i == 1) || in[i].Conflict != (i == 3) {
			t.Errorf("result %d is %+v, want that of %q", i, in[i], want)
		}
	}
	t.wantCount(4, 4)
	if b := t.take(held, 10, "a"); len(b.Deliveries) != 4 {
		t.Errorf("claimed %d deliveries, want 4", len(b.Deliveries))
	}
}

func dedupeTenants(t *tester) {
	digest := []byte("the same in every tenant")
	var events []store.NewEvent
	for _, tenant := range []string{"", "a", "A", "b"} {
		e := event(tenant, "e")
		e.Digest = digest
		events = append(events, with(e, "lane-"+tenant))
	}
	t.insert(events...)
	t.wantCount(4, 4)
	other := events[1].Event
	other.Digest = []byte("another digest")
	if in := t.again(other); !in.Conflict {
		t.Errorf("a conflict in one tenant: %+v", in)
	}
	for _, e := range events {
		if in := t.again(e.Event); !in.Duplicate || len(in.Deliveries) != 1 || in.Deliveries[0].EndpointID != e.Deliveries[0].EndpointID {
			t.Errorf("tenant %q: %+v, want Duplicate with its own delivery", e.Event.Tenant, in)
		}
	}
}

func dedupeByteByByte(t *tester) {
	for _, id := range []string{"abc", "ABC", "Abc", "abc-", "abc_", "-abc", "0abc", "00", "0", "1e0", "1"} {
		t.insert(with(event("", id), id))
	}
	t.wantCount(11, 11)
	for _, id := range []string{"abc", "ABC", "Abc", "0", "00"} {
		if c := t.takeOne(held, id); c.Delivery.EventID != id {
			t.Errorf("lane %q gave a delivery of event %q", id, c.Delivery.EventID)
		}
		t.endpoint("", id)
	}
}

func dedupeRace(t *tester) {
	const callers, rounds = 8, 10
	for round := range rounds {
		results := make([]store.Inserted, callers)
		var wg sync.WaitGroup
		for i := range callers {
			t.spawn(&wg, func() {
				e := event("t", fmt.Sprint("e", round))
				e.Digest = []byte{byte(i % 2)}
				in, err := t.Store.Insert(t.ctx, []store.NewEvent{with(e, "lane")})
				if err != nil || len(in) != 1 {
					t.Errorf("concurrent Insert: %v, %v", in, err)
					return
				}
				results[i] = in[0]
			})
		}
		wg.Wait()
		stored, winner := 0, 0
		for i, in := range results {
			if !in.Duplicate && !in.Conflict {
				stored++
				winner = i
			}
		}
		if stored != 1 {
			t.Fatalf("%d of %d concurrent inserts of one id were stored", stored, callers)
		}
		for i, in := range results {
			if i == winner {
				continue
			}
			if want := i%2 == winner%2; in.Duplicate != want || in.Duplicate && !slices.Equal(refs(in), refs(results[winner])) {
				t.Errorf("caller %d against the winner %d: %+v", i, winner, in)
			}
		}
	}
	t.wantCount(rounds, rounds)
}
