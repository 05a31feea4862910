package storetest

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// The steps of the walk that claim, and that look what is due.

func (w *walker) claim() {
	p := store.ClaimParams{Max: 1 + w.rng.IntN(9), Lease: time.Duration(1+w.rng.IntN(4)) * w.unit / 2}
	if w.chance(2) {
		p.Lease = held
	}
	if w.chance(3) {
		p.MaxBytes = 1 + w.rng.IntN(300)
	}
	for _, i := range w.rng.Perm(len(walkLanes))[w.rng.IntN(4):] {
		p.Lanes = append(p.Lanes, store.Lane{ID: walkLanes[i], N: w.rng.IntN(5)})
	}
	b := w.tester.claim(p)
	w.say("claim %+v: %d", p, len(b.Deliveries))
	w.chosen(p, b)
	for _, c := range b.Deliveries {
		w.claimed(b, c)
	}
	for _, v := range b.Visited {
		if want := w.m.next(v.ID); !sameNext(v.Next, want, b.Now) {
			w.Errorf("after the claim lane %s is to be looked at at %v, want %v", v.ID, v.Next, want)
		}
	}
	if len(w.claims) > 40 {
		w.claims = slices.Clone(w.claims[len(w.claims)-40:])
	}
}

// chosen checks that a claim took as much as it may, and of each lane the
// earliest. It is called before the model follows the claim.
func (w *walker) chosen(p store.ClaimParams, b store.Batch) {
	took := make(map[string]bool)
	count := make(map[string]int)
	inBatch := make(map[eventKey]bool)
	for _, c := range b.Deliveries {
		took[c.Delivery.ID] = true
		count[c.Delivery.EndpointID]++
		inBatch[eventKey{c.Delivery.Tenant, c.Delivery.EventID}] = true
	}
	left, size, stopped := p.Max, bodies(b), false
	for _, lane := range p.Lanes {
		able := w.m.claimable(lane.ID, b.Now)
		n := count[lane.ID]
		if stopped && n > 0 {
			w.Errorf("took %d of lane %s, though a lane named before it was cut short", n, lane.ID)
		}
		var last, first time.Time // the last one taken, the first one left
		fits := true
		for _, d := range able {
			switch {
			case took[d.ID] && d.Claimed: // its lease ran out, and it may come as early as before
			case took[d.ID]:
				last = latest(last, d.VisibleAt)
			case first.IsZero() || d.VisibleAt.Before(first):
				first, fits = d.VisibleAt, false
			}
		}
		for _, d := range able { // of equal ones any may come next, and any whose lease ran out
			if took[d.ID] || !d.VisibleAt.Equal(first) && !d.Claimed {
				continue
			}
			k := eventKey{d.Tenant, d.EventID}
			fits = fits || size < p.MaxBytes && (inBatch[k] || size+len(w.m.events[k].Body) <= p.MaxBytes)
			if !inBatch[k] && size+len(w.m.events[k].Body) > p.MaxBytes {
				fits = false // this one could be the next, and stops the claim
				break
			}
		}
		if !first.IsZero() && last.After(first) {
			w.Errorf("took a delivery of lane %s that was visible at %v, and left one of %v", lane.ID, last, first)
		}
		want := min(lane.N, len(able), left)
		switch {
		case stopped || n == want:
		case n > want:
			w.Errorf("took %d of lane %s, want %d", n, lane.ID, want)
		case p.MaxBytes == 0 || len(b.Deliveries) == 0 || fits:
			w.Errorf("took %d of lane %s, want %d: %d bytes of %d are used", n, lane.ID, want, size, p.MaxBytes)
		default:
			stopped = true
		}
		left -= n
	}
}

// claimed follows the claim of one delivery.
func (w *walker) claimed(b store.Batch, c store.Claimed) {
	d := w.m.deliveries[c.Delivery.ID]
	if d == nil || d.State != store.StatePending || d.VisibleAt.After(b.Now) || w.m.paused(d.EndpointID) {
		w.Errorf("claimed %s, which is not to be had at %v: %+v", c.Delivery.ID, b.Now, d)
		return
	}
	if c.Expired != d.Claimed {
		w.Errorf("delivery %s: expired %v, want %v", d.ID, c.Expired, d.Claimed)
	}
	if d.Claimed {
		d.Expiries++
		d.Interrupted++
	}
	if c.Delivery.Token <= d.Token {
		w.Errorf("delivery %s: claimed under token %d, after %d", d.ID, c.Delivery.Token, d.Token)
	}
	d.Claimed, d.Token = true, c.Delivery.Token
	d.VisibleAt, d.UpdatedAt = c.Delivery.VisibleAt, c.Delivery.UpdatedAt // wellFormed checked the former
	if diff := same(c.Delivery, d.Delivery); diff != "" {
		w.Errorf("claimed delivery %s: %s", d.ID, diff)
	}
	if diff := same(b.Events[c.Event], *w.m.events[eventKey{d.Tenant, d.EventID}]); diff != "" {
		w.Errorf("event of the claimed delivery %s: %s", d.ID, diff)
	}
	e := b.Endpoints[c.Endpoint]
	if want := w.m.endpoint(d.Tenant, d.EndpointID); want == nil {
		if e.DeletedAt.IsZero() {
			w.Errorf("delivery %s to the missing endpoint %q came with %+v", d.ID, d.EndpointID, e)
		}
	} else if diff := same(e, want.Endpoint); diff != "" {
		w.Errorf("endpoint of the claimed delivery %s: %s", d.ID, diff)
	}
	w.claims = append(w.claims, c)
}

// look reads the tail: every lane that got deliveries since the mark is in it
// with its time.
func (w *walker) look() {
	d := w.due(store.DueParams{Mark: w.mark, Limit: 100})
	w.say("look: %d lanes, behind %v", len(d.Lanes), d.Behind)
	if d.Behind {
		w.Errorf("the tail is behind with fewer lanes than its limit")
	}
	got := make(map[string]time.Time)
	for _, l := range d.Lanes {
		got[l.ID] = l.Next
		if w.m.paused(l.ID) {
			w.Errorf("the tail reports the paused lane %s", l.ID)
		} else if want := w.m.next(l.ID); !sameNext(l.Next, want, d.Now) {
			w.Errorf("the tail says that lane %s is to be looked at at %v, want %v", l.ID, l.Next, want)
		}
	}
	for id := range w.fresh {
		// One that has ended again need not be reported.
		d := w.m.deliveries[id]
		if d == nil || d.State != store.StatePending || w.m.paused(d.EndpointID) {
			continue
		}
		if _, ok := got[d.EndpointID]; !ok {
			w.Errorf("the tail misses lane %s", d.EndpointID)
		}
	}
	w.mark = d.Mark
	w.fresh = make(map[string]bool)
}
