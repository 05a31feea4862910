package egress

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"
)

// patience is how long tests wait for what must happen; it is long because the
// machine may be busy, and never passes when all is well.
const patience = 10 * time.Second

// brief is the deadline of attempts that are meant to time out.
const brief = 300 * time.Millisecond

// rawServer speaks whatever its handler writes.
type rawServer struct {
	addr   string
	done   chan struct{}   // closed when the test ends
	client *http.Transport // whose idle connections are closed when the test ends, or nil
}

// serveRaw starts a server on loopback that calls handle for each connection
// and closes it afterwards. When the test ends all handlers must have returned
// by themselves, that is, because the client closed its connections.
func serveRaw(t testing.TB, config *tls.Config, handle func(s *rawServer, c net.Conn)) *rawServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{addr: ln.Addr().String(), done: make(chan struct{})}
	var handlers sync.WaitGroup
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer c.Close()
				if config != nil {
					c = tls.Server(c, config)
				}
				handle(s, c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		accepting.Wait()
		ended := make(chan struct{})
		go func() { handlers.Wait(); close(ended) }()
		deadline := time.After(patience)
		for waiting := true; waiting; {
			if s.client != nil {
				// Again and again, because an HTTP/2 stream is cleaned up a
				// moment after its response has been read.
				s.client.CloseIdleConnections()
			}
			select {
			case <-ended:
				waiting = false
			case <-time.After(10 * time.Millisecond):
			case <-deadline:
				t.Error("a connection to the server was left open")
				waiting = false
			}
		}
		close(s.done)
	})
	return s
}

// readRequest reads one HTTP/1 request with its body; false at the end.
func readRequest(br *bufio.Reader) (*http.Request, bool) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return nil, false
	}
	defer r.Body.Close()
	for buf := make([]byte, 4096); ; {
		if _, err := r.Body.Read(buf); err != nil {
			return r, true
		}
	}
}

// untilClosed blocks until the client closes the connection.
func untilClosed(c net.Conn) {
	for buf := make([]byte, 4096); ; {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// drip writes s every few milliseconds until the client closes the connection.
func (s *rawServer) drip(c net.Conn, text string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-s.done:
			return
		}
	}
}

// localTransport reaches loopback servers and closes its connections at the end.
func localTransport(t testing.TB, o Options) *http.Transport {
	o.AllowedPrefixes = append(o.AllowedPrefixes, netip.MustParsePrefix("127.0.0.1/32"))
	rt := NewTransport(o)
	t.Cleanup(rt.CloseIdleConnections)
	return rt
}

func mustParse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// post makes an attempt with a small body.
func post(t testing.TB, rt http.RoundTripper, rawURL string, lim Limits) Response {
	t.Helper()
	if lim.Timeout == 0 {
		lim.Timeout = patience
	}
	return Do(context.Background(), rt, Request{URL: mustParse(t, rawURL), Body: []byte(`{"hello":"world"}`)}, lim)
}

// authority is a CA for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	ca := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca.cert, ca.key = ca.sign(t, template)
	ca.pool.AddCert(ca.cert)
	return ca
}

// sign issues template; the first certificate signs itself.
func (ca *authority) sign(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := ca.cert, ca.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// server returns a TLS configuration with a certificate for 127.0.0.1 and
// example.com, as changed by mod.
func (ca *authority) server(t testing.TB, mod func(*x509.Certificate)) *tls.Config {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if mod != nil {
		mod(template)
	}
	cert, key := ca.sign(t, template)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}
