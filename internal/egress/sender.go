package egress

import (
	"context"
	"net/http"
	"time"
)

// Sender sends one request after the other and keeps between them what every
// request needs: a context that can be cancelled, the clock of its deadline, and,
// where net/http has certainly let go of them, the request itself with its trace
// and its header. Making these anew for every request costs a fifth of all it
// allocates. A Sender is for one goroutine, which closes it at the end.
type Sender struct {
	parent context.Context
	// ctx is nil before the first request, and after one whose deadline has
	// passed: it has ended then.
	ctx      context.Context
	deadline *deadline

	// spare is an attempt that is over, under ctx; nil if there is none.
	spare *attempt
	// header is an empty one; nil if there is none.
	header http.Header
	// room is where a response's header goes if it is not large.
	room [16]Header
	// over tells that nobody reads the header of the last request any more.
	over bool
}

// NewSender returns a Sender whose requests end with ctx, which must be of a
// comparable type, as all of package context are.
func NewSender(ctx context.Context) *Sender { return &Sender{parent: ctx} }

// Do is the function [Do]. It saves something only if ctx is the Sender's own; a
// nil Sender works and saves nothing. The Response's Header is valid until the
// next request.
func (s *Sender) Do(ctx context.Context, rt http.RoundTripper, req Request, lim Limits) Response {
	if s == nil {
		return Do(ctx, rt, req, lim)
	}
	if ctx != s.parent {
		s.over = false
		return Do(ctx, rt, req, lim)
	}
	return s.do(rt, req, lim)
}

// Header returns an empty header for the next request, with room for n fields:
// one that was recycled, or a new one. A nil Sender works.
func (s *Sender) Header(n int) http.Header {
	if s == nil || s.header == nil {
		return make(http.Header, n)
	}
	h := s.header
	s.header = nil
	return h
}

// Recycle takes the header of the last request, which the caller does not use any
// more, for Header to return. It leaves it to the collector if net/http may
// still read it. A nil Sender works.
func (s *Sender) Recycle(h http.Header) {
	if s != nil && s.over {
		clear(h)
		s.header = h
	}
}

// Close frees what the Sender holds of its context.
func (s *Sender) Close() {
	if s.ctx != nil {
		s.drop()
	}
}

// begin returns the context of a request that started at start and has until the
// time-out.
func (s *Sender) begin(start time.Time, timeout time.Duration) context.Context {
	s.over = false
	if s.ctx == nil {
		ctx, cancel := context.WithCancelCause(s.parent)
		s.ctx, s.deadline = ctx, newDeadline(cancel)
	}
	s.deadline.set(start.Add(timeout))
	return s.ctx
}

// end ends the time of a request.
func (s *Sender) end() {
	if s.deadline.clear() {
		s.drop()
	}
}

// drop ends the context and what depends on it.
func (s *Sender) drop() {
	s.deadline.stop()
	s.ctx, s.deadline, s.spare = nil, nil, nil
}

// attempt returns the state of a new attempt.
func (s *Sender) attempt(start time.Time) *attempt {
	a := s.spare
	if a == nil {
		return newAttempt(s.ctx, start)
	}
	s.spare = nil
	a.begin(start)
	return a
}

// keep keeps an attempt whose response was read and closed for the next one, if
// it is over.
func (s *Sender) keep(a *attempt) {
	if a.over() {
		s.spare, s.over = a, true
	}
}
