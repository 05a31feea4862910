package egress

import (
	"context"
	"net/http"
	"time"
)

// Sender sends one request after the other and keeps between them what bounds
// their time: a context that can be cancelled and a timer. Making these anew for
// every request costs a tenth of its allocations, and net/http, which hangs a
// context of its own under it, a map. A Sender is for one goroutine, which closes
// it at the end.
type Sender struct {
	parent context.Context
	// ctx is nil before the first request, and after one whose deadline has
	// passed: it has ended then.
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// NewSender returns a Sender whose requests end with ctx, which must be of a
// comparable type, as all of package context are.
func NewSender(ctx context.Context) *Sender { return &Sender{parent: ctx} }

// Do is the function [Do]. It saves something only if ctx is the Sender's own; a
// nil Sender works and saves nothing.
func (s *Sender) Do(ctx context.Context, rt http.RoundTripper, req Request, lim Limits) Response {
	if s == nil || ctx != s.parent {
		return Do(ctx, rt, req, lim)
	}
	return s.do(rt, req, lim)
}

// Close frees what the Sender holds of its context.
func (s *Sender) Close() {
	if s.ctx != nil {
		s.timer.Stop()
		s.cancel(nil)
		s.ctx = nil
	}
}

// begin returns the context of a request that has until the time-out.
func (s *Sender) begin(timeout time.Duration) context.Context {
	if s.ctx != nil {
		s.timer.Reset(timeout)
		return s.ctx
	}
	ctx, cancel := context.WithCancelCause(s.parent)
	s.ctx, s.cancel = ctx, cancel
	// The cause names the deadline that ended the context first, which a look at
	// the clock afterwards could not.
	s.timer = time.AfterFunc(timeout, func() { cancel(errDeadline) })
	return ctx
}

// end ends the time of a request.
func (s *Sender) end() {
	if !s.timer.Stop() {
		// It has fired: its function has cancelled this context, or will.
		s.cancel(nil)
		s.ctx = nil
	}
}
