package dispatcher

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// A lease that runs out without an outcome means that the process died, or
// stood still, while it held the delivery. One delivery among many in flight
// may be the cause, so those that it happens to again and again are set apart:
// they rest for delays that double, and are then tried one at a time, and only
// by a process that has been running for a while. A delivery is failed only
// after crashes that happened under these conditions; a host that crashes soon
// after each start fails none.
//
// So that a crash under these conditions is known from another, the process
// marks a suspect in the store before it tries it alone: it gives it back with a
// reason that says so, and claims it anew. A lease that ends in a crash without
// the mark counts for nothing but the delay.

const (
	// maxCrashDelay bounds the doubling.
	maxCrashDelay = time.Hour
	// retrySuspect is how long a suspect waits while another is tried.
	retrySuspect = 500 * time.Millisecond
	// markHolds is for how long a process that has marked a suspect marks no other.
	markHolds = time.Second
)

// suspicion is what the reason of a suspect says: how many crashes there were
// while it was tried alone, and whether it is marked to be.
type suspicion struct {
	crashes int
	marked  bool
}

// A suspect's reason is "suspect_2" after two crashes while it was tried alone,
// and "suspect_2_alone" when that is about to be done again.
const (
	suspectPrefix = string(CodeSuspect) + "_"
	aloneSuffix   = "_alone"
)

func parseSuspicion(reason Code) (s suspicion) {
	text, ok := strings.CutPrefix(string(reason), suspectPrefix)
	if !ok {
		return suspicion{}
	}
	text, s.marked = strings.CutSuffix(text, aloneSuffix)
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return suspicion{}
	}
	s.crashes = n
	return s
}

func (s suspicion) reason() Code {
	text := suspectPrefix + strconv.Itoa(s.crashes)
	if s.marked {
		text += aloneSuffix
	}
	return Code(text)
}

// checkCrashes returns the outcome of a suspect that is not to be sent now, or
// that the delivery is to be sent.
func (r *run) checkCrashes(j *job, expired bool) (outcome, bool) {
	p, n := r.e.cfg.crashes, j.delivery.Expiries
	if n < p.Suspect {
		return outcome{}, true
	}
	s := parseSuspicion(j.delivery.Reason)
	marked := s.marked
	s.marked = false
	rest := func(d time.Duration) (outcome, bool) {
		return outcome{state: StatePending, delay: d, reason: s.reason()}, false
	}
	if expired {
		if marked {
			s.crashes++
		}
		if p.Suspect+s.crashes >= p.Fail {
			return outcome{state: StateFailed, reason: CodeCrashing}, false
		}
		return rest(min(r.e.lease()<<min(s.crashes, 16), maxCrashDelay))
	}
	if wait := p.Settled - time.Since(r.started); wait > 0 {
		return rest(wait)
	}
	switch {
	case marked && r.suspects.take():
		j.suspect = true
		return outcome{}, true
	case !marked && r.suspects.mark(j.delivery.ID):
		s.marked = true
		return rest(0)
	}
	return rest(retrySuspect)
}

func (r *run) attemptAlone(j *job) {
	defer r.suspects.release()
	r.attempt(j, nil)
}

// suspects sees to it that a process tries one suspect at a time.
type suspects struct {
	mu sync.Mutex
	// busy: one is being tried.
	busy bool
	// marked is the one that was marked last, until that time.
	marked string
	until  time.Time
}

// mark tells whether a suspect may come next.
func (s *suspects) mark(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.busy || s.marked != "" && s.marked != id && now.Before(s.until) {
		return false
	}
	s.marked, s.until = id, now.Add(markHolds)
	return true
}

// take tells whether a marked suspect may be tried now, and holds the others off
// until release. Whichever process has marked it, it does not hold it any more:
// to insist on one's own would mean that processes undo each other's marks.
func (s *suspects) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return false
	}
	s.busy, s.marked = true, ""
	return true
}

func (s *suspects) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}
