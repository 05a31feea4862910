package jsonschema_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/adapters/jsonschema"
	"github.com/postrider/postrider/dispatcher"
)

type (
	scalars struct {
		A bool
		B int8   `json:"b,string"`
		C uint64 `json:",omitempty"`
		D float64
		E string `json:"e"`
		F rune
		G *int `json:"g,string"`
		H **string
	}
	containers struct {
		A []byte
		B []byteText
		C [3]byte
		D [][]*int            `json:"d,omitempty"`
		E map[string]*scalars `json:"e"`
		F map[int8][]string   `json:"f,omitzero"`
		G map[keyText]bool
		H *[]map[string]float32
		I []byPointer
		J [2]byPointer
		K map[string]byPointer
		L *byPointer
		M byPointer
	}
	byteText byte
	keyText  struct{ N int8 }
	Promoted struct {
		scalars
		A     string `json:"a"`
		Inner *Inner
	}
	Inner struct {
		*Deeper
		Extra int `json:"extra,omitempty"`
	}
	Deeper struct {
		Extra string `json:"extra"`
		D     uint8
	}
	everything struct {
		*Promoted
		Inner
		C    containers
		Tree *tree
		At   Moment `json:"at"`
	}
)

func (b *byteText) MarshalJSON() ([]byte, error) { return json.Marshal(string(rune('a' + *b%26))) }
func (k keyText) MarshalText() ([]byte, error)   { return []byte{'k', 'a' + uint8(k.N)%26}, nil }

// Moment embeds what encodes itself, and so encodes itself.
type Moment struct{ time.Time }

// fill sets a value at random, nil pointers and empty containers included.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch k := v.Kind(); {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1e9), r.Int64N(1e9)).UTC()))
	case k == reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case v.CanInt():
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()) >> r.IntN(64))
	case v.CanUint():
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()) >> r.IntN(64))
	case v.CanFloat():
		v.SetFloat(float64(r.IntN(3)) * r.Float64())
	case k == reflect.String:
		v.SetString([]string{"", "a", "é\n", "1"}[r.IntN(4)])
	case k == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() || v.Type().Field(i).Anonymous && f.Kind() == reflect.Struct {
				fill(r, f, depth)
			}
		}
	case k == reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case depth <= 0 || r.IntN(4) == 0: // stays nil
	case k == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth-1)
	case k == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case k == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(r, key, depth-1)
			fill(r, value, depth-1)
			v.SetMapIndex(key, value)
		}
	}
}

// Whatever encoding/json makes of a value, the schema of its type admits; and a
// property that the schema requires is one that cannot be left out.
func TestDerivedSchemasAdmitWhatIsEncoded(t *testing.T) {
	agree[scalars](t)
	agree[*scalars](t)
	agree[containers](t)
	agree[*containers](t)
	agree[everything](t)
	agree[*everything](t)
	agree[[]everything](t)
	agree[map[string]everything](t)
	agree[struct {
		A scalars `json:"a,omitempty"`
		B *tree   `json:"b,omitzero"`
		C ambiguous
		D both
		E page[*scalars]
		F struct {
			right
			tagged
		}
		G struct{ *Holder }
		H struct {
			scalars `json:"base"`
			Inner   `json:"inner,omitempty"`
		}
	}](t)
}

func agree[T any](t *testing.T) {
	t.Helper()
	s, err := jsonschema.For[T]()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	check := func(v T) bool {
		text, err := json.Marshal(v)
		if err != nil {
			t.Logf("not encoded: %v", err)
			return false
		}
		if err := s.Validate(text); err != nil {
			t.Logf("%T: %v\n%s", v, err, text)
			return false
		}
		return spoiled(t, r, s, text)
	}
	for range 200 {
		var v T
		fill(r, reflect.ValueOf(&v).Elem(), 6)
		if !check(v) {
			t.Fatalf("the schema of %T differs from what encoding/json does", v)
		}
	}
	var zero T
	if !check(zero) {
		t.Errorf("the zero value of %T is refused", zero)
	}
}

// spoiled takes a required property off an object, which must be noticed.
func spoiled(t *testing.T, r *rand.Rand, s dispatcher.Schema, text []byte) bool {
	document, err := s.MarshalJSON()
	if err != nil {
		t.Error(err)
	}
	var schema struct{ Required []string }
	var value map[string]json.RawMessage
	if json.Unmarshal(document, &schema) != nil || json.Unmarshal(text, &value) != nil || len(schema.Required) == 0 || value == nil {
		return true
	}
	name := schema.Required[r.IntN(len(schema.Required))]
	if _, ok := value[name]; !ok {
		t.Logf("%s is required and not among %v", name, slices.Sorted(maps.Keys(value)))
		return false
	}
	delete(value, name)
	less, err := json.Marshal(value)
	if err != nil {
		t.Error(err)
	}
	return s.Validate(less) != nil
}
