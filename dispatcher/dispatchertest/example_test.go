package dispatchertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/dispatchertest"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// exampleT stands in for the *testing.T of a test.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (*exampleT) Errorf(format string, args ...any) { fmt.Printf("error: "+format+"\n", args...) }
func (*exampleT) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }

// end does what testing does at the end of a test.
func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// pay is the host's code under test.
func pay(ctx context.Context, hooks dispatcher.Publisher, number string, total int) error {
	_, err := hooks.Publish(ctx, dispatcher.Event{
		Type: "invoice.paid", Key: "paid-" + number, Payload: map[string]any{"number": number, "total": total},
	})
	if err != nil {
		return fmt.Errorf("pay %s: %w", number, err)
	}
	return nil
}

// From Publish to the receiver's answer and back, in one test.
func Example() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()

	rcv := dispatchertest.NewReceiver(t)
	hooks, err := dispatcher.New(memstore.New(), append(rcv.Options(),
		dispatcher.WithRetry(dispatcher.Schedule(time.Millisecond, time.Millisecond)))...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, _, err := hooks.Register(ctx, rcv.Endpoint("invoice.*")); err != nil {
		t.Fatalf("%v", err)
	}
	dispatchertest.Run(t, hooks)

	rcv.Respond(500, 503) // then 200
	rcpt, err := hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid", Payload: map[string]int{"total": 1900}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, d := range dispatchertest.AwaitReceipt(t, hooks, 5*time.Second, rcpt) {
		fmt.Println(d.State, "after", d.Attempts, "attempts")
	}
	for _, req := range rcv.Requests() {
		fmt.Println(req.Message.ID == rcpt.EventID, req.Header.Get("Content-Type"))
	}
	// Output:
	// delivered after 3 attempts
	// true application/json
	// true application/json
	// true application/json
}

// What does the host publish?
func ExampleRecorder() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rec := dispatchertest.NewRecorder(t)

	for range 2 { // the second time under the same key: nothing new
		if err := pay(ctx, rec, "A-17", 1900); err != nil {
			t.Fatalf("%v", err)
		}
	}
	paid := rec.RequirePublished("invoice.paid")
	fmt.Println(len(rec.Events()), paid.Key, paid.Payload)
	rec.RequireNone("invoice.voided")

	_, err := rec.Publish(ctx, dispatcher.Event{Type: "invoice paid"})
	fmt.Println(err)
	// Output:
	// 1 paid-A-17 map[number:A-17 total:1900]
	// invalid type: must hold only letters, digits, '_', '-' and dots
}

// What does the host do when publishing fails?
func ExampleRecorder_FailNext() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	rec := dispatchertest.NewRecorder(t)

	rec.FailNext(store.ErrFull)
	err := pay(context.Background(), rec, "A-17", 1900)
	fmt.Println(errors.Is(err, store.ErrFull), len(rec.Events()))
	err = pay(context.Background(), rec, "A-17", 1900)
	fmt.Println(err, len(rec.OfType("invoice.paid")))
	// Output:
	// true 0
	// <nil> 1
}

// Code that is handed its transaction.
func ExampleRecorder_Begin() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	rec := dispatchertest.NewRecorder(t)

	tx := rec.Begin()
	if _, err := rec.PublishTx(context.Background(), tx, dispatcher.Event{Type: "invoice.paid"}); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println("before:", len(rec.Events()))
	if err := tx.Commit(); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println("after:", len(rec.Events()))
	// Output:
	// before: 0
	// after: 1
}

// A receiver that answers by what it gets.
func ExampleReceiver_RespondFunc() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rcv := dispatchertest.NewReceiver(t)
	hooks, err := dispatcher.New(memstore.New(), rcv.Options()...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, _, err := hooks.Register(ctx, rcv.Endpoint()); err != nil {
		t.Fatalf("%v", err)
	}
	dispatchertest.Run(t, hooks)

	rcv.RespondFunc(func(w http.ResponseWriter, r *http.Request) {
		m, _ := signer.MessageFromContext(r.Context())
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "got "+m.ID)
	})
	rcpt, err := hooks.Publish(ctx, dispatcher.Event{ID: "evt_1", Type: "invoice.paid"})
	if err != nil {
		t.Fatalf("%v", err)
	}
	d := dispatchertest.AwaitReceipt(t, hooks, 5*time.Second, rcpt)[0]
	attempts, err := hooks.Attempts(ctx, d.ID)
	if err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(attempts[0].Status, string(attempts[0].ResponseBody))
	// Output:
	// 202 got evt_1
}

// An endpoint that makes its own secret, as when it is registered through the
// host's API.
func ExampleReceiver_Trust() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rcv := dispatchertest.NewReceiver(t)
	hooks, err := dispatcher.New(memstore.New(), rcv.Options()...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, secret, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: rcv.URL + "/hooks", Events: []string{"*"}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	rcv.Trust(secret)
	dispatchertest.Run(t, hooks)

	if err := pay(ctx, hooks, "A-17", 1900); err != nil {
		t.Fatalf("%v", err)
	}
	req := rcv.Next(ctx)
	fmt.Println(req.Path, string(req.Body[:22]))
	// Output:
	// /hooks {"type":"invoice.paid"
}

// Deliveries of which the test has no id.
func ExampleWaiter() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rcv := dispatchertest.NewReceiver(t)
	w := dispatchertest.NewWaiter(t)
	hooks, err := dispatcher.New(memstore.New(), append(rcv.Options(), dispatcher.WithObserver(w.Observer()))...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, _, err := hooks.Register(ctx, rcv.Endpoint()); err != nil {
		t.Fatalf("%v", err)
	}
	dispatchertest.Run(t, hooks)

	rcv.Respond(http.StatusGone)
	if err := pay(ctx, hooks, "A-17", 1900); err != nil {
		t.Fatalf("%v", err)
	}
	d := w.Next(ctx)
	fmt.Println(d.State, d.Reason)
	// Output:
	// failed gone
}

// A delivery that is known by its id.
func ExampleWaiter_Wait() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rcv := dispatchertest.NewReceiver(t)
	w := dispatchertest.NewWaiter(t)
	hooks, err := dispatcher.New(memstore.New(), append(rcv.Options(), dispatcher.WithObserver(w.Observer()))...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, _, err := hooks.Register(ctx, rcv.Endpoint()); err != nil {
		t.Fatalf("%v", err)
	}
	dispatchertest.Run(t, hooks)

	rcpt, err := hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid"})
	if err != nil {
		t.Fatalf("%v", err)
	}
	d := w.Wait(ctx, rcpt.Deliveries[0].ID)
	fmt.Println(d.State, d.LastStatus)
	// Output:
	// delivered 200
}

func ExampleAwait() {
	t := &exampleT{} // a *testing.T in a test
	defer t.end()
	ctx := context.Background()
	rcv := dispatchertest.NewReceiver(t)
	hooks, err := dispatcher.New(memstore.New(), append(rcv.Options(), dispatcher.WithRetry(dispatcher.Schedule()))...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, _, err := hooks.Register(ctx, rcv.Endpoint()); err != nil {
		t.Fatalf("%v", err)
	}
	dispatchertest.Run(t, hooks)

	rcv.Respond(500)
	rcpt, err := hooks.Publish(ctx, dispatcher.Event{Type: "invoice.paid"})
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, d := range dispatchertest.Await(t, hooks, 5*time.Second, rcpt.Deliveries[0].ID) {
		fmt.Println(d.State, d.LastStatus)
	}
	// Output:
	// failed 500
}
