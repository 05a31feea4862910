package jsonschema

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object whose members keep their order: properties come in
// the order of the struct, for those who read the document.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// orNull is the schema, or null.
func orNull(s any) any {
	o, ok := s.(object)
	if ok && len(o) == 0 {
		return s // anything already
	}
	if ok && o[0].name == "type" {
		switch t := o[0].value.(type) {
		case string:
			return append(object{{"type", []string{t, "null"}}}, o[1:]...)
		case []string:
			return s // has null already
		}
	}
	return object{{"anyOf", []any{s, object{{"type", "null"}}}}}
}

// describe adds a description to a schema.
func describe(s any, text string) any {
	if o, ok := s.(object); ok {
		return append(object{{"description", text}}, o...)
	}
	return object{{"description", text}, {"allOf", []any{s}}}
}
