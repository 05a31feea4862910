package signer_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
)

// deliver posts exampleMessage to h and prints the answer.
func deliver(h http.Handler, header http.Header) {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/acme", strings.NewReader(string(exampleMessage().Body)))
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
}

func ExampleMiddleware() {
	secret := exampleSecret()
	verify := signer.Middleware(signer.StandardWebhooks(signer.WithClock(exampleClock)), signer.Secrets(secret))
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/acme", verify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m, _ := signer.MessageFromContext(r.Context())
		body, err := io.ReadAll(r.Body)
		fmt.Printf("%s: %s, %v\n", m.ID, body, err)
	})))

	deliver(mux, signed(signer.StandardWebhooks(), exampleMessage(), []signer.Secret{secret}, nil))
	deliver(mux, signed(signer.StandardWebhooks(), exampleMessage(), []signer.Secret{signer.GenerateSecret()}, nil))
	deliver(mux, nil)
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek: {"test": 2432232314}, <nil>
	// 200
	// 401 webhook signature does not match
	// 400 malformed webhook signature
}

// Secrets that depend on the sender are looked up for each request.
func ExampleSecretFunc() {
	secrets := map[string]signer.Secret{"/webhooks/umbrella": exampleSecret()}
	lookup := func(r *http.Request) ([]signer.Secret, error) {
		s, ok := secrets[r.URL.Path]
		if !ok {
			return nil, signer.ErrNoSecret
		}
		return []signer.Secret{s}, nil
	}
	verify := signer.Middleware(signer.GitHub(), lookup)
	deliver(verify(http.NotFoundHandler()), signed(signer.GitHub(), exampleMessage(), []signer.Secret{exampleSecret()}, nil))
	// Output:
	// 401 unknown webhook sender
}

// While a secret is rotated, the receiver takes both.
func ExampleSecrets() {
	oldSecret, newSecret := exampleSecret(), signer.GenerateSecret()
	verify := signer.Middleware(signer.GitHub(), signer.Secrets(newSecret, oldSecret))
	deliver(verify(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})),
		signed(signer.GitHub(), exampleMessage(), []signer.Secret{oldSecret}, nil))
	// Output:
	// 200
}

func ExampleWithBodyLimit() {
	verify := signer.Middleware(signer.GitHub(), signer.Secrets(exampleSecret()), signer.WithBodyLimit(16))
	deliver(verify(http.NotFoundHandler()), signed(signer.GitHub(), exampleMessage(), []signer.Secret{exampleSecret()}, nil))
	// Output:
	// 413 webhook body too large
}

func ExampleWithOnReject() {
	verify := signer.Middleware(signer.GitHub(), signer.Secrets(exampleSecret()),
		signer.WithOnReject(func(r *http.Request, err error) { fmt.Println("log:", r.URL.Path, err) }))
	deliver(verify(http.NotFoundHandler()), nil)
	// Output:
	// log: /webhooks/acme signer: malformed request: X-Hub-Signature-256: is missing
	// 400 malformed webhook signature
}

// A handler is tested without signing anything.
func ExampleContextWithMessage() {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m, ok := signer.MessageFromContext(r.Context())
		fmt.Println(m.ID, ok)
	})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(signer.ContextWithMessage(r.Context(), signer.Message{ID: "msg_1"})))
	// Output:
	// msg_1 true
}

func ExampleMessageFromContext() {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	_, ok := signer.MessageFromContext(r.Context()) // no middleware, no message
	fmt.Println(ok)
	// Output:
	// false
}

func ExampleWithTolerance() {
	secret := exampleSecret()
	h := signed(signer.Stripe(), exampleMessage(), []signer.Secret{secret}, nil)
	for _, tolerance := range []time.Duration{time.Minute, 5 * time.Minute} {
		v := signer.Stripe(signer.WithTolerance(tolerance), signer.WithClock(exampleClock)) // 70 s later
		_, err := v.Verify(h, exampleMessage().Body, secret)
		fmt.Println(tolerance, err)
	}
	// Output:
	// 1m0s signer: timestamp outside the tolerance: Stripe-Signature: is too old
	// 5m0s <nil>
}

// A recorded request is checked as of the time it was received.
func ExampleWithClock() {
	secret := exampleSecret()
	h := signed(signer.StandardWebhooks(), exampleMessage(), []signer.Secret{secret}, nil)
	received := time.Date(2021, 2, 25, 15, 3, 0, 0, time.UTC)

	_, err := signer.StandardWebhooks().Verify(h, exampleMessage().Body, secret)
	fmt.Println(errors.Is(err, signer.ErrStale))
	v := signer.StandardWebhooks(signer.WithClock(func() time.Time { return received }))
	_, err = v.Verify(h, exampleMessage().Body, secret)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleVerifyError() {
	h := http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"+1614265330"}, "Webhook-Signature": {"v1,x"}}
	_, err := signer.StandardWebhooks().Verify(h, nil, exampleSecret())
	var refused *signer.VerifyError
	if errors.As(err, &refused) {
		fmt.Println(refused.Header)
		fmt.Println(refused.Reason)
		fmt.Println(errors.Is(err, signer.ErrMalformed))
	}
	// Output:
	// webhook-timestamp
	// is not a canonical Unix time in seconds
	// true
}
