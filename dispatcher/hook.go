package dispatcher

import (
	"context"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/store"
)

// SendHook stands around each attempt, tests included; see [WithSendHook]. Both
// functions are optional, run on the attempt's goroutine, must be safe for
// concurrent use, and delay the attempt by as long as they take. A panic is
// contained and logged, and the attempt goes on.
type SendHook struct {
	// Before is called before the request is signed. It may add header fields to
	// o.Header, and return a context for the request, such as one that carries a
	// span; nil means ctx. Where that context ends before the attempt does, the
	// attempt has failed and is retried like others. Fields that an endpoint could
	// not have (see [EndpointConfig].Headers) are left out and logged. The others
	// are recorded with the attempt as they are: put credentials into the endpoint
	// instead.
	Before func(ctx context.Context, o *Outgoing) context.Context
	// After is called when the attempt has ended, with the context that Before
	// returned. The outcome is not yet stored.
	After func(ctx context.Context, o *Outgoing, a Attempt)
}

// Outgoing is a request that is about to be sent.
type Outgoing struct {
	// Delivery is being attempted; its ID is "" for a test.
	Delivery Delivery
	// URL is where it goes, without the query.
	URL string
	// Header takes further fields.
	Header http.Header
}

// WithSendHook adds a hook around each attempt. Several are called in their
// order, and after the attempt in reverse. Default: none.
func WithSendHook(h SendHook) Option {
	return func(c *config) { c.hooks = append(slices.Clip(c.hooks), h) }
}

// hooked is an attempt with hooks around it.
type hooked struct {
	e        *Engine
	out      Outgoing
	contexts []context.Context
}

// before calls the hooks and returns the context of the request and the fields
// to add.
func (e *Engine) before(ctx context.Context, j *job, t *target) (*hooked, context.Context, []store.Header) {
	if len(e.cfg.hooks) == 0 {
		return nil, ctx, nil
	}
	k := &hooked{e: e, out: Outgoing{Delivery: *j.delivery, URL: t.shown, Header: http.Header{}}}
	for i := range e.cfg.hooks {
		if f := e.cfg.hooks[i].Before; f != nil {
			ctx = k.callBefore(ctx, f) //nolint:fatcontext // one for each hook
		}
		k.contexts = append(k.contexts, ctx)
	}
	var fields []store.Header
	for _, name := range slices.Sorted(maps.Keys(k.out.Header)) {
		for _, value := range k.out.Header[name] {
			if err := egress.CheckHeader(name, value, e.reserved...); err != nil {
				e.cfg.logger.WarnContext(ctx, "header of a send hook left out", "error", err)
				continue
			}
			fields = append(fields, store.Header{Name: name, Value: value})
		}
	}
	return k, ctx, fields
}

func (k *hooked) callBefore(ctx context.Context, f func(context.Context, *Outgoing) context.Context) context.Context {
	derived := ctx
	k.guard(func() { derived = f(ctx, &k.out) }) //nolint:fatcontext // called once
	if derived == nil {
		return ctx
	}
	return derived
}

// after calls the hooks in reverse.
func (k *hooked) after(a *store.Attempt) {
	if k == nil {
		return
	}
	for i, ctx := range slices.Backward(k.contexts) {
		if f := k.e.cfg.hooks[i].After; f != nil {
			k.guard(func() { f(ctx, &k.out, *a) })
		}
	}
}

func (k *hooked) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			k.e.cfg.logger.Error("send hook panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
}
