package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Class names the step of an attempt that failed. It is stored and shown, so the
// values stay as they are.
type Class string

// The classes of a failed attempt. With ClassBlocked, ClassDNS and ClassConnect
// nothing was sent; Response.RemoteAddr tells for the others whether there was a
// connection at all. If there was, the receiver may have processed the request.
const (
	// ClassNone: a complete response came, whatever its status.
	ClassNone Class = ""
	// ClassTimeout: the deadline of the attempt passed, or connecting or the TLS
	// handshake took longer than the transport allows.
	ClassTimeout Class = "timeout"
	// ClassCanceled: the caller's context ended. It says nothing of the receiver.
	ClassCanceled Class = "canceled"
	// ClassBlocked: the guard refused the address, or each of several (ErrBlocked).
	ClassBlocked Class = "blocked"
	// ClassDNS: the name could not be resolved.
	ClassDNS Class = "dns"
	// ClassConnect: no TCP connection: refused, no route.
	ClassConnect Class = "connect"
	// ClassTLS: the handshake failed: an untrusted, expired or foreign
	// certificate, a server that does not speak TLS or that wants a client
	// certificate.
	ClassTLS Class = "tls"
	// ClassReset: the connection or the HTTP/2 stream ended before the response
	// header was complete. If Response.Reused, the cause often is that the
	// receiver closed an idle connection at the moment of sending.
	ClassReset Class = "reset"
	// ClassProtocol: what came is not an HTTP response.
	ClassProtocol Class = "protocol"
	// ClassHeaderTooLarge: the response header exceeds the transport's limit.
	ClassHeaderTooLarge Class = "header_too_large"
	// ClassBody: the status came, then reading the body failed. Response.Status
	// is set.
	ClassBody Class = "body"
	// ClassPanic: the RoundTripper panicked.
	ClassPanic Class = "panic"
	// ClassOther: any other error, such as one of the RoundTripper's own.
	ClassOther Class = "other"
)

// maxErrorText bounds the text of an Error, in bytes.
const maxErrorText = 512

// Error is why an attempt brought no complete response. Its text is short,
// printable and free of the URL and of the addresses of this host. Unwrap gives the cause for errors.Is and
// errors.As; the cause's own text is raw and may hold bytes that the receiver
// chose.
type Error struct {
	Class Class
	text  string
	cause error
}

// Error returns the sanitised text, at most 512 bytes.
func (e *Error) Error() string { return e.text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// fail turns what RoundTrip or reading the body returned into the Response's
// error. parent is the caller's context, status 0 if no response header came.
func (a *attempt) fail(parent context.Context, u *url.URL, timeout time.Duration, status int, err error) *Error {
	// A *url.Error, at any depth, prints the URL.
	for {
		var ue *url.Error
		if !errors.As(err, &ue) || ue.Err == nil {
			break
		}
		err = ue.Err
	}
	m := a.snapshot()
	class := classify(m, err)
	if status != 0 {
		class = ClassBody
	}
	switch cause := context.Cause(a.Context); {
	case errors.Is(cause, errDeadline):
		class = ClassTimeout
	case cause != nil, callerExpired(parent, err):
		class = ClassCanceled
	case isTimeout(err) && class != ClassDNS && class != ClassBlocked:
		class = ClassTimeout
	}
	var text string
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case class == ClassTimeout && context.Cause(a.Context) != nil:
		text = fmt.Sprintf("%s within %s", m.missing(status), timeout)
	case class == ClassCanceled:
		text = m.missing(status) + ": " + canceledText(parent, err)
	case class == ClassDNS && errors.As(err, &dns):
		// Without the resolver's own address, which is the host's business.
		text = "lookup " + dns.Name + ": " + dns.Err
	case class == ClassBlocked && isName(u):
		// Without what it resolved to, which may be known to the host's resolver alone.
		text = u.Hostname() + ": " + ErrBlocked.Error()
	default:
		text = withoutURL(err.Error(), u)
		if errors.As(err, &op) && op.Source != nil {
			// Without the host's own, for the same reason.
			text = strings.ReplaceAll(text, op.Source.String()+"->", "")
		}
	}
	return &Error{Class: class, text: Text(text, maxErrorText), cause: err}
}

// classify tells the classes apart that do not depend on a context.
func classify(m marks, err error) Class {
	var (
		dns    *net.DNSError
		op     *net.OpError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		host   x509.HostnameError
	)
	switch {
	case errors.Is(err, ErrBlocked):
		return ClassBlocked
	case errors.As(err, &dns):
		return ClassDNS
	case !m.connected && m.tlsFailed, errors.As(err, &record), errors.As(err, &cert), errors.As(err, &host):
		return ClassTLS
	case errors.As(err, &op) && op.Op == "dial":
		return ClassConnect
	case op != nil && (op.Op == "remote error" || op.Op == "local error"):
		// A TLS alert. In TLS 1.3 the one for a missing client certificate comes
		// after the handshake, as the answer to the request.
		return ClassTLS
	case isHeaderTooLarge(err):
		return ClassHeaderTooLarge
	case op != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), isClosedText(err):
		return ClassReset
	}
	// net/http has no types for what a receiver may do wrong. With a connection
	// at hand and nothing wrong with that, it is the response that cannot be read.
	var (
		mime  textproto.ProtocolError
		proto protocolError
	)
	if m.connected || errors.As(err, &mime) || errors.As(err, &proto) {
		return ClassProtocol
	}
	return ClassOther
}

// isHeaderTooLarge knows the texts of net/http's HTTP/1 and HTTP/2 transports,
// which export no error for it.
func isHeaderTooLarge(err error) bool {
	s := strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
	return strings.HasPrefix(s, "net/http: server response headers exceeded ") ||
		s == "http2: response header list larger than advertised limit" ||
		strings.HasPrefix(s, "stream error: stream ID ") && strings.HasSuffix(s, "; header list too large")
}

// isClosedText knows the errors without an exported value that mean that the
// connection or the stream ended.
func isClosedText(err error) bool {
	s := err.Error()
	for _, prefix := range []string{
		"http: server closed idle connection",
		"net/http: cannot rewind body after connection loss",
		"http2: server sent GOAWAY and closed the connection",
		"http2: client connection lost",
		"http2: client connection force closed",
		"http2: client conn is closed",
		"http2: client conn could not be established",
		"http2: Transport: cannot retry err [",
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: Transport received GOAWAY from server ErrCode:",
	} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return strings.HasPrefix(s, "stream error: stream ID ") && strings.HasSuffix(s, "; received from peer")
}

// isName tells whether DNS has to be asked where a URL leads.
func isName(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return err != nil && !endsInNumber(u.Hostname())
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// callerExpired tells the caller's own deadline from ours: a socket deadline is
// derived from it and may fire a moment before the context does.
func callerExpired(parent context.Context, err error) bool {
	if parent.Err() != nil {
		return true
	}
	deadline, ok := parent.Deadline()
	return ok && isTimeout(err) && !time.Now().Before(deadline)
}

func canceledText(parent context.Context, err error) string {
	if cause := context.Cause(parent); cause != nil {
		return cause.Error()
	}
	return err.Error()
}

// withoutURL removes the URL, and what of it may be secret, from a text that a
// RoundTripper of the host composed.
func withoutURL(s string, u *url.URL) string {
	if u == nil {
		return s
	}
	for _, part := range []string{u.String(), u.RequestURI(), u.RawQuery} {
		if len(part) > 2 {
			s = strings.ReplaceAll(s, part, "[url]")
		}
	}
	return s
}
