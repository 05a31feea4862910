package history

import (
	"time"

	"github.com/postrider/postrider/store"
)

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000000") }

// A token is held once, tokens rise, and a lease is the holder's alone until it
// runs out or is settled, by the store's clock.
func (c *checker) checkClaims(t *thread) {
	tol := c.Terms.Tolerance
	for i := range t.claims {
		b := &t.claims[i]
		now := b.call.end.Now
		if now.Before(b.call.begin.At.Add(-tol)) || now.After(b.call.end.At.Add(tol)) {
			c.broken(Lease, t, "token %d: the claim lasted from %s to %s and says that it is %s", b.Token, clock(b.call.begin.At), clock(b.call.end.At), clock(now))
		}
		if d := b.VisibleAt.Sub(now) - b.call.begin.Lease; d < -tol || d > tol {
			c.broken(Lease, t, "token %d: leased until %s, that is %v instead of %v", b.Token, clock(b.VisibleAt), b.VisibleAt.Sub(now), b.call.begin.Lease)
		}
		if t.final.EventID != b.Event || t.final.EndpointID != b.Endpoint {
			c.broken(Altered, t, "token %d: claimed as %s to %s, is %s to %s", b.Token, b.Event, b.Endpoint, t.final.EventID, t.final.EndpointID)
		}
		if b.Token > t.final.Token {
			c.broken(Exclusive, t, "token %d was claimed; at the end the token is %d", b.Token, t.final.Token)
		}
		if i == 0 {
			continue
		}
		c.checkSuccession(t, &t.claims[i-1], b)
	}
}

// checkSuccession compares a claim with the one before it.
func (c *checker) checkSuccession(t *thread, a, b *claim) {
	tol := c.Terms.Tolerance
	if a.Token == b.Token {
		c.broken(Exclusive, t, "token %d was claimed twice, by %s at %s and %s at %s", a.Token, a.call.begin.Engine, clock(a.call.end.Now), b.call.begin.Engine, clock(b.call.end.Now))
		return
	}
	if b.call.end.Now.Before(a.call.end.Now.Add(-tol)) {
		c.broken(Exclusive, t, "token %d was claimed at %s, before token %d at %s", b.Token, clock(b.call.end.Now), a.Token, clock(a.call.end.Now))
		return
	}
	if t.requeuedWithin(a.call.begin.At, b.call.end.At) {
		return
	}
	free := a.call.end.Now.Add(a.call.begin.Lease)
	rests := time.Time{} // the end of the rest, if the outcome was that
	accepted := false
	for _, s := range t.of(a.Token) {
		if s.lost || s.call.begin.At.After(b.call.end.At) {
			continue
		}
		if s.accepted() && s.State.Terminal() {
			c.broken(Exclusive, t, "token %d was claimed at %s, after %s had been stored under token %d at %s", b.Token, clock(b.call.end.Now), s.State, a.Token, clock(s.call.end.At))
			return
		}
		accepted = accepted || s.accepted()
		// Of a call and its repetitions the first may have taken effect.
		if again := s.call.begin.At.Add(max(s.Delay, 0)); s.State == store.StatePending && (rests.IsZero() || again.Before(rests)) {
			rests = again
		}
	}
	switch {
	case rests.IsZero():
	case !accepted:
		if rests.Before(free) {
			free = rests
		}
	case b.call.end.Now.Before(rests.Add(-tol)):
		c.broken(Schedule, t, "token %d was claimed at %s; token %d was settled to rest until %s", b.Token, clock(b.call.end.Now), a.Token, clock(rests))
		return
	default:
		return
	}
	if b.call.end.Now.Before(free.Add(-tol)) {
		c.broken(Exclusive, t, "token %d was claimed by %s at %s; %s held token %d since %s for %v", b.Token, b.call.begin.Engine, clock(b.call.end.Now), a.call.begin.Engine, a.Token, clock(a.call.end.Now), a.call.begin.Lease)
	}
}

