package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// The steps of the walk that deal with endpoints.

// someEndpoint makes up what a caller might give.
func (w *walker) someEndpoint(tenant, id string) store.Endpoint {
	w.names++
	e := store.Endpoint{
		ID: id, Tenant: tenant, Name: fmt.Sprint("name ", w.names), URL: "https://example.com/" + id,
		Patterns: []string{pick(w, []string{"*", "x", "x.*", "x.y", "x.y.*", "X.*", "z"}), pick(w, walkTypes)},
		Status:   store.EndpointStatus(1 + w.rng.IntN(3)), StatusReason: pick(w, []store.Code{"", "why"}),
		Metadata: map[string]string{"n": fmt.Sprint(w.names)}, MaxInFlight: w.rng.IntN(3),
	}
	if w.chance(2) {
		e.Retry = []time.Duration{time.Duration(w.names) * time.Second, time.Minute}
		e.Headers = []byte(e.Name)
		e.Secrets = []store.SealedSecret{{Version: w.names, Sealed: []byte{byte(w.names)}, Phase: store.SecretActive, CreatedAt: happened}}
	}
	if w.chance(3) {
		e.Status = store.EndpointActive
	}
	return e
}

// adopt takes over the times that the store chose, if they may be.
func (w *walker) adopt(got, want store.Endpoint) {
	from, to := w.span()
	if !between(got.UpdatedAt, from, to) && !got.UpdatedAt.Equal(want.UpdatedAt) {
		w.Errorf("endpoint %q was updated at %v, want from %v to %v", got.ID, got.UpdatedAt, from, to)
	}
	want.UpdatedAt = got.UpdatedAt
	if diff := kept(got, want); diff != "" {
		w.Errorf("endpoint %q: %s", got.ID, diff)
	}
	w.m.endpoints[want.ID] = &modelEndpoint{Endpoint: got}
}

func (w *walker) create() {
	lane := w.rng.IntN(len(walkLanes) - 1)
	id, tenant := walkLanes[lane], laneTenant(lane)
	old := w.m.endpoints[id]
	if old != nil && !old.loose && w.chance(2) {
		tenant = pick(w, walkTenants) // the id is taken in every tenant
	}
	given := w.someEndpoint(tenant, id)
	w.say("create %q in %q, status %d", id, tenant, given.Status)
	got, err := w.Store.CreateEndpoint(w.ctx, given)
	if old != nil {
		if !errors.Is(err, store.ErrExists) && !(err == nil && old.loose) {
			w.Errorf("CreateEndpoint of a taken id: %v, want ErrExists", err)
		}
		if err != nil || !old.loose {
			return
		}
	}
	w.noError(err, "CreateEndpoint")
	given.Revision, given.CreatedAt = 1, got.CreatedAt
	w.adopt(got, given)
}

func (w *walker) update() {
	id, tenant := w.lane()
	old := w.m.endpoint(tenant, id)
	given := w.someEndpoint(tenant, id)
	want := error(nil)
	switch {
	case old == nil:
		want = store.ErrNotFound
	default:
		given.Revision = old.Revision
		switch w.rng.IntN(5) {
		case 0:
			given.Tenant, want = tenant+"x", store.ErrNotFound
		case 1:
			given.Revision, want = old.Revision+int64(w.rng.IntN(3))-3, store.ErrConflict
		}
	}
	w.say("update %q in %q at %d, want %v", id, given.Tenant, given.Revision, want)
	got, err := w.Store.UpdateEndpoint(w.ctx, given)
	if !errors.Is(err, want) {
		w.Errorf("UpdateEndpoint: %v, want %v", err, want)
	}
	if err == nil && want == nil {
		given.Revision, given.Status, given.StatusReason, given.CreatedAt = old.Revision+1, old.Status, old.StatusReason, old.CreatedAt
		w.adopt(got, given)
	}
}

func (w *walker) setStatus() {
	id, tenant := w.lane()
	status, reason := store.EndpointStatus(1+w.rng.IntN(3)), pick(w, []store.Code{"", "why"})
	if w.chance(2) {
		status = store.EndpointActive
	}
	old := w.m.endpoint(tenant, id)
	w.say("status of %q to %d %q", id, status, reason)
	got, err := w.Store.SetEndpointStatus(w.ctx, tenant, id, status, reason)
	if old == nil {
		if !errors.Is(err, store.ErrNotFound) {
			w.Errorf("SetEndpointStatus: %v, want ErrNotFound", err)
		}
		return
	}
	w.noError(err, "SetEndpointStatus")
	want := old.Endpoint
	if want.Status != status || want.StatusReason != reason {
		want.Revision++
	}
	want.Status, want.StatusReason = status, reason
	w.adopt(got, want)
}

