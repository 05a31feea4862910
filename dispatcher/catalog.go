package dispatcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/postrider/postrider/internal/jsonform"
)

// EventTypeInfo defines an event type.
type EventTypeInfo struct {
	// Name is dotted words, such as "invoice.paid"; it is the Type of events.
	Name string `json:"name"`
	// Description is for those who choose what to subscribe to.
	Description string `json:"description,omitempty"`
	// Deprecated: the type is still published, but nobody should subscribe to it
	// any more.
	Deprecated bool `json:"deprecated,omitempty"`
	// Replacement names the type of the catalog to use instead of a deprecated
	// one; it may be empty.
	Replacement string `json:"replacement,omitempty"`
	// Example is a typical payload: any value that Publish takes as one. It is
	// what SendTest sends. In what a [Catalog] returns it is a json.RawMessage.
	Example any `json:"example,omitempty"`
	// Schema says what payloads look like. Without one any payload will do.
	Schema Schema `json:"schema,omitempty"`
	// GoType is the type of the payload in Go, where it is known. It is how
	// jsonschema.NewCatalog derives a schema; nothing else depends on it.
	GoType reflect.Type `json:"-"`
}

// Info returns the definition itself, which makes it a [CatalogEntry].
func (i EventTypeInfo) Info() EventTypeInfo { return i }

// CatalogEntry is what a [Catalog] is made of: an [EventTypeInfo] or an
// [EventType].
type CatalogEntry interface {
	Info() EventTypeInfo
}

// Catalog is the list of all event types that a product has. It is what
// [WithCatalog] holds events to, what a page of documentation or a form for
// subscribing shows, and what [Catalog.ChangesSince] compares with an older one.
//
// A Catalog never changes and is safe for concurrent use.
type Catalog struct {
	types     []EventTypeInfo // Example is nil or a json.RawMessage
	documents [][]byte        // of their schemas; nil without one
	index     map[string]int
}

// NewCatalog makes a catalog of event types, in the order given. It fails with
// a [*ValidationError] for a name that is malformed or given twice, an example
// that is no JSON or breaks the type's own schema, a replacement that is not in
// the catalog; the field is that of the entry, such as "types[2].example".
func NewCatalog(types ...CatalogEntry) (*Catalog, error) {
	c := &Catalog{index: make(map[string]int, len(types))}
	for i, entry := range types {
		at := fmt.Sprintf("types[%d]", i)
		info, err := infoOf(entry)
		if err != nil {
			return nil, invalid(at, "%s", err)
		}
		document, err := info.complete()
		if err != nil {
			return nil, within(at, err)
		}
		if first, ok := c.index[info.Name]; ok {
			return nil, invalid(at+".name", "%q is the name of types[%d] as well", info.Name, first)
		}
		c.index[info.Name] = i
		c.types = append(c.types, info)
		c.documents = append(c.documents, document)
	}
	for i, info := range c.types {
		field := fmt.Sprintf("types[%d].replacement", i)
		_, known := c.index[info.Replacement]
		switch {
		case info.Replacement == "":
		case !info.Deprecated:
			return nil, invalid(field, "is only for a type that is deprecated")
		case !known:
			return nil, invalid(field, "%q is not in the catalog", legible(info.Replacement, maxReason))
		case info.Replacement == info.Name:
			return nil, invalid(field, "is the type itself")
		}
	}
	return c, nil
}

func infoOf(entry CatalogEntry) (info EventTypeInfo, err error) {
	defer func() {
		if p := recover(); p != nil { // a nil pointer, most likely
			err = fmt.Errorf("cannot be asked for its definition: %v", p)
		}
	}()
	if entry == nil {
		return info, errors.New("must not be nil")
	}
	return entry.Info(), nil
}

// complete checks a definition and makes its example JSON. It returns the
// schema's document.
func (i *EventTypeInfo) complete() (document []byte, err error) {
	if err := checkType(i.Name); err != nil {
		return nil, invalid("name", "%s", reasonOf(err))
	}
	if !utf8.ValidString(i.Description) {
		return nil, invalid("description", "must be UTF-8")
	}
	var example []byte
	if i.Example != nil {
		if example, err = encodeExample(i.Example); err != nil {
			return nil, invalid("example", "%s", reasonOf(err))
		}
	}
	i.Example = nil
	if len(example) > 0 {
		i.Example = json.RawMessage(example)
	}
	if i.Schema == nil {
		return nil, nil
	}
	if document, err = documentOf(i.Schema); err != nil {
		return nil, invalid("schema", "%s", legible(err.Error(), maxReason))
	}
	if len(example) > 0 {
		err = validate(i.Schema, "example", example)
	}
	return document, err
}

