package egress

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// HTTP/2 frame types, flags and error codes (RFC 9113, sections 6 and 7).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagEnd, flagAck, flagEndHeaders = 1, 1, 4

	noError, protocolErr, internalErr, refusedStream, enhanceYourCalm = 0, 1, 2, 7, 11
)

// h2conn is the server's side of an HTTP/2 connection, one frame at a time.
type h2conn struct {
	net.Conn
	br *bufio.Reader
}

func (c *h2conn) write(kind, flags byte, stream uint32, payload ...byte) {
	b := []byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	b = binary.BigEndian.AppendUint32(b, stream)
	c.Write(append(b, payload...))
}

func (c *h2conn) reset(stream uint32, code byte) { c.write(frameReset, 0, stream, 0, 0, 0, code) }

func (c *h2conn) goAway(last uint32, code byte) {
	c.write(frameGoAway, 0, 0, append(binary.BigEndian.AppendUint32(nil, last), 0, 0, 0, code)...)
}

// serveH2 calls handle for every complete request on every connection until it
// returns false.
func serveH2(t *testing.T, settings []byte, handle func(c *h2conn, stream uint32) bool) (url string, rt *http.Transport) {
	return serveH2Frames(t, settings, func([9]byte, []byte) {}, handle)
}

// serveH2Frames also shows every frame of the client.
func serveH2Frames(t *testing.T, settings []byte, show func(head [9]byte, payload []byte), handle func(c *h2conn, stream uint32) bool) (url string, rt *http.Transport) {
	ca := newAuthority(t)
	config := ca.server(t, nil)
	config.NextProtos = []string{"h2"}
	s := serveRaw(t, config, func(_ *rawServer, raw net.Conn) {
		c := &h2conn{raw, bufio.NewReader(raw)}
		preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		if _, err := io.ReadFull(c.br, preface); err != nil {
			return
		}
		c.write(frameSettings, 0, 0, settings...)
		for {
			var head [9]byte
			if _, err := io.ReadFull(c.br, head[:]); err != nil {
				return
			}
			size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
			payload := make([]byte, size)
			if _, err := io.ReadFull(c.br, payload); err != nil {
				return
			}
			show(head, payload)
			kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
			switch {
			case kind == frameSettings && flags&flagAck == 0:
				c.write(frameSettings, flagAck, 0)
			case kind == framePing && flags&flagAck == 0:
				c.write(framePing, flagAck, 0, payload...)
			case (kind == frameData || kind == frameHeaders) && flags&flagEnd != 0:
				if !handle(c, stream) {
					return
				}
			}
		}
	})
	s.client = localTransport(t, Options{RootCAs: ca.pool})
	return "https://" + s.addr + "/", s.client
}

// ok204 answers with ":status: 204", entry 9 of HPACK's static table.
func (c *h2conn) ok204(stream uint32) { c.write(frameHeaders, flagEnd|flagEndHeaders, stream, 0x80|9) }

func TestDoHTTP2Hostile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(c *h2conn, stream uint32) bool
		status int
		class  Class
	}{
		{"no answer", func(*h2conn, uint32) bool { return true }, 0, ClassTimeout},
		{"body never ends", func(c *h2conn, stream uint32) bool {
			c.write(frameHeaders, flagEndHeaders, stream, 0x80|8)
			c.write(frameData, 0, stream, 'x')
			return true
		}, 200, ClassTimeout},
		{"reset in the body", func(c *h2conn, stream uint32) bool {
			c.write(frameHeaders, flagEndHeaders, stream, 0x80|8)
			c.write(frameData, 0, stream, 'x')
			c.reset(stream, internalErr)
			return true
		}, 200, ClassBody},
		{"informational for ever", func(c *h2conn, stream uint32) bool {
			// ":status: 103" as a literal with the name of entry 8, and a long field.
			field := []byte{0x08, 3, '1', '0', '3', 0, 1, 'a', 0x7f, 0x80, 0x7e}
			field = append(field, strings.Repeat("b", 127+16128)...)
			for range 64 {
				c.write(frameHeaders, flagEndHeaders, stream, field...)
			}
			return true
		}, 0, ClassHeaderTooLarge},
		{"broken header block", func(c *h2conn, stream uint32) bool {
			c.write(frameHeaders, flagEnd|flagEndHeaders, stream, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
			return true
		}, 0, ClassProtocol},
		{"no status", func(c *h2conn, stream uint32) bool {
			c.write(frameHeaders, flagEnd|flagEndHeaders, stream, 0x80|31)
			return true
		}, 0, ClassProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, rt := serveH2(t, nil, tt.answer)
			lim := Limits{Timeout: patience}
			if tt.class == ClassTimeout {
				lim.Timeout = brief
			}
			res := post(t, rt, u, lim)
			if res.Status != tt.status || res.Class != tt.class {
				t.Errorf("status %d, class %q (%v); want %d, %q", res.Status, res.Class, res.Err, tt.status, tt.class)
			}
			if res.Timings.Total > patience/2 {
				t.Errorf("took %s", res.Timings.Total)
			}
		})
	}
}