func (w *walker) delete() {
	id, tenant := w.lane()
	old := w.m.endpoint(tenant, id)
	w.say("delete %q", id)
	err := w.Store.DeleteEndpoint(w.ctx, tenant, id)
	if old == nil {
		if !errors.Is(err, store.ErrNotFound) {
			w.Errorf("DeleteEndpoint: %v, want ErrNotFound", err)
		}
		return
	}
	w.noError(err, "DeleteEndpoint")
	old.DeletedAt = w.now()
}

func (w *walker) match() {
	tenant := pick(w, walkTenants)
	types := []string{pick(w, walkTypes), pick(w, walkTypes), "none"}[w.rng.IntN(2):]
	w.say("match %q in %q", types, tenant)
	got, err := w.Store.Match(w.ctx, tenant, types)
	w.noError(err, "Match")
	if len(got) != len(types) {
		w.Fatalf("Match of %d types returned %d lists", len(types), len(got))
	}
	for i, list := range got {
		want := w.m.match(tenant, types[i])
		if len(list) != len(want) {
			w.Errorf("type %q matches %d endpoints, want %d", types[i], len(list), len(want))
		}
		for _, e := range list {
			if want[e.ID] == nil {
				w.Errorf("type %q matches %q", types[i], e.ID)
			} else if diff := same(e, want[e.ID].Endpoint); diff != "" {
				w.Errorf("the matched endpoint %q: %s", e.ID, diff)
			}
		}
	}
}

// purge takes what is old. Which of the events that may go do so, if the limit
// bounds it, the store decides.
func (w *walker) purge() {
	// Half a millisecond: nothing is of exactly this age.
	p := store.PurgeParams{OlderThan: time.Duration(w.rng.IntN(5))*w.unit + precision/2, BodiesOnly: w.chance(3), Limit: 1 + w.rng.IntN(4)}
	must, may := make(map[eventKey]bool), make(map[eventKey]bool)
	for k := range w.m.events {
		must[k] = w.m.purgeable(k, p, w.before.Add(-precision))
	}
	got, err := w.Store.Purge(w.ctx, p)
	w.noError(err, "Purge")
	w.say("purge %+v: %+v", p, got)
	after := w.now()
	for k := range w.m.events {
		may[k] = w.m.purgeable(k, p, after.Add(precision))
	}
	left := make(map[eventKey]store.Event)
	for _, e := range everything(w.tester, w.events(store.EventQuery{Scope: store.Scope{All: true}})) {
		left[eventKey{e.Tenant, e.ID}] = e
	}
	went, remain := 0, 0
	for k := range w.m.events {
		e, ok := left[k]
		switch gone := !ok || p.BodiesOnly && e.Body == nil && w.m.events[k].Body != nil; {
		case gone && !may[k]:
			w.Errorf("the purge took event %q of tenant %q, which may not go", k.id, k.tenant)
		case gone && p.BodiesOnly && ok:
			w.m.empty(k)
			went++
		case gone && !p.BodiesOnly:
			w.m.removeEvent(k)
			went++
		case must[k]:
			remain++
		}
	}
	if went != got.Events || went > p.Limit {
		w.Errorf("%d events went, %d were reported, the limit is %d", went, got.Events, p.Limit)
	}
	if remain > 0 && !got.More {
		w.Errorf("the purge says that all is done; %d events that have to go are left", remain)
	}
	for id, e := range w.m.endpoints {
		left := false
		for _, d := range w.m.deliveries {
			left = left || d.EndpointID == id
		}
		e.loose = e.loose || !e.DeletedAt.IsZero() && !p.BodiesOnly && !left
	}
}

func (w *walker) erase() {
	tenant := pick(w, walkTenants)
	w.say("erase %q", tenant)
	want := 0
	for k := range w.m.events {
		if k.tenant == tenant {
			w.m.removeEvent(k)
			want++
		}
	}
	for id, e := range w.m.endpoints {
		if e.Tenant == tenant {
			delete(w.m.endpoints, id)
		}
	}
	if n := w.tester.erase(tenant, 3); n != want {
		w.Errorf("erased %d events of tenant %q, want %d", n, tenant, want)
	}
	w.ids = slices.DeleteFunc(w.ids, func(id string) bool { return w.m.deliveries[id] == nil && w.chance(2) })
}
