package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	ceclient "github.com/cloudevents/sdk-go/v2/client"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/postrider/postrider/dispatcher"
)

// cloudEventModes are the two ways to put an event into a request.
var cloudEventModes = map[string]struct {
	envelope func(source string) dispatcher.Envelope
	encoding binding.Encoding
}{
	"structured": {dispatcher.CloudEvents, binding.EncodingStructured},
	"binary":     {dispatcher.CloudEventsBinary, binding.EncodingBinary},
}

// cloudEventPayloads are payloads and more of their kind.
func cloudEventPayloads() map[string]any {
	p := payloads()
	maps.Copy(p, map[string]any{
		"nested": map[string]any{
			"data": map[string]any{"id": "x", "specversion": "0.3", "list": []any{1, "two", nil, true, map[string]any{}, []any{}}},
			"":     "an empty name", "é\u2028😀": "a name beyond ASCII",
		},
		"numbers":      json.RawMessage(`[0, -0.0, 1.50, 1e3, 1E-7, 12345678901234567890, 0.1, 1e400]`),
		"string":       "hello",
		"empty string": "",
		"false":        false,
		"empty array":  []int{},
		"white space":  json.RawMessage("\n{ \"a\" :\t[ 1 , 2 ] }\r\n"),
	})
	return p
}

// What the engine sends as a CloudEvent is one to the SDK, in both modes, and
// says what was published. It is signed like any other request.
func TestCloudEventsDelivery(t *testing.T) {
	at := time.Date(2026, 5, 4, 5, 2, 1, 123456789, time.FixedZone("", 2*60*60))
	for mode, m := range cloudEventModes {
		for form, option := range map[string]dispatcher.JSONForm{"verbatim": dispatcher.Verbatim, "ASCII": dispatcher.ASCII} {
			t.Run(mode+"/"+form, func(t *testing.T) {
				s, secret := newSender(t, dispatcher.WithEnvelope(m.envelope("/source")), dispatcher.WithJSONForm(option))
				for name, payload := range cloudEventPayloads() {
					t.Run(name, func(t *testing.T) {
						s.t = t
						r := s.deliver(dispatcher.Event{Type: "invoice.paid-in_full", Payload: payload, Time: at})
						checkStandard(t, r, secret)
						e := cloudEvent(t, r, m.encoding)
						checkCloudEvent(t, e, r.Header.Get("webhook-id"), "/source", "invoice.paid-in_full", payload)
						if !e.Time().Equal(at.Truncate(time.Microsecond)) {
							t.Errorf("the time is %v, want %v", e.Time(), at)
						}
					})
				}
				t.Run("time of publishing", func(t *testing.T) {
					s.t = t
					before := time.Now().Truncate(time.Microsecond)
					e := cloudEvent(t, s.deliver(dispatcher.Event{Type: "a", Payload: 1}), m.encoding)
					if e.Time().Before(before) || e.Time().After(time.Now()) {
						t.Errorf("the time is %v, want between %v and now", e.Time(), before)
					}
				})
			})
		}
	}
}

// The id that a host chooses is the id of the CloudEvent.
func TestCloudEventsID(t *testing.T) {
	for mode, m := range cloudEventModes {
		t.Run(mode, func(t *testing.T) {
			s, _ := newSender(t, dispatcher.WithEnvelope(m.envelope("/source")))
			e := cloudEvent(t, s.deliver(dispatcher.Event{ID: "Order-1001_paid", Type: "a", Payload: 1}), m.encoding)
			checkCloudEvent(t, e, "Order-1001_paid", "/source", "a", 1)
		})
	}
}

// A source arrives as it was given, whatever characters a URI reference may
// have (RFC 3986). wire is what a header says: there a percent sign is escaped
// (HTTP protocol binding, 3.1.3.2).
func TestCloudEventsSource(t *testing.T) {
	for source, wire := range map[string]string{
		"/source":                    "/source",
		"billing":                    "billing",
		"../billing?":                "../billing?",
		"urn:example:a:1/2":          "urn:example:a:1/2",
		"mailto:billing@example.com": "mailto:billing@example.com",
		"https://example.com:8443/accounts/42?region=eu&n=1#paid":       "https://example.com:8443/accounts/42?region=eu&n=1#paid",
		"//[2001:db8::1]/it's/(1);a=b,c/~d!$*+@:_-.":                    "//[2001:db8::1]/it's/(1);a=b,c/~d!$*+@:_-.",
		"/caf%C3%A9/a%20b%2Fc":                                          "/caf%25C3%25A9/a%2520b%252Fc",
		"https://example.com/%22quoted%22?share=100%25&q=%E2%82%AC#%20": "https://example.com/%2522quoted%2522?share=100%2525&q=%25E2%2582%25AC#%2520",
	} {
		t.Run(strings.ReplaceAll(source, "/", "|"), func(t *testing.T) {
			s, _ := newSender(t, dispatcher.WithEnvelope(dispatcher.CloudEvents(source)))
			r := s.deliver(dispatcher.Event{Type: "a", Payload: 1})
			checkCloudEvent(t, cloudEvent(t, r, binding.EncodingStructured), r.Header.Get("webhook-id"), source, "a", 1)

			s, _ = newSender(t, dispatcher.WithEnvelope(dispatcher.CloudEventsBinary(source)))
			r = s.deliver(dispatcher.Event{Type: "a", Payload: 1})
			if got := r.Header.Get("ce-source"); got != wire {
				t.Errorf("the header is %q, want %q", got, wire)
			}
			if source != wire {
				// The SDK does not unescape headers by itself, as it should
				// (github.com/cloudevents/sdk-go/issues/1331).
				r = unescaped(t, r)
			}
			checkCloudEvent(t, cloudEvent(t, r, binding.EncodingBinary), r.Header.Get("webhook-id"), source, "a", 1)
		})
	}
}

