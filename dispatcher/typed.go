package dispatcher

import "reflect"

// EventType is an event type whose payload is a T: it is defined once, in one
// place, and everything else follows from it.
//
//	var InvoicePaid = dispatcher.EventType[Invoice]{Name: "invoice.paid", Description: "An invoice was paid in full."}
//
//	catalog, err := jsonschema.NewCatalog(InvoicePaid) // with the schema of Invoice
//	rcpt, err := hooks.Publish(ctx, InvoicePaid.New(invoice))
type EventType[T any] struct {
	// Name is the type of its events, such as "invoice.paid".
	Name string
	// Description, Schema, Deprecated and Replacement are those of
	// [EventTypeInfo].
	Description string
	// Example is a typical payload. The zero value of T means none.
	Example     T
	Schema      Schema
	Deprecated  bool
	Replacement string
}

// New returns an event with the payload, to be given to Publish, PublishBatch or
// PublishTx; its other fields can be set before.
func (t EventType[T]) New(payload T) Event { return Event{Type: t.Name, Payload: payload} }

// Info returns the definition for a [Catalog].
func (t EventType[T]) Info() EventTypeInfo {
	info := EventTypeInfo{
		Name: t.Name, Description: t.Description, Schema: t.Schema,
		Deprecated: t.Deprecated, Replacement: t.Replacement,
		GoType: reflect.TypeFor[T](),
	}
	if !reflect.ValueOf(&t.Example).Elem().IsZero() {
		info.Example = t.Example
	}
	return info
}
