package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// answerOK answers every request of a connection with 204.
func answerOK(_ *rawServer, c net.Conn) {
	br := bufio.NewReader(c)
	for {
		if _, ok := readRequest(br); !ok {
			return
		}
		if _, err := c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")); err != nil {
			return
		}
	}
}

func TestTransportTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	tests := []struct {
		name   string
		config *tls.Config
		want   Class
		text   string // part of the error
	}{
		{"trusted", ca.server(t, nil), ClassNone, ""},
		{"own CA not trusted", stranger.server(t, nil), ClassTLS, "unknown authority"},
		{"expired", ca.server(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }), ClassTLS, "expired"},
		{"not yet valid", ca.server(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), ClassTLS, "not yet valid"},
		{"another name", ca.server(t, func(c *x509.Certificate) { c.IPAddresses = nil }), ClassTLS, "127.0.0.1"},
		{"another address", ca.server(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }), ClassTLS, "127.0.0.2"},
		{"TLS 1.1 only", func() *tls.Config {
			c := ca.server(t, nil)
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return c
		}(), ClassTLS, "protocol version"},
		{"asks for a client certificate", func() *tls.Config {
			c := ca.server(t, nil)
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
			return c
		}(), ClassTLS, "certificate required"},
		{"no TLS at all", nil, ClassTLS, "TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serveRaw(t, tt.config, func(s *rawServer, c net.Conn) {
				if tt.config == nil {
					c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
					untilClosed(c)
					return
				}
				answerOK(s, c)
			})
			rt := localTransport(t, Options{RootCAs: ca.pool})
			res := post(t, rt, "https://"+s.addr+"/", Limits{})
			if res.Class != tt.want {
				t.Fatalf("class %q (%v), want %q", res.Class, res.Err, tt.want)
			}
			if tt.want == ClassNone {
				if res.Status != 204 {
					t.Errorf("status %d", res.Status)
				}
			} else if !strings.Contains(res.Err.Error(), tt.text) {
				t.Errorf("error %q does not name %q", res.Err, tt.text)
			}
		})
	}
}

func TestTransportClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	config := ca.server(t, nil)
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	s := serveRaw(t, config, answerOK)
	rt := localTransport(t, Options{RootCAs: ca.pool, ClientCertificates: ca.server(t, nil).Certificates})
	if res := post(t, rt, "https://"+s.addr+"/", Limits{}); res.Err != nil || res.Status != 204 {
		t.Errorf("status %d, error %v", res.Status, res.Err)
	}
}

func TestTransportHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen-Proto", r.Proto)
		w.WriteHeader(http.StatusAccepted)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	rt := localTransport(t, Options{RootCAs: roots})
	for i := range 2 {
		res := post(t, rt, srv.URL, Limits{})
		if res.Err != nil || res.Status != http.StatusAccepted || res.Proto != "HTTP/2.0" {
			t.Fatalf("status %d over %s, error %v", res.Status, res.Proto, res.Err)
		}
		if !slices.Contains(res.Header, Header{"Seen-Proto", "HTTP/2.0"}) {
			t.Errorf("the server saw %v", res.Header)
		}
		if res.Reused != (i == 1) {
			t.Errorf("attempt %d: Reused = %v", i, res.Reused)
		}
	}
}

// A proxy from the environment would be the only address the guard sees.
func TestTransportIgnoresProxy(t *testing.T) {
	proxied := make(chan struct{}, 1)
	proxy := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		proxied <- struct{}{}
		untilClosed(c)
	})
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.addr)
	}
	// Loopback targets bypass proxies, a name that resolves to loopback does not.
	s := serveRaw(t, nil, answerOK)
	_, port, _ := net.SplitHostPort(s.addr)
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true
	})
	rt := localTransport(t, Options{Resolver: resolver})
	res := post(t, rt, "http://direct.example.com:"+port+"/", Limits{})
	if res.Err != nil || res.Status != 204 || len(proxied) != 0 {
		t.Errorf("status %d, error %v, proxy used: %v", res.Status, res.Err, len(proxied) != 0)
	}
	if rt.Proxy != nil {
		t.Error("Proxy is set")
	}
}

// More requests in flight than net/http's default of two idle connections must
// not cost a connection each.
func TestTransportKeepsIdleConnections(t *testing.T) {
	const parallel = 16
	opened := make(chan struct{}, 1000)
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		opened <- struct{}{}
		br := bufio.NewReader(c)
		for {
			if _, ok := readRequest(br); !ok {
				return
			}
			arrived <- struct{}{}
			<-release
			if _, err := c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")); err != nil {
				return
			}
		}
	})
	rt := localTransport(t, Options{})
	u := "http://" + s.addr + "/"
	for range 3 {
		results := make(chan Response, parallel)
		for range parallel {
			go func() { results <- post(t, rt, u, Limits{}) }()
		}
		for range parallel { // all in flight at once
			<-arrived
		}
		for range parallel {
			release <- struct{}{}
		}
		for range parallel {
			if res := <-results; res.Err != nil {
				t.Fatal(res.Err)
			}
		}
	}
	if n := len(opened); n != parallel {
		t.Errorf("%d connections for 3 rounds of %d requests, want %d", n, parallel, parallel)
	}
}

func TestTransportBoundsConnections(t *testing.T) {
	t.Parallel()
	accepted := make(chan struct{}, 2)
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		accepted <- struct{}{}
		untilClosed(c)
	})
	rt := localTransport(t, Options{MaxConnsPerHost: 1})
	u := mustParse(t, "http://"+s.addr+"/")
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan Response)
	go func() { first <- Do(ctx, rt, Request{URL: u}, Limits{}) }()
	<-accepted
	second := Do(context.Background(), rt, Request{URL: u}, Limits{Timeout: brief})
	if second.Class != ClassTimeout || second.RemoteAddr.IsValid() || second.Err.Error() != "no connection within 300ms" {
		t.Errorf("class %q (%v), connected to %s", second.Class, second.Err, second.RemoteAddr)
	}
	cancel()
	if res := <-first; res.Class != ClassCanceled {
		t.Errorf("class %q (%v)", res.Class, res.Err)
	}
}

// A tarpit holds neither the attempt nor, for long, the dial in its background.
func TestTransportStepTimeouts(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) { untilClosed(c) }) // never says ServerHello
	rt := localTransport(t, Options{TLSTimeout: brief})
	res := post(t, rt, "https://"+s.addr+"/", Limits{})
	if res.Class != ClassTimeout || res.RemoteAddr.IsValid() {
		t.Errorf("class %q (%v), connected to %s", res.Class, res.Err, res.RemoteAddr)
	}
	// The dial goes on for a while after this attempt, and ends by itself.
	rt = localTransport(t, Options{TLSTimeout: 2 * brief})
	res = post(t, rt, "https://"+s.addr+"/", Limits{Timeout: brief})
	if res.Class != ClassTimeout || !strings.HasPrefix(res.Err.Error(), "TLS handshake not complete") {
		t.Errorf("class %q (%v)", res.Class, res.Err)
	}
}