// The SDK's own receiver takes what the engine sends, and the delivery ends well.
func TestCloudEventsReceiver(t *testing.T) {
	for mode, m := range cloudEventModes {
		t.Run(mode, func(t *testing.T) {
			received := make(chan event.Event, 10)
			protocol, err := cehttp.New()
			if err != nil {
				t.Fatal(err)
			}
			handler, err := ceclient.NewHTTPReceiveHandler(t.Context(), protocol, func(e event.Event) { received <- e })
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)

			delivered := make(chan dispatcher.Delivery, 10)
			s, _ := newSender(t, dispatcher.WithEnvelope(m.envelope("/source")), dispatcher.WithObserver(dispatcher.Observer{
				Delivered: func(_ context.Context, d dispatcher.Delivery) { delivered <- d },
			}))
			endpoint, _, err := s.hooks.Register(t.Context(), dispatcher.EndpointConfig{URL: server.URL, Events: []string{"invoice.*"}})
			if err != nil {
				t.Fatal(err)
			}
			payload := map[string]any{"number": "1001", "name": "I’m “here” 😀"}
			r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			select {
			case e := <-received:
				checkCloudEvent(t, &e, r.Header.Get("webhook-id"), "/source", "invoice.paid", payload)
			case <-ctx.Done():
				t.Fatal("the SDK's receiver got nothing")
			}
			for ended := ""; ended != endpoint.ID; { // the other endpoint's may come first
				select {
				case d := <-delivered:
					ended = d.EndpointID
				case <-ctx.Done():
					t.Fatal("the delivery to the SDK's receiver did not end as delivered")
				}
			}
		})
	}
}

// Without an attribute that must be there, the SDK refuses a request: so the
// checks above can fail.
func TestCloudEventsIncomplete(t *testing.T) {
	s, _ := newSender(t, dispatcher.WithEnvelope(dispatcher.CloudEventsBinary("/source")))
	r := s.deliver(dispatcher.Event{Type: "a", Payload: 1})
	for _, name := range []string{"ce-specversion", "ce-id", "ce-source", "ce-type"} {
		changed := r.clone()
		changed.Header.Del(name)
		if e, err := cehttp.NewEventFromHTTPRequest(changed.copy()); err == nil && e.Validate() == nil {
			t.Errorf("without %s the SDK accepts it", name)
		}
	}
}

// cloudEvent has the SDK read a request.
func cloudEvent(t *testing.T, r request, want binding.Encoding) *event.Event {
	t.Helper()
	message := cehttp.NewMessageFromHttpRequest(r.copy())
	if got := message.ReadEncoding(); got != want {
		t.Fatalf("the SDK sees the mode %v, want %v", got, want)
	}
	e, err := binding.ToEvent(t.Context(), message)
	if err != nil {
		t.Fatalf("the SDK does not read it: %v", err)
	}
	return e
}

// checkCloudEvent holds an event to what was published.
func checkCloudEvent(t *testing.T, e *event.Event, id, source, kind string, payload any) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Errorf("the SDK does not take it for valid: %v", err)
	}
	got := [...]string{e.SpecVersion(), e.ID(), e.Source(), e.Type(), e.DataContentType(), e.Subject(), e.DataSchema()}
	if want := [...]string{"1.0", id, source, kind, "application/json", "", ""}; got != want {
		t.Errorf("the attributes are %q, want %q", got, want)
	}
	if n := e.Extensions(); len(n) != 0 {
		t.Errorf("there are extensions: %v", n)
	}
	want, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := value(t, e.Data()), value(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the data is %.200q, want %.200q", got, want)
	}
}

// value decodes JSON, keeping numbers as they are written.
func value(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%.200q: %v", text, err)
	}
	if d.More() {
		t.Fatalf("%.200q is more than one value", text)
	}
	return v
}

// unescaped returns the request with the values of its attributes decoded.
func unescaped(t *testing.T, r request) request {
	t.Helper()
	changed := r.clone()
	for name, values := range changed.Header {
		if !strings.HasPrefix(name, "Ce-") {
			continue
		}
		for i := range values {
			var err error
			if values[i], err = url.PathUnescape(values[i]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	return changed
}
