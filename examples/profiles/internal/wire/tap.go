// Package wire shows requests as they are on the wire, byte for byte.
package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Tap listens on the loopback address, passes on what it receives, and keeps a
// copy of it. It knows nothing of HTTP, so what it keeps is what was sent.
type Tap struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	forward string
	streams []*stream
	conns   []net.Conn
	closed  bool
}

// stream is what one connection received.
type stream struct {
	mu   sync.Mutex
	data []byte
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, p...)
	return len(p), nil
}

// NewTap returns a tap. Forward must be called before it receives anything.
func NewTap(ctx context.Context) (*Tap, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Tap{listener: l}
	t.running.Go(func() { t.accept(ctx) })
	return t, nil
}

// Addr is where the tap listens.
func (t *Tap) Addr() string { return t.listener.Addr().String() }

// Forward sets where connections are passed on to.
func (t *Tap) Forward(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forward = addr
}

// Close ends the tap and its connections.
func (t *Tap) Close() {
	t.mu.Lock()
	t.closed = true
	for _, c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	_ = t.listener.Close()
	t.running.Wait()
}

func (t *Tap) accept(ctx context.Context) {
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.running.Go(func() { t.serve(ctx, c) })
	}
}

func (t *Tap) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	t.mu.Lock()
	forward := t.forward
	t.mu.Unlock()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	onward, err := dialer.DialContext(ctx, "tcp", forward)
	if err != nil {
		return
	}
	defer onward.Close()
	s := &stream{}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.streams = append(t.streams, s)
	t.conns = append(t.conns, c, onward)
	t.mu.Unlock()
	t.running.Go(func() {
		_, _ = io.Copy(c, onward)
		_ = c.Close() // ends the other direction
	})
	_, _ = io.Copy(io.MultiWriter(s, onward), c)
}

// Requests returns the complete requests so far.
func (t *Tap) Requests() ([]Request, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Request
	for _, s := range t.streams {
		s.mu.Lock()
		rest := bytes.Clone(s.data)
		s.mu.Unlock()
		for len(rest) > 0 {
			r, after, err := cut(rest)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
			rest = after
		}
	}
	return all, nil
}
