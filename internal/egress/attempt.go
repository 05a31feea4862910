package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// attempt is the state of one request on its way. It is the request's context,
// its body's reader and its trace at once: one allocation instead of several,
// and the dialer finds it by way of Value. A Sender uses it again if it is over.
type attempt struct {
	context.Context // with the deadline
	hooks           httptrace.ClientTrace
	out             *http.Request // nil before the first use
	body            bytes.Reader
	closer          io.ReadCloser // body, as net/http wants it
	start           time.Time

	// net/http calls hooks from its own goroutines, and may go on dialling after
	// RoundTrip has returned.
	mu    sync.Mutex
	marks marks
}

// marks are what the hooks saw. Times count from the attempt's start.
type marks struct {
	dnsStart, dnsDone         time.Duration
	connectStart, connectDone time.Duration
	tlsStart, tlsDone         time.Duration
	firstByte                 time.Duration

	resolving, dialing, shaking bool // the step began
	dialed, tlsFailed           bool // how it ended
	connected, reused           bool
	wrote                       bool // net/http has read header and body, without an error
	waited                      bool // the connection, or one of them, was not an idle one
	remote                      netip.AddrPort
}

// attemptKey finds the attempt in a context.
type attemptKey struct{}

// Value returns the attempt itself for attemptKey.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

func newAttempt(ctx context.Context, start time.Time) *attempt {
	a := &attempt{Context: ctx, start: start}
	a.closer = io.NopCloser(&a.body)
	a.hooks.GotConn = a.gotConn
	a.hooks.WroteRequest = a.wroteRequest
	a.hooks.GotFirstResponseByte = a.gotFirstByte
	a.hooks.TLSHandshakeStart = a.tlsStart
	a.hooks.TLSHandshakeDone = a.tlsDone
	return a
}

// begin makes an attempt that is over a new one.
func (a *attempt) begin(start time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.start, a.marks = start, marks{}
}

// over reports whether net/http has let go of everything that it was given,
// provided that it returned a response of HTTP/1, whose body was closed. It may
// still be writing the request when it does, for a server may answer before it
// has read, or still be dialling, for a connection that another request has left
// meanwhile.
func (a *attempt) over() bool {
	m := a.snapshot()
	return m.wrote && m.connected && !m.waited
}

// request builds the http.Request. Its fields are filled by hand because
// http.NewRequest would print and parse the URL again.
func (a *attempt) request(req Request) *http.Request {
	if a.out == nil {
		r := &http.Request{
			Method:     http.MethodPost,
			Proto:      "HTTP/1.1",
			ProtoMajor: 1,
			ProtoMinor: 1,
		}
		a.out = r.WithContext(httptrace.WithClientTrace(a, &a.hooks))
	}
	r := a.out
	r.URL, r.Host, r.Header = req.URL, req.URL.Host, req.Header
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Body, r.ContentLength = http.NoBody, 0
	if len(req.Body) > 0 {
		a.body.Reset(req.Body)
		// net/http recognises exactly this composition as bytes in memory, and
		// then writes header and body with one system call.
		r.Body = a.closer
		r.ContentLength = int64(len(req.Body))
	}
	// GetBody stays nil: see Do.
	return r
}

// snapshot copies what the hooks have seen so far.
func (a *attempt) snapshot() marks {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.marks
}

func (a *attempt) note(f func(m *marks, now time.Duration)) {
	now := time.Since(a.start)
	a.mu.Lock()
	f(&a.marks, now)
	a.mu.Unlock()
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marks.connected = true
	a.marks.reused = info.Reused
	a.marks.waited = a.marks.waited || !info.WasIdle
	if info.Conn == nil {
		return // a RoundTripper of the host may know no better
	}
	if tcp, ok := info.Conn.RemoteAddr().(*net.TCPAddr); ok {
		// As a value, since formatting the address would cost more than all
		// hooks together.
		ap := tcp.AddrPort()
		a.marks.remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
}

func (a *attempt) wroteRequest(info httptrace.WroteRequestInfo) {
	a.mu.Lock()
	a.marks.wrote = info.Err == nil
	a.mu.Unlock()
}

func (a *attempt) gotFirstByte() {
	a.note(func(m *marks, now time.Duration) { m.firstByte = now })
}

func (a *attempt) tlsStart() {
	a.note(func(m *marks, now time.Duration) { m.tlsStart, m.shaking = now, true })
}

func (a *attempt) tlsDone(_ tls.ConnectionState, err error) {
	a.note(func(m *marks, now time.Duration) { m.tlsDone, m.tlsFailed = now, err != nil })
}

// dialHooks are added while this attempt dials.
func (a *attempt) dialHooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) {
			a.note(func(m *marks, now time.Duration) { m.dnsStart, m.resolving = now, true })
		},
		DNSDone: func(httptrace.DNSDoneInfo) {
			a.note(func(m *marks, now time.Duration) { m.dnsDone = now })
		},
		// Several addresses may be tried, two at a time (RFC 8305): the span runs
		// from the first start to the first success or the last failure.
		ConnectStart: func(string, string) {
			a.note(func(m *marks, now time.Duration) {
				if !m.dialing {
					m.connectStart, m.dialing = now, true
				}
			})
		},
		ConnectDone: func(_, _ string, err error) {
			a.note(func(m *marks, now time.Duration) {
				if !m.dialed {
					m.connectDone, m.dialed = now, err == nil
				}
			})
		},
	}
}

// timings turns marks into spans. A step that another attempt's dial took, or
// that a reused connection took long ago, counts nothing.
func (m marks) timings() Timings {
	t := Timings{FirstByte: m.firstByte}
	if !m.reused {
		t.DNS = max(0, m.dnsDone-m.dnsStart)
		t.Connect = max(0, m.connectDone-m.connectStart)
		t.TLS = max(0, m.tlsDone-m.tlsStart)
	}
	return t
}

// missing names what an attempt still waited for.
func (m marks) missing(status int) string {
	switch {
	case status != 0:
		return "response body not complete"
	case m.firstByte != 0:
		return "response header not complete"
	case m.connected:
		return "no response"
	case m.shaking && m.tlsDone == 0:
		return "TLS handshake not complete"
	case m.resolving && m.dnsDone == 0:
		return "name not resolved"
	}
	return "no connection"
}
