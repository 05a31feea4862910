package dispatcher

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/store"
)

// Engine is the Dispatcher of the tenant "", and delivers for all tenants while
// [Engine.Run] runs. A process that only publishes need not run it. Make one
// with [New]; it is safe for concurrent use.
type Engine struct {
	// Dispatcher is that of the tenant "".
	Dispatcher

	cfg       config
	store     store.Store
	writer    store.Writer // the store, for those who publish
	info      store.Info
	vault     vault
	observers observers
	transport http.RoundTripper
	// guard is that of our own transport, nil if the host brought one.
	guard *egress.Guard
	// reserved are the headers that signatures use.
	reserved []string

	matches matchCache
	targets targetCache
	// keysAway spaces what is logged of keys that do not answer.
	keysAway seldom
	lanes    *lanes

	// look asks the watching goroutine to look for work now.
	look chan struct{}

	mu      sync.Mutex
	running *run
	stopped bool
}

// New returns an engine over the store. It checks all options together, and
// starts nothing. The error is a [*ValidationError] that names the option.
func New(s store.Store, opts ...Option) (*Engine, error) {
	if isNil(s) {
		return nil, invalid("store", "must not be nil")
	}
	e := &Engine{cfg: defaults(), store: s, info: s.Info(), look: make(chan struct{}, 1)}
	for i, opt := range opts {
		if opt == nil {
			return nil, invalid("options", "option %d is nil", i)
		}
		opt(&e.cfg)
	}
	if err := e.cfg.check(e.info); err != nil {
		return nil, err
	}
	if !e.cfg.plaintextSecrets {
		e.vault.keyring = e.cfg.keyring
	}
	e.cfg.logger = slog.New(guardedLog{e.cfg.logger.Handler()})
	e.observers = observers{e.cfg.observers, e.cfg.logger}
	e.reserved = e.cfg.signer.Headers()
	e.transport = e.cfg.transport
	if e.transport == nil {
		o := egress.Options{
			AllowPrivate:       e.cfg.allowPrivate,
			AllowedPrefixes:    e.cfg.allowedPrefixes,
			RootCAs:            e.cfg.rootCAs,
			ClientCertificates: e.cfg.clientCerts,
		}
		e.transport, e.guard = egress.NewTransport(o), egress.NewGuard(o)
	}
	e.writer = s
	if e.info.Durable {
		e.writer = &gather{Writer: s}
	}
	e.lanes = newLanes(e.cfg.concurrency, e.cfg.maxInFlight, e.cfg.slowAfter)
	e.lanes.close() // until it runs
	e.Dispatcher = e.tenant("")
	return e, nil
}

// isNil tells also of a nil pointer in the interface: what a store's constructor
// returns beside its error.
func isNil(s store.Store) bool {
	v := reflect.ValueOf(s)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Tenant returns the Dispatcher of a tenant. Any UTF-8 text without control
// characters, up to 255 bytes, names one; nothing need be done to make it. With
// another one, publishing, explaining and registering give a
// [*ValidationError].
func (e *Engine) Tenant(id string) Dispatcher { return e.tenant(id) }

// lease is how long a claim holds.
func (e *Engine) lease() time.Duration { return e.cfg.timeout + e.cfg.leaseMargin }

// Wake makes the engine look for work at once, after a [Publisher] PublishTx
// whose transaction has committed. It never blocks.
func (e *Engine) Wake() {
	select {
	case e.look <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, and then drains: it claims nothing more, lets
// attempts in flight finish for up to [WithDrainTimeout], stores their outcomes
// and gives back what it had not begun. It returns nil after that, and an error
// only if outcomes could not be stored, or [ErrRunning]. Failures of the store do
// not end it. It may be called again, but after [Engine.Stop] it returns nil at
// once.
func (e *Engine) Run(ctx context.Context) error {
	if ctx == nil {
		return invalid("ctx", "must not be nil")
	}
	e.mu.Lock()
	switch {
	case e.stopped:
		e.mu.Unlock()
		return nil
	case e.running != nil:
		e.mu.Unlock()
		return ErrRunning
	}
	r := newRun(e)
	e.running = r
	e.mu.Unlock()

	err := r.until(ctx)

	e.mu.Lock()
	e.running = nil
	e.mu.Unlock()
	close(r.ended)
	return err
}

// Stop ends Run for good and waits until it has drained. If ctx ends before, the
// attempts still in flight are cut off, which costs them no retry; their
// deliveries are tried again by whoever runs next. It returns what Run returns,
// and nil if nothing is running. Publishing still works after it.
//
// What Run waits for cannot wait for Run: with the context that an [Observer], a
// [SendHook], a signer or a keyring was called with, or one derived from it, Stop
// returns an error at once, and Run drains for [WithDrainTimeout] as at the end of
// its context. With another context such a callback must not call Stop but in a
// goroutine of its own: it would wait for ever.
func (e *Engine) Stop(ctx context.Context) error {
	if ctx == nil { // it would end the process, in Run's goroutine
		return invalid("ctx", "must not be nil")
	}
	e.mu.Lock()
	e.stopped = true
	r := e.running
	e.mu.Unlock()
	if r == nil {
		return nil
	}
	if ctx.Value(runKey{}) == r {
		var none context.Context // WithDrainTimeout bounds the draining
		r.ask(none)
		return errWithin
	}
	return r.stop(ctx)
}
