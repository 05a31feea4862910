package dispatcher_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

type spanKey struct{}

func TestSendHooksStandAroundEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		var order []string
		rc := &receiver{answer: func(r *http.Request, n int) (*http.Response, error) {
			if r.Context().Value(spanKey{}) != "span" {
				t.Error("the request lacks the hook's context")
			}
			order = append(order, "request")
			return respond(200), nil
		}}
		e := newEngine(t, memstore.New(), rc,
			dispatcher.WithEnvelope(dispatcher.CloudEventsBinary("/test")),
			dispatcher.WithLogger(slog.New(slog.NewTextHandler(&logs, nil))),
			dispatcher.WithSendHook(dispatcher.SendHook{
				Before: func(ctx context.Context, o *dispatcher.Outgoing) context.Context {
					order = append(order, "before 1")
					o.Header.Set("traceparent", "00-1-2-01")
					o.Header.Set("X-Own", "hook")
					o.Header.Set("ce-id", "forged")
					o.Header.Set("Webhook-Signature", "forged")
					return context.WithValue(ctx, spanKey{}, "span")
				},
				After: func(ctx context.Context, _ *dispatcher.Outgoing, a dispatcher.Attempt) {
					order = append(order, "after 1")
					if ctx.Value(spanKey{}) != "span" || a.Status != 200 || a.Number != 1 {
						t.Errorf("after: %+v", a)
					}
				},
			}),
			dispatcher.WithSendHook(dispatcher.SendHook{
				Before: func(context.Context, *dispatcher.Outgoing) context.Context {
					order = append(order, "before 2")
					panic("hook")
				},
				After: func(context.Context, *dispatcher.Outgoing, dispatcher.Attempt) { order = append(order, "after 2") },
			}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{Headers: map[string]string{"X-Own": "endpoint", "X-Secret": "hush", "Ce-Type": "own"}})
		rcpt := publish(t, e, dispatcher.Event{Type: "a.b"})
		elapse(time.Second)
		if got := strings.Join(order, ", "); got != "before 1, before 2, request, after 2, after 1" {
			t.Errorf("order: %s", got)
		}
		h := rc.log()[0].header
		for name, want := range map[string]string{
			"Traceparent": "00-1-2-01", "X-Own": "hook", "X-Secret": "hush",
			"ce-id": rcpt.EventID, "ce-type": "a.b", "ce-source": "/test", "ce-specversion": "1.0",
		} {
			if got := first(h, name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if strings.Contains(first(h, "webhook-signature"), "forged") {
			t.Error("a hook set the signature")
		}
		attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		recorded := map[string]string{}
		for _, f := range attempts[0].RequestHeader {
			if _, twice := recorded[http.CanonicalHeaderKey(f.Name)]; twice {
				t.Errorf("%s is recorded twice", f.Name)
			}
			recorded[http.CanonicalHeaderKey(f.Name)] = f.Value
		}
		for name := range h {
			if recorded[http.CanonicalHeaderKey(name)] == "" {
				t.Errorf("%s was sent and is not recorded", name)
			}
		}
		if recorded["X-Secret"] != "[redacted]" || recorded["Traceparent"] != "00-1-2-01" {
			t.Errorf("recorded: %v", recorded)
		}
		for _, want := range []string{"send hook panicked", "left out"} {
			if !strings.Contains(logs.String(), want) {
				t.Errorf("%q is not in the log", want)
			}
		}
	})
}

// An attempt that ends with the context of a hook is one that failed: it uses up a
// retry, and the next one does not follow at once.
func TestContextOfASendHookThatEnds(t *testing.T) {
	for name, c := range map[string]struct {
		derive func(context.Context) (context.Context, context.CancelFunc)
		code   dispatcher.Code
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		}, dispatcher.CodeTimeout},
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, dispatcher.CodeBroken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, memstore.New(), &receiver{answer: hang}, dispatcher.WithRetry(dispatcher.Schedule(time.Hour)),
					dispatcher.WithSendHook(dispatcher.SendHook{Before: func(ctx context.Context, _ *dispatcher.Outgoing) context.Context {
						ctx, cancel := c.derive(ctx)
						t.Cleanup(cancel)
						return ctx
					}}))
				defer start(t, e)()
				register(t, e, dispatcher.EndpointConfig{})
				rcpt := publish(t, e, dispatcher.Event{})
				elapse(30 * time.Minute)
				if d := delivery(t, e, rcpt.Deliveries[0].ID); d.Attempts != 1 || d.Tries != 1 || d.Reason != c.code {
					t.Errorf("after half an hour: %d attempts, %d tries, %s", d.Attempts, d.Tries, d.Reason)
				}
				elapse(time.Hour)
				if d := delivery(t, e, rcpt.Deliveries[0].ID); d.State != dispatcher.StateFailed || d.Attempts != 2 {
					t.Errorf("in the end: %v, %d attempts", d.State, d.Attempts)
				}
			})
		})
	}
}

