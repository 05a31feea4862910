package dispatcher

import "time"

// A lease that runs out without an outcome means that the process died, or
// stood still, while it held the delivery. One delivery among many in flight
// may be the cause, so those that it happens to again and again are set apart:
// they rest for delays that double, and are then tried one at a time, and only
// by a process that has been running for a while. A delivery is failed only
// after crashes that happened under these conditions; a host that crashes soon
// after each start fails none.

// maxCrashDelay bounds the doubling.
const maxCrashDelay = time.Hour

// retrySuspect is how long a suspect waits while another is tried.
const retrySuspect = 2 * time.Second

// checkCrashes returns the outcome of a suspect that is not to be sent now, or
// that the delivery is to be sent.
func (r *run) checkCrashes(j *job, expired bool) (outcome, bool) {
	p, n := r.e.cfg.crashes, j.delivery.Expiries
	rest := func(d time.Duration) (outcome, bool) { return outcome{state: StatePending, delay: d}, false }
	switch {
	case n < p.Suspect:
		return outcome{}, true
	case n >= p.Fail:
		return outcome{state: StateFailed, reason: CodeCrashing}, false
	case expired:
		return rest(min(r.e.lease()<<min(n-p.Suspect, 16), maxCrashDelay))
	}
	if wait := p.Settled - time.Since(r.started); wait > 0 {
		return rest(wait)
	}
	if !r.suspect.TryLock() {
		return rest(retrySuspect)
	}
	j.suspect = true
	return outcome{}, true
}

func (r *run) attemptAlone(j *job) {
	defer r.suspect.Unlock()
	r.attempt(j, nil)
}
