package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

var endpointProofs = []proof{
	{"Endpoint/Create", endpointCreate},
	{"Endpoint/Kept", endpointKept},
	{"Endpoint/Exists", endpointExists},
	{"Endpoint/NotFound", endpointNotFound},
	{"Endpoint/Update", endpointUpdate},
	{"Endpoint/UpdateConflict", endpointUpdateConflict},
	{"Endpoint/UpdateKeepsStatus", endpointUpdateKeepsStatus},
	{"Endpoint/UpdateRace", endpointUpdateRace},
	{"Endpoint/ByteByByte", endpointByteByByte},
	{"Endpoint/List", endpointList},
}

// fullEndpoint has every field set that a caller may set, to values that a
// store could mistake for others.
func fullEndpoint(tenant, id string) store.Endpoint {
	return store.Endpoint{
		ID: id, Tenant: tenant,
		Name:         "Rechnung „neu“ 🐎",
		URL:          "https://example.com/hook?key=a%20b&c='\"\\",
		Description:  "line one\nline two\ttab; DROP TABLE endpoints; --",
		Patterns:     []string{"invoice.*", "contact.created", "zebra", "apple"},
		Status:       store.EndpointActive,
		StatusReason: "a_reason_1",
		Secrets: []store.SealedSecret{
			{Version: 7, Sealed: []byte{0, 1, 0xff, 0xfe}, Phase: store.SecretActive, CreatedAt: happened},
			{Version: 3, Sealed: []byte("old"), Phase: store.SecretRetiring, CreatedAt: happened.Add(-time.Hour), ExpiresAt: happened.Add(time.Hour)},
			{Version: 8, Sealed: []byte("next"), Phase: store.SecretPrepared, CreatedAt: happened},
		},
		Headers:     []byte{0xff, 0, 'h'},
		Metadata:    map[string]string{"": "empty key", "empty": "", "Käse": "ü", "a.b": "{}"},
		Retry:       []time.Duration{1500 * time.Millisecond, time.Millisecond, 0, 8000 * time.Hour},
		MaxInFlight: 17,
	}
}

// withStoreFields takes over into want what a store sets by itself.
func withStoreFields(want, got store.Endpoint) store.Endpoint {
	want.Revision, want.CreatedAt, want.UpdatedAt = got.Revision, got.CreatedAt, got.UpdatedAt
	return want
}

func (t *tester) readEndpoint(tenant, id string) store.Endpoint {
	t.tb.Helper()
	e, err := t.Store.Endpoint(t.ctx, tenant, id)
	t.noError(err, "Endpoint %q", id)
	return e
}

func endpointCreate(t *tester) {
	t.pass(t.unit)
	before := t.now()
	given := fullEndpoint("t", "e")
	given.Revision, given.CreatedAt, given.UpdatedAt = 99, happened, happened
	got, err := t.Store.CreateEndpoint(t.ctx, given)
	after := t.now()
	t.noError(err, "CreateEndpoint")
	if got.Revision != 1 {
		t.Errorf("Revision is %d, want 1", got.Revision)
	}
	if !between(got.CreatedAt, before, after) || !between(got.UpdatedAt, before, after) {
		t.Errorf("created at %v, updated at %v; want the store's time, %v to %v", got.CreatedAt, got.UpdatedAt, before, after)
	}
	if d := kept(got, withStoreFields(given, got)); d != "" {
		t.Errorf("CreateEndpoint returned otherwise than given: %s", d)
	}
	if d := same(t.readEndpoint("t", "e"), got); d != "" {
		t.Errorf("Endpoint returns otherwise than CreateEndpoint did: %s", d)
	}
	for _, status := range []store.EndpointStatus{store.EndpointPaused, store.EndpointDisabled} {
		id := fmt.Sprint("status", status)
		_, err := t.Store.CreateEndpoint(t.ctx, store.Endpoint{ID: id, Status: status, StatusReason: "why"})
		t.noError(err, "CreateEndpoint")
		if e := t.readEndpoint("", id); e.Status != status || e.StatusReason != "why" {
			t.Errorf("created with status %d, why; reads %d, %s", status, e.Status, e.StatusReason)
		}
	}
}

