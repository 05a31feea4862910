package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trace tells the story of one delivery, for people who look for a cause.
func Trace(h History, id string) string {
	t := newIndex(h).threads[id]
	if t == nil {
		return id + " does not occur\n"
	}
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, line{at, fmt.Sprintf(format, args...)})
	}
	how := func(c *call) string {
		switch {
		case c.end.At.IsZero():
			return "never came back"
		case !c.answered:
			return "failed at " + clock(c.end.At) + ": " + c.end.Err
		}
		return "until " + clock(c.end.At)
	}
	for _, k := range t.claims {
		add(k.call.begin.At, "%s claims token %d (attempts %d, tries %d, expiries %d, interrupted %d, expired %v), store's now %s, %s",
			k.call.begin.Engine, k.Token, k.Attempts, k.Tries, k.Expiries, k.Interrupted, k.Expired, clock(k.call.end.Now), how(k.call))
	}
	for _, s := range t.settles {
		add(s.call.begin.At, "%s settles token %d: %s, delay %v, status %d, attempt begun %s, lost %v, %s",
			s.call.begin.Engine, s.Token, s.State, s.Delay, s.Status, clock(s.StartedAt), s.lost, how(s.call))
	}
	for _, d := range t.dials {
		add(d.At, "%s attempts token %d", d.Engine, d.Attempt.Token)
	}
	for _, a := range t.answers {
		add(a.At, "%s has ended the attempt of token %d begun %s: %d %s", a.Engine, a.Attempt.Token, clock(a.Attempt.StartedAt), a.Attempt.Status, a.Attempt.Code)
	}
	for _, r := range t.requests {
		add(r.At, "receiver gets token %d from %s, answers %d at %s", r.Token, r.Engine, r.Status, clock(r.Answered))
	}
	for _, q := range t.requeues {
		add(q.begin.At, "%s requeues, %s", q.begin.Engine, how(q))
	}
	for _, p := range h.Processes {
		if !p.Died.IsZero() {
			add(p.Died, "%s dies", p.Name)
		}
		for _, s := range p.Stopped {
			add(s.From, "%s stands still until %s", p.Name, clock(s.To))
		}
	}
	for _, o := range h.Outages {
		add(o.From, "the store is away until %s", clock(o.To))
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var b strings.Builder
	fmt.Fprintln(&b, id)
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s %s\n", clock(l.at), l.text)
	}
	if f := t.final; f != nil {
		fmt.Fprintf(&b, "  at the end: %s (%s), token %d, attempts %d, tries %d, expiries %d, interrupted %d, updated %s\n",
			f.State, f.Reason, f.Token, f.Attempts, f.Tries, f.Expiries, f.Interrupted, clock(f.UpdatedAt))
		for _, a := range f.Recorded {
			fmt.Fprintf(&b, "    attempt %d begun %s: %d %s\n", a.Number, clock(a.StartedAt), a.Status, a.Code)
		}
	}
	return b.String()
}
