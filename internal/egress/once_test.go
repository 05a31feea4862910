package egress

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// A receiver that reads a request and closes without an answer has seen it, and
// perhaps processed it. Whether it comes again is for the retry policy to say.
func TestDoSendsOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before int // requests answered on the same connection before
	}{{"new connection", 0}, {"reused connection", 1}, {"often reused connection", 5}} {
		t.Run(tt.name, func(t *testing.T) {
			var unanswered atomic.Int32
			s := serveRaw(t, nil, closeAfter(tt.before, &unanswered))
			rt := localTransport(t, Options{})
			u := "http://" + s.addr + "/"
			for i := range tt.before {
				if res := post(t, rt, u, Limits{}); res.Err != nil || res.Reused != (i > 0) {
					t.Fatalf("reused %v, error %v", res.Reused, res.Err)
				}
			}
			res := post(t, rt, u, Limits{})
			if res.Class != ClassReset || res.Reused != (tt.before > 0) {
				t.Errorf("class %q (%v), reused %v", res.Class, res.Err, res.Reused)
			}
			if n := unanswered.Load(); n != 1 {
				t.Errorf("the receiver saw the request %d times", n)
			}
		})
	}
}

// The reason why CheckHeader reserves Idempotency-Key: net/http takes the field
// as leave to send the request again, at once and by itself.
func TestIdempotencyKeyIsSentTwice(t *testing.T) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		var unanswered atomic.Int32
		s := serveRaw(t, nil, closeAfter(1, &unanswered))
		rt := localTransport(t, Options{})
		req := Request{URL: mustParse(t, "http://"+s.addr+"/"), Header: http.Header{name: {"k"}}}
		first := Do(context.Background(), rt, req, Limits{})
		// Read and left without an answer on the first connection, then sent
		// again on a second one, where it is answered.
		second := Do(context.Background(), rt, req, Limits{})
		if first.Err != nil || second.Err != nil || unanswered.Load() != 1 {
			t.Errorf("%s: net/http did not repeat the request: %v, %v, %d unanswered", name, first.Err, second.Err, unanswered.Load())
		}
		if err := CheckHeader(name, "k"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	// Should a host get the field in regardless, requests with a body are safe.
	var unanswered atomic.Int32
	s := serveRaw(t, nil, closeAfter(1, &unanswered))
	rt := localTransport(t, Options{})
	req := Request{URL: mustParse(t, "http://"+s.addr+"/"), Header: http.Header{"Idempotency-Key": {"k"}}, Body: []byte("x")}
	Do(context.Background(), rt, req, Limits{})
	if res := Do(context.Background(), rt, req, Limits{}); res.Class != ClassReset || unanswered.Load() != 1 {
		t.Errorf("class %q (%v), %d unanswered", res.Class, res.Err, unanswered.Load())
	}
}

// closeAfter answers n requests per connection, then reads one more, counts it,
// and closes.
func closeAfter(n int, unanswered *atomic.Int32) func(*rawServer, net.Conn) {
	return func(_ *rawServer, c net.Conn) {
		br := bufio.NewReader(c)
		for range n {
			if _, ok := readRequest(br); !ok {
				return
			}
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
		if _, ok := readRequest(br); ok {
			unanswered.Add(1)
		}
	}
}

// HTTP/2 has ways to say that a request was not processed (RFC 9113, section
// 8.7). These, and only these, are followed by another request, and not for ever.
func TestDoHTTP2Replay(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answer   func(c *h2conn, stream uint32, nth int32) bool
		requests int32
		class    Class
	}{
		{"answered", func(c *h2conn, stream uint32, _ int32) bool {
			c.ok204(stream)
			return true
		}, 1, ClassNone},
		{"refused once", func(c *h2conn, stream uint32, nth int32) bool {
			if nth > 1 {
				c.ok204(stream)
			} else {
				c.reset(stream, refusedStream)
			}
			return true
		}, 2, ClassNone},
		{"refused for ever", func(c *h2conn, stream uint32, _ int32) bool {
			c.reset(stream, refusedStream)
			return true
		}, 1 + maxReplays, ClassReset},
		{"going away before the request", func(c *h2conn, stream uint32, nth int32) bool {
			if nth > 1 {
				c.ok204(stream)
			} else {
				c.goAway(0, noError)
			}
			return true
		}, 2, ClassNone},
		// net/http takes such a server for one that will not have a second one either.
		{"going away with an error before the request", func(c *h2conn, _ uint32, _ int32) bool {
			c.goAway(0, enhanceYourCalm)
			return true
		}, 1, ClassReset},
		{"going away for ever", func(c *h2conn, _ uint32, _ int32) bool {
			c.goAway(0, noError)
			return true
		}, 1 + maxReplays, ClassReset},
		// net/http would send these up to seven times if it could.
		{"PROTOCOL_ERROR", func(c *h2conn, stream uint32, _ int32) bool {
			c.reset(stream, protocolErr)
			return true
		}, 1, ClassReset},
		{"INTERNAL_ERROR", func(c *h2conn, stream uint32, _ int32) bool {
			c.reset(stream, internalErr)
			return true
		}, 1, ClassReset},
		{"NO_ERROR without an answer", func(c *h2conn, stream uint32, _ int32) bool {
			c.reset(stream, noError)
			return true
		}, 1, ClassReset},
		{"going away after the request, then closed", func(c *h2conn, stream uint32, _ int32) bool {
			c.goAway(stream, enhanceYourCalm)
			return false
		}, 1, ClassReset},
		{"closed", func(*h2conn, uint32, int32) bool { return false }, 1, ClassReset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			u, rt := serveH2(t, nil, func(c *h2conn, stream uint32) bool {
				return tt.answer(c, stream, requests.Add(1))
			})
			res := post(t, rt, u, Limits{})
			if res.Class != tt.class || (res.Err == nil) != (res.Status == 204) {
				t.Errorf("status %d, class %q (%v), want %q", res.Status, res.Class, res.Err, tt.class)
			}
			if n := requests.Load(); n != tt.requests {
				t.Errorf("the receiver saw %d requests, want %d", n, tt.requests)
			}
		})
	}
}
