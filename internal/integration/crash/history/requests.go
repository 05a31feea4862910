package history

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// A request is one attempt of one claim, with the event's own bytes.
func (c *checker) checkRequests(t *thread) {
	seen := map[int64]bool{}
	for _, d := range t.dials {
		token := d.Attempt.Token
		if seen[token] {
			c.broken(Exclusive, t, "token %d was attempted twice", token)
		}
		seen[token] = true
		if !slices.ContainsFunc(t.claims, func(k claim) bool {
			return k.Token == token && k.call.begin.Engine == d.Engine && !k.call.end.At.After(d.At)
		}) {
			c.broken(Exclusive, t, "%s attempts it under token %d, which it was not given", d.Engine, token)
		}
		if at := slices.IndexFunc(t.claims, func(k claim) bool { return k.Token == token }); at >= 0 {
			// The answer came after the lease: others may have the delivery by now.
			if k := t.claims[at].call; k.end.At.After(k.begin.At.Add(k.begin.Lease)) {
				c.broken(Lease, t, "%s attempts it under token %d; the claim lasted from %s to %s", d.Engine, token, clock(k.begin.At), clock(k.end.At))
			}
		}
	}
	c.checkRemembered(t)
	sent := map[int64]bool{}
	for _, r := range t.requests {
		if sent[r.Token] {
			c.broken(Duplicate, t, "two requests under token %d", r.Token)
		}
		sent[r.Token] = true
		if !slices.ContainsFunc(t.dials, func(d Record) bool {
			return d.Attempt.Token == r.Token && d.Engine == r.Engine && !d.At.After(r.At)
		}) {
			c.broken(Untrue, t, "a request under token %d came from %s, which attempted nothing", r.Token, r.Engine)
		}
		if !r.Verified {
			c.broken(Altered, t, "the request under token %d does not verify", r.Token)
		}
		if r.Endpoint != t.final.EndpointID || r.Event != t.final.EventID {
			c.broken(Altered, t, "the request under token %d brought %s to %s", r.Token, r.Event, r.Endpoint)
		}
		if body, ok := c.body(t.final.EventID); ok && body != r.Body {
			c.broken(Altered, t, "the body of the request under token %d is not the event's", r.Token)
		}
	}
}

// A process that claims again what it has an unsaved outcome of stores that, and
// sends nothing.
func (c *checker) checkRemembered(t *thread) {
	for _, d := range t.dials {
		at := slices.IndexFunc(t.claims, func(k claim) bool { return k.Token == d.Attempt.Token })
		if at < 0 {
			continue
		}
		now := &t.claims[at]
		for _, a := range t.answers {
			held := slices.IndexFunc(t.claims, func(k claim) bool { return k.Token == a.Attempt.Token })
			if held < 0 || a.Engine != d.Engine || a.Attempt.Token >= d.Attempt.Token || !a.At.Before(now.call.begin.At) {
				continue
			}
			known := slices.ContainsFunc(t.settles, func(s settle) bool {
				// It was told that the outcome is stored, or that others have the
				// delivery; or it can tell so from the count of attempts.
				return s.HasAttempt && near(s.StartedAt, a.Attempt.StartedAt) && s.call.answered && !s.call.end.At.After(d.At)
			})
			if !known && now.Attempts <= t.claims[held].Attempts && !t.requeuedWithin(t.claims[held].call.begin.At, d.At) {
				c.broken(Duplicate, t, "%s sends it under token %d, and has the outcome of token %d", d.Engine, d.Attempt.Token, a.Attempt.Token)
			}
		}
	}
}

func (c *checker) body(event string) ([sha256.Size]byte, bool) {
	if c.bodies == nil {
		c.bodies = map[string][sha256.Size]byte{}
		for _, e := range c.Final.Events {
			c.bodies[e.ID] = e.Body
		}
	}
	b, ok := c.bodies[event]
	return b, ok
}

// A success is repeated only if its process died or stood still, or the store
// could not be reached, before the outcome was stored; or a host asked for it.
func (c *checker) checkDuplicates(t *thread) {
	for i := 1; i < len(t.requests); i++ {
		a, b := t.requests[i-1], t.requests[i]
		if !succeeded(a.Status) || a.Answered.IsZero() {
			c.report.Retries++
			continue
		}
		cause := c.cause(t, a, b)
		if cause == "" {
			c.broken(Duplicate, t, "token %d at %s repeats the success of token %d, answered at %s to %s", b.Token, clock(b.At), a.Token, clock(a.Answered), a.Engine)
			cause = "none"
		}
		c.report.Duplicates[cause]++
	}
}

