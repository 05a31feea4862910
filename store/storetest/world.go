package storetest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// held is a lease that does not run out during a test.
const held = 24 * time.Hour

// precision is that of the times a store keeps.
const precision = time.Millisecond

// happened is a time by the host's word, unlike any clock's.
var happened = time.Date(2021, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

// now reads the store's clock.
func (t *tester) now() time.Time {
	t.tb.Helper()
	return t.due(store.DueParams{Limit: 1}).Now
}

// pass lets the store's clock move forward by at least d.
func (t *tester) pass(d time.Duration) {
	t.tb.Helper()
	if t.Advance != nil {
		t.Advance(d)
		return
	}
	end := t.now().Add(d)
	t.eventually("the store's clock to move", func() bool { return !t.now().Before(end) })
}

// eventually waits in real time until a condition holds.
func (t *tester) eventually(what string, holds func() bool) {
	t.tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// event is an event with every field set.
func event(tenant, id string) store.Event {
	digest := sha256.Sum256([]byte(tenant + "/" + id))
	return store.Event{
		ID: id, Tenant: tenant, Type: "invoice.paid",
		Body:        fmt.Appendf(nil, `{"id":%q,"tenant":%q}`, id, tenant),
		ContentType: "application/json",
		Digest:      digest[:],
		Time:        happened,
	}
}

// with makes a NewEvent of an event and the endpoints it goes to.
func with(e store.Event, endpoints ...string) store.NewEvent {
	n := store.NewEvent{Event: e}
	for _, id := range endpoints {
		n.Deliveries = append(n.Deliveries, store.NewDelivery{EndpointID: id})
	}
	return n
}

// insert stores events, all of which have to be new, and returns their fates.
func (t *tester) insert(events ...store.NewEvent) []store.Inserted {
	t.tb.Helper()
	got, err := t.Store.Insert(t.ctx, events)
	t.noError(err, "Insert")
	if len(got) != len(events) {
		t.Fatalf("Insert of %d events returned %d results", len(events), len(got))
	}
	for i, in := range got {
		if in.Duplicate || in.Conflict || in.EventID != events[i].Event.ID || len(in.Deliveries) != len(events[i].Deliveries) {
			t.Fatalf("Insert of the new event %q to %d endpoints returned %+v", events[i].Event.ID, len(events[i].Deliveries), in)
		}
	}
	return got
}

// publish stores one event and returns the ids of its deliveries, aligned with
// the endpoints.
func (t *tester) publish(tenant, id string, endpoints ...string) []string {
	t.tb.Helper()
	return t.ids(t.insert(with(event(tenant, id), endpoints...))[0], endpoints...)
}

// ids aligns the deliveries of an inserted event with endpoints.
func (t *tester) ids(in store.Inserted, endpoints ...string) []string {
	t.tb.Helper()
	ids := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		at := slices.IndexFunc(in.Deliveries, func(r store.DeliveryRef) bool { return r.EndpointID == endpoint })
		if at < 0 {
			t.Fatalf("event %q: no delivery to %q among %+v", in.EventID, endpoint, in.Deliveries)
		}
		ids[i] = in.Deliveries[at].ID
	}
	return ids
}

// endpoint creates an active endpoint; without patterns it gets "*".
func (t *tester) endpoint(tenant, id string, patterns ...string) store.Endpoint {
	t.tb.Helper()
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	e, err := t.Store.CreateEndpoint(t.ctx, store.Endpoint{
		ID: id, Tenant: tenant, Name: "name of " + id, URL: "https://example.com/" + id,
		Patterns: patterns, Status: store.EndpointActive,
	})
	t.noError(err, "CreateEndpoint %q", id)
	return e
}

// status sets the status of an endpoint.
func (t *tester) status(tenant, id string, s store.EndpointStatus, reason store.Code) store.Endpoint {
	t.tb.Helper()
	e, err := t.Store.SetEndpointStatus(t.ctx, tenant, id, s, reason)
	t.noError(err, "SetEndpointStatus %q", id)
	return e
}

func (t *tester) remove(tenant, id string) {
	t.tb.Helper()
	t.noError(t.Store.DeleteEndpoint(t.ctx, tenant, id), "DeleteEndpoint %q", id)
}

func (t *tester) due(p store.DueParams) store.DueLanes {
	t.tb.Helper()
	d, err := t.Store.Due(t.ctx, p)
	t.noError(err, "Due")
	return d
}

// take claims up to n deliveries.
func (t *tester) take(lease time.Duration, n int, lanes ...string) store.Batch {
	t.tb.Helper()
	p := store.ClaimParams{Max: n, Lease: lease}
	for _, id := range lanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: id, N: n})
	}
	return t.claim(p)
}

// claim claims, and checks what holds of every batch.
func (t *tester) claim(p store.ClaimParams) store.Batch {
	t.tb.Helper()
	b, err := t.Store.Claim(t.ctx, p)
	t.noError(err, "Claim")
	if err := wellFormed(p, b); err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return b
}

