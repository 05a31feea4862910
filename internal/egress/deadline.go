package egress

import (
	"context"
	"sync"
	"time"
)

// deadline ends a context when the time of a request is up. Requests that follow
// one another move it, and its timer stays as it is: when it rings too early, it
// is set anew. So a timer is touched once in a time-out, and not twice for every
// request.
type deadline struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu sync.Mutex
	// at is when the request under way ends, zero if there is none.
	at time.Time
	// rings is when the timer does, zero if it does not.
	rings  time.Time
	passed bool
}

func newDeadline(cancel context.CancelCauseFunc) *deadline { return &deadline{cancel: cancel} }

// set begins the time of a request.
func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.rings.IsZero() || at.Before(d.rings) {
		d.ring(at)
	}
}

// ring sets the timer. mu must be held.
func (d *deadline) ring(at time.Time) {
	d.rings = at
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), d.rang)
		return
	}
	d.timer.Reset(time.Until(at))
}

// rang is called by the timer.
func (d *deadline) rang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rings = time.Time{}
	switch {
	case d.at.IsZero():
	case time.Now().Before(d.at):
		d.ring(d.at)
	default:
		d.passed = true
		// The cause names the deadline that ended the context first, which a look
		// at the clock afterwards could not.
		d.cancel(errDeadline)
	}
}

// clear ends the time of a request and tells whether it had passed, so that the
// context has ended.
func (d *deadline) clear() (passed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Time{}
	return d.passed
}

// stop ends the context.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Time{}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.cancel(nil)
}
