package jsonschema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/dispatcher"
)

// A document that is not valid, or not complete in itself, is refused with the
// place in it.
func TestCompileRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ document, want string }{
		"empty":                  {``, "is not JSON: EOF"},
		"not JSON":               {`{"type":`, "is not JSON: unexpected EOF"},
		"two documents":          {`{} {}`, "is not JSON: there is something behind its end"},
		"no schema":              {`3`, "must be a boolean or an object, is a number"},
		"unknown type":           {`{"properties":{"a":{"type":"text"}}}`, `/properties/a/type: must be one of "array", "boolean", "integer", "null", "number", …`},
		"negative length":        {`{"minLength":-1}`, "/minLength: must be at least 0"},
		"required twice":         {`{"required":["a","a"]}`, "/required: must not have equal items, as 0 and 1 are"},
		"pattern with lookahead": {`{"pattern":"(?=a)"}`, "/pattern: must be a valid regular expression of Go, which has no look-around and no back references"},
		"network":                {`{"$ref":"https://example.com/a.json"}`, `refers to "https://example.com/a.json", and other documents are not loaded; put it under $defs`},
		"file":                   {`{"$ref":"file:///etc/passwd"}`, `refers to "file:///etc/passwd", and other documents are not loaded; put it under $defs`},
		"relative":               {`{"properties":{"a":{"$ref":"a.json"}}}`, `refers to "a.json", and other documents are not loaded; put it under $defs`},
		"relative to $id":        {`{"$id":"https://example.com/x/","$ref":"a.json"}`, `refers to "https://example.com/x/a.json", and other documents are not loaded; put it under $defs`},
		"missing definition":     {`{"$ref":"#/$defs/a"}`, `json-pointer in "#/$defs/a" not found`},
		"draft 06":               {`{"$schema":"http://json-schema.org/draft-06/schema#"}`, "/$schema: must name draft 2020-12, 2019-09 or 07"},
		"draft of one's own":     {`{"$schema":"https://example.com/schema"}`, "/$schema: must name draft 2020-12, 2019-09 or 07"},
		"$schema no string":      {`{"$schema":7}`, "/$schema: must name draft 2020-12, 2019-09 or 07"},
		"a number too large":     {`{"minimum":1e10000000}`, "/minimum: must be a number with an exponent within ±400"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := jsonschema.Compile([]byte(tt.document))
			var v *dispatcher.ValidationError
			if !errors.As(err, &v) || v.Field != "schema" || v.Reason != tt.want || s != nil {
				t.Errorf("got %v, %v; want schema: %s", s, err, tt.want)
			}
		})
	}
}

// The keywords that changed from draft to draft mean what the document's draft
// says.
func TestDrafts(t *testing.T) {
	for name, tt := range map[string]struct{ document, good, bad string }{
		"default is 2020-12": {`{"prefixItems":[{"type":"string"}],"items":false}`, `["a"]`, `["a",1]`},
		"2020-12":            {`{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"a":{"$anchor":"x","type":"null"}},"$ref":"#x"}`, `null`, `1`},
		"2019-09":            {`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":[{"type":"string"}],"unevaluatedItems":false}`, `["a"]`, `["a",1]`},
		"07":                 {`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":false,"definitions":{}}`, `["a"]`, `["a",1]`},
		"07, $ref alone":     {`{"$schema":"https://json-schema.org/draft-07/schema","$ref":"#/definitions/a","type":"null","definitions":{"a":{"type":"string"}}}`, `"a"`, `null`},
		"formats are checked": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","format":"email"}`, `"a@example.com"`, `"a"`},
		"unknown formats are not": {`{"format":"colour","type":"string"}`, `"a"`, `1`},
		"own $id":                 {`{"$id":"https://example.com/a","$defs":{"b":{"type":"null"}},"$ref":"https://example.com/a#/$defs/b"}`, `null`, `1`},
		"boolean":                 {`{"properties":{"a":false}}`, `{}`, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := jsonschema.Compile([]byte(tt.document))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate([]byte(tt.good)); err != nil {
				t.Errorf("%s: %v", tt.good, err)
			}
			if err := s.Validate([]byte(tt.bad)); err == nil {
				t.Errorf("%s is admitted", tt.bad)
			}
		})
	}
}

