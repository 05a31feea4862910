//go:build unix

package crash

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// cutter passes connections on to a server. Once armed, it lets a number of
// replies through, and breaks the connection instead of passing the next: the
// server has done what it was asked, and nobody hears of it.
type cutter struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	armed bool
	left  int
	seen  int
	open  map[net.Conn]struct{}
}

func newCutter(t *testing.T, target string) *cutter {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, target: target, open: map[net.Conn]struct{}{}}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for conn := range c.open {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

func (c *cutter) addr() string { return c.listener.Addr().String() }

// arm cuts after so many more replies.
func (c *cutter) arm(replies int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left = true, replies
}

func (c *cutter) disarm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
}

// replies counts what has come back so far.
func (c *cutter) replies() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// reply tells whether one may pass.
func (c *cutter) reply() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	if !c.armed {
		return true
	}
	if c.left--; c.left >= 0 {
		return true
	}
	c.armed = false
	return false
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		c.wg.Go(func() { c.serve(client) })
	}
}

func (c *cutter) serve(client net.Conn) {
	server, err := net.Dial("tcp", c.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c.mu.Lock()
	c.open[client], c.open[server] = struct{}{}, struct{}{}
	c.mu.Unlock()
	end := sync.OnceFunc(func() {
		_ = client.Close()
		_ = server.Close()
	})
	var both sync.WaitGroup
	both.Go(func() {
		defer end()
		_, _ = io.Copy(server, client)
	})
	both.Go(func() {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 && !c.reply() {
				if tcp, ok := client.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
				return
			}
			if n > 0 {
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	both.Wait()
	c.mu.Lock()
	delete(c.open, client)
	delete(c.open, server)
	c.mu.Unlock()
}