func encodeExample(example any) ([]byte, error) {
	text, err := encodeJSON(func() ([]byte, error) { return Message{Payload: example}.JSON() })
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return jsonform.Append(make([]byte, 0, len(text)), text, jsonform.Verbatim)
}

// encodeJSON contains panics: payloads bring their own MarshalJSON.
func encodeJSON(encode func() ([]byte, error)) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = invalid("payload", "encoding it panicked: %v", p)
		}
	}()
	return encode()
}

// Types returns the event types in the order in which they were defined.
func (c *Catalog) Types() []EventTypeInfo {
	if c == nil {
		return nil
	}
	types := slices.Clone(c.types)
	for i := range types {
		types[i] = types[i].clone()
	}
	return types
}

// Type returns the event type of that name.
func (c *Catalog) Type(name string) (EventTypeInfo, bool) {
	i, ok := c.find(name)
	if !ok {
		return EventTypeInfo{}, false
	}
	return c.types[i].clone(), true
}

// clone keeps callers from changing the example in the catalog.
func (i EventTypeInfo) clone() EventTypeInfo {
	if example, ok := i.Example.(json.RawMessage); ok {
		i.Example = slices.Clone(example)
	}
	return i
}

func (c *Catalog) find(name string) (int, bool) {
	if c == nil {
		return 0, false
	}
	i, ok := c.index[name]
	return i, ok
}

// MarshalJSON returns {"types": […]}, each with "name" and, where they are
// given, "description", "deprecated", "replacement", "example" and "schema".
// [ParseCatalog] reads it.
func (c *Catalog) MarshalJSON() ([]byte, error) {
	listing := struct {
		Types []EventTypeInfo `json:"types"`
	}{Types: []EventTypeInfo{}}
	listing.Types = append(listing.Types, c.Types()...)
	return jsonform.Marshal(listing)
}

// catalogFile is the listing before schemas are compiled.
type catalogFile struct {
	Types []struct {
		EventTypeInfo
		Example json.RawMessage `json:"example"`
		Schema  json.RawMessage `json:"schema"`
	} `json:"types"`
}

// ParseCatalog reads what [Catalog.MarshalJSON] wrote, or what was written by
// hand in that form. compile makes the schemas; jsonschema.Compile will do. It
// may be nil if there are none. Fields that it does not know are refused, so
// that a slip of the pen is found.
func ParseCatalog(text []byte, compile func(schema []byte) (Schema, error)) (*Catalog, error) {
	var listing catalogFile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&listing); err != nil {
		return nil, invalid("catalog", "is not the JSON of a catalog: %s", legible(err.Error(), maxReason))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("catalog", "has something behind its end")
	}
	entries := make([]CatalogEntry, len(listing.Types))
	for i, t := range listing.Types {
		info := t.EventTypeInfo
		if len(t.Example) > 0 {
			info.Example = t.Example
		}
		if len(t.Schema) > 0 {
			field := fmt.Sprintf("types[%d].schema", i)
			if compile == nil {
				return nil, invalid(field, "cannot be read without a compile function")
			}
			schema, err := compile(t.Schema)
			if err != nil {
				return nil, invalid(field, "%s", legible(reasonOf(err), maxReason))
			}
			info.Schema = schema
		}
		entries[i] = info
	}
	return NewCatalog(entries...)
}

// WithCatalog sets which event types there are. Publishing another one is
// refused with a [*ValidationError] for the field "type"; publishing a payload
// that breaks the schema of its type, with one for the field "payload". Its
// reason begins with the JSON pointer (RFC 6901) of the place in the payload,
// such as "/items/0/price: must be a number", unless that is the payload as a
// whole. Deprecated types are published as before. Default, also for nil: any type
// and any payload.
func WithCatalog(c *Catalog) Option { return func(cfg *config) { cfg.catalog = c } }

// check holds an event to the catalog; there may be none. The payload is only
// asked for if there is a schema.
func (c *Catalog) check(eventType string, payload func() ([]byte, error)) error {
	if c == nil {
		return nil
	}
	i, ok := c.find(eventType)
	if !ok {
		return invalid("type", "%q is not in the catalog", eventType)
	}
	schema := c.types[i].Schema
	if schema == nil {
		return nil
	}
	text, err := encodeJSON(payload)
	if err != nil {
		return err
	}
	return validate(schema, "payload", text)
}

// example returns the example payload of a type, if it has one.
func (c *Catalog) example(eventType string) (any, bool) {
	info, _ := c.Type(eventType)
	return info.Example, info.Example != nil
}
