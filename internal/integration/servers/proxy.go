package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a server and makes the network between the two fail. It listens on the loopback
// address. Its methods may be called by any goroutine.
type Proxy struct {
	target string
	port   int

	requests, replies gate

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	links    map[*link]struct{}
	closed   bool
	wg       sync.WaitGroup
}

// NewProxy starts a proxy in front of target, which is host:port, for one test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	port, err := freePort(tb.Context())
	if err != nil {
		tb.Fatalf("proxy: %v", err)
	}
	p := &Proxy{target: target, port: port, links: map[*link]struct{}{}}
	if err := p.Refuse(false); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.close)
	return p
}

// Addr returns host:port of the proxy.
func (p *Proxy) Addr() string { return address(p.port) }

// Cut breaks all connections, by a reset to both sides, and returns how many there were. New ones are accepted.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for k := range p.links {
		if k.reset() {
			n++
		}
	}
	return n
}

// Refuse breaks all connections and lets new ones be refused, or accepts them again.
func (p *Proxy) Refuse(on bool) error {
	p.mu.Lock()
	if on {
		if p.listener != nil {
			p.listener.Close()
			p.listener = nil
		}
		p.mu.Unlock()
		p.Cut()
		return nil
	}
	defer p.mu.Unlock()
	if p.listener != nil || p.closed {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", p.Addr())
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	p.listener = l
	p.wg.Go(func() { p.accept(l) })
	return nil
}

// Blackhole lets nothing through, in either direction, while connections stay open and are accepted; switched off, what
// was held back goes on its way, as it does when TCP sends again after an outage of the network.
func (p *Proxy) Blackhole(on bool) {
	p.requests.set(on)
	p.replies.set(on)
}

// HoldReplies lets requests through and holds the replies back. With [Proxy.AwaitReply] and [Proxy.Cut] a client loses the
// answer to what the server has done.
func (p *Proxy) HoldReplies(on bool) { p.replies.set(on) }

// AwaitReply waits until a reply is held back, or the context ends.
func (p *Proxy) AwaitReply(ctx context.Context) error {
	for {
		waiting, changed := p.replies.waiting()
		if waiting > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("proxy: no reply is held back: %w", ctx.Err())
		}
	}
}

// close ends the proxy.
func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.Refuse(true) // which does not fail
	p.wg.Wait()
}

// accept passes on what connects to the listener, until that is closed.
func (p *Proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		k := &link{client: c.(*net.TCPConn), done: make(chan struct{})}
		p.mu.Lock()
		if p.listener != l {
			k.reset()
		} else {
			p.links[k] = struct{}{}
			p.wg.Go(func() { p.serve(k) })
		}
		p.mu.Unlock()
	}
}

// serve passes bytes between a client and the server until one side ends the connection or it is cut.
func (p *Proxy) serve(k *link) {
	defer func() {
		k.reset()
		p.mu.Lock()
		delete(p.links, k)
		p.mu.Unlock()
	}()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	server, err := dialer.DialContext(context.Background(), "tcp", p.target)
	if err != nil || !k.connect(server) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { k.pass(k.client, k.server, &p.requests) })
	wg.Go(func() { k.pass(k.server, k.client, &p.replies) })
	wg.Wait()
	k.close()
}

// link is a client's connection and the one that it is passed on to.
type link struct {
	client *net.TCPConn
	done   chan struct{} // closed by close and reset

	mu     sync.Mutex
	server *net.TCPConn
	ended  bool
}

// connect adds the connection to the server, unless the link has ended meanwhile.
func (k *link) connect(server net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		server.Close()
		return false
	}
	k.server = server.(*net.TCPConn)
	return true
}

// close ends the link as its sides have ended it.
func (k *link) close() { k.end(func(*net.TCPConn) {}) }

// reset breaks the link, and returns false if it had ended before.
func (k *link) reset() bool {
	return k.end(func(c *net.TCPConn) {
		_ = c.SetLinger(0) // then closing sends a reset; a connection that is gone needs none
	})
}

func (k *link) end(before func(c *net.TCPConn)) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	k.ended = true
	close(k.done)
	for _, c := range []*net.TCPConn{k.client, k.server} {
		if c != nil {
			before(c)
			_ = c.Close()
		}
	}
	return true
}

// pass copies from one side to the other while the gate is open. The end of what comes is passed on, so that the other
// direction can go on; a failure breaks the link.
func (k *link) pass(from, to *net.TCPConn, g *gate) {
	buf := make([]byte, 32<<10)
	for {
		n, readErr := from.Read(buf)
		if !g.wait(k.done, n) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				k.reset()
				return
			}
		}
		if readErr != nil {
			if !errors.Is(readErr, io.EOF) || to.CloseWrite() != nil {
				k.reset()
			}
			return
		}
	}
}

// gate holds goroutines back. Its zero value is open.
type gate struct {
	mu      sync.Mutex
	shut    bool
	held    int           // bytes
	changed chan struct{} // closed at the next change of shut or held; nil when nobody has asked for it
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.announce()
}

// wait holds bytes back until the gate is open. It returns false when done is closed before.
func (g *gate) wait(done <-chan struct{}, bytes int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held += bytes
	defer func() { g.held -= bytes }()
	if g.shut {
		g.announce()
	}
	for g.shut {
		changed := g.next()
		g.mu.Unlock()
		select {
		case <-changed:
			g.mu.Lock()
		case <-done:
			g.mu.Lock()
			return false
		}
	}
	return true
}

// waiting returns how many bytes are held back, and what is closed when that may have changed.
func (g *gate) waiting() (int, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		return 0, g.next()
	}
	return g.held, g.next()
}

// announce and next are called with the lock held.
func (g *gate) announce() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

func (g *gate) next() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}
