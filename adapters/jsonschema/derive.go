package jsonschema

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
)

// Describer is implemented by a type that brings the schema of its JSON: one
// with a MarshalJSON of its own, or a string with a few values.
//
//	type Status string
//
//	func (Status) JSONSchema() []byte { return []byte(`{"enum": ["open", "paid"]}`) }
type Describer interface {
	// JSONSchema returns a schema of draft 2020-12 that stands by itself, without
	// $ref, $id and $schema. It is called on a zero value. A nil pointer to the
	// type is null besides; a nil slice or map is not, unless the schema says so.
	JSONSchema() []byte
}

var (
	describerType     = reflect.TypeFor[Describer]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	numberType        = reflect.TypeFor[json.Number]()
	timeType          = reflect.TypeFor[time.Time]()
	bigIntType        = reflect.TypeFor[big.Int]()
)

// forType derives and compiles.
func forType(t reflect.Type) (*schema, error) {
	d := &deriver{named: map[key]*named{}, taken: map[string]bool{}}
	root, err := d.derive(t, false)
	if err != nil {
		return nil, fmt.Errorf("cannot be derived from %v: %w", t, err)
	}
	document := object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}
	if o, ok := root.(object); ok {
		document = append(document, o...)
	} else { // a schema of the type's own
		document = append(document, member{"allOf", []any{root}})
	}
	if len(d.defs) > 0 {
		document = append(document, member{"$defs", d.defs})
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("cannot be derived from %v: %w", t, err)
	}
	return compile(text)
}

// deriver derives one document.
type deriver struct {
	named map[key]*named
	taken map[string]bool
	defs  object
}

// key is a type, and whether its methods with pointer receivers apply:
// encoding/json calls those only on what is addressable.
type key struct {
	t           reflect.Type
	addressable bool
}

// named is a type that is being derived, or was and refers to itself.
type named struct {
	def    string // key in $defs, once something refers to it
	schema any    // once it is derived
}

// derive returns the schema of a type, null included.
func (d *deriver) derive(t reflect.Type, addressable bool) (any, error) {
	s, err := d.nonNil(t, addressable)
	if err != nil || !canBeNull(t, addressable) {
		return s, err
	}
	return orNull(s), nil
}

func canBeNull(t reflect.Type, addressable bool) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return true
	case reflect.Slice, reflect.Map:
		return !describes(t) && !hasMethod(t, addressable, marshalerType) && !hasMethod(t, addressable, textMarshalerType)
	}
	return false
}

func hasMethod(t reflect.Type, addressable bool, i reflect.Type) bool {
	return t.Implements(i) || addressable && t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(i)
}

func describes(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(describerType)
}

// nonNil returns the schema of what a type is when it is not nil. Types with a
// name can refer to themselves; those that do go to $defs.
func (d *deriver) nonNil(t reflect.Type, addressable bool) (any, error) {
	if t.Name() == "" {
		return d.structure(t, addressable)
	}
	k := key{t, addressable}
	if n := d.named[k]; n != nil {
		if n.def == "" {
			n.def = d.name(t)
		}
		return object{{"$ref", "#/$defs/" + n.def}}, nil
	}
	n := &named{}
	d.named[k] = n
	s, err := d.structure(t, addressable)
	if err != nil {
		return nil, err
	}
	if n.def == "" {
		delete(d.named, k)
		// For most types it makes no difference whether they are addressable.
		if other := d.named[key{t, !addressable}]; other != nil && reflect.DeepEqual(s, other.schema) {
			return object{{"$ref", "#/$defs/" + other.def}}, nil
		}
		return s, nil
	}
	n.schema = s
	d.defs = append(d.defs, member{n.def, s})
	return object{{"$ref", "#/$defs/" + n.def}}, nil
}

// name makes a key for $defs of a type's name, without what a generic type is
// instantiated with.
func (d *deriver) name(t reflect.Type) string {
	base, _, _ := strings.Cut(t.Name(), "[")
	name := base
	for i := 2; d.taken[name]; i++ {
		name = fmt.Sprint(base, i)
	}
	d.taken[name] = true
	return name
}

// structure follows the order in which encoding/json chooses an encoder.
func (d *deriver) structure(t reflect.Type, addressable bool) (any, error) {
	if describes(t) {
		return described(t)
	}
	switch {
	case t == timeType:
		return object{{"type", "string"}, {"format", "date-time"}}, nil
	case t == bigIntType && addressable:
		return object{{"type", "integer"}}, nil
	case t == numberType:
		return object{{"type", "number"}}, nil
	case t.Kind() == reflect.Pointer:
		return d.derive(t.Elem(), true)
	case hasMethod(t, addressable, marshalerType):
		return object{}, nil // only itself knows
	case hasMethod(t, addressable, textMarshalerType) && t.Kind() != reflect.Interface:
		return object{{"type", "string"}}, nil
	}
	switch k := t.Kind(); k {
	case reflect.Bool:
		return object{{"type", "boolean"}}, nil
	case reflect.String:
		return object{{"type", "string"}}, nil
	case reflect.Float32, reflect.Float64:
		return object{{"type", "number"}}, nil
	case reflect.Interface:
		return object{}, nil
	case reflect.Struct:
		return d.structType(t, addressable)
	case reflect.Map:
		return d.mapType(t)
	case reflect.Slice:
		return d.sliceType(t)
	case reflect.Array:
		items, err := d.derive(t.Elem(), addressable)
		if err != nil {
			return nil, fmt.Errorf("items: %w", err)
		}
		return object{{"type", "array"}, {"items", items}, {"minItems", t.Len()}, {"maxItems", t.Len()}}, nil
	default:
		if k >= reflect.Int && k <= reflect.Uintptr {
			return integer(k), nil
		}
		return nil, fmt.Errorf("%v has no JSON", t)
	}
}

