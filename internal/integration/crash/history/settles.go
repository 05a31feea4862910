package history

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// The token is the only fence: an outcome counts if, and only if, nobody else has
// claimed the delivery since.
func (c *checker) checkSettles(t *thread) {
	for i := range t.settles {
		s := &t.settles[i]
		at := slices.IndexFunc(t.claims, func(k claim) bool { return k.Token == s.Token })
		if at < 0 {
			c.broken(Fence, t, "%s settled token %d, which nobody was given", s.call.begin.Engine, s.Token)
			continue
		}
		if held := &t.claims[at]; held.call.begin.Engine != s.call.begin.Engine {
			c.broken(Fence, t, "%s settled token %d, which %s holds", s.call.begin.Engine, s.Token, held.call.begin.Engine)
		}
		c.checkTruth(t, s)
		if s.call.answered && s.lost && t.final.Token == s.Token {
			c.broken(Fence, t, "the outcome under token %d was refused at %s, and nobody else has claimed the delivery", s.Token, clock(s.call.end.At))
		}
		if s.accepted() {
			c.checkStale(t, s)
		}
	}
}

func (c *checker) checkStale(t *thread, s *settle) {
	// A repetition is answered as the first call was.
	first := s.call.begin.At
	for _, other := range t.of(s.Token) {
		if !other.lost && other.call.begin.At.Before(first) {
			first = other.call.begin.At
		}
	}
	for i := range t.claims {
		if k := &t.claims[i]; k.Token > s.Token && k.call.end.At.Before(first) {
			c.broken(Fence, t, "%s stored %s under token %d at %s; %s has held token %d since %s", s.call.begin.Engine, s.State, s.Token, clock(first), k.call.begin.Engine, k.Token, clock(k.call.end.At))
			return
		}
	}
	var held time.Time
	for i := range t.claims {
		if t.claims[i].Token == s.Token {
			held = t.claims[i].call.end.At
		}
	}
	for _, r := range t.requeues {
		if r.answered && r.begin.At.After(held) && r.end.At.Before(first) {
			c.broken(Fence, t, "%s stored %s under token %d at %s; the delivery was requeued at %s", s.call.begin.Engine, s.State, s.Token, clock(first), clock(r.end.At))
			return
		}
	}
}

// An outcome tells of an attempt that was made, has ended, and was answered as it
// says.
func (c *checker) checkTruth(t *thread, s *settle) {
	if !s.HasAttempt {
		return
	}
	began := s.call.begin.At
	at := slices.IndexFunc(t.answers, func(r Record) bool {
		return near(r.Attempt.StartedAt, s.StartedAt) && !r.At.After(began)
	})
	if at < 0 {
		c.broken(Untrue, t, "token %d: settled as %s at %s, with an attempt that has not ended", s.Token, s.State, clock(began))
		return
	}
	if a := t.answers[at].Attempt; a.Status != s.Status {
		c.broken(Untrue, t, "token %d: settled with status %d, was answered %d", s.Token, s.Status, a.Status)
	}
	if s.Free {
		c.report.CutOff++
	}
	if cutOff := t.answers[at].Attempt.Code == interrupted; cutOff != s.Free {
		c.broken(Budget, t, "token %d: the attempt ended as %s, and costs a try: %v", s.Token, t.answers[at].Attempt.Code, !s.Free)
	}
	token := t.answers[at].Attempt.Token
	c.checkDelay(t, s, token)
	if s.Status == 0 {
		return
	}
	if !slices.ContainsFunc(t.requests, func(r *Request) bool {
		return r.Token == token && r.Status == s.Status && !r.Answered.IsZero() && !r.Answered.After(began)
	}) {
		c.broken(Untrue, t, "token %d: settled as answered %d; the receiver has not answered that", s.Token, s.Status)
	}
}

// An attempt that failed is followed by the rest that the schedule has for it, for
// as long as it has one.
func (c *checker) checkDelay(t *thread, s *settle, token int64) {
	at := slices.IndexFunc(t.claims, func(k claim) bool { return k.Token == token })
	if at < 0 || s.Free || s.State != store.StatePending || len(c.Terms.Delays) == 0 {
		return
	}
	switch try := t.claims[at].Tries; {
	case try >= len(c.Terms.Delays):
		c.broken(Schedule, t, "token %d: the %d retries are used up, and another is to follow", s.Token, len(c.Terms.Delays))
	case s.Delay < c.Terms.Delays[try]:
		c.broken(Schedule, t, "token %d: try %d is to follow after %v, not after %v", s.Token, try+2, s.Delay, c.Terms.Delays[try])
	}
}

// interrupted is the code of an attempt that the end of its process cut off: only
// that is free.
const interrupted = "interrupted"

// near compares times that stores keep with at least milliseconds.
func near(a, b time.Time) bool {
	d := a.Sub(b)
	return d > -time.Millisecond && d < time.Millisecond
}
