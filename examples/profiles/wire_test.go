package profiles_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/wire"
	"github.com/postrider/postrider/signer"
)

// headers are what each page names, in its spelling.
var headers = map[string][]string{
	"vatly":       {"x-protocol-signature"},
	"notifly":     {"x-notifly-signature"},
	"protocol":    {"x-protocol-signature"},
	"protocolapi": {"x-protocol-signature"},
	"digivault":   {"X-DigiVault-Signature", "x-bitvault-signature"},
}

// ids are what the ids on each page look like.
var ids = map[string]string{
	"vatly":       `^whk_[0-9A-Za-z]{16}$`,
	"notifly":     `^[0-9A-Za-z]{16}$`,
	"protocol":    `^[0-9A-Za-z]{16}$`,
	"protocolapi": `^[0-9A-Za-z]{16}$`,
	"digivault":   `^webhook_[0-9A-Za-z]+$`,
}

// On the wire there are the headers that a page names, spelled as there, and a
// body that is the page's example without its white space, to the byte. The
// signature is computed here without our signer.
func TestWire(t *testing.T) {
	each(t, func(t *testing.T, name string, p profile.Profile) {
		ctx := bounded(t)
		hooks, requests, secret := sink(ctx, t, p)
		for i, e := range examples(t, p) {
			if _, err := hooks.Publish(ctx, e); err != nil {
				t.Fatal(err)
			}
			r := requests()

			if want := "POST /webhooks HTTP/1.1"; r.Line != want {
				t.Errorf("request line %q, want %q", r.Line, want)
			}
			var names []string
			for _, f := range r.Fields {
				names = append(names, f.Name)
			}
			slices.Sort(names)
			want := append([]string{"Content-Length", "Content-Type", "Host", "User-Agent"}, headers[name]...)
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("headers %q, want %q", names, want)
			}
			if got := r.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			mac := hmac.New(sha256.New, []byte(secret.Reveal()))
			mac.Write(r.Body)
			for _, header := range headers[name] {
				if got, want := r.Get(header), hex.EncodeToString(mac.Sum(nil)); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}

			var body bytes.Buffer
			if err := json.Compact(&body, []byte(p.Examples[i].Code)); err != nil {
				t.Fatal(err)
			}
			expected := body.String()
			if name == "vatly" || name == "protocolapi" {
				// The form of those pages' Python receivers.
				expected = strings.ReplaceAll(expected, "’", `\u2019`)
			}
			if got := string(r.Body); got != expected {
				t.Errorf("body\n%s\nwant\n%s", got, expected)
			}
		}
	})
}

// Ids that are made look like those on the page, also those that follow from an
// idempotency key, and are in the body.
func TestIDs(t *testing.T) {
	each(t, func(t *testing.T, name string, p profile.Profile) {
		ctx := bounded(t)
		hooks, requests, _ := sink(ctx, t, p)
		for _, key := range []string{"", "order 17 paid"} {
			receipt, err := hooks.Publish(ctx, dispatcher.Event{Key: key, Type: p.EventTypes[0], Payload: map[string]int{"n": 1}})
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(ids[name]).MatchString(receipt.EventID) {
				t.Errorf("key %q: id %q does not match %s", key, receipt.EventID, ids[name])
			}
			e, err := p.Parse(requests().Body)
			if err != nil {
				t.Fatal(err)
			}
			if e.ID != receipt.EventID || e.Type != p.EventTypes[0] {
				t.Errorf("the body names %s %s, want %s %s", e.Type, e.ID, p.EventTypes[0], receipt.EventID)
			}
		}
		for _, e := range examples(t, p) {
			// The page's own ids, but for the test event of DigiVault, "webhook_test_…".
			if !regexp.MustCompile(ids[name]).MatchString(strings.Replace(e.ID, "webhook_test_", "webhook_", 1)) {
				t.Errorf("the page's id %q does not match %s", e.ID, ids[name])
			}
		}
	})
}

// sink runs a dispatcher of the profile and a receiver that accepts everything.
// The function that it returns gives the next request, as it was on the wire.
func sink(ctx context.Context, t *testing.T, p profile.Profile) (*dispatcher.Engine, func() wire.Request, signer.Secret) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	tap, err := wire.NewTap(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tap.Close)
	tap.Forward(server.Listener.Addr().String())

	delivered := make(chan struct{}, 100)
	hooks := run(t, append(p.Options,
		dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses(),
		dispatcher.WithObserver(dispatcher.Observer{
			Delivered: func(context.Context, dispatcher.Delivery) { delivered <- struct{}{} },
		}))...)
	_, secret, err := hooks.Register(ctx, dispatcher.EndpointConfig{URL: "http://" + tap.Addr() + "/webhooks", Events: p.EventTypes})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	return hooks, func() wire.Request {
		t.Helper()
		select {
		case <-delivered:
		case <-ctx.Done():
			t.Fatal("no delivery:", ctx.Err())
		}
		requests, err := tap.Requests()
		if err != nil {
			t.Fatal(err)
		}
		if seen++; len(requests) != seen {
			t.Fatalf("%d requests, want %d", len(requests), seen)
		}
		return requests[seen-1]
	}, secret
}

// run runs a dispatcher until the test ends.
func run(t *testing.T, options ...dispatcher.Option) *dispatcher.Engine {
	t.Helper()
	hooks, err := dispatcher.New(memstore.New(), options...)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- hooks.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := hooks.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return hooks
}