func succeeded(status int) bool { return status >= 200 && status < 300 }

func (c *checker) cause(t *thread, a, b *Request) string {
	claimed, process := t.sender(a)
	if b.Token < a.Token {
		// The earlier claim's attempt arrives after the later's: its process stood
		// still before it sent.
		from, sender := t.sender(b)
		if t.requeuedWithin(from, b.At) {
			return "requeued"
		}
		return c.troubled(sender, from, b.At)
	}
	if t.requeuedWithin(claimed, b.At) {
		return "requeued"
	}
	// The attempt may have failed on its way back.
	for _, r := range t.answers {
		if r.Attempt.Token == a.Token && !succeeded(r.Attempt.Status) {
			return "answer lost"
		}
	}
	if s := t.accepted(a.Token); s != nil && s.State == store.StateDelivered {
		return "" // it was stored, and yet sent again
	}
	if cause := c.troubled(process, claimed, b.At); cause != "" {
		return cause
	}
	return c.tooSlow(t, a)
}

// tooSlow tells whether the process of a request was waiting for the store to
// take outcomes when the lease ran out.
func (c *checker) tooSlow(t *thread, r *Request) string {
	for i := range t.claims {
		k := &t.claims[i]
		if k.Token != r.Token {
			continue
		}
		end := k.call.end.Now.Add(k.call.begin.Lease)
		if slices.ContainsFunc(c.calls, func(s *call) bool {
			return s.begin.Op == OpSettle && s.begin.Engine == k.call.begin.Engine && s.begin.At.Before(end) && s.until().After(end)
		}) {
			return "slow store"
		}
	}
	return ""
}

// sender returns when the claim of a request began, and of which process.
func (t *thread) sender(r *Request) (time.Time, string) {
	for i := range t.claims {
		if k := &t.claims[i]; k.Token == r.Token {
			return k.call.begin.At, k.call.begin.Process
		}
	}
	return r.At, ""
}

// checkEnd: everything ends, and as it should.
func (c *checker) checkEnd(t *thread) {
	d := t.final
	switch {
	case !d.State.Terminal():
		c.broken(Lost, t, "is still %s, visible at %s", d.State, clock(d.VisibleAt))
		return
	case d.State != store.StateDelivered && (!c.Terms.Fails || d.State != store.StateFailed || d.Tries != len(c.Terms.Delays)+1):
		c.broken(Lost, t, "ended as %s (%s) after %d tries", d.State, d.Reason, d.Tries)
		return
	}
	if d.State == store.StateDelivered {
		if !slices.ContainsFunc(t.requests, func(r *Request) bool { return succeeded(r.Status) && !r.Answered.IsZero() }) {
			c.broken(Lost, t, "is delivered, and no receiver has taken it")
		}
		if n := len(d.Recorded); n == 0 || !succeeded(d.Recorded[n-1].Status) {
			c.broken(Untrue, t, "is delivered, and its last recorded attempt is no success")
		}
	}
	c.checkFirstSuccess(t)
	// The state is that of the last outcome the store took.
	var last *settle
	for i := range t.settles {
		if s := &t.settles[i]; s.accepted() && (last == nil || s.Token > last.Token) {
			last = s
		}
	}
	if last != nil && last.Token == d.Token && last.State != d.State {
		c.broken(Unsaved, t, "is %s; %s was stored under token %d", d.State, last.State, last.Token)
	}
	if last == nil && !slices.ContainsFunc(t.settles, func(s settle) bool { return !s.call.answered || s.unclear }) {
		c.broken(Untrue, t, "is %s, and nobody has settled it", d.State)
	}
}

// The first success is never erased.
func (c *checker) checkFirstSuccess(t *thread) {
	var first time.Time
	for i := range t.settles {
		if s := &t.settles[i]; s.accepted() && s.State == store.StateDelivered && (first.IsZero() || s.call.end.At.Before(first)) {
			first = s.call.end.At
		}
	}
	at := t.final.DeliveredAt
	switch {
	case first.IsZero():
	case at.IsZero():
		c.broken(Unsaved, t, "was delivered at %s, and has no time of it", clock(first))
	case at.After(first.Add(c.Terms.Tolerance)):
		c.broken(Unsaved, t, "was first delivered at %s, and says %s", clock(first), clock(at))
	}
}
