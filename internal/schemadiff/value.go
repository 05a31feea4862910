package schemadiff

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// types is a set of JSON types. A number that is no integer is a type of its
// own here, so that "number" is a set of two.
type types uint8

const (
	typeNull types = 1 << iota
	typeBoolean
	typeObject
	typeArray
	typeString
	typeInteger
	typeFraction

	allTypes   = typeFraction<<1 - 1
	typeNumber = typeInteger | typeFraction
)

// typeNames are in the order in which they are printed, number before integer.
var typeNames = []struct {
	name string
	set  types
}{
	{"null", typeNull},
	{"boolean", typeBoolean},
	{"object", typeObject},
	{"array", typeArray},
	{"string", typeString},
	{"number", typeNumber},
	{"integer", typeInteger},
	{"fraction", typeFraction}, // never in a schema
}

// typesOf reads the keyword "type".
func typesOf(v any) types {
	switch v := v.(type) {
	case string:
		for _, t := range typeNames {
			if t.name == v {
				return t.set
			}
		}
	case []any:
		var set types
		for _, name := range v {
			set |= typesOf(name)
		}
		return set
	}
	return 0
}

func (t types) and(u types) types { return t & u }

// list is the form of the keyword.
func (t types) list() []any {
	names, left := []any{}, t
	for _, n := range typeNames {
		if left&n.set == n.set {
			names = append(names, n.name)
			left &^= n.set
		}
	}
	return names
}

func (t types) String() string {
	if t == allTypes {
		return "anything"
	}
	var names []string
	for _, n := range t.list() {
		names = append(names, n.(string))
	}
	return strings.Join(names, " or ")
}

// types is what the keywords "type" and "enum" admit.
func (f flat) types() types {
	set := allTypes
	if t, ok := f.keywords["type"]; ok {
		set = typesOf(t)
	}
	if values, ok := f.keywords["enum"].([]any); ok {
		var of types
		for _, v := range values {
			of |= typeOf(v)
		}
		set &= of
	}
	return set
}

func typeOf(v any) types {
	switch v := v.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBoolean
	case map[string]any:
		return typeObject
	case []any:
		return typeArray
	case string:
		return typeString
	case json.Number:
		if r := number(v); r != nil && r.IsInt() {
			return typeInteger
		}
	}
	return typeFraction
}

// number is nil for what is none, or too large to calculate with.
func number(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

// equal compares JSON values; 1 and 1.0 are equal.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		x, y := number(a), number(b)
		if x == nil || y == nil {
			return a == b
		}
		return x.Cmp(y) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}

func contains(list []any, v any) bool {
	return slices.ContainsFunc(list, func(w any) bool { return equal(v, w) })
}

func intersect(a, b []any) []any {
	out := []any{}
	for _, v := range a {
		if contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}

// minus is what a has and b has not.
func minus(a, b []any) []any {
	var out []any
	for _, v := range a {
		if !contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}

func union(a, b []any) []any { return append(slices.Clip(a), minus(b, a)...) }

// show prints a few values of a schema.
func show(values []any) string {
	const most = 5
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("…")
			break
		}
		text, err := json.Marshal(v)
		if err != nil || len(text) > 80 {
			text = []byte("a long value")
		}
		b.Write(text)
	}
	return b.String()
}

// disjoint is true only if no document is admitted by both.
func disjoint(da *document, a flat, db *document, b flat) bool {
	if a.never || b.never {
		return true
	}
	if a.types()&b.types() == 0 {
		return true
	}
	if x, ok := a.keywords["enum"].([]any); ok {
		if y, ok := b.keywords["enum"].([]any); ok && len(intersect(x, y)) == 0 {
			return true
		}
	}
	if a.types()&b.types() != typeObject {
		return false
	}
	// Both are objects; they differ if a property that both need does.
	ra, _ := a.keywords["required"].([]any)
	rb, _ := b.keywords["required"].([]any)
	pa, _ := a.keywords["properties"].(map[string]any)
	pb, _ := b.keywords["properties"].(map[string]any)
	for _, r := range intersect(ra, rb) {
		name, _ := r.(string)
		x, okX := pa[name]
		y, okY := pb[name]
		if !okX || !okY {
			continue
		}
		// Not deeper than this: what tells variants apart is a plain value.
		fx, fy := da.flatten(x), db.flatten(y)
		fx, fy = fx.without("required"), fy.without("required")
		if disjoint(da, fx, db, fy) {
			return true
		}
	}
	return false
}
