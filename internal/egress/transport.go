package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// Defaults of [Options].
const (
	DefaultDialTimeout    = 10 * time.Second
	DefaultTLSTimeout     = 10 * time.Second
	DefaultIdleTimeout    = 50 * time.Second
	DefaultMaxIdlePerHost = 256
	DefaultMaxIdle        = 1024
	DefaultMaxHeaderBytes = 64 << 10
)

// Options configures a transport. The zero value is safe and reaches public
// addresses only. A number or duration that is zero or negative means its
// default.
type Options struct {
	// AllowPrivate opens loopback, RFC 1918 and unique local IPv6 addresses. It
	// does not open link-local addresses (169.254.169.254 and the like), shared
	// address space or metadata services: list these in AllowedPrefixes.
	AllowPrivate bool
	// AllowedPrefixes are ranges that may be reached although they are not
	// public, such as 10.20.0.0/16 or 127.0.0.1/32. One of NAT64 opens only what it
	// translates to allowed IPv4 addresses; those of RFC 8215 (64:ff9b:1::/48) have to
	// be given with the length by which the gateway translates.
	AllowedPrefixes []netip.Prefix

	// RootCAs verifies the receivers' certificates; nil means the system's. There
	// is no option to skip verification.
	RootCAs *x509.CertPool
	// ClientCertificates are offered to receivers that ask for one (mTLS).
	ClientCertificates []tls.Certificate
	// Resolver looks names up; nil means net.DefaultResolver.
	Resolver *net.Resolver

	// DialTimeout bounds resolving and connecting, TLSTimeout the handshake. They
	// hold beside the deadline of the attempt because net/http goes on dialling,
	// for the next request, after the one that asked has given up.
	// Defaults: DefaultDialTimeout, DefaultTLSTimeout.
	DialTimeout, TLSTimeout time.Duration
	// IdleTimeout closes a connection that nobody used for so long. The default,
	// DefaultIdleTimeout, lies below the 60 s and more after which most servers
	// and load balancers close theirs: whoever closes first never meets a request
	// that was just being sent.
	IdleTimeout time.Duration
	// MaxIdlePerHost and MaxIdle are how many idle connections are kept. Where
	// they are lower than the number of attempts in flight, connections are
	// closed and opened all the time, which halves the throughput.
	// Defaults: DefaultMaxIdlePerHost, DefaultMaxIdle.
	MaxIdlePerHost, MaxIdle int
	// MaxConnsPerHost bounds connections to one host, in use or not; an attempt
	// over it waits, within its deadline. Default: no bound.
	MaxConnsPerHost int
	// MaxHeaderBytes bounds a response's header, informational (1xx) responses
	// before it included; a larger one fails the attempt with
	// ClassHeaderTooLarge. Default: DefaultMaxHeaderBytes.
	MaxHeaderBytes int64
}

// NewTransport returns a transport for [Do] whose connections all pass a [Guard].
// It never uses a proxy, whatever the environment says: the guard would see the
// proxy's address and nothing else. TLS is 1.2 or later and verified; HTTP/2 is
// used where a receiver offers it over TLS. Bodies are not decompressed, so
// sizes are those on the wire.
//
// The caller may change fields before the first use, except for DialContext and
// Proxy, and closes idle connections when done. The transport is safe for
// concurrent use.
func NewTransport(o Options) *http.Transport {
	d := &dialer{guard: NewGuard(o)}
	d.net = net.Dialer{
		Timeout:  or(o.DialTimeout, DefaultDialTimeout),
		Resolver: o.Resolver,
		Control:  d.guard.control,
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		Proxy:       nil,
		DialContext: d.DialContext,
		Protocols:   &protocols,
		TLSClientConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			RootCAs:      o.RootCAs,
			Certificates: o.ClientCertificates,
			// Resumed sessions halve the cost of reconnecting to an endpoint.
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		TLSHandshakeTimeout:    or(o.TLSTimeout, DefaultTLSTimeout),
		IdleConnTimeout:        or(o.IdleTimeout, DefaultIdleTimeout),
		MaxIdleConns:           or(o.MaxIdle, DefaultMaxIdle),
		MaxIdleConnsPerHost:    or(o.MaxIdlePerHost, DefaultMaxIdlePerHost),
		MaxConnsPerHost:        max(0, o.MaxConnsPerHost),
		MaxResponseHeaderBytes: or(o.MaxHeaderBytes, DefaultMaxHeaderBytes),
		DisableCompression:     true,
		HTTP2: &http.HTTP2Config{
			// What a receiver can have us hold of an answer that is not read yet. By
			// default it is 4 MiB, hundreds of times as much as is kept.
			MaxReceiveBufferPerStream: 128 << 10,
			// A request that times out leaves its HTTP/2 connection in the pool.
			// Without pings, all requests to a host whose packets vanish would go
			// into that one connection until TCP gives up after 15 minutes.
			SendPingTimeout:  10 * time.Second,
			PingTimeout:      5 * time.Second,
			WriteByteTimeout: 15 * time.Second,
		},
	}
}

// or returns v, or def where v is zero or negative.
func or[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// dialer opens guarded connections.
type dialer struct {
	guard *Guard
	net   net.Dialer
}

// DialContext connects to address once the guard has agreed to every candidate
// that is tried. What it costs in time is noted in the attempt that ctx belongs
// to, if any.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	// Whether "2130706433" is 127.0.0.1 depends on the resolver; the guard would
	// catch it, but the answer must not depend on where the program runs.
	if err := d.guard.CheckHost(host); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		// Only here, and not in Do, because these hooks cost six allocations and
		// most attempts find an open connection.
		ctx = httptrace.WithClientTrace(ctx, a.dialHooks())
	}
	var failed failure
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: failed.note})
	c, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, failed.of(err)
	}
	return c, nil
}

// failure is why an address could not be connected to that the guard had agreed
// to. A name may have several addresses, two of which are tried at a time, and
// net.Dialer returns the error of the first.
type failure struct {
	mu  sync.Mutex
	err error
}

// note is a hook.
func (f *failure) note(_, _ string, err error) {
	if err == nil || errors.Is(err, ErrBlocked) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// of returns the error of a dial: ErrBlocked means that no address is allowed,
// and not that the first is not.
func (f *failure) of(err error) error {
	if !errors.Is(err, ErrBlocked) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return err
}
