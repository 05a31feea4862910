package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// csvEnvelope puts rows into a table.
type csvEnvelope struct{}

func (csvEnvelope) Encode(m dispatcher.Message) (dispatcher.Encoded, error) {
	rows, ok := m.Payload.([][2]string)
	if !ok {
		return dispatcher.Encoded{}, &dispatcher.ValidationError{Field: "payload", Reason: "must be rows of two columns"}
	}
	var body bytes.Buffer
	for _, row := range rows {
		fmt.Fprintf(&body, "%s,%s,%s\n", m.Type, row[0], row[1])
	}
	return dispatcher.Encoded{
		Body: body.Bytes(), ContentType: "text/csv",
		Header: []dispatcher.Header{{Name: "X-Event-Type", Value: m.Type}},
	}, nil
}

// An envelope of the host's own decides what the body is, and refuses payloads that
// it cannot put into it.
func ExampleEnvelope() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithEnvelope(csvEnvelope{}))

	rcpt, _ := hooks.Publish(ctx, dispatcher.Event{Type: "stock.counted", Payload: [][2]string{{"tea", "98"}, {"cup", "3"}}})
	e, _ := hooks.Event(ctx, rcpt.EventID)
	fmt.Printf("%s%v\n", e.Body, e.Header)
	_, err := hooks.Publish(ctx, dispatcher.Event{Type: "stock.counted", Payload: 98})
	fmt.Println(err)
	// Output:
	// stock.counted,tea,98
	// stock.counted,cup,3
	// [{X-Event-Type stock.counted}]
	// invalid payload: must be rows of two columns
}

// hourly retries every hour for two days. It is pure: what it answers depends on
// its arguments alone.
type hourly struct{}

func (hourly) Delay(retry int, _ uint64) (time.Duration, bool) { return time.Hour, retry <= 48 }

// A retry policy of the host's own, whose deliveries do not come back together.
func ExampleRetryPolicy() {
	policy := dispatcher.Jitter(0.5, hourly{})
	_, err := dispatcher.New(memstore.New(), dispatcher.WithRetry(policy))
	first, again := policy.Delay(1, 7)
	_, more := policy.Delay(49, 7)
	fmt.Println(err, first >= 30*time.Minute && first <= 90*time.Minute, again, more)
	// Output:
	// <nil> true true false
}

// kms stands for a service that holds keys and never gives them away.
type kms struct{ dispatcher.Keyring }

func (k kms) Open(ctx context.Context, sealed, data []byte) ([]byte, error) {
	fmt.Println("the service opens what was sealed")
	return k.Keyring.Open(ctx, sealed, data)
}

// Secrets and custom headers can be sealed by a service. It is asked when an endpoint
// is changed, looked at, or sent to, and must be quick.
func ExampleKeyring() {
	ctx := context.Background()
	keys, _ := dispatcher.StaticKeyring(dispatcher.Key{ID: "2026", Bytes: make([]byte, 32)})
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithKeyring(kms{keys}))
	ep, _, _ := hooks.Register(ctx, dispatcher.EndpointConfig{
		URL: "https://example.com/hooks", Events: []string{"*"}, Headers: map[string]string{"Authorization": "Bearer s3cr3t"},
	})
	ep, err := hooks.Endpoint(ctx, ep.ID)
	fmt.Println(ep.HeaderNames, err)
	// Output:
	// the service opens what was sealed
	// [Authorization] <nil>
}

// noStats fakes what it needs and leaves the rest to what it embeds: the interface
// may grow. For most tests dispatchertest has a Recorder.
type noStats struct{ dispatcher.Dispatcher }

func (noStats) Stats(context.Context, dispatcher.StatsFilter) (dispatcher.Stats, error) {
	return dispatcher.Stats{}, errors.New("the database is away")
}

func ExampleDispatcher() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	var fake dispatcher.Dispatcher = noStats{hooks}

	_, err := fake.Publish(ctx, dispatcher.Event{Type: "invoice.paid"})
	fmt.Println("publish:", err)
	_, err = fake.Stats(ctx, dispatcher.StatsFilter{})
	fmt.Println("stats:", err)
	// Output:
	// publish: <nil>
	// stats: the database is away
}

func ExampleFieldConst() {
	body(dispatcher.JSONEnvelope(dispatcher.FieldConst("version", 2), dispatcher.FieldType("type"), dispatcher.FieldPayload("data")),
		dispatcher.Message{Type: "user.created", Payload: map[string]int{"id": 7}})
	// Output:
	// {"version":2,"type":"user.created","data":{"id":7}} application/json <nil>
}

// A 410 disables an endpoint, unless the product documents that everything but 2xx is
// tried again.
func ExampleClassifyStrictly() {
	gone := dispatcher.Result{Status: 410, Code: dispatcher.CodeHTTPStatus, Try: 1}
	fmt.Println(dispatcher.Classify(gone).Action == dispatcher.ActionDisable)
	fmt.Println(dispatcher.ClassifyStrictly(gone).Action == dispatcher.ActionRetry)
	// Output:
	// true
	// true
}

// A tenant who leaves: nothing more is published for it, and the store forgets what
// it has.
func ExampleEngine_Tenant_erase() {
	ctx := context.Background()
	s := memstore.New()
	hooks, _ := dispatcher.New(s)
	acme := hooks.Tenant("acme")
	acme.Register(ctx, dispatcher.EndpointConfig{URL: "https://acme.example/hooks", Events: []string{"*"}})
	rcpt, _ := acme.Publish(ctx, dispatcher.Event{Type: "invoice.paid"})

	for more := true; more; {
		done, err := s.EraseTenant(ctx, "acme", 500)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("events:", done.Events)
		more = done.More
	}
	_, err := acme.Event(ctx, rcpt.EventID)
	stats, _ := acme.Stats(ctx, dispatcher.StatsFilter{})
	fmt.Println(err != nil, stats.Total.Pending)
	// Output:
	// events: 1
	// true 0
}
