package memstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// sweep makes one page of a walk.
func (h *harness) sweep(cursor string, limit int) store.DueLanes {
	h.t.Helper()
	d, err := h.Due(context.Background(), store.DueParams{Sweep: true, Cursor: cursor, Limit: limit})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// A walk reports every lane that had work from its beginning to its end, while
// lanes come and go around them and take each other's slots.
func TestSweepWhileLanesComeAndGo(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(6, 7))
	for range 200 {
		h := newHarness(t)
		names := 0
		var passing []string // tenants of one event each, which can be erased
		come := func() {
			names++
			e := newEvent("e", 1, fmt.Sprint("passing", names))
			e.Event.Tenant = fmt.Sprint(names)
			if _, err := h.Insert(ctx, []store.NewEvent{e}); err != nil {
				t.Fatal(err)
			}
			passing = append(passing, e.Event.Tenant)
		}
		want := make(map[string]bool)
		for i := range 1 + rng.IntN(10) {
			for range rng.IntN(12) {
				come()
			}
			id := fmt.Sprint("stays", i)
			h.publish(id, 1, id)
			want[id] = true
		}
		limit := 1 + rng.IntN(5)
		for cursor, pages := "", 0; ; pages++ {
			if pages > 1000 {
				t.Fatal("the walk does not end")
			}
			d := h.sweep(cursor, limit)
			if len(d.Lanes) > limit {
				t.Fatalf("%d lanes were reported, want at most %d", len(d.Lanes), limit)
			}
			for _, l := range d.Lanes {
				delete(want, l.ID)
			}
			if d.Wrapped {
				break
			}
			for range rng.IntN(3) {
				if i := rng.IntN(len(passing) + 1); i < len(passing) {
					if _, err := h.EraseTenant(ctx, passing[i], 10); err != nil {
						t.Fatal(err)
					}
					passing = slices.Delete(passing, i, i+1)
				} else {
					come()
				}
			}
			cursor = d.Cursor
		}
		if len(want) > 0 {
			t.Fatalf("the walk was complete, but missed %v", want)
		}
	}
}

// Walks begin at different places, so that processes that begin at once do not
// all crowd into the same lanes.
func TestSweepBeginsAnywhere(t *testing.T) {
	h := newHarness(t)
	for i := range 8 {
		h.publish(fmt.Sprint(i), 1, fmt.Sprint("lane", i))
	}
	first := make(map[string]bool)
	for range 200 {
		first[h.sweep("", 1).Lanes[0].ID] = true
	}
	if len(first) != 8 {
		t.Errorf("200 walks over 8 lanes began at %d of them", len(first))
	}
}

