package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/postrider/postrider/internal/egress"
)

// One attempt, from the configured URL to what came back.
func ExampleDo() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}))
	defer receiver.Close()

	u, err := egress.CheckURL(receiver.URL, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	rt := egress.NewTransport(egress.Options{AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	defer rt.CloseIdleConnections()

	res := egress.Do(context.Background(), rt, egress.Request{
		URL:    u,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"type":"ping"}`),
	}, egress.Limits{Timeout: 10 * time.Second})
	delay, _ := egress.RetryAfter(res.RetryAfter, time.Now())
	fmt.Printf("%d %q, again in %s, error: %v\n", res.Status, res.Body, delay, res.Err)
	// Output:
	// 503 "not now\n", again in 30s, error: <nil>
}

// Without an option to that end, nothing on this machine or its network can be
// reached, whatever the name of the host.
func ExampleNewTransport() {
	rt := egress.NewTransport(egress.Options{})
	u, _ := egress.CheckURL("http://localhost:8080/admin", true)
	res := egress.Do(context.Background(), rt, egress.Request{URL: u}, egress.Limits{})
	fmt.Println(res.Class, errors.Is(res.Err, egress.ErrBlocked))
	// Output:
	// blocked true
}

// An early answer for a person who configures an endpoint.
func ExampleGuard_CheckHost() {
	guard := egress.NewGuard(egress.Options{})
	for _, host := range []string{"example.com", "1.1.1.1", "10.0.0.1", "0x7f.1"} {
		fmt.Println(host, guard.CheckHost(host) == nil)
	}
	// Output:
	// example.com true
	// 1.1.1.1 true
	// 10.0.0.1 false
	// 0x7f.1 false
}

func ExampleCheckURL() {
	for _, raw := range []string{"https://example.com/hook", "http://example.com/hook", "https://example.com/{id}", "https://bob:pw@example.com/"} {
		_, err := egress.CheckURL(raw, false)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// url: must begin with https://
	// url: contains '{', which must be percent-encoded
	// url: must not contain a user name or password; use an Authorization header
}

func ExampleCheckHeader() {
	fmt.Println(egress.CheckHeader("Authorization", "Bearer abc"))
	fmt.Println(egress.CheckHeader("Idempotency-Key", "abc"))
	fmt.Println(egress.CheckHeader("X-Acme-Signature", "abc", "x-acme-signature"))
	// Output:
	// <nil>
	// header name: Idempotency-Key is reserved: it makes the HTTP client repeat requests by itself
	// header name: X-Acme-Signature is reserved: it is set with each delivery
}

func ExampleRetryAfter() {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, value := range []string{"120", "Thu, 29 Feb 2024 12:00:30 GMT", "Wed, 28 Feb 2024 12:00:00 GMT", "soon"} {
		fmt.Println(egress.RetryAfter(value, now))
	}
	// Output:
	// 2m0s true
	// 30s true
	// 0s true
	// 0s false
}

func ExampleText() {
	fmt.Println(egress.Text("malformed \x1b[31mresponse\x00", 100))
	// Output:
	// malformed �[31mresponse�
}