// The place and what is asked for are told; values of the payload are not.
func TestReasons(t *testing.T) {
	const secret = "sk_live_51H"
	for name, tt := range map[string]struct{ schema, payload, pointer, reason string }{
		"type":                    {`{"properties":{"items":{"items":{"properties":{"price":{"type":"number"}}}}}}`, `{"items":[{"price":"sk_live_51H"}]}`, "/items/0/price", "must be a number, is a string"},
		"types":                   {`{"type":["integer","null"]}`, `"sk_live_51H"`, "", "must be null or an integer, is a string"},
		"not an integer":          {`{"type":"integer"}`, `1.5`, "", "must be an integer, is a number"},
		"enum":                    {`{"enum":["a",1,null]}`, `"sk_live_51H"`, "", `must be one of "a", 1, null`},
		"long enum":               {`{"enum":[1,2,3,4,5,6]}`, `"sk_live_51H"`, "", `must be one of 1, 2, 3, 4, 5, …`},
		"const":                   {`{"const":{"a":1}}`, `"sk_live_51H"`, "", `must be {"a":1}`},
		"format":                  {`{"format":"date-time"}`, `"sk_live_51H"`, "", "must be a valid date-time"},
		"pattern":                 {`{"pattern":"^[a-c]+\"$"}`, `"sk_live_51H"`, "", `must match the pattern "^[a-c]+\"$"`},
		"minLength":               {`{"minLength":20}`, `"sk_live_51H"`, "", "must have at least 20 characters"},
		"maxLength":               {`{"maxLength":1}`, `"sk_live_51H"`, "", "must have at most 1 character"},
		"minimum":                 {`{"minimum":5}`, `4`, "", "must be at least 5"},
		"maximum":                 {`{"maximum":0.5}`, `4`, "", "must be at most 0.5"},
		"exclusiveMinimum":        {`{"exclusiveMinimum":5}`, `5`, "", "must be more than 5"},
		"exclusiveMaximum":        {`{"exclusiveMaximum":5}`, `5`, "", "must be less than 5"},
		"multipleOf":              {`{"multipleOf":0.01}`, `0.005`, "", "must be a multiple of 0.01"},
		"required":                {`{"properties":{"a":{"required":["y","x"]}}}`, `{"a":{}}`, "/a", `must have the properties "x", "y"`},
		"additionalProperties":    {`{"additionalProperties":false}`, `{"b\n":"sk_live_51H"}`, "", `must not have the property "b\n"`},
		"propertyNames":           {`{"propertyNames":{"maxLength":1}}`, `{"bb":1}`, "", `must not have the property "bb", whose name breaks propertyNames`},
		"minProperties":           {`{"minProperties":2}`, `{}`, "", "must have at least 2 properties"},
		"maxProperties":           {`{"maxProperties":1}`, `{"a":1,"b":2}`, "", "must have at most 1 property"},
		"dependentRequired":       {`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "", `must have the property "b" if it has the property "a"`},
		"dependencies":            {`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`, "", `must have the property "b" if it has the property "a"`},
		"unevaluatedProperties":   {`{"unevaluatedProperties":false}`, `{"a":"sk_live_51H"}`, "/a", "must not be there"},
		"minItems":                {`{"minItems":1}`, `[]`, "", "must have at least 1 item"},
		"maxItems":                {`{"maxItems":0}`, `[1]`, "", "must have at most 0 items"},
		"additionalItems":         {`{"$schema":"http://json-schema.org/draft-07/schema#","items":[true],"additionalItems":false}`, `[0,1]`, "", "must not have the last 1 item"},
		"uniqueItems":             {`{"uniqueItems":true}`, `["sk_live_51H",1,"sk_live_51H"]`, "", "must not have equal items, as 0 and 2 are"},
		"contains":                {`{"contains":{"const":1}}`, `["sk_live_51H"]`, "", "must have an item that matches the schema in contains"},
		"minContains":             {`{"contains":{"const":1},"minContains":2}`, `[1]`, "", "must have at least 2 items matching the schema in contains"},
		"maxContains":             {`{"contains":{"const":1},"maxContains":1}`, `[1,1]`, "", "must have at most 1 item matching the schema in contains"},
		"not":                     {`{"not":{"type":"string"}}`, `"sk_live_51H"`, "", "must not match the schema in not"},
		"through $ref and allOf":  {`{"$defs":{"a":{"type":"null"}},"allOf":[{"properties":{"b":{"$ref":"#/$defs/a"}}}]}`, `{"b":"sk_live_51H"}`, "/b", "must be null, is a string"},
		"anyOf of types":          {`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, "", "must be a string or null, is a number"},
		"anyOf, the one meant":    {`{"anyOf":[{"type":"null"},{"properties":{"a":{"type":"null"}},"type":"object"}]}`, `{"a":"sk_live_51H"}`, "/a", "must be null, is a string"},
		"anyOf":                   {`{"anyOf":[{"minLength":20},{"maxLength":2}]}`, `"sk_live_51H"`, "", "must match at least one of the alternatives in anyOf"},
		"oneOf":                   {`{"oneOf":[{"minLength":20},{"maxLength":2}]}`, `"sk_live_51H"`, "", "must match one of the alternatives in oneOf"},
		"oneOf, several":          {`{"oneOf":[{"minLength":1},{"minLength":2}]}`, `"sk_live_51H"`, "", "must match only one of the alternatives in oneOf, matches several"},
		"oneOf, told by constant": {`{"oneOf":[{"properties":{"k":{"const":"a"}},"required":["x"]},{"properties":{"k":{"const":"b"}},"required":["y"]}]}`, `{"k":"b"}`, "", `must have the property "y"`},
		"first in the document":   {`{"items":{"type":"null"}}`, `[null,null,1,null,null,null,null,null,null,null,2]`, "/2", "must be null, is a number"},
		"pointer escaped":         {`{"additionalProperties":{"type":"null"}}`, `{"a/b~c":1}`, "/a~1b~0c", "must be null, is a number"},
		"not JSON":                {`true`, `{"a":sk}`, "", "is not JSON: invalid character 's' looking for beginning of value"},
		"a number too large":      {`{"properties":{"a":{"minimum":1}}}`, `{"z":[1,1e1000000],"a":[0,2e-401]}`, "/a/1", "must be a number with an exponent within ±400"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := jsonschema.Compile([]byte(tt.schema))
			if err != nil {
				t.Fatal(err)
			}
			for range 5 { // always the same place, though the library walks maps
				err = s.Validate([]byte(tt.payload))
				var got *dispatcher.SchemaError
				if !errors.As(err, &got) {
					t.Fatalf("got %v", err)
				}
				if got.Pointer != tt.pointer || got.Reason != tt.reason {
					t.Fatalf("got %q %q\nwant %q %q", got.Pointer, got.Reason, tt.pointer, tt.reason)
				}
				if strings.Contains(got.Error(), secret) {
					t.Errorf("%q holds a value of the payload", got)
				}
			}
		})
	}
}

