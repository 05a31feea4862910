package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// Subscription is the payload of subscription events.
type Subscription struct {
	ID   string `json:"id"`
	Plan string `json:"plan"`
}

// The event types of a product are defined in one place.
var (
	SubscriptionStarted = dispatcher.EventType[Subscription]{
		Name: "subscription.started", Description: "Somebody subscribed.",
		Example: Subscription{ID: "sub_1", Plan: "basic"},
	}
	SubscriptionEnded = dispatcher.EventType[Subscription]{
		Name: "subscription.ended", Description: "A subscription ran out or was cancelled.",
	}
)

// An event type makes events from Go values, for Publish, PublishBatch and
// PublishTx alike.
func ExampleEventType() {
	ctx := context.Background()
	hooks, _ := dispatcher.New(memstore.New())
	if _, _, err := hooks.Register(ctx, dispatcher.EndpointConfig{
		URL: "https://example.com/hooks", Events: []string{"subscription.*"},
	}); err != nil {
		fmt.Println(err)
	}

	rcpt, err := hooks.Publish(ctx, SubscriptionStarted.New(Subscription{ID: "sub_2", Plan: "pro"}))
	fmt.Println(len(rcpt.Deliveries), err)

	ended := SubscriptionEnded.New(Subscription{ID: "sub_1", Plan: "basic"})
	ended.Key = "sub_1-ended"
	receipts, err := hooks.PublishBatch(ctx, []dispatcher.Event{ended, ended})
	fmt.Println(len(receipts), receipts[1].Duplicate, err)
	// Output:
	// 1 <nil>
	// 2 true <nil>
}

func ExampleEventType_Info() {
	info := SubscriptionStarted.Info()
	fmt.Println(info.Name, info.Example, info.GoType)
	// Output:
	// subscription.started {sub_1 basic} dispatcher_test.Subscription
}

// The catalog lists what can be subscribed to.
func ExampleNewCatalog() {
	catalog, err := dispatcher.NewCatalog(
		SubscriptionStarted,
		SubscriptionEnded,
		dispatcher.EventTypeInfo{
			Name: "subscription.cancelled", Description: "A subscription was cancelled.",
			Deprecated: true, Replacement: "subscription.ended",
		},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range catalog.Types() {
		fmt.Printf("%s: %s %q\n", t.Name, t.Description, t.Replacement)
	}

	_, err = dispatcher.NewCatalog(SubscriptionStarted, SubscriptionStarted)
	fmt.Println(err)
	// Output:
	// subscription.started: Somebody subscribed. ""
	// subscription.ended: A subscription ran out or was cancelled. ""
	// subscription.cancelled: A subscription was cancelled. "subscription.ended"
	// invalid types[1].name: "subscription.started" is the name of types[0] as well
}

func ExampleCatalog_Type() {
	catalog, _ := dispatcher.NewCatalog(SubscriptionStarted)
	info, ok := catalog.Type("subscription.started")
	fmt.Printf("%v: %s %s\n", ok, info.Description, info.Example)
	_, ok = catalog.Type("subscription.renewed")
	fmt.Println(ok)
	// Output:
	// true: Somebody subscribed. {"id":"sub_1","plan":"basic"}
	// false
}

// With a catalog, a slip of the pen is found by who publishes, not by the
// receivers.
func ExampleWithCatalog() {
	schema, _ := jsonschema.Compile([]byte(`{
		"type": "object",
		"properties": {"items": {"type": "array", "items": {"properties": {"price": {"type": "number"}}}}}
	}`))
	catalog, _ := dispatcher.NewCatalog(dispatcher.EventTypeInfo{Name: "order.placed", Schema: schema})
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithCatalog(catalog))

	ctx := context.Background()
	_, err := hooks.Publish(ctx, dispatcher.Event{Type: "order.paced"})
	fmt.Println(err)
	_, err = hooks.Publish(ctx, dispatcher.Event{
		Type: "order.placed", Payload: json.RawMessage(`{"items": [{"price": "12 €"}]}`),
	})
	var v *dispatcher.ValidationError
	if errors.As(err, &v) {
		fmt.Printf("%s: %s\n", v.Field, v.Reason)
	}
	// Output:
	// invalid type: "order.paced" is not in the catalog
	// payload: /items/0/price: must be a number, is a string
}