func endpointKept(t *tester) {
	minimal := store.Endpoint{ID: "-_0", Status: store.EndpointActive}
	long := fullEndpoint(strings.Repeat("ü", 20), strings.Repeat("Z", 64))
	long.Headers = make([]byte, 8000)
	long.Description = strings.Repeat("long ", 400)
	none := fullEndpoint("t", "no-retries")
	none.Retry = []time.Duration{}
	unset := fullEndpoint("t", "policy")
	unset.Retry, unset.Headers = nil, nil

	for _, given := range []store.Endpoint{minimal, long, none, unset} {
		created, err := t.Store.CreateEndpoint(t.ctx, given)
		t.noError(err, "CreateEndpoint %q", given.ID)
		t.publish(given.Tenant, "for-"+given.ID[:1], given.ID)
		claimed := t.take(held, 1, given.ID)
		listed := everything(t, t.endpoints(store.EndpointQuery{Scope: store.Scope{Tenant: given.Tenant}}))
		if len(claimed.Endpoints) != 1 || len(listed) == 0 {
			t.Fatalf("%d endpoints claimed, %d listed", len(claimed.Endpoints), len(listed))
		}
		for how, got := range map[string]store.Endpoint{
			"created": created, "read": t.readEndpoint(given.Tenant, given.ID), "claimed": claimed.Endpoints[0], "listed": listed[0],
		} {
			if d := kept(got, withStoreFields(given, got)); d != "" {
				t.Errorf("endpoint %q as %s: %s", given.ID, how, d)
			}
			if d := same(got, created); d != "" {
				t.Errorf("endpoint %q as %s differs from it as created: %s", given.ID, how, d)
			}
			// nil stands for the dispatcher's policy, an empty list for no retry.
			if (got.Retry == nil) != (given.Retry == nil) {
				t.Errorf("endpoint %q as %s: Retry is %#v, want %#v", given.ID, how, got.Retry, given.Retry)
			}
			if given.Headers == nil && got.Headers != nil {
				t.Errorf("endpoint %q as %s: Headers is not nil", given.ID, how)
			}
		}
		t.pass(2 * precision) // so that the last one is the newest
	}
}

func endpointExists(t *tester) {
	first := t.endpoint("a", "e")
	t.endpoint("a", "gone")
	t.remove("a", "gone")
	for _, tenant := range []string{"a", "b", ""} {
		for _, id := range []string{"e", "gone"} {
			got, err := t.Store.CreateEndpoint(t.ctx, fullEndpoint(tenant, id))
			if !errors.Is(err, store.ErrExists) {
				t.Errorf("CreateEndpoint of the taken id %q in tenant %q: %v, want ErrExists", id, tenant, err)
			}
			if d := same(got, store.Endpoint{}); d != "" {
				t.Errorf("it returned an endpoint beside the error: %s", d)
			}
		}
	}
	if d := same(t.readEndpoint("a", "e"), first); d != "" {
		t.Errorf("the first endpoint changed: %s", d)
	}
	if n := len(everything(t, t.endpoints(store.EndpointQuery{Scope: store.Scope{All: true}}))); n != 1 {
		t.Errorf("%d endpoints are listed, want 1", n)
	}
}

// wantNoEndpoint checks that every method finds no endpoint by that id.
func (t *tester) wantNoEndpoint(why, tenant, id string) {
	t.tb.Helper()
	got, err := t.Store.Endpoint(t.ctx, tenant, id)
	if !errors.Is(err, store.ErrNotFound) || got.ID != "" {
		t.Errorf("%s: Endpoint returned %q, %v; want ErrNotFound", why, got.ID, err)
	}
	for revision := range int64(4) {
		got, err = t.Store.UpdateEndpoint(t.ctx, store.Endpoint{ID: id, Tenant: tenant, Name: "new", Revision: revision})
		if !errors.Is(err, store.ErrNotFound) || got.ID != "" {
			t.Errorf("%s: UpdateEndpoint returned %q, %v; want ErrNotFound", why, got.ID, err)
		}
	}
	got, err = t.Store.SetEndpointStatus(t.ctx, tenant, id, store.EndpointPaused, "x")
	if !errors.Is(err, store.ErrNotFound) || got.ID != "" {
		t.Errorf("%s: SetEndpointStatus returned %q, %v; want ErrNotFound", why, got.ID, err)
	}
	if err := t.Store.DeleteEndpoint(t.ctx, tenant, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: DeleteEndpoint: %v, want ErrNotFound", why, err)
	}
}

