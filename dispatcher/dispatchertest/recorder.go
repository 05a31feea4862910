package dispatchertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// Recorder is a fake [dispatcher.Dispatcher] that keeps what is published and
// sends nothing. Make one with [NewRecorder].
//
// Publish, PublishBatch and PublishTx are those of an engine, over a store that
// only remembers events. So types, ids, payloads and times are checked, encoded
// and refused exactly as in production, with the host's own options; ID and Key
// make duplicates and conflicts; observers are told. As there are no endpoints,
// receipts name no deliveries. Event returns what was published.
//
// All other methods report to the test that they are not faked, and return an
// error: where endpoints or deliveries matter, test with an engine over a store
// in memory, and a [Receiver].
type Recorder struct {
	// Dispatcher answers what the Recorder does not fake.
	dispatcher.Dispatcher
	engine *dispatcher.Engine
	ledger *ledger
}

var _ dispatcher.Dispatcher = (*Recorder)(nil)

// Published is an event that a [Recorder] took.
type Published struct {
	// Event is what the host passed, with the very same Payload, which is not a
	// copy. Its ID and Time are empty if the host left them so.
	dispatcher.Event
	// Tenant it was published for.
	Tenant string
	// Stored is the event as a store would get it: with its id and time, and
	// with the Body that receivers would get.
	Stored dispatcher.PublishedEvent
	// InTx: it was published by PublishTx.
	InTx bool
}

// NewRecorder returns a Recorder without events. The options are those of
// [dispatcher.New]; give the host's own envelope, event ids, catalog and limits,
// so that the Recorder refuses what they refuse. Wrong options end the test.
func NewRecorder(t TB, opts ...dispatcher.Option) *Recorder {
	t.Helper()
	l := &ledger{t: t, seen: map[eventKey][]byte{}}
	engine, err := dispatcher.New(l, opts...)
	if err != nil {
		t.Fatalf("dispatchertest: NewRecorder: %v", err)
	}
	t.Cleanup(l.end)
	return newRecorder(engine, l, engine.Dispatcher)
}

// newRecorder takes the engine's Dispatcher of a tenant.
func newRecorder(e *dispatcher.Engine, l *ledger, d dispatcher.Dispatcher) *Recorder {
	return &Recorder{Dispatcher: unfaked{Dispatcher: d, ledger: l}, engine: e, ledger: l}
}

// Tenant returns the Dispatcher of a tenant, as [dispatcher.Engine.Tenant] does.
// What is published through it is kept in this Recorder.
func (r *Recorder) Tenant(id string) dispatcher.Dispatcher {
	return newRecorder(r.engine, r.ledger, r.engine.Tenant(id))
}

// Wake does nothing. It is there for hosts whose code calls
// [dispatcher.Engine.Wake] after a commit.
func (r *Recorder) Wake() {}

// Publish records the event, or returns the error that an engine would return.
func (r *Recorder) Publish(ctx context.Context, e dispatcher.Event) (dispatcher.Receipt, error) {
	return r.Dispatcher.Publish(withHostEvents(ctx, []dispatcher.Event{e}), e)
}

// PublishBatch records the events, or none of them if one is refused.
func (r *Recorder) PublishBatch(ctx context.Context, events []dispatcher.Event) ([]dispatcher.Receipt, error) {
	return r.Dispatcher.PublishBatch(withHostEvents(ctx, events), events)
}

// PublishTx records the events. With a [Tx] of this Recorder they are recorded
// when it commits. With any other transaction, of which a Recorder cannot see
// the end, they are recorded at once, whatever becomes of it; nothing is written
// to it, and an engine's [store.ErrForeignTx] is never returned.
func (r *Recorder) PublishTx(ctx context.Context, tx store.Tx, events ...dispatcher.Event) ([]dispatcher.Receipt, error) {
	own, ok := tx.(*Tx)
	switch {
	case tx == nil, ok && own == nil:
		tx = nil // refused by the engine
	case !ok || own.ledger != r.ledger:
		tx = adopted{r.ledger}
	}
	return r.Dispatcher.PublishTx(withHostEvents(ctx, events), tx, events...)
}

// Event returns a recorded event by its id; [store.ErrNotFound] if there is none.
func (r *Recorder) Event(ctx context.Context, id string) (dispatcher.PublishedEvent, error) {
	return r.Dispatcher.Event(ctx, id)
}

// FailNext makes the store under the Recorder fail: the next call of a Publish
// method gets the first error, the one after it the second, and so on. A nil
// error lets one call succeed. The errors come wrapped, as those of a store do,
// so test for them with errors.Is. A call that is refused for its events is not
// counted, as it never reaches the store. Nothing is recorded by a call that
// fails.
func (r *Recorder) FailNext(errs ...error) {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.ledger.failures = append(r.ledger.failures, errs...)
}

// Published returns everything that was recorded, in its order, for all tenants.
// Duplicates are not recorded.
func (r *Recorder) Published() []Published {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	return slices.Clone(r.ledger.published)
}

// Events returns the events of [Recorder.Published], as the host passed them.
func (r *Recorder) Events() []dispatcher.Event {
	return r.events(func(string) bool { return true })
}

// OfType returns those of [Recorder.Events] that have the type.
func (r *Recorder) OfType(eventType string) []dispatcher.Event {
	return r.events(func(s string) bool { return s == eventType })
}

func (r *Recorder) events(keep func(eventType string) bool) []dispatcher.Event {
	var events []dispatcher.Event
	for _, p := range r.Published() {
		if keep(p.Type) {
			events = append(events, p.Event)
		}
	}
	return events
}

// RequirePublished returns the last event of the type, and ends the test if
// there is none.
func (r *Recorder) RequirePublished(eventType string) Published {
	r.ledger.t.Helper()
	published := r.Published()
	for _, p := range slices.Backward(published) {
		if p.Type == eventType {
			return p
		}
	}
	r.ledger.t.Fatalf("dispatchertest: no event of type %q was published, but %s", eventType, typesOf(published))
	return Published{}
}

// RequireNone ends the test if an event of one of the types was published; with
// no types, if any was.
func (r *Recorder) RequireNone(eventTypes ...string) {
	r.ledger.t.Helper()
	published := slices.DeleteFunc(r.Published(), func(p Published) bool {
		return len(eventTypes) > 0 && !slices.Contains(eventTypes, p.Type)
	})
	if len(published) > 0 {
		r.ledger.t.Fatalf("dispatchertest: published, but should not have been: %s", typesOf(published))
	}
}

// Reset forgets what was recorded, the ids and keys seen, and the errors of
// FailNext.
func (r *Recorder) Reset() {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.ledger.published, r.ledger.failures = nil, nil
	clear(r.ledger.seen)
}

// typesOf lists types with their numbers, in the order of their first event.
func typesOf(published []Published) string {
	var order []string
	count := map[string]int{}
	for _, p := range published {
		if count[p.Type]++; count[p.Type] == 1 {
			order = append(order, p.Type)
		}
	}
	for i, name := range order {
		if n := count[name]; n > 1 {
			order[i] = fmt.Sprintf("%s (%d times)", name, n)
		}
	}
	if len(order) == 0 {
		return "nothing"
	}
	return strings.Join(order, ", ")
}
