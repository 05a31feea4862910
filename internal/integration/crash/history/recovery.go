package history

import (
	"slices"
	"time"
)

// lastTrouble is when everything was well again: the last kill, the end of the
// last stop or outage, the last publish or requeue.
func (c *checker) lastTrouble() time.Time {
	var last time.Time
	later := func(t time.Time) {
		if t.After(last) {
			last = t
		}
	}
	for _, p := range c.Processes {
		later(p.Died)
		later(p.Started)
		for _, s := range p.Stopped {
			later(s.To)
		}
	}
	for _, o := range c.Outages {
		later(o.To)
	}
	for _, k := range c.calls {
		if k.begin.Op == OpInsert || k.begin.Op == OpRequeue {
			later(k.end.At)
		}
	}
	return last
}

// checkRecovery: everything is done a lease and a bit after the last trouble.
func (c *checker) checkRecovery() {
	last, at := time.Time{}, ""
	for i := range c.Final.Deliveries {
		if d := &c.Final.Deliveries[i]; d.UpdatedAt.After(last) {
			last, at = d.UpdatedAt, d.ID
		}
	}
	trouble := c.lastTrouble()
	c.report.Recovered = max(last.Sub(trouble), 0)
	if within := c.Terms.Lease + c.Terms.DoneWithin; c.Terms.DoneWithin > 0 && c.report.Recovered > within {
		c.broken(Late, c.thread(at), "ended %v after the last trouble; %v are allowed", c.report.Recovered, within)
	}
}

// checkOutages: loops back off while the store is away, and go on soon after.
func (c *checker) checkOutages() {
	for _, o := range c.Outages {
		c.checkHealth(o)
		if !o.Brief {
			c.checkCalls(o)
		}
	}
}

func (c *checker) checkHealth(o Outage) {
	first := map[string]time.Time{} // outcome stored after the outage, by process
	for _, k := range c.calls {
		if p := k.begin.Process; k.begin.Op == OpSettle && k.answered && k.end.At.After(o.To) && (first[p].IsZero() || k.end.At.Before(first[p])) {
			first[p] = k.end.At
		}
	}
	slowest := time.Duration(0)
	for p, at := range first {
		if q := c.processes[p]; q == nil || q.Started.After(o.From) {
			continue
		}
		healthy := at.Sub(o.To)
		slowest = max(slowest, healthy)
		if c.Terms.HealthyWithin > 0 && healthy > c.Terms.HealthyWithin {
			c.broken(Late, nil, "%s stored its first outcome after the outage that ended at %s after %v; %v are allowed", p, clock(o.To), healthy, c.Terms.HealthyWithin)
		}
	}
	c.report.Healthy = append(c.report.Healthy, slowest)
}

// checkCalls counts the calls that failed in every second of an outage.
func (c *checker) checkCalls(o Outage) {
	type loop struct{ process, engine, op string }
	begun := map[loop][]time.Time{}
	for _, k := range c.calls {
		switch k.begin.Op {
		case OpDue, OpClaim, OpSettle, OpPurge:
		default:
			continue // called by hosts, not by loops
		}
		l := loop{k.begin.Process, k.begin.Engine, k.begin.Op}
		if k.answered || !o.overlaps(k.begin.At, k.begin.At) {
			continue // for this process the store was there
		}
		begun[l] = append(begun[l], k.begin.At)
	}
	for l, times := range begun {
		slices.SortFunc(times, time.Time.Compare)
		for i := range times {
			n := 0
			for n < len(times)-i && times[i+n].Before(times[i].Add(time.Second)) {
				n++
			}
			c.report.Busiest = max(c.report.Busiest, n)
			if most := c.Terms.CallsPerSecond; most > 0 && n > most {
				c.broken(Hammering, nil, "%s called %s %d times in the second from %s, while the store was away; %d are allowed", l.engine, l.op, n, clock(times[i]), most)
				break
			}
		}
	}
}
