package history

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// What the store has recorded are the attempts that were settled, each once, in
// their order; kills cost no retry.
func (c *checker) checkAttempts(t *thread) {
	d := t.final
	if d.Attempts != len(d.Recorded) {
		c.broken(Numbering, t, "counts %d attempts and has %d", d.Attempts, len(d.Recorded))
	}
	var owners []*settle // aligned with Recorded
	for i := range d.Recorded {
		a := &d.Recorded[i]
		if a.Number != i+1 {
			c.broken(Numbering, t, "attempt %d has the number %d", i+1, a.Number)
		}
		owner := t.owner(a.StartedAt)
		owners = append(owners, owner)
		switch {
		case owner == nil:
			c.broken(Numbering, t, "attempt %d, begun at %s, is recorded, and nobody has settled it", a.Number, clock(a.StartedAt))
			continue
		case owner.Status != a.Status:
			c.broken(Untrue, t, "attempt %d is recorded with status %d, was settled with %d", a.Number, a.Status, owner.Status)
		case !slices.ContainsFunc(t.settles, func(s settle) bool { return s.HasAttempt && near(s.StartedAt, a.StartedAt) && !s.lost }):
			c.broken(Fence, t, "attempt %d is recorded, and its outcome was refused", a.Number)
		}
		for j := range i {
			if near(d.Recorded[j].StartedAt, a.StartedAt) {
				c.broken(Numbering, t, "attempts %d and %d are one", d.Recorded[j].Number, a.Number)
			}
		}
	}
	for i := range t.settles {
		s := &t.settles[i]
		if s.accepted() && s.HasAttempt && !slices.ContainsFunc(d.Recorded, func(a store.Attempt) bool { return near(a.StartedAt, s.StartedAt) }) {
			c.broken(Unsaved, t, "the attempt under token %d, begun at %s, was stored at %s and is not there", s.Token, clock(s.StartedAt), clock(s.call.end.At))
		}
	}
	c.checkBudget(t, owners)
}

// owner returns the settle that brought the attempt begun at a time: one that the
// store took, if there is one, else one of which it is not known.
func (t *thread) owner(started time.Time) *settle {
	var found *settle
	for i := range t.settles {
		s := &t.settles[i]
		if s.HasAttempt && near(s.StartedAt, started) && (found == nil || s.accepted() || found.lost) {
			found = s
		}
	}
	return found
}

// tokens returns the lowest and the highest token under which an attempt may have
// been stored: its process may have claimed the delivery again meanwhile.
func (t *thread) tokens(owner *settle) (lowest, highest int64) {
	lowest, highest = owner.Token, owner.Token
	if owner.accepted() {
		return lowest, highest
	}
	for i := range t.settles {
		if s := &t.settles[i]; s.HasAttempt && near(s.StartedAt, owner.StartedAt) && !s.lost {
			lowest, highest = min(lowest, s.Token), max(highest, s.Token)
		}
	}
	return lowest, highest
}

// checkBudget compares what each claim was told with what was recorded until
// then.
func (c *checker) checkBudget(t *thread, owners []*settle) {
	afresh := len(t.requeues) > 0
	for i := range t.claims {
		k := &t.claims[i]
		// For certain, and perhaps.
		var attempts, tries, moreAttempts, moreTries int
		for _, o := range owners {
			if o == nil {
				attempts++ // whose it is was complained of already
				continue
			}
			lowest, highest := t.tokens(o)
			certain, perhaps := highest < k.Token, lowest < k.Token
			if certain {
				attempts++
			} else if perhaps {
				moreAttempts++
			}
			if certain && !o.Free {
				tries++
			} else if perhaps && !o.Free {
				moreTries++
			}
		}
		if k.Attempts < attempts || k.Attempts > attempts+moreAttempts {
			c.broken(Numbering, t, "token %d was claimed with %d attempts; %d were recorded before", k.Token, k.Attempts, attempts)
		}
		if !afresh && (k.Tries < tries || k.Tries > tries+moreTries) {
			c.broken(Budget, t, "token %d was claimed with %d tries; %d were recorded before", k.Token, k.Tries, tries)
		}
	}
	total := 0
	for _, o := range owners {
		if o != nil && !o.Free {
			total++
		}
	}
	if d := t.final; !afresh && d.Tries != total || d.Tries > total {
		c.broken(Budget, t, "counts %d tries, %d were recorded", d.Tries, total)
	}
}