// A receiver may send as much of a body as the window allows before anybody reads
// it, in each of its answers: little more than is going to be read at all.
func TestDoHTTP2Window(t *testing.T) {
	var window atomic.Uint32
	window.Store(65535) // RFC 9113, section 6.9.2
	u, rt := serveH2Frames(t, nil, func(head [9]byte, payload []byte) {
		for s := payload; head[3] == frameSettings && len(s) >= 6; s = s[6:] {
			if binary.BigEndian.Uint16(s) == 4 { // SETTINGS_INITIAL_WINDOW_SIZE
				window.Store(binary.BigEndian.Uint32(s[2:]))
			}
		}
	}, func(c *h2conn, stream uint32) bool {
		c.ok204(stream)
		return true
	})
	if res := post(t, rt, u, Limits{}); res.Status != 204 {
		t.Fatalf("status %d, error %v", res.Status, res.Err)
	}
	if w := window.Load(); w < DefaultMaxBody+DefaultMaxDrain || w > 1<<18 {
		t.Errorf("the window is %d bytes", w)
	}
}

// A server that allows no streams must not make the client dial without end.
func TestDoHTTP2NoStreams(t *testing.T) {
	settings := []byte{0, 3, 0, 0, 0, 0} // SETTINGS_MAX_CONCURRENT_STREAMS = 0
	var requests atomic.Int32
	u, rt := serveH2(t, settings, func(c *h2conn, stream uint32) bool {
		requests.Add(1)
		c.ok204(stream)
		return true
	})
	dial := rt.DialContext
	var dials atomic.Int32
	rt.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	const attempts = 5
	for range attempts {
		if res := post(t, rt, u, Limits{}); res.Err != nil || res.Status != 204 {
			t.Errorf("status %d, error %v", res.Status, res.Err)
		}
	}
	if n := requests.Load(); n != attempts {
		t.Errorf("the receiver saw %d requests for %d attempts", n, attempts)
	}
	// Each connection is good for the requests that precede the settings, mostly
	// one. Where the settings come first, the attempt dials again, but not for ever.
	if n := dials.Load(); n > 2*attempts*(1+maxReplays) {
		t.Errorf("%d connections for %d attempts", n, attempts)
	}
}

// A connection whose packets vanish must not take all later requests to that
// host with it: pings find out.
func TestDoHTTP2DeadConnection(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	silent := make(chan struct{})
	u, rt := serveH2(t, nil, func(c *h2conn, stream uint32) bool {
		if requests.Add(1) == 2 {
			<-silent // as good as gone: nothing is read, no ping answered
			return false
		}
		c.ok204(stream)
		return true
	})
	if rt.HTTP2 == nil || rt.HTTP2.SendPingTimeout <= 0 || rt.HTTP2.PingTimeout <= 0 || rt.HTTP2.WriteByteTimeout <= 0 {
		t.Fatalf("no health check: %+v", rt.HTTP2)
	}
	rt.HTTP2.SendPingTimeout, rt.HTTP2.PingTimeout = brief, brief
	if res := post(t, rt, u, Limits{}); res.Status != 204 {
		t.Fatalf("status %d, error %v", res.Status, res.Err)
	}
	if res := post(t, rt, u, Limits{}); res.Class != ClassReset || !res.Reused {
		t.Errorf("into the dead connection: class %q (%v), reused %v", res.Class, res.Err, res.Reused)
	}
	if res := post(t, rt, u, Limits{}); res.Status != 204 || res.Reused {
		t.Errorf("afterwards: status %d, error %v, reused %v", res.Status, res.Err, res.Reused)
	}
	close(silent)
}

// A burst that exceeds the server's streams is refused in part, because a client
// learns of the limit only when the settings arrive. All of it is delivered, and
// each request once.
func TestDoHTTP2Burst(t *testing.T) {
	t.Parallel()
	const burst = 40
	var served atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		served.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // dials that turn out to be needless are closed
	srv.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 5}
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	rt := localTransport(t, Options{RootCAs: roots})

	results := make(chan Response, burst)
	for range burst {
		go func() { results <- post(t, rt, srv.URL, Limits{}) }()
	}
	for range burst {
		if res := <-results; res.Err != nil || res.Status != 204 || res.Proto != "HTTP/2.0" {
			t.Errorf("status %d over %s, error %v", res.Status, res.Proto, res.Err)
		}
	}
	if n := served.Load(); n != burst {
		t.Errorf("the receiver served %d requests, want %d", n, burst)
	}
}
