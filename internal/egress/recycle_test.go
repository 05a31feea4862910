package egress

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// earlyServer serves one connection after the other. Of each it answers so many
// requests, the last of them before it has read the body, and then keeps it
// until it is told to go on.
func earlyServer(t *testing.T, requests int) (base string, goOn chan<- struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	next, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); close(next); <-done })
	serve := func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		for n := 1; n <= requests; n++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if n < requests {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
		<-next
	}
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return "http://" + l.Addr().String(), next
}

// What net/http may still use is not used again: neither after a request for
// which a connection was opened, nor after an answer that came before the request
// was written.
func TestSenderKeepsOnlyWhatIsOver(t *testing.T) {
	base, goOn := earlyServer(t, 3)
	u, err := CheckURL(base, true)
	if err != nil {
		t.Fatal(err)
	}
	rt := NewTransport(Options{AllowPrivate: true})
	defer rt.CloseIdleConnections()
	ctx := context.Background()
	s := NewSender(ctx)
	defer s.Close()
	post := func(body []byte) Response {
		h := s.Header(1)
		if len(h) != 0 {
			t.Errorf("a new header holds %v", h)
		}
		h["X-Test"] = []string{"1"}
		res := s.Do(ctx, rt, Request{URL: u, Header: h, Body: body}, Limits{Timeout: 30 * time.Second})
		s.Recycle(h)
		if res.Err != nil || res.Status != 200 {
			t.Fatalf("%d, %v", res.Status, res.Err)
		}
		return res
	}
	for i, want := range []struct {
		reused, kept bool
		body         []byte
	}{
		{false, false, []byte("opens the connection")},
		{true, true, []byte("finds it idle")},
		{true, false, make([]byte, 64<<20)}, // more than the sockets take in
		{false, false, []byte("opens another")},
		{true, true, []byte("finds that one")},
	} {
		if i == 3 {
			goOn <- struct{}{}
		}
		res := post(want.body)
		if res.Reused != want.reused {
			t.Errorf("request %d: reused %t, want %t", i, res.Reused, want.reused)
		}
		if kept := s.spare != nil; kept != want.kept {
			t.Errorf("request %d: attempt kept %t, want %t", i, kept, want.kept)
		}
		if kept := s.header != nil; kept != want.kept {
			t.Errorf("request %d: header kept %t, want %t", i, kept, want.kept)
		}
	}
}

// A request that fails leaves nothing behind for the next.
func TestSenderKeepsNothingOfAFailure(t *testing.T) {
	u, err := CheckURL("http://127.0.0.1:1/", true) // refused
	if err != nil {
		t.Fatal(err)
	}
	rt := NewTransport(Options{AllowPrivate: true})
	ctx := context.Background()
	s := NewSender(ctx)
	defer s.Close()
	s.over = true // as a request before it would leave it
	h := s.Header(1)
	if res := s.Do(ctx, rt, Request{URL: u, Header: h, Body: []byte("x")}, Limits{}); res.Err == nil {
		t.Fatal("no error")
	}
	s.Recycle(h)
	if s.spare != nil || s.header != nil {
		t.Error("something was kept")
	}
}
