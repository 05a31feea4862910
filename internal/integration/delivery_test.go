package integration

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// request is what a receiver got.
type request struct {
	Header http.Header
	Body   []byte
}

// copy returns it as a server would see it, for libraries that want that.
func (r request) copy() *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/webhooks", strings.NewReader(string(r.Body)))
	req.Header = r.Header.Clone()
	return req
}

// sender delivers to a receiver that keeps what it gets.
type sender struct {
	t        *testing.T
	hooks    *dispatcher.Engine
	endpoint dispatcher.Endpoint
	requests chan request
}

func newSender(t *testing.T, options ...dispatcher.Option) (*sender, signer.Secret) {
	t.Helper()
	s := &sender{t: t, requests: make(chan request, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.requests <- request{r.Header.Clone(), body}
	}))
	t.Cleanup(server.Close)
	var err error
	s.hooks, err = dispatcher.New(memstore.New(), append(options, dispatcher.WithPlainHTTP(), dispatcher.WithPrivateAddresses())...)
	if err != nil {
		t.Fatal(err)
	}
	var secret signer.Secret
	s.endpoint, secret, err = s.hooks.Register(t.Context(), dispatcher.EndpointConfig{URL: server.URL, Events: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.hooks.Run(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.hooks.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return s, secret
}

// deliver publishes an event and returns the request that it makes.
func (s *sender) deliver(e dispatcher.Event) request {
	s.t.Helper()
	receipt, err := s.hooks.Publish(s.t.Context(), e)
	if err != nil {
		s.t.Fatal(err)
	}
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	select {
	case r := <-s.requests:
		if id := r.Header.Get("webhook-id"); id != "" && id != receipt.EventID {
			s.t.Fatalf("webhook-id %q, want %q", id, receipt.EventID)
		}
		return r
	case <-timeout.C:
		s.t.Fatalf("event %s was not delivered", receipt.EventID)
		return request{}
	}
}

// payloads are what bodies are made of in these tests.
func payloads() map[string]any {
	return map[string]any{
		"struct": struct {
			Number string `json:"number"`
			Cents  int    `json:"cents"`
		}{"1001", 4200},
		"null":         nil,
		"empty object": struct{}{},
		"number":       2432232314,
		"beyond ASCII": "I’m “here” 😀 \u2028 </script> & \u0000 é",
		"dots":         "a.b.c",
		"64 KiB":       strings.Repeat("0123456789abcde\n", 4<<10),
	}
}

// secretOf makes a secret.
func secretOf(t *testing.T, text string) signer.Secret {
	t.Helper()
	s, err := signer.NewSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// altered returns the body with its last byte but one changed.
func altered(body []byte) []byte {
	b := append([]byte(nil), body...)
	b[len(b)-2] ^= 1
	return b
}