// A field of several lines, of a hook or an envelope, is sent as it is recorded.
func TestFieldsOfSeveralLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{}
		e := newEngine(t, memstore.New(), rc,
			dispatcher.WithEnvelope(fixedEnvelope{Body: []byte("x"), ContentType: "text/plain", Header: []dispatcher.Header{
				{Name: "Link", Value: "<a>"}, {Name: "Link", Value: "<b>"},
			}}),
			dispatcher.WithSendHook(dispatcher.SendHook{Before: func(ctx context.Context, o *dispatcher.Outgoing) context.Context {
				for _, v := range []string{"a=1", "b=2", "c=3"} {
					o.Header.Add("Baggage", v)
				}
				return ctx
			}}))
		defer start(t, e)()
		register(t, e, dispatcher.EndpointConfig{})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		sent := rc.log()[0].header
		if got := strings.Join(sent["Baggage"], " ") + " " + strings.Join(sent["Link"], " "); got != "a=1 b=2 c=3 <a> <b>" {
			t.Errorf("sent: %s", got)
		}
		attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		recorded := http.Header{}
		for _, f := range attempts[0].RequestHeader {
			recorded.Add(f.Name, f.Value)
		}
		for name, values := range sent {
			if got := recorded.Values(name); strings.Join(got, " ") != strings.Join(values, " ") {
				t.Errorf("%s: recorded %q, sent %q", name, got, values)
			}
		}
	})
}

// written is a transport that keeps what net/http writes of a request.
type written struct{ bytes.Buffer }

func (w *written) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Write(w); err != nil {
		return nil, err
	}
	return respond(200), nil
}

// Net/http adds a User-Agent of its own unless it finds one in that spelling.
func TestUserAgentOfAnySpelling(t *testing.T) {
	own := dispatcher.WithEnvelope(fixedEnvelope{Body: []byte("x"), ContentType: "text/plain",
		Header: []dispatcher.Header{{Name: "user-agent", Value: "own"}}})
	hook := dispatcher.WithSendHook(dispatcher.SendHook{Before: func(ctx context.Context, o *dispatcher.Outgoing) context.Context {
		o.Header["USER-AGENT"] = []string{"own"}
		return ctx
	}})
	for name, opt := range map[string]dispatcher.Option{"envelope": own, "hook": hook} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &written{}
				e := newEngine(t, memstore.New(), w, opt)
				defer start(t, e)()
				register(t, e, dispatcher.EndpointConfig{Headers: map[string]string{"User-agent": "the endpoint's"}})
				publish(t, e, dispatcher.Event{})
				elapse(time.Second)
				var agents []string
				for line := range strings.Lines(w.String()) {
					if strings.HasPrefix(strings.ToLower(line), "user-agent:") {
						agents = append(agents, line)
					}
				}
				if len(agents) != 1 || !strings.Contains(agents[0], "own") {
					t.Errorf("sent: %q", agents)
				}
			})
		})
	}
}

func TestEnvelopeHeadersAreChecked(t *testing.T) {
	for name, enc := range map[string]dispatcher.Encoded{
		"envelope.header[0]":   {Body: []byte("x"), ContentType: "text/plain", Header: []dispatcher.Header{{Name: "Idempotency-Key", Value: "1"}}},
		"envelope.header[1]":   {Body: []byte("x"), ContentType: "text/plain", Header: []dispatcher.Header{{Name: "X-A", Value: "1"}, {Name: "webhook-signature", Value: "1"}}},
		"envelope.contentType": {Body: []byte("x"), ContentType: "a\r\nb"},
		"payload":              {ContentType: "text/plain"},
	} {
		e := newEngine(t, memstore.New(), &receiver{}, dispatcher.WithEnvelope(fixedEnvelope(enc)))
		_, err := e.Publish(t.Context(), dispatcher.Event{Type: "a"})
		refused(t, name, name, err)
	}
	for _, source := range []string{"", "#", "//", "/a b", "/a{b}", "/a#b#c", "/a?x=%zz", "/é", `/a"b`, "/a\\b"} {
		for _, envelope := range []func(string) dispatcher.Envelope{dispatcher.CloudEvents, dispatcher.CloudEventsBinary} {
			_, err := dispatcher.New(memstore.New(), dispatcher.WithEnvelope(envelope(source)))
			refused(t, "source "+source, "envelope.source", err)
		}
	}
}

type fixedEnvelope dispatcher.Encoded

func (f fixedEnvelope) Encode(dispatcher.Message) (dispatcher.Encoded, error) {
	return dispatcher.Encoded(f), nil
}

// A hook carries a trace to the receiver.
func ExampleWithSendHook() {
	_, err := dispatcher.New(memstore.New(), dispatcher.WithSendHook(dispatcher.SendHook{
		Before: func(ctx context.Context, o *dispatcher.Outgoing) context.Context {
			o.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			return ctx
		},
		After: func(ctx context.Context, o *dispatcher.Outgoing, a dispatcher.Attempt) {
			slog.InfoContext(ctx, "attempt", "url", o.URL, "status", a.Status, "took", a.Duration)
		},
	}))
	if err != nil {
		panic(err)
	}
	// Output:
}
