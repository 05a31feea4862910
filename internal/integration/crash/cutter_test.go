//go:build unix

package crash

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
)

// cutter passes connections on to a server, and counts the replies to one request,
// which is told by a text that nothing else holds: on the connection that carried
// it, what comes back after it. Other traffic, such as notices, does not count.
// Once armed, it lets a number of those replies through, and breaks the connection
// instead of passing the next: the server has done what it was asked, and nobody
// hears of it.
type cutter struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	request []byte
	armed   bool
	left    int
	seen    int
	open    map[net.Conn]struct{}
	asked   map[net.Conn]bool // by the client's end: it has carried the request
}

func newCutter(t *testing.T, target string) *cutter {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, target: target, open: map[net.Conn]struct{}{}, asked: map[net.Conn]bool{}}
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

// count counts the replies to a request from now on.
func (c *cutter) count(request string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.request, c.armed, c.seen = []byte(request), false, 0
	clear(c.asked)
}

// arm does so too, and cuts after so many.
func (c *cutter) arm(request string, replies int) {
	c.count(request)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left = true, replies
}

func (c *cutter) disarm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
}

// replies tells how many there were.
func (c *cutter) replies() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// carries looks for the request in what a client sends, of which the end of what it
// sent before is a part: it returns the end to be shown again.
func (c *cutter) carries(client net.Conn, sent []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.request) == 0 {
		return nil
	}
	if bytes.Contains(sent, c.request) {
		c.asked[client] = true
	}
	return sent[max(0, len(sent)-len(c.request)+1):]
}

// reply tells whether one may pass.
func (c *cutter) reply(client net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked[client] {
		return true
	}
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
		var tail []byte
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if n > 0 {
				tail = slices.Clone(c.carries(client, append(tail, buf[:n]...)))
				if _, err := server.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	both.Go(func() {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 && !c.reply(client) {
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
	delete(c.asked, client)
	c.mu.Unlock()
}