func endpointNotFound(t *tester) {
	t.endpoint("a", "e")
	t.endpoint("a", "gone")
	t.remove("a", "gone")
	t.wantNoEndpoint("never made", "a", "none")
	t.wantNoEndpoint("deleted", "a", "gone")
	t.wantNoEndpoint("another case", "a", "E")
	t.wantNoEndpoint("an empty id", "a", "")
}

func endpointUpdate(t *tester) {
	created := t.endpoint("t", "e", "old.*")
	t.pass(t.unit)
	before := t.now()
	given := fullEndpoint("t", "e")
	given.Revision, given.CreatedAt, given.UpdatedAt = 1, happened, happened
	got, err := t.Store.UpdateEndpoint(t.ctx, given)
	after := t.now()
	t.noError(err, "UpdateEndpoint")
	want := given
	want.Revision, want.Status, want.StatusReason = 2, created.Status, created.StatusReason
	want.CreatedAt, want.UpdatedAt = created.CreatedAt, got.UpdatedAt
	if d := kept(got, want); d != "" {
		t.Errorf("UpdateEndpoint returned: %s", d)
	}
	if !got.CreatedAt.Equal(created.CreatedAt) || !between(got.UpdatedAt, before, after) {
		t.Errorf("created at %v, updated at %v; want %v and the time of the update, %v to %v", got.CreatedAt, got.UpdatedAt, created.CreatedAt, before, after)
	}
	if d := same(t.readEndpoint("t", "e"), got); d != "" {
		t.Errorf("Endpoint returns otherwise than UpdateEndpoint did: %s", d)
	}

	// Everything can be emptied again.
	empty := store.Endpoint{ID: "e", Tenant: "t", Revision: 2}
	got, err = t.Store.UpdateEndpoint(t.ctx, empty)
	t.noError(err, "UpdateEndpoint")
	want = empty
	want.Revision, want.Status, want.StatusReason, want.CreatedAt, want.UpdatedAt = 3, created.Status, created.StatusReason, created.CreatedAt, got.UpdatedAt
	if d := kept(got, want); d != "" {
		t.Errorf("an update to nothing returned: %s", d)
	}
	if d := same(t.readEndpoint("t", "e"), got); d != "" || got.Retry != nil || got.Headers != nil {
		t.Errorf("after an update to nothing: %s", d)
	}
}

func endpointUpdateConflict(t *tester) {
	stored := t.endpoint("t", "e")
	stored.Name = "second"
	stored, err := t.Store.UpdateEndpoint(t.ctx, stored)
	t.noError(err, "UpdateEndpoint")
	for _, revision := range []int64{1, 3, 0, -1, 99} {
		e := fullEndpoint("t", "e")
		e.Revision = revision
		got, err := t.Store.UpdateEndpoint(t.ctx, e)
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("an update of revision %d at revision 2: %v, want ErrConflict", revision, err)
		}
		if got.ID != "" {
			t.Errorf("it returned an endpoint beside the error")
		}
	}
	if d := same(t.readEndpoint("t", "e"), stored); d != "" {
		t.Errorf("a refused update changed the endpoint: %s", d)
	}
	// A change of status is a write, too.
	t.status("t", "e", store.EndpointPaused, "x")
	if _, err := t.Store.UpdateEndpoint(t.ctx, stored); !errors.Is(err, store.ErrConflict) {
		t.Errorf("an update of the revision before a pause: %v, want ErrConflict", err)
	}
}