// A caller of the tail that is behind comes past every lane all the same.
func TestTailCatchesUp(t *testing.T) {
	ctx := context.Background()
	h := newHarness(t)
	d, err := h.Due(ctx, store.DueParams{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		h.publish(fmt.Sprint(i), 1, fmt.Sprint("lane", i%10), "all")
	}
	var got []string
	for calls := 1; ; calls++ {
		if d, err = h.Due(ctx, store.DueParams{Mark: d.Mark, Limit: 3}); err != nil {
			t.Fatal(err)
		}
		for _, l := range d.Lanes {
			got = append(got, l.ID)
		}
		if !d.Behind {
			if calls != 4 {
				t.Errorf("11 lanes by 3 took %d calls, want 4", calls)
			}
			break
		}
	}
	slices.Sort(got)
	if want := []string{"all", "lane0", "lane1", "lane2", "lane3", "lane4", "lane5", "lane6", "lane7", "lane8", "lane9"}; !slices.Equal(got, want) {
		t.Errorf("reported %v, want %v", got, want)
	}
}

// Two tenants may name the same endpoint id, of which only one can have the
// endpoint. What it does with its endpoint is nothing to the other, and Claim
// and Due treat the two as one lane.
func TestLaneOfTwoTenants(t *testing.T) {
	ctx := context.Background()
	c := newFakeClock()
	h := newHarness(t, WithClock(c.now))
	if _, err := h.CreateEndpoint(ctx, store.Endpoint{ID: "lane", Tenant: "owner", Status: store.EndpointActive, URL: "https://example.com"}); err != nil {
		t.Fatal(err)
	}
	for i, tenant := range []string{"owner", "other", "owner", "other"} {
		e := newEvent(fmt.Sprint(i), 1, "lane")
		e.Event.Tenant = tenant
		if _, err := h.Insert(ctx, []store.NewEvent{e}); err != nil {
			t.Fatal(err)
		}
		c.t = c.t.Add(time.Second)
	}
	verify(t, h.Store)
	got := h.claim("lane", 3)
	for i, c := range got {
		if c.Delivery.EventID != fmt.Sprint(i) {
			t.Errorf("claim %d is of event %s, want the order of insertion over both tenants", i, c.Delivery.EventID)
		}
	}
	b, err := h.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "lane", N: 1}}, Max: 1, Lease: time.Minute})
	if err != nil || len(b.Endpoints) != 1 || b.Endpoints[0].DeletedAt.IsZero() || b.Endpoints[0].URL != "" || b.Endpoints[0].Tenant != "other" {
		t.Fatalf("the other tenant's delivery came with %+v, %v, want a tombstone of its own", b.Endpoints, err)
	}

	if _, err := h.SetEndpointStatus(ctx, "owner", "lane", store.EndpointPaused, ""); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(time.Hour) // the leases run out
	got = h.claim("lane", 10)
	if len(got) != 2 || got[0].Delivery.Tenant != "other" || got[1].Delivery.Tenant != "other" {
		t.Errorf("while the owner's endpoint is paused, claimed %+v", got)
	}
	if d := h.sweep("", 10); len(d.Lanes) != 1 || !d.Lanes[0].Next.Equal(c.t.Add(time.Minute)) {
		t.Errorf("the sweep reports %+v, want the lane at the end of the other's leases", d.Lanes)
	}
	for _, tenant := range []string{"owner", "other"} {
		p, err := h.Deliveries(ctx, store.DeliveryQuery{Scope: store.Scope{Tenant: tenant}, EndpointID: "lane", Limit: 10})
		if err != nil || len(p.Items) != 2 || p.Items[0].Tenant != tenant || p.Items[1].Tenant != tenant {
			t.Errorf("tenant %q sees %+v, %v", tenant, p.Items, err)
		}
	}
	p, err := h.Deliveries(ctx, store.DeliveryQuery{Scope: store.Scope{All: true}, EndpointID: "lane", Limit: 10})
	if err != nil || len(p.Items) != 4 || p.Items[0].EventID != "3" || p.Items[3].EventID != "0" {
		t.Errorf("over all tenants: %+v, %v", p.Items, err)
	}
	st, err := h.Stats(ctx, store.StatsQuery{Scope: store.Scope{All: true}})
	if err != nil || len(st.Endpoints) != 1 || st.Endpoints[0].Pending != 4 {
		t.Errorf("over all tenants: %+v, %v, want one line", st, err)
	}
}

// A token that was settled stays known, however many follow, and one that ran
// out unsettled stays lost.
func TestSettledTokensAreNeverForgotten(t *testing.T) {
	ctx := context.Background()
	c := newFakeClock()
	h := newHarness(t, WithClock(c.now))
	id := h.publish("e", 1, "l")[0]
	var settled, lost []int64
	for i := range 300 {
		token := h.claim("l", 1)[0].Delivery.Token
		if i%3 == 0 {
			lost = append(lost, token)
			c.t = c.t.Add(time.Hour)
			continue
		}
		settled = append(settled, token)
		h.settle(store.Outcome{DeliveryID: id, Token: token, State: store.StatePending})
	}
	repeat := func(token int64) bool {
		r, err := h.Settle(ctx, []store.Outcome{{DeliveryID: id, Token: token, State: store.StateFailed}})
		if err != nil {
			t.Fatal(err)
		}
		return len(r.Lost) == 0
	}
	h.claim("l", 1)
	for _, token := range settled {
		if !repeat(token) {
			t.Errorf("token %d was settled, but a repetition is lost", token)
		}
	}
	for _, token := range append(lost, -1, -64, 0, 1<<62) {
		if repeat(token) {
			t.Errorf("token %d was never settled, but is not lost", token)
		}
	}
	if d, err := h.Delivery(ctx, "", id); err != nil || d.State != store.StatePending {
		t.Errorf("repetitions changed the delivery: %+v, %v", d, err)
	}
	if _, err := h.EraseTenant(ctx, "", 1); err != nil || len(h.rows.late) != 0 {
		t.Errorf("after the delivery went, tokens of %d are kept, %v", len(h.rows.late), err)
	}
}
