// Command demo shows the main job in a few seconds: endpoints are registered,
// events published, signed, delivered, tried again where a receiver fails, and
// inspected afterwards. All of it is kept in a SQLite file: kill the program
// half way, run it again, and it goes on where it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

func main() {
	file := flag.String("db", "", "the SQLite file (default: postrider-demo/demo.db in the user's cache directory)")
	over := flag.Bool("new", false, "start over, even if the last run was cut short")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, 18*time.Second)
	err := run(ctx, os.Stdout, *file, *over)
	cancel()
	stop()
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

// run is written so that it can be cut off at any point and begun again: it
// registers the endpoints that are missing, publishes under keys, which makes a
// repetition harmless, and delivers what is left.
func run(ctx context.Context, w io.Writer, file string, over bool) (err error) {
	data, err := openData(ctx, file, over)
	if err != nil {
		return err
	}
	defer data.close()
	fmt.Fprintf(w, "Data in %s\n", data.file)
	if data.resumed {
		fmt.Fprintln(w, "The last run was cut short: going on where it was.")
	}

	// A store that outlives the process wants a keyring, which seals the
	// endpoints' secrets; else no option is needed: requests are signed as
	// Standard Webhooks describes. The others are for the sake of a quick
	// demonstration, which may be killed as often as one likes.
	news := newNarrator(w)
	hooks, err := dispatcher.New(data.store,
		dispatcher.WithKeyring(data.keyring),
		dispatcher.WithRetry(dispatcher.Schedule(500*time.Millisecond, 500*time.Millisecond, 5*time.Second)),
		dispatcher.WithAttemptTimeout(1500*time.Millisecond),
		dispatcher.WithLeaseMargin(time.Second),
		dispatcher.WithCrashPolicy(dispatcher.CrashPolicy{Suspect: 1000, Fail: 1001}),
		dispatcher.WithObserver(news.observer()),
		// Without these two, only https and public addresses are reached.
		dispatcher.WithPlainHTTP(),
		dispatcher.WithPrivateAddresses())
	if err != nil {
		return err
	}

	// Register, unless a run before this one has.
	known := map[string]dispatcher.Endpoint{}
	for e, err := range hooks.Endpoints(ctx, dispatcher.EndpointFilter{}) {
		if err != nil {
			return err
		}
		known[e.Name] = e
	}
	if data.resumed {
		stats, err := hooks.Stats(ctx, dispatcher.StatsFilter{})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "It left %d endpoints, and deliveries: %d delivered, %d pending.\n", len(known), stats.Total.Delivered, stats.Total.Pending)
	}
	listener, err := listen(ctx, known)
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String()
	news.title("Registered")
	billing, err := register(ctx, hooks, news, known, dispatcher.EndpointConfig{
		Name: "Billing", URL: address + "/billing", Events: []string{"invoice.*"}, Secret: data.billing})
	if err != nil {
		return err
	}
	if _, err := register(ctx, hooks, news, known, dispatcher.EndpointConfig{
		Name: "Audit", URL: address + "/audit", Events: []string{"*"}, Secret: data.audit}); err != nil {
		return err
	}

	requests, err := attempts(ctx, hooks, billing.ID)
	if err != nil {
		return err
	}
	receivers := http.NewServeMux()
	receivers.Handle("POST /billing", failTwice(requests, news, verified(data.billing)))
	receivers.Handle("POST /audit", verified(data.audit))
	server := &http.Server{Handler: receivers, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	// Run delivers until it is stopped. Stop lets attempts in flight finish,
	// stores what became of them, and returns what Run returns.
	background := context.WithoutCancel(ctx)
	go func() { _ = hooks.Run(background) }()
	defer func() { err = errors.Join(err, hooks.Stop(background)) }()

	// Publish. An idempotency key makes a repetition harmless.
	paid := dispatcher.Event{Type: "invoice.paid", Key: "invoice 1001 paid", Payload: Invoice{"1001", 4200}}
	joined := dispatcher.Event{Type: "customer.joined", Key: "Ada joined", Payload: map[string]string{"name": "Ada"}}
	news.title("Published")
	for _, e := range []dispatcher.Event{paid, paid, joined} {
		receipt, err := hooks.Publish(ctx, e)
		if err != nil {
			return err
		}
		if receipt.Duplicate {
			fmt.Fprintf(w, "  %-16s %s  again, under the same key: nothing new\n", e.Type, receipt.EventID)
			continue
		}
		fmt.Fprintf(w, "  %-16s %s  to %s\n", e.Type, receipt.EventID, news.names(receipt.Deliveries))
	}

	news.title("Delivering (kill the program, and run it again: it goes on)")
	if err := news.wait(ctx, hooks); err != nil {
		return err
	}

	// Inspect.
	news.title("History")
	if err := history(ctx, w, hooks, news); err != nil {
		return err
	}
	news.title("Statistics")
	if err := statistics(ctx, w, hooks, news); err != nil {
		return err
	}
	return data.end()
}

// register registers an endpoint that is not known yet, and gives one that is
// its new address, if it has one.
func register(ctx context.Context, hooks dispatcher.EndpointManager, news *narrator, known map[string]dispatcher.Endpoint, c dispatcher.EndpointConfig) (e dispatcher.Endpoint, err error) {
	remark := ""
	e, ok := known[c.Name]
	switch {
	case !ok:
		// The secret, generated unless the configuration has one, is returned once.
		e, _, err = hooks.Register(ctx, c)
	case e.URL != c.URL:
		remark = "  by the last run, and moved"
		e, err = hooks.Update(ctx, e.ID, e.Revision, dispatcher.EndpointUpdate{URL: &c.URL})
	default:
		remark = "  by the last run"
	}
	if err == nil {
		news.registered(e, remark)
	}
	return e, err
}

// attempts counts what was sent to an endpoint and answered, or not.
func attempts(ctx context.Context, hooks dispatcher.Inspector, endpoint string) (n int, err error) {
	for d, err := range hooks.Deliveries(ctx, dispatcher.DeliveryFilter{Endpoint: endpoint}) {
		if err != nil {
			return 0, err
		}
		n += d.Attempts
	}
	return n, nil
}