// Leases that ran out are counted, and nothing else is.
func (c *checker) checkExpiries(t *thread) {
	unsettled := 0
	suspect := false
	for i := range t.claims {
		b := &t.claims[i]
		suspect = suspect || b.Expiries >= 3
		if t.accepted(b.Token) == nil {
			unsettled++
		}
		if i == 0 {
			if b.Expired && !c.perhapsClaimed(b.Endpoint, time.Time{}, b.call.end.At) && !t.requeuedWithin(time.Time{}, b.call.end.At) {
				c.broken(Expiry, t, "token %d: expired, and nobody had it before", b.Token)
			}
			continue
		}
		a := &t.claims[i-1]
		if a.Token == b.Token || t.requeuedWithin(a.call.begin.At, b.call.end.At) {
			continue
		}
		hidden := c.perhapsClaimed(b.Endpoint, a.call.begin.At, b.call.end.At)
		settled := t.accepted(a.Token)
		switch {
		case settled != nil && b.Expired && !hidden:
			c.broken(Expiry, t, "token %d: expired, though token %d was settled at %s", b.Token, a.Token, clock(settled.call.end.At))
		case settled == nil && len(t.of(a.Token)) == 0 && !b.Expired:
			c.broken(Expiry, t, "token %d: not expired, though token %d was never settled", b.Token, a.Token)
		}
		if settled != nil && !hidden {
			// An attempt ends the row of expired leases, a release does not.
			want := a.Expiries
			if settled.HasAttempt {
				want = 0
			}
			if b.Interrupted != a.Interrupted {
				c.broken(Expiry, t, "token %d: interrupted %d times, was %d when token %d had been settled", b.Token, b.Interrupted, a.Interrupted, a.Token)
			}
			if b.Expiries != want {
				c.broken(Expiry, t, "token %d: claimed with %d leases in a row that ran out; there were %d when token %d had been settled", b.Token, b.Expiries, want, a.Token)
			}
		}
		if settled != nil || len(t.of(a.Token)) != 0 {
			if b.Interrupted < a.Interrupted {
				c.broken(Expiry, t, "token %d: interrupted %d times, was %d", b.Token, b.Interrupted, a.Interrupted)
			}
			continue
		}
		if x, n := b.Expiries-a.Expiries, b.Interrupted-a.Interrupted; x < 1 || n < 1 || !hidden && (x > 1 || n > 1) {
			c.broken(Expiry, t, "token %d: expiries rose by %d and interruptions by %d; one lease ran out", b.Token, x, n)
		}
	}
	if suspect {
		c.report.Suspects++
	}
	c.report.Interrupted += t.final.Interrupted
	hidden := len(c.unclaimed[t.final.EndpointID])
	if t.final.Interrupted > unsettled+hidden {
		c.broken(Expiry, t, "interrupted %d times; %d claims of it have no outcome, %d no answer", t.final.Interrupted, unsettled, hidden)
	}
}

// A claim brings what was asked for, and no more.
func (c *checker) checkBatches() {
	for _, k := range c.calls {
		if k.begin.Op != OpClaim || !k.answered {
			continue
		}
		if k.begin.Lease < c.Terms.Lease {
			c.broken(Lease, nil, "%s asked for a lease of %v; an attempt and the margin take %v", k.begin.Engine, k.begin.Lease, c.Terms.Lease)
		}
		if len(k.end.Claimed) > k.begin.Max {
			c.broken(Exclusive, nil, "a claim of at most %d brought %d", k.begin.Max, len(k.end.Claimed))
		}
		left := map[string]int{}
		for _, l := range k.begin.Asked {
			left[l.ID] += l.N
		}
		for _, d := range k.end.Claimed {
			if left[d.Endpoint]--; left[d.Endpoint] < 0 {
				c.broken(Exclusive, c.thread(d.ID), "was claimed beyond what was asked of lane %s", d.Endpoint)
			}
		}
	}
}
