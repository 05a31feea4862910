package history

import "slices"

// A delivery whose leases ran out again and again rests when that has happened once
// more. It is sent only after a process has given it back to be sent next, alone,
// and by a process that has been running for a while.
func (c *checker) checkSuspect(t *thread) {
	for i := range t.claims {
		k := &t.claims[i]
		at := slices.IndexFunc(t.dials, func(d Record) bool { return d.Attempt.Token == k.Token })
		if c.Terms.Suspect == 0 || k.Expiries < c.Terms.Suspect || at < 0 {
			continue
		}
		d := t.dials[at]
		if k.Expired {
			c.broken(Suspect, t, "token %d: attempted at once, after %d leases in a row have run out", k.Token, k.Expiries)
			continue
		}
		if p := c.processes[d.Process]; p != nil && d.At.Before(p.Started.Add(c.Terms.Settled)) {
			c.broken(Suspect, t, "token %d: attempted by %s, which has run for %v only", k.Token, d.Engine, d.At.Sub(p.Started))
		}
		if i > 0 && !c.perhapsClaimed(k.Endpoint, t.claims[i-1].call.begin.At, k.call.end.At) {
			if s := t.accepted(t.claims[i-1].Token); s != nil && s.Delay > 0 {
				c.broken(Suspect, t, "token %d: attempted, and was given back under token %d to rest for %v", k.Token, s.Token, s.Delay)
			}
		}
		until := forever
		for _, a := range t.answers {
			if a.Attempt.Token == k.Token {
				until = a.At
			}
		}
		c.alone[d.Engine] = append(c.alone[d.Engine], trial{Span{d.At, until}, t})
	}
}

// trial is an attempt of a suspect.
type trial struct {
	Span
	of *thread
}

// An engine tries one suspect at a time.
func (c *checker) checkAlone() {
	for engine, trials := range c.alone {
		slices.SortFunc(trials, func(a, b trial) int { return a.From.Compare(b.From) })
		for i := 1; i < len(trials); i++ {
			if b := trials[i]; b.From.Before(trials[i-1].To) {
				c.broken(Suspect, b.of, "%s attempts it at %s, while it tries %s", engine, clock(b.From), trials[i-1].of.id)
			}
		}
	}
}
