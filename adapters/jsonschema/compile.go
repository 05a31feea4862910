package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	lib "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postrider/postrider/dispatcher"
)

// schema is a compiled document.
type schema struct {
	document []byte // compact
	compiled *lib.Schema
}

// base is the URL of a document that gives itself none. Nothing can be loaded
// from it.
const base = "schema:///document"

// Compile makes a schema of a JSON Schema document. A document that is not
// valid, of an unknown draft, or that refers to another document, is refused
// with a [*dispatcher.ValidationError] for the field "schema". The document is
// copied.
func Compile(document []byte) (dispatcher.Schema, error) {
	s, err := compile(document)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func compile(document []byte) (s *schema, err error) {
	// The library is not known to panic; a schema can come from anywhere.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, invalid("cannot be compiled: %v", p)
		}
	}()
	root, err := decode(document)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if err := checkDraft(root); err != nil {
		return nil, err
	}
	c := lib.NewCompiler()
	c.DefaultDraft(lib.Draft2020)
	c.AssertFormat()
	c.UseLoader(nothing{})
	if err := c.AddResource(base, root); err != nil {
		return nil, invalid("%v", err)
	}
	compiled, err := c.Compile(base)
	if err != nil {
		return nil, compileError(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		return nil, invalid("%v", err)
	}
	return &schema{document: compact.Bytes(), compiled: compiled}, nil
}

// checkDraft refuses drafts 04 and 06, which the library knows but which mean
// other things by "id" and "exclusiveMinimum", and dialects of one's own.
func checkDraft(root any) error {
	m, ok := root.(map[string]any)
	if !ok {
		return nil // true, false, or refused by the library
	}
	uri, ok := m["$schema"]
	if !ok {
		return nil
	}
	s, _ := uri.(string)
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(s, "#"), "https://"), "http://")
	known := []string{
		"json-schema.org/draft/2020-12/schema",
		"json-schema.org/draft/2019-09/schema",
		"json-schema.org/draft-07/schema",
	}
	if !slices.Contains(known, s) {
		return invalid("/$schema: must name draft 2020-12, 2019-09 or 07")
	}
	return nil
}

// nothing loads no document.
type nothing struct{}

func (nothing) Load(string) (any, error) {
	return nil, errors.New("other documents are not loaded")
}

func compileError(err error) error {
	var (
		loading   *lib.LoadURLError
		notSchema *lib.SchemaValidationError
		breaks    *lib.ValidationError
	)
	switch {
	case errors.As(err, &loading):
		ref := strings.TrimPrefix(loading.URL, "schema:///")
		return invalid("refers to %q, and other documents are not loaded; put it under $defs", ref)
	case errors.As(err, &notSchema) && errors.As(notSchema.Err, &breaks):
		return invalid("%v", first(breaks))
	}
	return invalid("%s", strings.ReplaceAll(err.Error(), base, ""))
}

// Validate implements [dispatcher.Schema].
func (s *schema) Validate(payload []byte) error {
	value, err := decode(payload)
	if err != nil {
		return err
	}
	err = s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	var breaks *lib.ValidationError
	if !errors.As(err, &breaks) {
		return &dispatcher.SchemaError{Reason: "could not be checked"}
	}
	return first(breaks)
}

// MarshalJSON implements [dispatcher.Schema].
func (s *schema) MarshalJSON() ([]byte, error) { return bytes.Clone(s.document), nil }

// decode keeps numbers as they are written.
func decode(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, &dispatcher.SchemaError{Reason: "is not JSON: " + err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &dispatcher.SchemaError{Reason: "is not JSON: there is something behind its end"}
	}
	if anyTooLarge(value) {
		at := pointer(firstTooLarge(value))
		return nil, &dispatcher.SchemaError{Pointer: at, Reason: "must be a number with an exponent within ±400"}
	}
	return value, nil
}

func invalid(format string, args ...any) error {
	return &dispatcher.ValidationError{Field: "schema", Reason: fmt.Sprintf(format, args...)}
}
