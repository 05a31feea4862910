package jsonschema_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/dispatcher"
)

type (
	status string // brings its schema
	money  struct{ cents int64 }
	tree   struct {
		Value string           `json:"value"`
		Kids  []*tree          `json:"kids"`
		Index map[string]*tree `json:"index,omitempty"`
	}
	list        []list
	page[T any] struct {
		Items []T      `json:"items"`
		Next  *page[T] `json:"next,omitempty"`
	}
	byPointer struct{}
	embedded  struct {
		ID   string `json:"id"`
		Kind string `json:"kind"`
	}
	Deep struct {
		Kind  string // hidden by the shallower one
		Extra bool
	}
	both struct {
		*Deep
		embedded
		Kind int `json:"kind"`
	}
	left      struct{ X, Y int }
	right     struct{ X int }
	ambiguous struct {
		left
		right
	}
	tagged struct {
		X string `json:"X"`
	}
	Holder struct{ P byPointer }
)

func (status) JSONSchema() []byte { return []byte(`{"enum": ["open", "paid"]}`) }

func (m money) MarshalJSON() ([]byte, error) { return json.Marshal(m.cents) }

func (*byPointer) MarshalText() ([]byte, error) { return []byte("text"), nil }

// Each Go type has the schema of what encoding/json makes of it.
func TestFor(t *testing.T) {
	const draft = `"$schema":"https://json-schema.org/draft/2020-12/schema"`
	tests := []struct {
		name   string
		derive func() (dispatcher.Schema, error)
		want   string // without $schema
	}{
		{"bool", jsonschema.For[bool], `{"type":"boolean"}`},
		{"string", jsonschema.For[string], `{"type":"string"}`},
		{"int", jsonschema.For[int], `{"type":"integer"}`},
		{"duration", jsonschema.For[time.Duration], `{"type":"integer"}`},
		{"int8", jsonschema.For[int8], `{"type":"integer","minimum":-128,"maximum":127}`},
		{"int16", jsonschema.For[int16], `{"type":"integer","minimum":-32768,"maximum":32767}`},
		{"int32", jsonschema.For[int32], `{"type":"integer","minimum":-2147483648,"maximum":2147483647}`},
		{"uint8", jsonschema.For[uint8], `{"type":"integer","minimum":0,"maximum":255}`},
		{"uint16", jsonschema.For[uint16], `{"type":"integer","minimum":0,"maximum":65535}`},
		{"uint32", jsonschema.For[uint32], `{"type":"integer","minimum":0,"maximum":4294967295}`},
		{"uint", jsonschema.For[uint], `{"type":"integer","minimum":0}`},
		{"float", jsonschema.For[float32], `{"type":"number"}`},
		{"any", jsonschema.For[any], `{}`},
		{"interface", jsonschema.For[error], `{}`},
		{"raw message", jsonschema.For[json.RawMessage], `{}`},
		{"number", jsonschema.For[json.Number], `{"type":"number"}`},
		{"time", jsonschema.For[time.Time], `{"type":"string","format":"date-time"}`},
		{"pointer to time", jsonschema.For[*time.Time], `{"type":["string","null"],"format":"date-time"}`},
		{"big integer", jsonschema.For[*big.Int], `{"type":["integer","null"]}`},
		{"big integer that is no pointer: its MarshalJSON is not called", jsonschema.For[big.Int], `{"type":"object"}`},
		{"text", jsonschema.For[netip.Addr], `{"type":"string"}`},
		{"pointer receiver on a value", jsonschema.For[byPointer], `{"type":"object"}`},
		{"pointer receiver on a pointer", jsonschema.For[*byPointer], `{"type":["string","null"]}`},
		{"pointer receiver in a slice", jsonschema.For[[]byPointer], `{"type":["array","null"],"items":{"type":"string"}}`},
		{"pointer receiver in a map", jsonschema.For[map[string]byPointer], `{"type":["object","null"],"additionalProperties":{"type":"object"}}`},
		{"pointer receiver in an array", jsonschema.For[[2]byPointer], `{"type":"array","items":{"type":"object"},"minItems":2,"maxItems":2}`},
		{"MarshalJSON", jsonschema.For[money], `{}`},
		{"its own schema", jsonschema.For[status], `{"allOf":[{"enum":["open","paid"]}]}`},
		{"its own schema or null", jsonschema.For[*status], `{"anyOf":[{"enum":["open","paid"]},{"type":"null"}]}`},
		{"bytes", jsonschema.For[[]byte], `{"type":["string","null"],"contentEncoding":"base64"}`},
		{"array of bytes", jsonschema.For[[2]byte], `{"type":"array","items":{"type":"integer","minimum":0,"maximum":255},"minItems":2,"maxItems":2}`},
		{"slice", jsonschema.For[[]string], `{"type":["array","null"],"items":{"type":"string"}}`},
		{"pointer to pointer to slice", jsonschema.For[**[]string], `{"type":["array","null"],"items":{"type":"string"}}`},
		{"map", jsonschema.For[map[int]bool], `{"type":["object","null"],"additionalProperties":{"type":"boolean"}}`},
		{"map with text keys", jsonschema.For[map[netip.Addr]any], `{"type":["object","null"],"additionalProperties":{}}`},
		{"empty struct", jsonschema.For[struct{}], `{"type":"object"}`},
		{"struct of the standard library", jsonschema.For[struct{ U url.Error }],
			`{"type":"object","properties":{"U":{"type":"object","properties":{"Op":{"type":"string"},"URL":{"type":"string"},"Err":{}},"required":["Op","URL","Err"]}},"required":["U"]}`},
		{"tags", jsonschema.For[struct {
			A string `json:"a" jsonschema:"what it is"`
			B int    `json:"-"`
			C int    `json:"-,"` //nolint:staticcheck // odd on purpose
			D int    `json:",omitempty"`
			E int    `json:"é,omitzero"`
			F int    `json:"not \"valid\""` //nolint:staticcheck // odd on purpose
			g int
			H status `json:"h" jsonschema:"the state"`
		}], `{"type":"object","properties":{"a":{"description":"what it is","type":"string"},"-":{"type":"integer"},"D":{"type":"integer"},"é":{"type":"integer"},"F":{"type":"integer"},"h":{"description":"the state","allOf":[{"enum":["open","paid"]}]}},"required":["a","-","F","h"]}`},
		{"omitted or not", jsonschema.For[struct {
			A *int           `json:"a,omitempty"`
			B **int          `json:"b,omitempty"`
			C []int          `json:"c,omitempty"`
			D map[string]int `json:"d,omitempty"`
			E [1]int         `json:"e,omitempty"`
			F [0]int         `json:"f,omitempty"`
			G time.Time      `json:"g,omitempty"`
			H *time.Time     `json:"h,omitzero"`
			I []int          `json:"i,omitzero"`
			J any            `json:"j,omitempty"`
		}], `{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":["integer","null"]},"c":{"type":"array","items":{"type":"integer"}},"d":{"type":"object","additionalProperties":{"type":"integer"}},"e":{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":1},"f":{"type":"array","items":{"type":"integer"},"minItems":0,"maxItems":0},"g":{"type":"string","format":"date-time"},"h":{"type":"string","format":"date-time"},"i":{"type":"array","items":{"type":"integer"}},"j":{}},"required":["e","g"]}`},
		{"as strings", jsonschema.For[struct {
			A int         `json:"a,string"`
			B *bool       `json:"b,string"`
			C []int       `json:"c,string"` //nolint:staticcheck // odd on purpose
			D money       `json:"d,string"` //nolint:staticcheck // odd on purpose
			E *uint       `json:"e,string,omitempty"`
			F **int       `json:"f,string"` //nolint:staticcheck // odd on purpose
			G json.Number `json:"g,string"`
		}], `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["string","null"]},"c":{"type":["array","null"],"items":{"type":"integer"}},"d":{},"e":{"type":"string"},"f":{"type":["integer","null"]},"g":{"type":"string"}},"required":["a","b","c","d","f","g"]}`},
		{"embedded", jsonschema.For[both],
			`{"type":"object","properties":{"Kind":{"type":"string"},"Extra":{"type":"boolean"},"id":{"type":"string"},"kind":{"type":"integer"}},"required":["id","kind"]}`},
		{"embedded under a name", jsonschema.For[struct {
			embedded `json:"base"`
			Deep     `json:"deep"`
		}], `{"type":"object","properties":{"base":{"type":"object","properties":{"id":{"type":"string"},"kind":{"type":"string"}},"required":["id","kind"]},"deep":{"type":"object","properties":{"Kind":{"type":"string"},"Extra":{"type":"boolean"}},"required":["Kind","Extra"]}},"required":["base","deep"]}`},
		{"two of one name", jsonschema.For[ambiguous], `{"type":"object","properties":{"Y":{"type":"integer"}},"required":["Y"]}`},
		{"two of one name, one with a tag", jsonschema.For[struct {
			right
			tagged
		}], `{"type":"object","properties":{"X":{"type":"string"}},"required":["X"]}`},
		{"pointer receiver in an embedded struct", jsonschema.For[struct{ Holder }],
			`{"type":"object","properties":{"P":{"type":"object"}},"required":["P"]}`},
		{"pointer receiver in an embedded pointer", jsonschema.For[struct{ *Holder }],
			`{"type":"object","properties":{"P":{"type":"string"}}}`},
		{"recursive", jsonschema.For[tree], `{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"value":{"type":"string"},"kids":{"type":["array","null"],"items":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}},"index":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}}},"required":["value","kids"]}}}`},
		{"recursive slice", jsonschema.For[list], `{"anyOf":[{"$ref":"#/$defs/list"},{"type":"null"}],"$defs":{"list":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/list"},{"type":"null"}]}}}}`},
		{"recursive and generic", jsonschema.For[struct {
			A page[int]    `json:"a"`
			B page[string] `json:"b"`
		}], `{"type":"object","properties":{"a":{"$ref":"#/$defs/page"},"b":{"$ref":"#/$defs/page2"}},"required":["a","b"],"$defs":{"page":{"type":"object","properties":{"items":{"type":["array","null"],"items":{"type":"integer"}},"next":{"$ref":"#/$defs/page"}},"required":["items"]},"page2":{"type":"object","properties":{"items":{"type":["array","null"],"items":{"type":"string"}},"next":{"$ref":"#/$defs/page2"}},"required":["items"]}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tt.derive()
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(strings.Replace(string(got), draft+",", "", 1), draft, "", 1)
			if text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

type (
	badSchema   struct{}
	refSchema   struct{}
	panicSchema struct{}
)

func (badSchema) JSONSchema() []byte   { return []byte(`{`) }
func (refSchema) JSONSchema() []byte   { return []byte(`{"items":[{"$ref":"#"}]}`) }
func (panicSchema) JSONSchema() []byte { panic("no") }

// What has no JSON is refused, with the way to it.
func TestForRefuses(t *testing.T) {
	for _, tt := range []struct {
		derive func() (dispatcher.Schema, error)
		want   string
	}{
		{jsonschema.For[chan int], "cannot be derived from chan int: chan int has no JSON"},
		{jsonschema.For[struct {
			A []struct{ F func() }
		}], "cannot be derived from struct { A []struct { F func() } }: A: items: F: func() has no JSON"},
		{jsonschema.For[map[string][1]complex64], "cannot be derived from map[string][1]complex64: values: items: complex64 has no JSON"},
		{jsonschema.For[map[float64]int], "cannot be derived from map[float64]int: map[float64]int has no JSON: its keys are no text"},
		{jsonschema.For[badSchema], "cannot be derived from jsonschema_test.badSchema: the JSONSchema of jsonschema_test.badSchema is not JSON: unexpected EOF"},
		{jsonschema.For[[]refSchema], "cannot be derived from []jsonschema_test.refSchema: items: the JSONSchema of jsonschema_test.refSchema must not have $ref"},
		{jsonschema.For[panicSchema], "cannot be derived from jsonschema_test.panicSchema: the JSONSchema of jsonschema_test.panicSchema panicked: no"},
	} {
		s, err := tt.derive()
		var v *dispatcher.ValidationError
		if !errors.As(err, &v) || v.Field != "schema" || v.Reason != tt.want || s != nil {
			t.Errorf("got %v, %v\nwant %s", s, err, tt.want)
		}
	}
}
