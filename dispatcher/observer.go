package dispatcher

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/postrider/postrider/store"
)

// Observer is told what happens. Every field is optional. Calls come from the
// engine's own goroutines, several at once: they must be quick and safe for
// concurrent use. What a method did, such as Publish, Pause or Cancel, they are
// told within it, on the goroutine of its caller and with its context. A panic is
// contained and logged, and so is, on the engine's own, a callback that ends its
// goroutine ([runtime.Goexit], as testing's FailNow does). What they are given is
// shared and must not be changed.
type Observer struct {
	// Published: an event was stored with these deliveries. In a transaction of
	// the host, which is still open then, and may be rolled back.
	Published func(ctx context.Context, e PublishedEvent, deliveries []DeliveryRef)
	// Attempted: an attempt ended. Its outcome is not yet stored.
	Attempted func(ctx context.Context, d Delivery, a Attempt)
	// Delivered, Failed and Cancelled: the delivery reached this state, and that
	// is stored. d.Reason says why.
	Delivered func(ctx context.Context, d Delivery)
	Failed    func(ctx context.Context, d Delivery)
	Cancelled func(ctx context.Context, d Delivery)
	// Retrying: the delivery will be tried again at d.VisibleAt, and that is
	// stored.
	Retrying func(ctx context.Context, d Delivery)
	// LeaseExpired: a process claimed the delivery and did not say what became
	// of it. An attempt of unknown outcome may have been made.
	LeaseExpired func(ctx context.Context, d Delivery)
	// OutcomeLost: the delivery was claimed, requeued, cancelled or purged by
	// others before its outcome was stored.
	OutcomeLost func(ctx context.Context, d Delivery)
	// EndpointChanged: an endpoint was registered, updated, paused, resumed,
	// disabled (also by a 410 answer) or deleted through this engine.
	EndpointChanged func(ctx context.Context, e Endpoint, change EndpointChange)
	// StoreFailed: a call of the engine to the store failed; it will be repeated.
	StoreFailed func(ctx context.Context, operation string, err error)
}

// EndpointChange names a change of an endpoint.
type EndpointChange string

// The changes of an endpoint.
const (
	EndpointRegistered    EndpointChange = "registered"
	EndpointUpdated       EndpointChange = "updated"
	EndpointSecretRotated EndpointChange = "secret_rotated"
	EndpointWasPaused     EndpointChange = "paused"
	EndpointWasResumed    EndpointChange = "resumed"
	EndpointWasDisabled   EndpointChange = "disabled"
	EndpointWasDeleted    EndpointChange = "deleted"
)

// observers calls every observer, containing panics. It is a value so that the
// engine's code reads as if there were one that is always set.
type observers struct {
	list []Observer
	log  *slog.Logger
}

func (o observers) each(name string, call func(*Observer)) {
	for i := range o.list {
		o.guard(name, &o.list[i], call)
	}
}

func (o observers) guard(name string, ob *Observer, call func(*Observer)) {
	defer func() {
		if p := recover(); p != nil {
			o.log.Error("observer panicked", "callback", name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	call(ob)
}

// apart makes n calls to each observer, one after another, on a goroutine that is not
// one of the engine's loops: if a callback ends it, the next call is made on another.
func (o observers) apart(n int, call func(one observers, i int)) {
	all := n * len(o.list)
	for made := 0; made < all; {
		ended := make(chan struct{})
		go func() {
			returned := false
			defer close(ended)
			defer func() {
				if !returned {
					o.log.Error("observer ended its goroutine")
				}
			}()
			for made < all {
				i, k := made/len(o.list), made%len(o.list)
				made++
				call(observers{o.list[k : k+1], o.log}, i)
			}
			returned = true
		}()
		<-ended
	}
}

func (o observers) published(ctx context.Context, e store.Event, refs []DeliveryRef) {
	if len(o.list) == 0 {
		return
	}
	o.each("Published", func(ob *Observer) {
		if ob.Published != nil {
			ob.Published(ctx, e, refs)
		}
	})
}

func (o observers) attempted(ctx context.Context, d *Delivery, a *Attempt) {
	if len(o.list) == 0 {
		return
	}
	o.apart(1, func(one observers, _ int) {
		one.each("Attempted", func(ob *Observer) {
			if ob.Attempted != nil {
				ob.Attempted(ctx, *d, *a)
			}
		})
	})
}

// settled tells of the state that was stored.
func (o observers) settled(ctx context.Context, d Delivery) {
	if len(o.list) == 0 {
		return
	}
	name, pick := "Retrying", func(ob *Observer) func(context.Context, Delivery) { return ob.Retrying }
	switch d.State {
	case StateDelivered:
		name, pick = "Delivered", func(ob *Observer) func(context.Context, Delivery) { return ob.Delivered }
	case StateFailed:
		name, pick = "Failed", func(ob *Observer) func(context.Context, Delivery) { return ob.Failed }
	case StateCancelled:
		name, pick = "Cancelled", func(ob *Observer) func(context.Context, Delivery) { return ob.Cancelled }
	}
	o.delivery(ctx, name, d, pick)
}

func (o observers) leaseExpired(ctx context.Context, d *Delivery) {
	o.apart(1, func(one observers, _ int) {
		one.delivery(ctx, "LeaseExpired", *d, func(ob *Observer) func(context.Context, Delivery) { return ob.LeaseExpired })
	})
}

func (o observers) outcomeLost(ctx context.Context, d Delivery) {
	o.delivery(ctx, "OutcomeLost", d, func(ob *Observer) func(context.Context, Delivery) { return ob.OutcomeLost })
}

func (o observers) delivery(ctx context.Context, name string, d Delivery, pick func(*Observer) func(context.Context, Delivery)) {
	o.each(name, func(ob *Observer) {
		if f := pick(ob); f != nil {
			f(ctx, d)
		}
	})
}

func (o observers) endpointChanged(ctx context.Context, e Endpoint, c EndpointChange) {
	o.each("EndpointChanged", func(ob *Observer) {
		if ob.EndpointChanged != nil {
			ob.EndpointChanged(ctx, e, c)
		}
	})
}

func (o observers) storeFailed(ctx context.Context, operation string, err error) {
	o.apart(1, func(one observers, _ int) {
		one.each("StoreFailed", func(ob *Observer) {
			if ob.StoreFailed != nil {
				ob.StoreFailed(ctx, operation, err)
			}
		})
	})
}

// guardedLog contains panics of the host's log handler: the engine logs from its own
// goroutines, where they would end the process. What it was given then is not logged.
type guardedLog struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (g guardedLog) Enabled(ctx context.Context, l slog.Level) (enabled bool) {
	defer func() { _ = recover() }()
	return g.Handler.Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (g guardedLog) Handle(ctx context.Context, r slog.Record) error {
	defer func() { _ = recover() }()
	return g.Handler.Handle(ctx, r)
}
