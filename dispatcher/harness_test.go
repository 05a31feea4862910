package dispatcher_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// receiver is a transport that ends at a function instead of a network, and
// keeps a log of what reached it.
type receiver struct {
	// answer is called for each request; nil answers 200. The int counts the
	// requests for this message, from 1.
	answer func(r *http.Request, n int) (*http.Response, error)

	mu       sync.Mutex
	requests []request
	count    map[string]int
}

// request is one that reached the receiver.
type request struct {
	at     time.Time
	url    string
	id     string
	header http.Header
	body   []byte
	status int // 0: no answer
}

func (rc *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	id := first(r.Header, "webhook-id")
	key := r.URL.String() + " " + id
	rc.mu.Lock()
	if rc.count == nil {
		rc.count = map[string]int{}
	}
	rc.count[key]++
	n, at := rc.count[key], len(rc.requests)
	rc.requests = append(rc.requests, request{at: time.Now(), url: r.URL.String(), id: id, header: r.Header.Clone(), body: body})
	rc.mu.Unlock()
	resp, err := respond(200), error(nil)
	rc.mu.Lock()
	answer := rc.answer
	rc.mu.Unlock()
	if answer != nil {
		resp, err = answer(r, n)
	}
	if resp != nil {
		rc.mu.Lock()
		rc.requests[at].status = resp.StatusCode
		rc.mu.Unlock()
	}
	return resp, err
}

// set changes the answer while engines run.
func (rc *receiver) set(answer func(*http.Request, int) (*http.Response, error)) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.answer = answer
}

func (rc *receiver) log() []request {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.requests)
}

// first finds a header whatever its spelling.
func first(h http.Header, name string) string {
	for k, v := range h {
		if http.CanonicalHeaderKey(k) == http.CanonicalHeaderKey(name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

func respond(status int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(nil)),
	}
}

func answerStatus(status int) func(*http.Request, int) (*http.Response, error) {
	return func(*http.Request, int) (*http.Response, error) { return respond(status), nil }
}

// elapse lets time pass on the fake clock of a synctest bubble, until everything
// that it brings about has happened.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// hang answers nothing until the attempt is given up.
func hang(r *http.Request, _ int) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func newEngine(t testing.TB, s store.Store, rt http.RoundTripper, opts ...dispatcher.Option) *dispatcher.Engine {
	t.Helper()
	e, err := dispatcher.New(s, append([]dispatcher.Option{dispatcher.WithTransport(rt)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// start runs the engine and returns a function that stops it and checks how it
// ended.
func start(t testing.TB, e *dispatcher.Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func register(t testing.TB, d dispatcher.Dispatcher, c dispatcher.EndpointConfig) dispatcher.Endpoint {
	t.Helper()
	if c.URL == "" {
		c.URL = "https://receiver.example/hooks"
	}
	if c.Events == nil {
		c.Events = []string{"*"}
	}
	ep, _, err := d.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

func publish(t testing.TB, d dispatcher.Dispatcher, ev dispatcher.Event) dispatcher.Receipt {
	t.Helper()
	if ev.Type == "" {
		ev.Type = "invoice.paid"
	}
	r, err := d.Publish(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func delivery(t testing.TB, d dispatcher.Dispatcher, id string) dispatcher.Delivery {
	t.Helper()
	got, err := d.Delivery(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var _ store.Store = (*memstore.Store)(nil)