// A payload breaks the schema in several places: the first one is told, as
// often as one asks.
func TestReasonIsStable(t *testing.T) {
	s, err := jsonschema.Compile([]byte(`{"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"additionalProperties":{"type":"null"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		err := s.Validate([]byte(`{"z":1,"c":1,"b":1,"a":1}`))
		if err == nil || err.Error() != "/a: must be null, is a number" {
			t.Fatal(err)
		}
	}
}

// Numbers beyond double precision are compared digit by digit.
func TestNumbersAreExact(t *testing.T) {
	s, err := jsonschema.Compile([]byte(`{"properties":{"a":{"maximum":9007199254740992},"b":{"const":0.1},"c":{"type":"integer","maximum":1e400}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for payload, ok := range map[string]bool{
		`{"a":9007199254740992}`: true, `{"a":9007199254740993}`: false,
		`{"b":0.1}`: true, `{"b":1e-1}`: true, `{"b":0.10000000000000000001}`: false,
		`{"c":1.0}`: true, `{"c":1e400}`: true, `{"c":1.0000000000000000001}`: false, `{"c":1e0000000000000005}`: true,
	} {
		if err := s.Validate([]byte(payload)); (err == nil) != ok {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

// A schema neither keeps the caller's document nor gives its own away.
func TestDocumentIsCopied(t *testing.T) {
	document := []byte(`{ "type": "string" }`)
	s, err := jsonschema.Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	copy(document, `{ "type": "number" }`)
	for range 2 {
		got, err := s.MarshalJSON()
		if err != nil || string(got) != `{"type":"string"}` {
			t.Fatalf("%s, %v", got, err)
		}
		clear(got)
	}
}

// One schema serves all publishers at once.
func TestValidateConcurrently(t *testing.T) {
	s, err := jsonschema.Compile([]byte(`{"$defs":{"a":{"type":"object","properties":{"n":{"$ref":"#/$defs/a"}},"unevaluatedProperties":false}},"$ref":"#/$defs/a"}`))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Validate([]byte(`{"n":{"n":{}}}`)); err != nil {
					t.Error(err)
				}
				if err := s.Validate([]byte(`{"n":{"n":{"x":1}}}`)); err == nil || err.Error() != "/n/n/x: must not be there" {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkValidate(b *testing.B) {
	type item struct {
		Name  string  `json:"name"`
		Price float64 `json:"price"`
	}
	type invoice struct {
		ID    string `json:"id"`
		Items []item `json:"items"`
	}
	s, err := jsonschema.For[invoice]()
	if err != nil {
		b.Fatal(err)
	}
	payload, err := json.Marshal(invoice{ID: "in_1", Items: []item{{"Tea", 3.5}, {"Cake", 4}, {"Milk", 1.2}}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := s.Validate(payload); err != nil {
			b.Fatal(err)
		}
	}
}
