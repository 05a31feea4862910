package dispatchertest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/dispatchertest"
)

// limit is far above what anything here takes.
const limit = 20 * time.Second

var _ dispatchertest.TB = testing.TB(nil)

// probe is a test of which the failures are looked at.
type probe struct {
	mu       sync.Mutex
	log      []string
	fatal    bool
	cleanups []func()
}

func (*probe) Helper() {}

func (p *probe) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	p.mu.Lock()
	p.fatal = true
	p.mu.Unlock()
	runtime.Goexit()
}

func (p *probe) Cleanup(f func()) { p.cleanups = append(p.cleanups, f) }

// run runs f as a test would, and returns what it logged. It may be called again
// before end.
func (p *probe) run(f func()) (log string, fatal bool) {
	p.mu.Lock()
	p.log, p.fatal = nil, false
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
	return p.logged(), p.fatal
}

func (p *probe) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// end runs the cleanups.
func (p *probe) end() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
	p.cleanups = nil
}

// wantFatal runs f and expects it to end the test with a log that holds want.
func (p *probe) wantFatal(t *testing.T, want string, f func()) {
	t.Helper()
	log, fatal := p.run(f)
	if !fatal || !strings.Contains(log, want) {
		t.Errorf("ended the test: %t, log %q; want it ended, with %q", fatal, log, want)
	}
}

func newEngine(t *testing.T, opts ...dispatcher.Option) *dispatcher.Engine {
	t.Helper()
	e, err := dispatcher.New(memstore.New(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func register(t *testing.T, d dispatcher.Dispatcher, c dispatcher.EndpointConfig) dispatcher.Endpoint {
	t.Helper()
	ep, _, err := d.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

func publish(t *testing.T, d dispatcher.Dispatcher, e dispatcher.Event) dispatcher.Receipt {
	t.Helper()
	if e.Type == "" {
		e.Type = "invoice.paid"
	}
	r, err := d.Publish(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