// integer has bounds where they are narrower than what receivers take for an
// integer anyway.
func integer(k reflect.Kind) object {
	o := object{{"type", "integer"}}
	switch k {
	case reflect.Int8:
		return append(o, member{"minimum", math.MinInt8}, member{"maximum", math.MaxInt8})
	case reflect.Int16:
		return append(o, member{"minimum", math.MinInt16}, member{"maximum", math.MaxInt16})
	case reflect.Int32:
		return append(o, member{"minimum", math.MinInt32}, member{"maximum", math.MaxInt32})
	case reflect.Uint8:
		return append(o, member{"minimum", 0}, member{"maximum", math.MaxUint8})
	case reflect.Uint16:
		return append(o, member{"minimum", 0}, member{"maximum", math.MaxUint16})
	case reflect.Uint32:
		return append(o, member{"minimum", 0}, member{"maximum", uint32(math.MaxUint32)})
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return append(o, member{"minimum", 0})
	}
	return o
}

func (d *deriver) mapType(t reflect.Type) (any, error) {
	text := t.Key().Kind() == reflect.String || t.Key().Kind() >= reflect.Int && t.Key().Kind() <= reflect.Uintptr
	if !text && !t.Key().Implements(textMarshalerType) {
		return nil, fmt.Errorf("%v has no JSON: its keys are no text", t)
	}
	values, err := d.derive(t.Elem(), false)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return object{{"type", "object"}, {"additionalProperties", values}}, nil
}

func (d *deriver) sliceType(t reflect.Type) (any, error) {
	elem := t.Elem()
	if elem.Kind() == reflect.Uint8 && !hasMethod(elem, true, marshalerType) && !hasMethod(elem, true, textMarshalerType) {
		return object{{"type", "string"}, {"contentEncoding", "base64"}}, nil
	}
	items, err := d.derive(elem, true)
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	return object{{"type", "array"}, {"items", items}}, nil
}

func (d *deriver) structType(t reflect.Type, addressable bool) (any, error) {
	properties, required := object{}, []string{}
	for _, f := range fields(t, addressable) {
		s, err := d.property(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.sf.Name, err)
		}
		if text := f.sf.Tag.Get("jsonschema"); text != "" {
			s = describe(s, text)
		}
		properties = append(properties, member{f.name, s})
		if !f.optional() {
			required = append(required, f.name)
		}
	}
	o := object{{"type", "object"}}
	if len(properties) > 0 {
		o = append(o, member{"properties", properties})
	}
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	return o, nil
}

func (d *deriver) property(f field) (any, error) {
	t := f.sf.Type
	if f.quoted {
		bare, addressable := t, f.addressable
		if t.Kind() == reflect.Pointer {
			bare, addressable = t.Elem(), true
		}
		if !hasMethod(bare, addressable, marshalerType) && !hasMethod(bare, addressable, textMarshalerType) {
			if t.Kind() == reflect.Pointer && !f.neverNil() {
				return orNull(object{{"type", "string"}}), nil
			}
			return object{{"type", "string"}}, nil
		}
	}
	if f.neverNil() {
		return d.nonNil(t, f.addressable)
	}
	return d.derive(t, f.addressable)
}

// described asks a type for its schema.
func described(t reflect.Type) (s any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the JSONSchema of %v panicked: %v", t, p)
		}
	}()
	d, ok := reflect.New(t).Interface().(Describer)
	if !ok {
		return nil, fmt.Errorf("%v is no Describer", t)
	}
	text := d.JSONSchema()
	value, err := decode(text)
	if err == nil {
		err = standsAlone(value)
	}
	if err != nil {
		return nil, fmt.Errorf("the JSONSchema of %v %w", t, err)
	}
	return json.RawMessage(text), nil
}

// standsAlone refuses what would mean something else inside another document.
func standsAlone(value any) error {
	switch v := value.(type) {
	case map[string]any:
		for _, keyword := range []string{"$ref", "$dynamicRef", "$id", "$schema"} {
			if _, ok := v[keyword].(string); ok {
				return errors.New("must not have " + keyword)
			}
		}
		for _, item := range v {
			if err := standsAlone(item); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := standsAlone(item); err != nil {
				return err
			}
		}
	}
	return nil
}
