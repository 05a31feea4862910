package history

import "slices"

// What a process has claimed it attempts or gives back, and of every attempt that
// has ended it tells the store, until that has heard. Only its death leaves a
// delivery to its lease: to be asked to end is no excuse, nor is a store that is
// away for a while.
func (c *checker) checkDropped(t *thread) {
	for i := range t.claims {
		if k := &t.claims[i]; !c.died(k.call.begin.Process) && !c.discharged(t, k) {
			c.broken(Dropped, t, "token %d, which %s was given at %s, was neither settled nor given back", k.Token, k.call.begin.Engine, clock(k.call.end.At))
		}
	}
	for i := range t.answers {
		if a := &t.answers[i]; !c.died(a.Process) && !t.told(a) {
			c.broken(Dropped, t, "the attempt under token %d, which ended at %s, was kept from the store by %s", a.Attempt.Token, clock(a.At), a.Engine)
		}
	}
}

func (c *checker) died(process string) bool {
	p := c.processes[process]
	return p != nil && !p.Died.IsZero()
}

// told tells whether the engine of an attempt knows that the store has heard of it,
// or need not.
func (t *thread) told(a *Record) bool {
	return t.counted(a.Engine, a.Attempt.Token) || slices.ContainsFunc(t.settles, func(s settle) bool {
		return s.HasAttempt && s.call.answered && s.call.begin.Engine == a.Engine && near(s.StartedAt, a.Attempt.StartedAt)
	})
}

// counted tells whether an engine that has held a token was later told of more
// attempts: then a call that failed had stored its own, or another process was
// sooner.
func (t *thread) counted(engine string, token int64) bool {
	before := -1
	for i := range t.claims {
		k := &t.claims[i]
		switch {
		case k.call.begin.Engine != engine:
		case k.Token == token:
			before = k.Attempts
		case before >= 0 && k.Attempts > before:
			return true
		}
	}
	return false
}

// discharged tells whether something was done about a claim.
func (c *checker) discharged(t *thread, k *claim) bool {
	failed := false
	for i := range t.settles {
		s := &t.settles[i]
		if s.call.begin.Engine != k.call.begin.Engine {
			continue
		}
		if !s.call.answered {
			failed = failed || s.Token == k.Token
			continue
		}
		// The outcome of an older attempt goes under the last token that its engine
		// has got meanwhile, and stands for those between.
		if s.Token == k.Token || s.Token > k.Token && s.HasAttempt && t.attemptedUnder(s) <= k.Token {
			return true
		}
	}
	if t.counted(k.call.begin.Engine, k.Token) {
		return true
	}
	// What could not be given back at once is forgotten when its engine claims it again.
	return !slices.ContainsFunc(t.dials, func(d Record) bool { return d.Attempt.Token == k.Token }) &&
		slices.ContainsFunc(t.claims, func(later claim) bool {
			return later.Token > k.Token && later.call.begin.Engine == k.call.begin.Engine &&
				(failed || c.troubled(k.call.begin.Process, k.call.begin.At, later.call.until()) != "")
		})
}

// attemptedUnder returns the token under which the attempt of an outcome was made,
// 0 if that is not known.
func (t *thread) attemptedUnder(s *settle) int64 {
	for _, a := range t.answers {
		if near(a.Attempt.StartedAt, s.StartedAt) {
			return a.Attempt.Token
		}
	}
	return 0
}
