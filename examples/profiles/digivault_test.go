package profiles_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/digivault"
)

// roundTripper answers requests in place of the network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A page's whole schedule passes in a moment, in fake time: whatever the answer,
// if it is not 2xx there are five more requests at the times of the page, an
// attempt ends after 30 seconds, and one e-mail is sent at the end.
func TestDigiVaultSchedule(t *testing.T) {
	const hang = 0
	answers := []int{500, 410, 301, 429, 404, hang}
	waits := []time.Duration{0, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var requests []time.Duration
		network := roundTripper(func(r *http.Request) (*http.Response, error) {
			if len(requests) == len(answers) {
				t.Error("a request too many")
				return nil, io.ErrUnexpectedEOF
			}
			status := answers[len(requests)]
			requests = append(requests, time.Since(started))
			if status == hang {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return &http.Response{
				StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody,
				Header: http.Header{"Retry-After": {"86400"}, "Location": {"https://example.com/elsewhere"}},
			}, nil
		})
		var mails []string
		hooks, err := dispatcher.New(memstore.New(), append(digivault.Options(),
			digivault.MailFailures(func(subject, text string) { mails = append(mails, subject+": "+text) }),
			dispatcher.WithTransport(network))...)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		endpoint, _, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/webhooks", Events: digivault.EventTypes()})
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := hooks.Publish(ctx, dispatcher.Event{Type: "contact.created", Payload: map[string]string{"id": "c_1"}})
		if err != nil {
			t.Fatal(err)
		}
		running := make(chan error, 1)
		go func() { running <- hooks.Run(ctx) }()
		time.Sleep(24 * time.Hour)
		synctest.Wait()

		attempts, err := hooks.Attempts(ctx, receipt.Deliveries[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(requests) != 6 || len(attempts) != 6 {
			t.Fatalf("%d requests and %d attempts, want 6 of both", len(requests), len(attempts))
		}
		due := time.Duration(0)
		for i, at := range requests {
			due += waits[i]
			// Outcomes are stored, and the store is asked, after moments of their own.
			if late := at - due; late < 0 || late > time.Second {
				t.Errorf("request %d came after %v, want %v", i+1, at, due)
			}
			due = at
			if attempts[i].Status != answers[i] {
				t.Errorf("attempt %d has the status %d, want %d", i+1, attempts[i].Status, answers[i])
			}
		}
		if last := attempts[5]; last.Code != dispatcher.CodeTimeout || last.Duration != 30*time.Second {
			t.Errorf("the last attempt ended after %v with %s, want a timeout after 30 s", last.Duration, last.Code)
		}
		d, err := hooks.Delivery(ctx, receipt.Deliveries[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if d.State != dispatcher.StateFailed {
			t.Errorf("the delivery is %s", d.State)
		}
		want := fmt.Sprintf("Webhook %s has failed: contact.created was not accepted in 6 attempts", receipt.EventID)
		if len(mails) != 1 || !strings.HasPrefix(mails[0], want) {
			t.Errorf("e-mails %q, want one that begins %q", mails, want)
		}
		// 410 disables nothing here, as the page does not say so.
		if endpoint, err = hooks.Endpoint(ctx, endpoint.ID); err != nil || endpoint.Status != dispatcher.EndpointActive {
			t.Errorf("the endpoint is in status %d, %v", endpoint.Status, err)
		}
		if err := hooks.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-running; err != nil {
			t.Error(err)
		}
	})
}

// Every 2xx is a success.
func TestDigiVaultSuccess(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 299} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			hooks, err := dispatcher.New(memstore.New(), append(digivault.Options(),
				dispatcher.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
					requests++
					return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody}, nil
				})))...)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			if _, _, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "https://example.com/webhooks", Events: []string{"*"}}); err != nil {
				t.Fatal(err)
			}
			receipt, err := hooks.Publish(ctx, dispatcher.Event{Type: "group.member_added", Payload: map[string]string{"id": "g_1"}})
			if err != nil {
				t.Fatal(err)
			}
			running := make(chan error, 1)
			go func() { running <- hooks.Run(ctx) }()
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			d, err := hooks.Delivery(ctx, receipt.Deliveries[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if requests != 1 || d.State != dispatcher.StateDelivered {
				t.Errorf("%d: %s after %d requests", status, d.State, requests)
			}
			if err := hooks.Stop(ctx); err != nil {
				t.Error(err)
			}
			if err := <-running; err != nil {
				t.Error(err)
			}
		})
	}
}
