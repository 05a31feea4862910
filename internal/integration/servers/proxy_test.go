package servers

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// quiet is how long nothing may come for a test to hold that nothing comes.
const quiet = 100 * time.Millisecond

// echo answers each line with the same line. requests counts what it has read.
type echo struct {
	net.Listener
	requests atomic.Int64
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					e.requests.Add(1)
					io.WriteString(c, line)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return e
}

// dial connects to the proxy. Whatever the test does with the connection is bounded.
func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, line string) {
	t.Helper()
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != line+"\n" {
		t.Fatalf("read %q (%v), not %q", got, err, line)
	}
}

// expectNothing holds that nothing comes, and the connection stays.
func expectNothing(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(quiet)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 100))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes (%v)", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

func expectReset(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 100)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("it ends with %v, not a reset", err)
	}
}

func TestProxyPasses(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEcho(t).Addr().String())
	c := dial(t, p)
	long := strings.Repeat("x", 1<<20)
	go io.WriteString(c, long+"\n")
	expect(t, c, long)
	// A half-closed connection still gets its answer.
	send(t, c, "last")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "last\n" {
		t.Fatalf("read %q (%v)", rest, err)
	}
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEcho(t).Addr().String())
	first, second := dial(t, p), dial(t, p)
	for _, c := range []net.Conn{first, second} {
		send(t, c, "a")
		expect(t, c, "a")
	}
	if n := p.Cut(); n != 2 {
		t.Errorf("%d are cut, not 2", n)
	}
	expectReset(t, first)
	expectReset(t, second)
	if n := p.Cut(); n != 0 {
		t.Errorf("%d are cut, not 0", n)
	}
	third := dial(t, p)
	send(t, third, "b")
	expect(t, third, "b")
}

func TestProxyBlackhole(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := NewProxy(t, e.Addr().String())
	old := dial(t, p)
	send(t, old, "a")
	expect(t, old, "a")
	p.Blackhole(true)
	send(t, old, "b")
	fresh := dial(t, p)
	send(t, fresh, "c")
	expectNothing(t, old)
	expectNothing(t, fresh)
	if n := e.requests.Load(); n != 1 {
		t.Errorf("the server has got %d requests, not 1", n)
	}
	p.Blackhole(false)
	expect(t, old, "b")
	expect(t, fresh, "c")
	// What is held back can be cut.
	p.Blackhole(true)
	send(t, old, "d")
	p.Cut()
	expectReset(t, old)
}

func TestProxyRefuse(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEcho(t).Addr().String())
	c := dial(t, p)
	send(t, c, "a")
	expect(t, c, "a")
	for range 3 {
		if err := p.Refuse(true); err != nil {
			t.Fatal(err)
		}
		if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial: %v", err)
		}
		expectReset(t, c)
		if err := p.Refuse(false); err != nil {
			t.Fatal(err)
		}
		c = dial(t, p)
		send(t, c, "b")
		expect(t, c, "b")
	}
}

// TestProxyHoldReplies holds that the server does what it is asked, and its answer is lost.
func TestProxyHoldReplies(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := NewProxy(t, e.Addr().String())
	c := dial(t, p)
	send(t, c, "a")
	expect(t, c, "a")
	p.HoldReplies(true)
	short, cancel := context.WithTimeout(t.Context(), quiet)
	defer cancel()
	if err := p.AwaitReply(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a reply before the request: %v", err)
	}
	send(t, c, "b")
	if err := p.AwaitReply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := e.requests.Load(); n != 2 {
		t.Errorf("the server has got %d requests, not 2", n)
	}
	expectNothing(t, c)
	p.Cut()
	expectReset(t, c)
	p.HoldReplies(false)
	c = dial(t, p)
	send(t, c, "c")
	expect(t, c, "c")
}

// TestProxyWithoutServer holds that a connection that cannot be passed on is broken.
func TestProxyWithoutServer(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	e.Close()
	c, err := net.Dial("tcp", NewProxy(t, e.Addr().String()).Addr())
	if err == nil { // else the reset has come so soon that it is Dial that notices
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it ends with %v, not a reset", err)
	}
}
