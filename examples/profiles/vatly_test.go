package profiles_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/vatly"
)

// Vatly calls HTTPS URLs with a valid certificate, and no others.
func TestVatlyHTTPS(t *testing.T) {
	ctx := bounded(t)
	received := make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received <- r.Header.Get("X-Protocol-Signature")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
	server.StartTLS()
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())

	for _, test := range []struct {
		name    string
		options []dispatcher.Option
		code    dispatcher.Code
	}{
		{"certificate of an unknown authority", nil, dispatcher.CodeTLS},
		{"valid certificate", []dispatcher.Option{dispatcher.WithRootCAs(trusted)}, dispatcher.CodeOK},
	} {
		attempted := make(chan dispatcher.Attempt, 10)
		hooks := run(t, append(append(vatly.Options(), test.options...),
			dispatcher.WithPrivateAddresses(),
			dispatcher.WithObserver(dispatcher.Observer{
				Attempted: func(_ context.Context, _ dispatcher.Delivery, a dispatcher.Attempt) { attempted <- a },
			}))...)

		_, _, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "http://example.com/webhooks", Events: vatly.EventTypes()})
		var invalid *dispatcher.ValidationError
		if !errors.As(err, &invalid) || invalid.Field != "url" {
			t.Errorf("%s: a plain HTTP URL gave %v, want a ValidationError of url", test.name, err)
		}

		if _, _, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: server.URL, Events: vatly.EventTypes()}); err != nil {
			t.Fatal(err)
		}
		if _, err := hooks.Publish(ctx, dispatcher.Event{Type: "checkout.created", Payload: map[string]string{"id": "chk_1"}}); err != nil {
			t.Fatal(err)
		}
		select {
		case a := <-attempted:
			if a.Code != test.code {
				t.Errorf("%s: the attempt ended with %s (%s), want %s", test.name, a.Code, a.Error, test.code)
			}
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
	if len(received) != 1 || <-received == "" {
		t.Errorf("%d more requests were received, want one, signed", len(received))
	}
}
