// Package jsonschema holds the payloads of events to JSON Schema, written by
// hand or derived from Go types.
//
// The shortest way is to define each event type once and to list them:
//
//	var (
//		InvoicePaid = dispatcher.EventType[Invoice]{Name: "invoice.paid", Description: "An invoice was paid in full."}
//		UserCreated = dispatcher.EventType[User]{Name: "user.created", Description: "Somebody signed up."}
//	)
//
//	catalog, err := jsonschema.NewCatalog(InvoicePaid, UserCreated)
//	hooks, err := dispatcher.New(store, dispatcher.WithCatalog(catalog))
//	rcpt, err := hooks.Publish(ctx, InvoicePaid.New(invoice))
//
// [Compile] reads a schema document, [For] derives one; both are a
// [dispatcher.Schema].
//
// # Documents
//
// Drafts 2020-12 (the default), 2019-09 and 07 are understood. A document is
// complete in itself: a $ref to another one is refused, and nothing is loaded
// from a network or a file. "format" is checked, in every draft, for the formats
// that the drafts define; "contentEncoding" and "contentMediaType" are not.
// Patterns are regular expressions of Go (RE2), which lack look-around and back
// references and match in linear time. Numbers are compared exactly, however
// many digits they have.
//
// # Derived schemas
//
// A derived schema is what encoding/json makes of a type: the names and the
// "omitempty" and "omitzero" of the json tags, embedded structs, []byte as
// base64 and so on. A property is required if it is always written. A pointer,
// slice or map that can be nil admits null. Additional properties are not
// forbidden: receivers must expect new ones, so that adding a field to a struct
// is no breaking change.
//
// A tag `jsonschema:"…"` on a field becomes the property's description. A type
// whose JSON is known only to itself, or that admits less than its Go type says,
// brings its schema by implementing [Describer].
package jsonschema
