// Command demo shows the main job in a few seconds: endpoints are registered,
// events published, signed, delivered, tried again where a receiver fails, and
// inspected afterwards.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	err := run(ctx, os.Stdout)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Invoice is a payload: any value that encoding/json can encode.
type Invoice struct {
	Number string `json:"number"`
	Cents  int    `json:"cents"`
}

func run(ctx context.Context, w io.Writer) error {
	// A dispatcher needs a store, and no option: requests are signed as Standard
	// Webhooks describes. These are for the sake of a quick demonstration.
	events := newNarrator(w)
	hooks, err := dispatcher.New(memstore.New(),
		dispatcher.WithRetry(dispatcher.Schedule(500*time.Millisecond, 500*time.Millisecond, 5*time.Second)),
		dispatcher.WithAttemptTimeout(time.Second),
		dispatcher.WithObserver(events.observer()),
		// Without these two, only https and public addresses are reached.
		dispatcher.WithPlainHTTP(),
		dispatcher.WithPrivateAddresses())
	if err != nil {
		return err
	}

	receivers := http.NewServeMux()
	server := httptest.NewServer(receivers) // on the loopback address
	defer server.Close()

	// Register. The secret is returned once, for the receiver.
	billing, billingSecret, err := hooks.Register(ctx, dispatcher.EndpointConfig{
		Name: "Billing", URL: server.URL + "/billing", Events: []string{"invoice.*"}})
	if err != nil {
		return err
	}
	audit, auditSecret, err := hooks.Register(ctx, dispatcher.EndpointConfig{
		Name: "Audit", URL: server.URL + "/audit", Events: []string{"*"}})
	if err != nil {
		return err
	}
	events.title("Registered")
	for _, e := range []dispatcher.Endpoint{billing, audit} {
		events.name(e)
		fmt.Fprintf(w, "  %-8s %-30s %s\n", e.Name, e.URL, e.Events)
	}

	receivers.Handle("POST /billing", failTwice(verified(billingSecret)))
	receivers.Handle("POST /audit", verified(auditSecret))

	// Run delivers until it is stopped.
	stopped := make(chan error, 1)
	go func() { stopped <- hooks.Run(ctx) }()

	// Publish. An idempotency key makes a repetition harmless.
	paid := dispatcher.Event{Type: "invoice.paid", Key: "invoice 1001 paid", Payload: Invoice{"1001", 4200}}
	joined := dispatcher.Event{Type: "customer.joined", Payload: map[string]string{"name": "Ada"}}
	events.title("Published")
	expected := 0
	for _, e := range []dispatcher.Event{paid, paid, joined} {
		receipt, err := hooks.Publish(ctx, e)
		if err != nil {
			return err
		}
		if receipt.Duplicate {
			fmt.Fprintf(w, "  %-16s %s  again, under the same key: nothing new\n", e.Type, receipt.EventID)
			continue
		}
		expected += len(receipt.Deliveries)
		fmt.Fprintf(w, "  %-16s %s  to %s\n", e.Type, receipt.EventID, events.names(receipt.Deliveries))
	}

	events.title("Delivering")
	if err := events.wait(ctx, expected); err != nil {
		return err
	}

	// Inspect.
	events.title("History")
	if err := history(ctx, w, hooks, events); err != nil {
		return err
	}
	events.title("Statistics")
	if err := statistics(ctx, w, hooks, events); err != nil {
		return err
	}
	// Stop lets attempts in flight finish, and stores what became of them.
	return errors.Join(hooks.Stop(ctx), <-stopped)
}
