//go:build unix

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/store"
)

// labProcess is a process that is played.
type labProcess struct {
	history.Process
	lab     *lab
	engines []*dispatcher.Engine
	// standing: it stands still, or has.
	standing bool
	// ended: it has ended as it was asked to.
	ended bool

	mu      sync.Mutex
	dead    chan struct{}
	running chan struct{} // closed while the process is not stopped
}

// Write is the process's log: after its death there is none.
func (p *labProcess) Write(r history.Record) {
	if p.alive() == nil {
		p.lab.memory.Write(r)
	}
}

var (
	errDead   = errors.New("the process is dead")
	errOutage = errors.New("the store is away")
	errCut    = errors.New("the connection was cut when all was done")
)

// alive waits while the process is stopped.
func (p *labProcess) alive() error {
	for {
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		select {
		case <-p.dead:
			return errDead
		case <-running:
		}
		p.mu.Lock()
		same := running == p.running
		p.mu.Unlock()
		if same {
			select {
			case <-p.dead:
				return errDead
			default:
				return nil
			}
		}
	}
}

func (l *lab) start() *labProcess {
	p := &labProcess{lab: l, dead: make(chan struct{}), running: make(chan struct{})}
	close(p.running)
	p.Name, p.Started = fmt.Sprintf("p%d", len(l.processes)), time.Now()
	l.processes = append(l.processes, p)
	w := &writer{process: p.Name, sink: p}
	server := l.server
	if l.open != nil {
		server = l.open()
	}
	for i := range 2 {
		name := fmt.Sprintf("%s.%d", p.Name, i)
		var rt http.RoundTripper = &labWire{p}
		if l.carry != nil {
			rt = l.carry(rt)
		}
		st := record(&labConn{server, p}, w, name, func(string) {})
		if l.wrap != nil {
			st = l.wrap(st)
		}
		e, err := dispatcher.New(st,
			dispatcher.WithPlaintextSecrets(), dispatcher.WithTransport(rt), dispatcher.WithSendHook(sendHook(w, name, func(string) {})),
			dispatcher.WithAttemptTimeout(labTimeout), dispatcher.WithLeaseMargin(labMargin),
			dispatcher.WithRetry(dispatcher.Schedule(labDelays...)), dispatcher.WithConcurrency(8), dispatcher.WithMaxInFlight(4),
			dispatcher.WithPollInterval(100*time.Millisecond), dispatcher.WithSlowAfter(500*time.Millisecond),
			dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Settled: labSettled}))
		if err != nil {
			l.t.Fatal(err)
		}
		p.engines = append(p.engines, e)
		go func() { _ = e.Run(context.Background()) }()
	}
	return p
}

// kill ends a process as the kernel does.
func (p *labProcess) kill() {
	p.mu.Lock()
	p.Died = time.Now()
	close(p.dead)
	p.mu.Unlock()
	for _, e := range p.engines { // only so that its goroutines end
		go func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = e.Stop(ctx)
		}()
	}
}

// end stops a process in peace, with so much time to drain.
func (p *labProcess) end(drain time.Duration) {
	p.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var stopping sync.WaitGroup
	for _, e := range p.engines {
		stopping.Go(func() {
			if err := e.Stop(ctx); err != nil {
				p.lab.t.Log(err)
			}
		})
	}
	stopping.Wait()
}

// lives tells whether it has neither died nor ended.
func (p *labProcess) lives() bool { return p.Died.IsZero() && !p.ended }

func (p *labProcess) stop(d time.Duration) {
	p.mu.Lock()
	p.running = make(chan struct{})
	p.mu.Unlock()
	from := time.Now()
	time.Sleep(d) // the fake clock's
	p.mu.Lock()
	close(p.running)
	p.mu.Unlock()
	p.Stopped = append(p.Stopped, history.Span{From: from, To: time.Now()})
}

// labConn is a process's connection to the server: calls take a while each way.
type labConn struct {
	store.Store
	p *labProcess
}

func through[T any](c *labConn, call func() (T, error)) (T, error) {
	var zero T
	if err := c.way(); err != nil {
		return zero, err
	}
	result, err := call()
	if lost := c.way(); lost != nil {
		return zero, lost
	}
	c.p.lab.mu.Lock()
	cut := c.p.lab.random.IntN(40) == 0
	c.p.lab.mu.Unlock()
	if cut {
		return zero, errCut
	}
	return result, err
}

func (c *labConn) way() error {
	c.p.lab.mu.Lock()
	d := time.Duration(c.p.lab.random.IntN(2000)) * time.Microsecond
	if c.p.lab.random.IntN(8) == 0 {
		d *= 50 // others overtake it
	}
	c.p.lab.mu.Unlock()
	time.Sleep(d) // the fake clock's
	if err := c.p.alive(); err != nil {
		return err
	}
	c.p.lab.mu.Lock()
	defer c.p.lab.mu.Unlock()
	if c.p.lab.outage {
		return errOutage
	}
	return nil
}

func (c *labConn) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	return through(c, func() (store.DueLanes, error) { return c.Store.Due(ctx, p) })
}

func (c *labConn) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	return through(c, func() (store.Batch, error) { return c.Store.Claim(ctx, p) })
}

func (c *labConn) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	return through(c, func() (store.SettleResult, error) { return c.Store.Settle(ctx, o) })
}

func (c *labConn) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	return through(c, func() (store.Purged, error) { return c.Store.Purge(ctx, p) })
}

// labWire is a process's way to the receiver.
type labWire struct{ p *labProcess }

func (wr *labWire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := wr.p.alive(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	l := wr.p.lab
	answered := make(chan int, 1)
	go func() { answered <- l.receive(r.URL, r.Header.Clone(), body) }()
	select {
	case status := <-answered:
		if err := wr.p.alive(); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	case <-wr.p.dead:
		return nil, errDead
	}
}
