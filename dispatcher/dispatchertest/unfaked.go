package dispatchertest

import (
	"context"
	"fmt"
	"iter"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// unfaked answers the methods of a Dispatcher that a Recorder has no answer to,
// so that the test's log names the method and the line that called it. A method
// that the interface gains later is the engine's own, over a store that answers
// in the same way (unfakedstore.go): it works, or it fails clearly too.
type unfaked struct {
	dispatcher.Dispatcher
	ledger *ledger
}

// unfaked reports a call to the test, unless that has ended.
func (l *ledger) unfaked(what string) error {
	l.t.Helper()
	err := fmt.Errorf("dispatchertest: a Recorder does not fake %s; test with an engine where endpoints or deliveries matter", what)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.t.Errorf("%v", err)
	}
	return err
}

// failed is a sequence that ends at once with an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

func (u unfaked) Register(context.Context, dispatcher.EndpointConfig) (dispatcher.Endpoint, signer.Secret, error) {
	u.ledger.t.Helper()
	return dispatcher.Endpoint{}, signer.Secret{}, u.ledger.unfaked("Register")
}

func (u unfaked) Endpoint(context.Context, string) (dispatcher.Endpoint, error) {
	u.ledger.t.Helper()
	return dispatcher.Endpoint{}, u.ledger.unfaked("Endpoint")
}

func (u unfaked) Endpoints(context.Context, dispatcher.EndpointFilter) iter.Seq2[dispatcher.Endpoint, error] {
	u.ledger.t.Helper()
	return failed[dispatcher.Endpoint](u.ledger.unfaked("Endpoints"))
}

func (u unfaked) EndpointPage(context.Context, dispatcher.EndpointFilter, string, int) (dispatcher.Page[dispatcher.Endpoint], error) {
	u.ledger.t.Helper()
	return dispatcher.Page[dispatcher.Endpoint]{}, u.ledger.unfaked("EndpointPage")
}

func (u unfaked) Update(context.Context, string, int64, dispatcher.EndpointUpdate) (dispatcher.Endpoint, error) {
	u.ledger.t.Helper()
	return dispatcher.Endpoint{}, u.ledger.unfaked("Update")
}

func (u unfaked) RotateSecret(context.Context, string, dispatcher.Rotation) (signer.Secret, error) {
	u.ledger.t.Helper()
	return signer.Secret{}, u.ledger.unfaked("RotateSecret")
}

func (u unfaked) SwitchSecret(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("SwitchSecret")
}

func (u unfaked) Pause(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Pause")
}

func (u unfaked) Resume(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Resume")
}

func (u unfaked) Disable(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Disable")
}

func (u unfaked) Delete(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Delete")
}

func (u unfaked) Delivery(context.Context, string) (dispatcher.Delivery, error) {
	u.ledger.t.Helper()
	return dispatcher.Delivery{}, u.ledger.unfaked("Delivery")
}

func (u unfaked) Deliveries(context.Context, dispatcher.DeliveryFilter) iter.Seq2[dispatcher.Delivery, error] {
	u.ledger.t.Helper()
	return failed[dispatcher.Delivery](u.ledger.unfaked("Deliveries"))
}

func (u unfaked) DeliveryPage(context.Context, dispatcher.DeliveryFilter, string, int) (dispatcher.Page[dispatcher.Delivery], error) {
	u.ledger.t.Helper()
	return dispatcher.Page[dispatcher.Delivery]{}, u.ledger.unfaked("DeliveryPage")
}

func (u unfaked) Attempts(context.Context, string) ([]dispatcher.Attempt, error) {
	u.ledger.t.Helper()
	return nil, u.ledger.unfaked("Attempts")
}

func (u unfaked) Stats(context.Context, dispatcher.StatsFilter) (dispatcher.Stats, error) {
	u.ledger.t.Helper()
	return dispatcher.Stats{}, u.ledger.unfaked("Stats")
}

func (u unfaked) Explain(context.Context, dispatcher.Event) ([]dispatcher.Match, error) {
	u.ledger.t.Helper()
	return nil, u.ledger.unfaked("Explain")
}

func (u unfaked) Resend(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Resend")
}

func (u unfaked) Replay(context.Context, string, ...string) ([]dispatcher.DeliveryRef, error) {
	u.ledger.t.Helper()
	return nil, u.ledger.unfaked("Replay")
}

func (u unfaked) Recover(context.Context, dispatcher.Recovery) (dispatcher.RecoveryResult, error) {
	u.ledger.t.Helper()
	return dispatcher.RecoveryResult{}, u.ledger.unfaked("Recover")
}

func (u unfaked) Cancel(context.Context, string) error {
	u.ledger.t.Helper()
	return u.ledger.unfaked("Cancel")
}

func (u unfaked) SendTest(context.Context, string, string) (dispatcher.Attempt, error) {
	u.ledger.t.Helper()
	return dispatcher.Attempt{}, u.ledger.unfaked("SendTest")
}