func endpointUpdateKeepsStatus(t *tester) {
	t.endpoint("t", "e")
	for _, s := range []store.EndpointStatus{store.EndpointPaused, store.EndpointDisabled, store.EndpointActive} {
		e := t.status("t", "e", s, "why")
		for _, given := range []store.EndpointStatus{store.EndpointActive, store.EndpointPaused, store.EndpointDisabled, 0} {
			e.Status, e.StatusReason, e.Name = given, "other", fmt.Sprint("name ", given)
			got, err := t.Store.UpdateEndpoint(t.ctx, e)
			t.noError(err, "UpdateEndpoint")
			if got.Status != s || got.StatusReason != "why" || got.Name != e.Name {
				t.Errorf("an update with status %d of an endpoint with %d: status %d, reason %q, name %q", given, s, got.Status, got.StatusReason, got.Name)
			}
			e = got
		}
	}
	// What counts is what Claim does.
	t.status("t", "e", store.EndpointPaused, "")
	t.publish("t", "event", "e")
	e := t.readEndpoint("t", "e")
	e.Status = store.EndpointActive
	_, err := t.Store.UpdateEndpoint(t.ctx, e)
	t.noError(err, "UpdateEndpoint")
	t.takeNone("e", "an update does not resume a paused endpoint")
}

func endpointUpdateRace(t *tester) {
	e := t.endpoint("t", "e")
	const callers, rounds = 8, 10
	for round := range rounds {
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range callers {
			t.spawn(&wg, func() {
				mine := e
				mine.Name = fmt.Sprintf("round %d caller %d", round, i)
				_, err := t.Store.UpdateEndpoint(t.ctx, mine)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("concurrent UpdateEndpoint: %v", err)
				}
			})
		}
		wg.Wait()
		got := t.readEndpoint("t", "e")
		if won.Load() != 1 || got.Revision != e.Revision+1 {
			t.Fatalf("%d of %d updates of revision %d succeeded, it is %d now; want 1 and %d", won.Load(), callers, e.Revision, got.Revision, e.Revision+1)
		}
		e = got
	}
}

func endpointByteByByte(t *tester) {
	ids := []string{"e", "E", "e-", "e_", "0", "00", "1e0", "1"}
	for _, id := range ids {
		t.endpoint("", id, "only."+id)
		t.publish("", "to-"+id, id)
	}
	t.status("", "E", store.EndpointPaused, "")
	t.remove("", "00")
	for _, id := range ids {
		b := t.take(held, 10, id)
		if want := map[bool]int{true: 0, false: 1}[id == "E"]; len(b.Deliveries) != want {
			t.Errorf("lane %q gave %d deliveries, want %d", id, len(b.Deliveries), want)
		}
		if len(b.Deliveries) == 1 && b.Endpoints[0].DeletedAt.IsZero() == (id == "00") {
			t.Errorf("lane %q came with an endpoint deleted at %v", id, b.Endpoints[0].DeletedAt)
		}
	}
}

func endpointList(t *tester) {
	var want []string // newest first
	for i := range 7 {
		tenant := []string{"", "a"}[i%2]
		id := fmt.Sprint("e", i)
		t.endpoint(tenant, id)
		switch i {
		case 2, 3:
			t.status(tenant, id, store.EndpointPaused, "")
		case 4:
			t.status(tenant, id, store.EndpointDisabled, "")
		case 5:
			t.remove(tenant, id)
			continue
		}
		want = append([]string{id}, want...)
		t.pass(2 * precision)
	}
	for _, c := range []struct {
		q    store.EndpointQuery
		want string
	}{
		{store.EndpointQuery{Scope: store.Scope{All: true}}, strings.Join(want, " ")},
		{store.EndpointQuery{Scope: store.Scope{All: true, Tenant: "a"}}, strings.Join(want, " ")},
		{store.EndpointQuery{}, "e6 e4 e2 e0"},
		{store.EndpointQuery{Scope: store.Scope{Tenant: "a"}}, "e3 e1"},
		{store.EndpointQuery{Scope: store.Scope{Tenant: "b"}}, ""},
		{store.EndpointQuery{Status: store.EndpointActive}, "e6 e0"},
		{store.EndpointQuery{Status: store.EndpointPaused}, "e2"},
		{store.EndpointQuery{Status: store.EndpointDisabled}, "e4"},
		{store.EndpointQuery{Scope: store.Scope{All: true}, Status: store.EndpointPaused}, "e3 e2"},
	} {
		l := t.endpoints(c.q)
		for _, limit := range []int{1, 2, 100} {
			if got := strings.Join(idsOf(l, walk(t, l, limit, nil)), " "); got != c.want {
				t.Errorf("Endpoints(%+v) by %d: %q, want %q", c.q, limit, got, c.want)
			}
		}
	}
}
