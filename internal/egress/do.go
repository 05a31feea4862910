package egress

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Defaults of [Limits].
const (
	DefaultTimeout       = 30 * time.Second
	DefaultMaxBody       = 16 << 10
	DefaultMaxDrain      = 64 << 10
	DefaultMaxHeaders    = 32
	DefaultMaxHeaderKept = 4 << 10
)

// Request is a POST, ready to be sent.
type Request struct {
	// URL comes from CheckURL and is not changed. Required.
	URL *url.URL
	// Header is sent as it is, with Host, Content-Length and, where it names
	// none, User-Agent added by net/http. It is read and not changed.
	Header http.Header
	// Body is sent as it is. It must not change afterwards, not even after Do has
	// returned: a connection that is being torn down may still read it.
	Body []byte
}

// Limits bounds an attempt. The zero value means the defaults.
type Limits struct {
	// Timeout covers everything from waiting for a connection to the last byte
	// that is read. Default: DefaultTimeout.
	Timeout time.Duration
	// MaxBody is how many bytes of the response body are kept.
	// Default: DefaultMaxBody; negative: none.
	MaxBody int
	// MaxDrain is how many further bytes are read and dropped, so that the
	// connection can be used again; a longer body costs the connection.
	// Default: DefaultMaxDrain; negative: none.
	MaxDrain int64
	// MaxHeaders and MaxHeaderKept bound the header fields kept, in number and in
	// bytes of names and values. Defaults: DefaultMaxHeaders,
	// DefaultMaxHeaderKept; negative: none. The transport's MaxHeaderBytes bounds
	// what is read at all.
	MaxHeaders, MaxHeaderKept int
}

// Response is what came back: a status, an error, or both if the body broke off
// after the status. All text in it is printable and valid UTF-8 ([Text],
// [Bytes]).
type Response struct {
	Status          int      // 0 if no response header came
	Header          []Header // sorted by name; without Set-Cookie, which is a secret of the receiver
	HeaderTruncated bool     // Header is not all
	Body            []byte   // nil if empty; partial if Err is set
	Truncated       bool     // the body was longer than Body
	RetryAfter      string   // the Retry-After field, for [RetryAfter]

	// RemoteAddr is whom the transport was connected to. With a transport of
	// NewTransport, the zero value means nobody, so that nothing was sent.
	RemoteAddr netip.AddrPort
	Proto      string // "HTTP/1.1", "HTTP/2.0"
	Reused     bool   // the connection had carried requests before
	Timings    Timings

	Err   error // nil, or an *Error
	Class Class // Err's class, ClassNone if Err is nil
}

// Header is one field line of a response.
type Header struct{ Name, Value string }

// Timings are the spans of an attempt. DNS, Connect and TLS are zero on a reused
// connection; DNS and Connect are measured by transports of [NewTransport] only.
type Timings struct {
	DNS, Connect, TLS time.Duration // how long the step took
	FirstByte         time.Duration // from the start of the attempt to the first byte of the response
	Total             time.Duration // from the start of the attempt to its end
}

// errDeadline is the cause by which the attempt's own deadline is told from
// everything else that may end a context.
var errDeadline = fmt.Errorf("attempt: %w", context.DeadlineExceeded)

// Do sends req once through rt and reads the response within lim. It does not
// return an error apart: whatever happens is in the Response, a panic of rt
// included. Do blocks until the deadline at most, provided that rt honours the
// request's context; ending ctx ends it sooner, with ClassCanceled. It is safe
// for concurrent use.
//
// The receiver processes the request at most once per call. net/http's Transport
// repeats a request by itself if it is idempotent by method or by an
// Idempotency-Key field (CheckHeader refuses that field) and, where GetBody is
// set, in these cases: on HTTP/1, when not one byte had been written to a reused
// connection; on HTTP/2, when the server declared the stream unprocessed by
// GOAWAY or REFUSED_STREAM (RFC 9113, sections 6.8 and 8.7), when no stream could
// be opened, and when the server reset the stream with PROTOCOL_ERROR. The last
// of these comes with no promise that the request was not processed. So Do leaves
// GetBody nil, by which net/http never sends a body twice, and itself repeats
// what net/http reports as declared unprocessed or never begun: both are routine,
// as servers limit streams and nginx says GOAWAY after every thousand requests.
// It does so at most six times, within the one deadline.
//
// A program that sends many requests under one ctx saves time with a [Sender].
func Do(ctx context.Context, rt http.RoundTripper, req Request, lim Limits) (res Response) {
	s := NewSender(ctx)
	defer s.Close()
	return s.do(rt, req, lim)
}

func (s *Sender) do(rt http.RoundTripper, req Request, lim Limits) (res Response) {
	ctx := s.parent
	var a *attempt
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			res.setError(&Error{Class: ClassPanic, text: Text(withoutURL(fmt.Sprintf("panic: %v", p), req.URL), maxErrorText)})
		}
		if a != nil {
			m := a.snapshot()
			res.RemoteAddr, res.Reused, res.Timings = m.remote, m.reused, m.timings()
		}
		res.Timings.Total = time.Since(start)
	}()
	lim = lim.withDefaults()
	if rt == nil || req.URL == nil {
		res.setError(&Error{Class: ClassOther, text: "no RoundTripper or no URL"})
		return res
	}
	inner := s.begin(start, lim.Timeout)
	defer s.end()

	a = s.attempt(start)
	var hr *http.Response
	err := inner.Err()
	if err == nil {
		hr, err = rt.RoundTrip(a.request(req)) //nolint:bodyclose // res.read closes it
	}
	for n := 0; n < maxReplays && err != nil && unprocessed(err) && pause(inner, n); n++ {
		a = s.attempt(start)
		hr, err = rt.RoundTrip(a.request(req)) //nolint:bodyclose // res.read closes it
	}
	if err == nil {
		err = res.read(hr, lim, s.room[:])
	}
	if err == nil && hr.ProtoMajor == 1 {
		s.keep(a)
	}
	if err != nil {
		res.setError(a.fail(ctx, req.URL, lim.Timeout, res.Status, err))
	}
	return res
}

func (lim Limits) withDefaults() Limits {
	lim.Timeout = or(lim.Timeout, DefaultTimeout)
	for _, f := range []struct {
		v   *int
		def int
	}{{&lim.MaxBody, DefaultMaxBody}, {&lim.MaxHeaders, DefaultMaxHeaders}, {&lim.MaxHeaderKept, DefaultMaxHeaderKept}} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if lim.MaxDrain == 0 {
		lim.MaxDrain = DefaultMaxDrain
	}
	lim.MaxDrain = min(lim.MaxDrain, math.MaxInt64-1) // drain counts one further
	return lim
}

func (res *Response) setError(err *Error) { res.Err, res.Class = err, err.Class }