// The listing is for an API or a page of documentation.
func ExampleCatalog_MarshalJSON() {
	catalog, _ := jsonschema.NewCatalog(SubscriptionStarted)
	text, err := json.MarshalIndent(catalog, "", "  ")
	fmt.Println(string(text), err)
	// Output:
	// {
	//   "types": [
	//     {
	//       "name": "subscription.started",
	//       "description": "Somebody subscribed.",
	//       "example": {
	//         "id": "sub_1",
	//         "plan": "basic"
	//       },
	//       "schema": {
	//         "$schema": "https://json-schema.org/draft/2020-12/schema",
	//         "type": "object",
	//         "properties": {
	//           "id": {
	//             "type": "string"
	//           },
	//           "plan": {
	//             "type": "string"
	//           }
	//         },
	//         "required": [
	//           "id",
	//           "plan"
	//         ]
	//       }
	//     }
	//   ]
	// } <nil>
}

// A catalog can be written by hand, too.
func ExampleParseCatalog() {
	catalog, err := dispatcher.ParseCatalog([]byte(`{"types": [
		{"name": "user.created", "description": "Somebody signed up.", "example": {"id": 7},
		 "schema": {"type": "object", "required": ["id"]}}
	]}`), jsonschema.Compile)
	fmt.Println(len(catalog.Types()), err)

	_, err = dispatcher.ParseCatalog([]byte(`{"types": [{"name": "user.created", "examples": 1}]}`), jsonschema.Compile)
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// invalid catalog: is not the JSON of a catalog: json: unknown field "examples"
}

// A test in CI compares the catalog with that of the last release, which is a
// file in the repository, and fails if receivers would break. The file is
// written anew with each release: json.MarshalIndent(catalog, "", "  ").
func ExampleCatalog_ChangesSince() {
	released := `{"types": [{"name": "subscription.started", "schema": {
		"type": "object",
		"properties": {"id": {"type": "string"}, "plan": {"enum": ["basic"]}, "trial": {"type": "boolean"}},
		"required": ["id", "plan"]
	}}]}` // os.ReadFile("testdata/catalog.json")
	older, err := dispatcher.ParseCatalog([]byte(released), jsonschema.Compile)
	if err != nil {
		fmt.Println(err)
		return
	}
	catalog, err := jsonschema.NewCatalog(SubscriptionStarted, SubscriptionEnded)
	if err != nil {
		fmt.Println(err)
		return
	}
	failed := false
	for _, change := range catalog.ChangesSince(older) {
		fmt.Println(change) // t.Log(change)
		if change.Impact != dispatcher.ImpactCompatible {
			failed = true // t.Fail()
		}
	}
	fmt.Println("failed:", failed)
	// Output:
	// breaking: subscription.started /plan may now be other than "basic"
	// breaking: subscription.started /trial was removed
	// compatible: subscription.ended is new
	// failed: true
}

// maxBytes is a schema without JSON Schema: it bounds the size of payloads.
type maxBytes int

func (m maxBytes) Validate(payload []byte) error {
	if len(payload) > int(m) {
		return &dispatcher.SchemaError{Reason: fmt.Sprintf("must be at most %d bytes", m)}
	}
	return nil
}

func (m maxBytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"$comment": fmt.Sprintf("at most %d bytes", m)})
}

// A host can bring a schema of another kind.
func ExampleSchema() {
	catalog, _ := dispatcher.NewCatalog(dispatcher.EventTypeInfo{Name: "note.written", Schema: maxBytes(10)})
	hooks, _ := dispatcher.New(memstore.New(), dispatcher.WithCatalog(catalog))
	_, err := hooks.Publish(context.Background(), dispatcher.Event{Type: "note.written", Payload: strings.Repeat("x", 9)})
	fmt.Println(err)
	// Output:
	// invalid payload: must be at most 10 bytes
}
