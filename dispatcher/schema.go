package dispatcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Schema says what the payloads of an event type look like, and checks them.
// Package adapters/jsonschema makes one of a JSON Schema document or of a Go
// type. A Schema never changes and is safe for concurrent use.
type Schema interface {
	// Validate returns nil, or a [*SchemaError] for a place where the JSON text
	// breaks the schema; always the same one for the same text. It keeps nothing
	// of payload.
	Validate(payload []byte) error
	// MarshalJSON returns the JSON Schema document, for the listing of a
	// [Catalog] and for [Catalog.ChangesSince].
	json.Marshaler
}

// SchemaError says where a payload breaks its schema, and how.
type SchemaError struct {
	// Pointer is the JSON pointer (RFC 6901) of the place: "/items/0/price", or
	// "" for the payload as a whole.
	Pointer string
	// Reason is a clause about the value at Pointer, such as "must be a number".
	// It holds names of properties and what the schema asks for, but no value of
	// the payload, which may be secret.
	Reason string
}

// Error returns the pointer and the reason, or the reason alone for the payload
// as a whole.
func (e *SchemaError) Error() string {
	if e.Pointer == "" {
		return e.Reason
	}
	return e.Pointer + ": " + e.Reason
}

// validate turns what a schema says into a ValidationError, and contains panics
// of schemas that a host brings.
func validate(s Schema, field string, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = invalid(field, "its schema panicked: %v", p)
		}
	}()
	err = s.Validate(payload)
	if err == nil {
		return nil
	}
	var e *SchemaError
	if !errors.As(err, &e) {
		return invalid(field, "%s", legible(err.Error(), maxReason))
	}
	if e.Pointer == "" {
		return invalid(field, "%s", legible(e.Reason, maxReason))
	}
	return invalid(field, "%s: %s", legible(e.Pointer, maxPointer), legible(e.Reason, maxReason))
}

const (
	maxReason  = 300
	maxPointer = 200
)

// legible makes one bounded line of text that names of properties, which can be
// anything, are part of.
func legible(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// documentOf returns the schema's document; it contains panics.
func documentOf(s Schema) (document []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its MarshalJSON panicked: %v", p)
		}
	}()
	document, err = json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cannot be encoded as JSON: %w", err)
	}
	return document, nil
}
