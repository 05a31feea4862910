// Command digivault sends webhooks as DigiVault describes them, has them
// verified by the receiver code that is published there, and shows what happens
// to one that nobody accepts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/digivault"
	"github.com/postrider/postrider/examples/profiles/internal/show"
)

func main() {
	show.Main(func(ctx context.Context, w io.Writer) error {
		p, err := digivault.Profile()
		if err != nil {
			return err
		}
		if err := show.Profile(ctx, w, p); err != nil {
			return err
		}
		return fail(ctx, w)
	})
}

// fail sends to a receiver that refuses everything. The schedule is DigiVault's
// with milliseconds for minutes.
func fail(ctx context.Context, w io.Writer) error {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusServiceUnavailable)
	}))
	defer refusing.Close()

	mails := make(chan string, 1)
	hooks, err := dispatcher.New(memstore.New(), append(digivault.Options(),
		digivault.MailFailures(func(subject, text string) { mails <- subject + ": " + text }),
		dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses())...)
	if err != nil {
		return err
	}
	_, _, err = hooks.Register(ctx, dispatcher.EndpointConfig{
		URL: refusing.URL, Events: []string{"contact.*"},
		Retry: []time.Duration{1 * time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond, 60 * time.Millisecond, 360 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	ran := make(chan error, 1)
	go func() { ran <- hooks.Run(ctx) }()
	receipt, err := hooks.Publish(ctx, dispatcher.Event{Type: "contact.created", Payload: map[string]string{"username": "FrankMcCallister"}})
	if err != nil {
		return err
	}

	fmt.Fprintf(w, "\nPublished %s contact.created, to a receiver that refuses everything\n", receipt.EventID)
	select {
	case mail := <-mails:
		attempts, err := hooks.Attempts(ctx, receipt.Deliveries[0].ID)
		if err != nil {
			return err
		}
		for _, a := range attempts {
			fmt.Fprintf(w, "  attempt %d  after %3d ms: %d\n", a.Number, a.StartedAt.Sub(attempts[0].StartedAt).Milliseconds(), a.Status)
		}
		fmt.Fprintf(w, "  e-mail     %s\n", mail)
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.Join(hooks.Stop(ctx), <-ran)
}
