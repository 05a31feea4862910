package dispatcher

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postrider/postrider/signer"
)

// keyDelay is how long a delivery rests whose endpoint cannot be opened, or whose
// request cannot be signed, because a key does not answer.
const keyDelay = 30 * time.Second

// keyTimeout bounds what waits for a key before a request is sent. Time must
// remain under the lease for the request and for storing what came of it.
func (e *Engine) keyTimeout() time.Duration { return min(e.cfg.timeout, e.cfg.leaseMargin/2) }

// awaitKey has a delivery rest that cannot be sent for want of a key: no fault of
// the receiver, so that no attempt is recorded and no retry used up.
func (r *run) awaitKey(j *job, operation string, err error) {
	if more, ok := r.e.keysAway.say(time.Now()); ok {
		r.e.cfg.logger.ErrorContext(r.ctx, "delivery waits for a key", "operation", operation, "endpoint", j.endpoint.ID, "error", err, "more", more)
	}
	r.settler.add(j, outcome{state: StatePending, delay: keyDelay, reason: CodeUnsendable})
}

// seldom lets something be said once a second.
type seldom struct {
	mu    sync.Mutex
	next  time.Time
	quiet int
}

// say tells whether to speak, and how often it has told not to since the last time.
func (s *seldom) say(now time.Time) (quiet int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		s.quiet++
		return 0, false
	}
	quiet, s.quiet, s.next = s.quiet, 0, now.Add(time.Second)
	return quiet, true
}

// unsignedError says that the signer failed for a reason that may pass.
type unsignedError struct{ error }

func (e unsignedError) Unwrap() error { return e.error }

// unsigned marks what Sign returned, unless it says that the message or the
// secrets are not fit to be signed, which is so until they change.
func unsigned(err error) error {
	var field *signer.FieldError
	if errors.As(err, &field) || errors.Is(err, signer.ErrNoSecret) {
		return err
	}
	return unsignedError{err}
}

// limited is a context that ends at a time. Unlike one of package context it has
// no timer before somebody waits for it: most signers hold their keys and never
// look at their context.
type limited struct {
	context.Context
	at time.Time

	once   sync.Once
	timed  context.Context
	cancel context.CancelFunc
}

func (l *limited) Deadline() (time.Time, bool) {
	if at, ok := l.Context.Deadline(); ok && at.Before(l.at) {
		return at, true
	}
	return l.at, true
}

func (l *limited) Done() <-chan struct{} { return l.arm().Done() }
func (l *limited) Err() error            { return l.arm().Err() }

func (l *limited) arm() context.Context {
	l.once.Do(func() { l.timed, l.cancel = context.WithDeadline(l.Context, l.at) })
	return l.timed
}

// end ends the context, also for who looks at it for the first time afterwards.
func (l *limited) end() {
	l.once.Do(func() { l.timed, l.cancel = over, func() {} })
	l.cancel()
}

// over is a context that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
