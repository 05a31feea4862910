package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// schemaFunc is a schema of a host's own.
type schemaFunc func(payload []byte) error

func (f schemaFunc) Validate(payload []byte) error { return f(payload) }
func (schemaFunc) MarshalJSON() ([]byte, error)    { return []byte("true"), nil }

// brokenDocument is a schema without a document.
type brokenDocument struct{ schemaFunc }

func (brokenDocument) MarshalJSON() ([]byte, error) { return []byte("{"), nil }

type panickingDocument struct{ schemaFunc }

func (panickingDocument) MarshalJSON() ([]byte, error) { panic("no") }

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("no") }

func compile(t *testing.T, document string) dispatcher.Schema {
	t.Helper()
	s, err := jsonschema.Compile([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCatalog(t *testing.T, entries ...dispatcher.CatalogEntry) *dispatcher.Catalog {
	t.Helper()
	c, err := dispatcher.NewCatalog(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantInvalid(t *testing.T, err error, field, reason string) {
	t.Helper()
	var v *dispatcher.ValidationError
	if !errors.As(err, &v) || v.Field != field || v.Reason != reason {
		t.Errorf("got  %v\nwant invalid %s: %s", err, field, reason)
	}
}

// A mistake in a catalog is refused, with the entry and the field.
func TestNewCatalogRefuses(t *testing.T) {
	price := compile(t, `{"properties":{"price":{"type":"number"}}}`)
	var noSchema *brokenDocument
	good := dispatcher.EventTypeInfo{Name: "a.b"}
	for name, tt := range map[string]struct {
		entry         dispatcher.CatalogEntry
		field, reason string
	}{
		"no entry":            {nil, "types[1]", "must not be nil"},
		"no name":             {dispatcher.EventTypeInfo{}, "types[1].name", "must not be empty"},
		"malformed name":      {dispatcher.EventTypeInfo{Name: "a b"}, "types[1].name", "must hold only letters, digits, '_', '-' and dots"},
		"pattern":             {dispatcher.EventTypeInfo{Name: "a.*"}, "types[1].name", "must hold only letters, digits, '_', '-' and dots"},
		"name given twice":    {dispatcher.EventType[int]{Name: "a.b"}, "types[1].name", `"a.b" is the name of types[0] as well`},
		"description":         {dispatcher.EventTypeInfo{Name: "c", Description: "\xff"}, "types[1].description", "must be UTF-8"},
		"example breaks":      {dispatcher.EventTypeInfo{Name: "c", Schema: price, Example: map[string]any{"price": "2 €"}}, "types[1].example", "/price: must be a number, is a string"},
		"example no JSON":     {dispatcher.EventTypeInfo{Name: "c", Example: json.RawMessage(`{`)}, "types[1].example", "invalid JSON value: ends in the middle of a value (byte 1)"},
		"example panics":      {dispatcher.EventTypeInfo{Name: "c", Example: panicking{}}, "types[1].example", "encoding it panicked: no"},
		"schema no document":  {dispatcher.EventTypeInfo{Name: "c", Schema: brokenDocument{}}, "types[1].schema", "cannot be encoded as JSON: json: error calling MarshalJSON for type dispatcher_test.brokenDocument: unexpected end of JSON input"},
		"schema panics":       {dispatcher.EventTypeInfo{Name: "c", Schema: schemaFunc(func([]byte) error { panic("no") }), Example: 1}, "types[1].example", "its schema panicked: no"},
		"nil pointer":         {dispatcher.EventTypeInfo{Name: "c", Schema: noSchema, Example: 1}, "types[1].example", "its schema panicked: runtime error: invalid memory address or nil pointer dereference"},
		"replacement unknown": {dispatcher.EventTypeInfo{Name: "c", Deprecated: true, Replacement: "d"}, "types[1].replacement", `"d" is not in the catalog`},
		"replaced by itself":  {dispatcher.EventTypeInfo{Name: "c", Deprecated: true, Replacement: "c"}, "types[1].replacement", "is the type itself"},
		"not deprecated":      {dispatcher.EventTypeInfo{Name: "c", Replacement: "a.b"}, "types[1].replacement", "is only for a type that is deprecated"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dispatcher.NewCatalog(good, tt.entry)
			wantInvalid(t, err, tt.field, tt.reason)
			if c != nil {
				t.Error("there is a catalog all the same")
			}
		})
	}
}

// A panic of what a host brings stays inside.
func TestNewCatalogContainsPanics(t *testing.T) {
	var none *dispatcher.EventType[int]
	for field, entry := range map[string]dispatcher.CatalogEntry{
		"types[0]":        none,
		"types[0].schema": dispatcher.EventTypeInfo{Name: "a", Schema: panickingDocument{}},
	} {
		_, err := dispatcher.NewCatalog(entry)
		var v *dispatcher.ValidationError
		if !errors.As(err, &v) || v.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// The listing keeps the order and leaves out what was not given.
func TestCatalogListing(t *testing.T) {
	c := mustCatalog(t,
		dispatcher.EventTypeInfo{
			Name: "z.last", Description: "Comes first <here>.", Schema: compile(t, `{ "type": "object" }`),
			Example: json.RawMessage(`{ "n": 12345678901234567890.10 }`),
		},
		dispatcher.EventTypeInfo{Name: "a.first", Deprecated: true, Replacement: "z.last"},
		dispatcher.EventTypeInfo{Name: "null", Example: json.RawMessage(`null`)},
		dispatcher.EventTypeInfo{Name: "none", Example: []byte(nil)},
	)
	text, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"types":[` +
		`{"name":"z.last","description":"Comes first <here>.","example":{"n":12345678901234567890.10},"schema":{"type":"object"}},` +
		`{"name":"a.first","deprecated":true,"replacement":"z.last"},` +
		`{"name":"null","example":null},` +
		`{"name":"none"}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if text, err := mustCatalog(t).MarshalJSON(); err != nil || string(text) != `{"types":[]}` {
		t.Errorf("the empty catalog: %s, %v", text, err)
	}

	// What is written can be read, and is the same.
	again, err := dispatcher.ParseCatalog(text, jsonschema.Compile)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(again); err != nil || unescaped(text) != want {
		t.Errorf("read and written again: %s, %v", text, err)
	}
	if changes := again.ChangesSince(c); len(changes) > 0 {
		t.Errorf("read again, it has changed: %v", changes)
	}
	info, ok := again.Type("z.last")
	if !ok || info.Schema.Validate([]byte(`1`)) == nil {
		t.Error("the schema that was read does not work")
	}
}

func unescaped(text []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
}

// Nothing that goes in or comes out can change a catalog.
func TestCatalogIsImmutable(t *testing.T) {
	example := json.RawMessage(`{"a":1}`)
	c := mustCatalog(t, dispatcher.EventTypeInfo{Name: "a", Example: example})
	spoil := func(info dispatcher.EventTypeInfo) {
		if raw, ok := info.Example.(json.RawMessage); ok {
			clear(raw)
		} else {
			t.Errorf("the example is a %T", info.Example)
		}
	}
	clear(example)
	types := c.Types()
	spoil(types[0])
	types[0].Name = "b"
	info, _ := c.Type("a")
	spoil(info)
	if info, ok := c.Type("a"); !ok || string(info.Example.(json.RawMessage)) != `{"a":1}` {
		t.Errorf("got %+v, %v", info, ok)
	}
	if _, ok := c.Type("b"); ok {
		t.Error("a name in what was returned is a name in the catalog")
	}
}

// A file with a slip of the pen is refused, with the place.
func TestParseCatalogRefuses(t *testing.T) {
	for text, want := range map[string][2]string{
		``:                        {"catalog", "is not the JSON of a catalog: EOF"},
		`[]`:                      {"catalog", "is not the JSON of a catalog: json: cannot unmarshal array into Go value of type dispatcher.catalogFile"},
		`{"types":[{"nme":"a"}]}`: {"catalog", `is not the JSON of a catalog: json: unknown field "nme"`},
		`{"types":[]} {}`:         {"catalog", "has something behind its end"},
		`{"types":[{"name":""}]}`: {"types[0].name", "must not be empty"},
		`{"types":[{"name":"a"},{"name":"a","example":1,"schema":{"type":"text"}}]}`: {"types[1].schema", `/type: must be one of "array", "boolean", "integer", "null", "number", …`},
		`{"types":[{"name":"a","example":1,"schema":{"type":"string"}}]}`:            {"types[0].example", "must be a string, is a number"},
	} {
		t.Run(text, func(t *testing.T) {
			_, err := dispatcher.ParseCatalog([]byte(text), jsonschema.Compile)
			wantInvalid(t, err, want[0], want[1])
		})
	}
	_, err := dispatcher.ParseCatalog([]byte(`{"types":[{"name":"a","schema":{}}]}`), nil)
	wantInvalid(t, err, "types[0].schema", "cannot be read without a compile function")
	if c, err := dispatcher.ParseCatalog([]byte(`{"types":[{"name":"a"}]}`), nil); err != nil || len(c.Types()) != 1 {
		t.Errorf("without schemas: %v, %v", c, err)
	}
}

// With a catalog, only what is in it is published, and only in its form.
func TestPublishHoldsToCatalog(t *testing.T) {
	catalog := mustCatalog(t,
		dispatcher.EventTypeInfo{Name: "order.made", Schema: compile(t, `{"properties":{"items":{"items":{"properties":{"price":{"type":"number"}}}}}}`)},
		dispatcher.EventTypeInfo{Name: "order.gone", Deprecated: true},
		dispatcher.EventTypeInfo{Name: "foreign", Schema: schemaFunc(func([]byte) error { return errors.New("no\nway") })},
		dispatcher.EventTypeInfo{Name: "panics", Schema: schemaFunc(func([]byte) error { panic("no") })},
		dispatcher.EventTypeInfo{Name: "long", Schema: schemaFunc(func([]byte) error {
			return fmt.Errorf("wrapped: %w", &dispatcher.SchemaError{Pointer: "/\n" + strings.Repeat("é", 500), Reason: strings.Repeat("x", 500)})
		})},
	)
	ctx := context.Background()
	hooks, err := dispatcher.New(memstore.New(), dispatcher.WithCatalog(catalog))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		event         dispatcher.Event
		field, reason string // "" if it is published
	}{
		"good":                {dispatcher.Event{Type: "order.made", Payload: map[string]any{"items": []any{}}}, "", ""},
		"good, raw":           {dispatcher.Event{Type: "order.made", Payload: json.RawMessage(`{"items":[{"price":1}]}`)}, "", ""},
		"deprecated":          {dispatcher.Event{Type: "order.gone", Payload: 1}, "", ""},
		"unknown":             {dispatcher.Event{Type: "order.lost"}, "type", `"order.lost" is not in the catalog`},
		"prefix":              {dispatcher.Event{Type: "order"}, "type", `"order" is not in the catalog`},
		"malformed":           {dispatcher.Event{Type: "order."}, "type", "must be segments joined by single dots, such as invoice.paid"},
		"breaks":              {dispatcher.Event{Type: "order.made", Payload: json.RawMessage(`{"items":[{"price":"1"}]}`)}, "payload", "/items/0/price: must be a number, is a string"},
		"not JSON":            {dispatcher.Event{Type: "order.made", Payload: json.RawMessage(`{"items":[}`)}, "payload", "is not JSON: invalid character '}' looking for beginning of value"},
		"cannot be encoded":   {dispatcher.Event{Type: "order.made", Payload: func() {}}, "payload", "cannot be encoded as JSON: json: unsupported type: func()"},
		"encoding panics":     {dispatcher.Event{Type: "order.made", Payload: panicking{}}, "payload", "encoding it panicked: no"},
		"a foreign error":     {dispatcher.Event{Type: "foreign"}, "payload", "no\uFFFDway"},
		"a schema panics":     {dispatcher.Event{Type: "panics"}, "payload", "its schema panicked: no"},
		"a bounded, one-line": {dispatcher.Event{Type: "long"}, "payload", "/\uFFFD" + strings.Repeat("é", 98) + "…: " + strings.Repeat("x", 300) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hooks.Publish(ctx, tt.event)
			_, batchErr := hooks.PublishBatch(ctx, []dispatcher.Event{{Type: "order.gone"}, tt.event})
			if tt.field == "" {
				if err != nil || batchErr != nil {
					t.Fatal(err, batchErr)
				}
				return
			}
			wantInvalid(t, err, tt.field, tt.reason)
			wantInvalid(t, batchErr, "events[1]."+tt.field, tt.reason)
		})
	}
}

// No catalog admits every type; one without types, none.
// There is nothing to send for a type whose payloads have to be of a form, unless the
// catalog has an example.
func TestSendTestNeedsAnExampleThatFits(t *testing.T) {
	c := mustCatalog(t, dispatcher.EventTypeInfo{Name: "invoice.paid", Schema: compile(t, `{"type": "object"}`)})
	rc := &receiver{}
	e := newEngine(t, memstore.New(), rc, dispatcher.WithCatalog(c))
	ep := register(t, e, dispatcher.EndpointConfig{})
	for _, eventType := range []string{"", "invoice.paid", "invoice.lost"} {
		_, err := e.SendTest(t.Context(), ep.ID, eventType)
		refused(t, eventType, "type", err)
	}
	if len(rc.log()) != 0 {
		t.Error("something was sent")
	}
}

func TestNoCatalog(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		catalog *dispatcher.Catalog
		ok      bool
	}{"nil": {nil, true}, "zero": {&dispatcher.Catalog{}, false}, "empty": {mustCatalog(t), false}} {
		t.Run(name, func(t *testing.T) {
			hooks, err := dispatcher.New(memstore.New(), dispatcher.WithCatalog(tt.catalog))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := hooks.Publish(ctx, dispatcher.Event{Type: "a"}); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if n := len(tt.catalog.Types()); n != 0 {
				t.Errorf("it has %d types", n)
			}
			if _, ok := tt.catalog.Type("a"); ok {
				t.Error("it has a type")
			}
		})
	}
}

// Many publish by one catalog while others list it.
func TestCatalogConcurrently(t *testing.T) {
	ctx := context.Background()
	catalog := mustCatalog(t, dispatcher.EventTypeInfo{Name: "a", Schema: compile(t, `{"type":"integer"}`), Example: 1})
	hooks, err := dispatcher.New(memstore.New(), dispatcher.WithCatalog(catalog))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := hooks.Publish(ctx, dispatcher.Event{Type: "a", Payload: i}); err != nil {
					t.Error(err)
				}
				if _, err := hooks.Publish(ctx, dispatcher.Event{Type: "a", Payload: "x"}); err == nil {
					t.Error("published what breaks the schema")
				}
				if text, err := json.Marshal(catalog); err != nil || len(catalog.Types()) != 1 {
					t.Errorf("%s, %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}
