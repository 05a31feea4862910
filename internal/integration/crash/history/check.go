package history

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule names what was broken.
type Rule string

// The rules.
const (
	// Lost: what was acknowledged is not there, or was not delivered.
	Lost Rule = "lost"
	// Unasked: something exists or was sent that nobody published.
	Unasked Rule = "unasked"
	// Duplicate: a receiver got a delivery again without a cause that permits it.
	Duplicate Rule = "duplicate"
	// Exclusive: two hold a delivery at once, or one token is held twice.
	Exclusive Rule = "exclusive"
	// Lease: a lease does not last from the store's now for as long as was asked.
	Lease Rule = "lease"
	// Fence: a stale write took effect, or a rightful one was refused.
	Fence Rule = "fence"
	// Unsaved: the store said that it has an outcome, and has not.
	Unsaved Rule = "unsaved"
	// Untrue: an outcome says what did not happen.
	Untrue Rule = "untrue"
	// Dropped: a process that lived has left a delivery, or an outcome, to the
	// lease.
	Dropped Rule = "dropped"
	// Numbering: the recorded attempts are not those that were settled, once
	// each, numbered from one.
	Numbering Rule = "numbering"
	// Budget: a crash has cost a retry, or has given one back.
	Budget Rule = "budget"
	// Expiry: leases that ran out are not counted as they should.
	Expiry Rule = "expiry"
	// Suspect: a delivery that may be what ends processes was tried like others.
	Suspect Rule = "suspect"
	// Altered: a body or a signature is not that of the event.
	Altered Rule = "altered"
	// Schedule: a retry came too soon.
	Schedule Rule = "schedule"
	// Statistics: the store's counts are not those of its rows.
	Statistics Rule = "statistics"
	// Late: the recovery took too long.
	Late Rule = "late"
	// Hammering: a store that fails was called too often.
	Hammering Rule = "hammering"
)

// Violation is one breach of a rule.
type Violation struct {
	Rule     Rule
	Delivery string
	Text     string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s %s", v.Rule, v.Delivery, v.Text)
}

// Report is what the check found.
type Report struct {
	Violations []Violation
	// Requests and Deliveries count what there was.
	Requests, Deliveries, Kills, Interrupted int
	// Duplicates counts requests that repeat a success, by the cause that permits
	// it; Retries those that repeat a failure.
	Duplicates map[string]int
	Retries    int
	// Recovered is how long after the last trouble everything had ended.
	Recovered time.Duration
	// Healthy is, for each outage, how long it took until an outcome was stored
	// again; Busiest the most calls of one loop within a second of an outage.
	Healthy []time.Duration
	Busiest int
	// Undone counts deliveries of which answers may have been taken back.
	Undone int
	// Suspects counts deliveries whose leases ran out three times in a row.
	Suspects int
	// CutOff counts the outcomes of attempts that a shutdown cut off.
	CutOff int
}

// Broken returns the rules that were broken, each once.
func (r *Report) Broken() []Rule {
	var rules []Rule
	for _, v := range r.Violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// Text lists the first violations.
func (r *Report) Text(most int) string {
	var b strings.Builder
	for i, v := range r.Violations {
		if i == most {
			fmt.Fprintf(&b, "… and %d more\n", len(r.Violations)-most)
			break
		}
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

// undoable tells whether a delivery can come to break the rule when answers are
// taken back.
func (r Rule) undoable() bool {
	switch r {
	case Lost, Unasked, Altered, Statistics, Late, Hammering:
		return false
	}
	return true
}

// checker collects violations.
type checker struct {
	*index
	report Report
	bodies map[string][sha256.Size]byte // by event
	alone  map[string][]trial           // by engine
}

func (c *checker) broken(rule Rule, t *thread, format string, args ...any) {
	if t != nil && rule.undoable() && c.undone(t) {
		return
	}
	v := Violation{Rule: rule, Text: fmt.Sprintf(format, args...)}
	if t != nil {
		v.Delivery = t.id
	}
	c.report.Violations = append(c.report.Violations, v)
}

// Check holds a history against the rules.
func Check(h History) Report {
	c := &checker{index: newIndex(h), alone: map[string][]trial{}}
	c.report.Duplicates = map[string]int{}
	c.report.Requests, c.report.Deliveries = len(h.Requests), len(h.Final.Deliveries)
	for _, p := range h.Processes {
		if !p.Died.IsZero() {
			c.report.Kills++
		}
	}
	c.checkPublished()
	for _, t := range c.order {
		if t.final == nil {
			c.broken(Unasked, t, "was claimed, settled or sent, and is not in the store")
			continue
		}
		if c.undone(t) {
			c.report.Undone++
		}
		c.checkClaims(t)
		c.checkExpiries(t)
		c.checkSettles(t)
		c.checkDropped(t)
		c.checkSuspect(t)
		c.checkRequests(t)
		c.checkDuplicates(t)
		c.checkAttempts(t)
		c.checkEnd(t)
	}
	c.checkAlone()
	c.checkBatches()
	c.checkStatistics()
	c.checkRecovery()
	c.checkOutages()
	return c.report
}
