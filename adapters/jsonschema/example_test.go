package jsonschema_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// Invoice is the payload of invoice events.
type Invoice struct {
	ID     string        `json:"id"`
	Status InvoiceStatus `json:"status"`
	Lines  []Line        `json:"lines" jsonschema:"what was bought, in no order"`
	Note   string        `json:"note,omitempty"`
}

// Line is a line of an Invoice.
type Line struct {
	Item  string  `json:"item"`
	Price float64 `json:"price"`
}

// InvoiceStatus has few values.
type InvoiceStatus string

// JSONSchema implements jsonschema.Describer.
func (InvoiceStatus) JSONSchema() []byte { return []byte(`{"enum":["open","paid"]}`) }

// Each event type is defined once, in one place.
var (
	InvoicePaid = dispatcher.EventType[Invoice]{
		Name:        "invoice.paid",
		Description: "An invoice was paid in full.",
		Example:     Invoice{ID: "in_1", Status: "paid", Lines: []Line{{"Tea", 3.5}}},
	}
	InvoiceSent = dispatcher.EventType[Invoice]{Name: "invoice.sent", Description: "An invoice was sent to the customer."}
)

func Example() {
	catalog, err := jsonschema.NewCatalog(InvoicePaid, InvoiceSent)
	if err != nil {
		fmt.Println(err)
		return
	}
	hooks, err := dispatcher.New(memstore.New(), dispatcher.WithCatalog(catalog))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_, err = hooks.Publish(ctx, InvoicePaid.New(Invoice{ID: "in_2", Status: "paid"}))
	fmt.Println(err)
	_, err = hooks.Publish(ctx, InvoicePaid.New(Invoice{ID: "in_2", Status: "lost"}))
	fmt.Println(err)
	_, err = hooks.Publish(ctx, dispatcher.Event{Type: "invoice.payed"})
	fmt.Println(err)
	// Output:
	// <nil>
	// invalid payload: /status: must be one of "open", "paid"
	// invalid type: "invoice.payed" is not in the catalog
}

func ExampleNewCatalog() {
	catalog, err := jsonschema.NewCatalog(InvoicePaid, InvoiceSent)
	fmt.Println(len(catalog.Types()), err)

	wrong := InvoicePaid
	wrong.Example = Invoice{ID: "in_1", Status: "settled"}
	_, err = jsonschema.NewCatalog(wrong)
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// invalid types[0].example: /status: must be one of "open", "paid"
}

func ExampleCompile() {
	schema, err := jsonschema.Compile([]byte(`{
		"type": "object",
		"properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
		"$defs": {"item": {"properties": {"price": {"type": "number"}}}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = schema.Validate([]byte(`{"items": [{"price": 1}, {"price": "free"}]}`))
	var e *dispatcher.SchemaError
	if errors.As(err, &e) {
		fmt.Println("at", e.Pointer)
		fmt.Println(e.Reason)
	}
	_, err = jsonschema.Compile([]byte(`{"$ref": "https://example.com/item.json"}`))
	fmt.Println(err)
	// Output:
	// at /items/1/price
	// must be a number, is a string
	// invalid schema: refers to "https://example.com/item.json", and other documents are not loaded; put it under $defs
}

func ExampleFor() {
	schema, err := jsonschema.For[Line]()
	if err != nil {
		fmt.Println(err)
		return
	}
	document, err := schema.MarshalJSON()
	fmt.Println(string(document), err)
	// Output:
	// {"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"item":{"type":"string"},"price":{"type":"number"}},"required":["item","price"]} <nil>
}

// A type with a few values brings its own schema.
func ExampleDescriber() {
	schema, err := jsonschema.For[struct {
		Status InvoiceStatus `json:"status"`
	}]()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(schema.Validate([]byte(`{"status": "paid"}`)))
	fmt.Println(schema.Validate([]byte(`{"status": "late"}`)))
	// Output:
	// <nil>
	// /status: must be one of "open", "paid"
}