// takeOne claims the one delivery that a lane has to give.
func (t *tester) takeOne(lease time.Duration, lane string) store.Claimed {
	t.tb.Helper()
	b := t.take(lease, 10, lane)
	if len(b.Deliveries) != 1 {
		t.Fatalf("Claim of lane %q took %d deliveries, want 1", lane, len(b.Deliveries))
	}
	return b.Deliveries[0]
}

// takeNone claims from a lane that has nothing to give.
func (t *tester) takeNone(lane, because string) {
	t.tb.Helper()
	if b := t.take(held, 10, lane); len(b.Deliveries) != 0 {
		t.Fatalf("Claim of lane %q took %d deliveries, want none: %s", lane, len(b.Deliveries), because)
	}
}

// settle settles outcomes and returns the ids that were lost, sorted.
func (t *tester) settle(outcomes ...store.Outcome) []string {
	t.tb.Helper()
	r, err := t.Store.Settle(t.ctx, outcomes)
	t.noError(err, "Settle")
	slices.Sort(r.Lost)
	return r.Lost
}

// settled settles outcomes none of which may be lost.
func (t *tester) settled(outcomes ...store.Outcome) {
	t.tb.Helper()
	if lost := t.settle(outcomes...); len(lost) != 0 {
		t.Fatalf("Settle lost %q, want nothing lost", lost)
	}
}

// outcome is the outcome of a claimed delivery, with an attempt.
func outcome(c store.Claimed, s store.State) store.Outcome {
	status, reason := 200, store.Code("")
	if s != store.StateDelivered {
		status, reason = 500, "http_status"
	}
	return store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: s, Reason: reason, Attempt: attempt(status)}
}

// release gives a claimed delivery back.
func release(c store.Claimed) store.Outcome {
	return store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StatePending}
}

func attempt(status int) *store.Attempt {
	return &store.Attempt{
		StartedAt: happened, Duration: 12_345 * time.Microsecond,
		URL: "https://example.com/hook", Status: status, ResponseBody: []byte("answer"),
	}
}

// finish claims every delivery of the lanes that is visible and settles it.
func (t *tester) finish(s store.State, lanes ...string) {
	t.tb.Helper()
	for _, c := range t.take(held, 1000, lanes...).Deliveries {
		t.settled(outcome(c, s))
	}
}

func (t *tester) delivery(tenant, id string) store.Delivery {
	t.tb.Helper()
	d, err := t.Store.Delivery(t.ctx, tenant, id)
	t.noError(err, "Delivery %q", id)
	return d
}

func (t *tester) attempts(tenant, id string) []store.Attempt {
	t.tb.Helper()
	a, err := t.Store.Attempts(t.ctx, tenant, id)
	t.noError(err, "Attempts of %q", id)
	return a
}

func (t *tester) stats(q store.StatsQuery) store.Stats {
	t.tb.Helper()
	s, err := t.Store.Stats(t.ctx, q)
	t.noError(err, "Stats")
	return s
}

func (t *tester) requeue(items ...store.RequeueItem) []store.Requeued {
	t.tb.Helper()
	return t.requeueWith(store.RequeueParams{Items: items})
}

func (t *tester) requeueWith(p store.RequeueParams) []store.Requeued {
	t.tb.Helper()
	r, err := t.Store.Requeue(t.ctx, p)
	t.noError(err, "Requeue")
	if len(r) != len(p.Items) {
		t.Fatalf("Requeue of %d items returned %d results", len(p.Items), len(r))
	}
	return r
}

func (t *tester) cancel(tenant string, ids ...string) []bool {
	t.tb.Helper()
	r, err := t.Store.Cancel(t.ctx, tenant, ids, "host")
	t.noError(err, "Cancel")
	if len(r) != len(ids) {
		t.Fatalf("Cancel of %d deliveries returned %d results", len(ids), len(r))
	}
	return r
}

// purge purges until no more is left and returns the number of events.
func (t *tester) purge(p store.PurgeParams) int {
	t.tb.Helper()
	return t.all("Purge", p.Limit, func() (store.Purged, error) { return t.Store.Purge(t.ctx, p) })
}

func (t *tester) erase(tenant string, limit int) int {
	t.tb.Helper()
	return t.all("EraseTenant", limit, func() (store.Purged, error) { return t.Store.EraseTenant(t.ctx, tenant, limit) })
}

// all repeats a call until it says not More.
func (t *tester) all(name string, limit int, call func() (store.Purged, error)) (events int) {
	t.tb.Helper()
	for range 10_000 {
		p, err := call()
		t.noError(err, "%s", name)
		if p.Events < 0 || p.Events > limit {
			t.Fatalf("%s with limit %d reports %d events", name, limit, p.Events)
		}
		events += p.Events
		if !p.More {
			return events
		}
	}
	t.Fatalf("%s says More without end", name)
	return 0
}
