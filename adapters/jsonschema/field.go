package jsonschema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is one property of a struct.
type field struct {
	name   string
	tagged bool
	index  []int
	sf     reflect.StructField
	// addressable: methods with pointer receivers apply.
	addressable bool
	// maybe: it lies in an embedded pointer, which can be nil.
	maybe bool

	omitEmpty, omitZero, quoted bool
}

// fields lists the properties of a struct type in the order in which
// encoding/json writes them. What counts are its rules: fields of embedded
// structs are promoted; of those with one name the shallowest counts, then the
// one with a tag; if several are left, none does.
func fields(t reflect.Type, addressable bool) []field {
	type level struct {
		t           reflect.Type
		index       []int
		addressable bool
		maybe       bool
	}
	var all []field
	next := []level{{t: t, addressable: addressable}}
	visited := map[reflect.Type]bool{}
	times := map[reflect.Type]int{}
	for len(next) > 0 {
		current, nextTimes := next, map[reflect.Type]int{}
		next = nil
		for _, l := range current {
			if visited[l.t] {
				continue
			}
			visited[l.t] = true
			for i := range l.t.NumField() {
				sf := l.t.Field(i)
				bare, pointer := sf.Type, false
				if bare.Kind() == reflect.Pointer && bare.Name() == "" {
					bare, pointer = bare.Elem(), true
				}
				if !sf.IsExported() && (!sf.Anonymous || bare.Kind() != reflect.Struct) {
					continue
				}
				f, ok := fieldOf(sf, bare)
				if !ok {
					continue
				}
				f.index = append(slices.Clip(l.index), i)
				f.addressable, f.maybe = l.addressable, l.maybe
				if f.tagged || !sf.Anonymous || bare.Kind() != reflect.Struct {
					all = append(all, f)
					if times[l.t] > 1 {
						all = append(all, f) // twice at one depth: neither counts
					}
					continue
				}
				if nextTimes[bare]++; nextTimes[bare] == 1 {
					next = append(next, level{bare, f.index, l.addressable || pointer, l.maybe || pointer})
				}
			}
		}
		times = nextTimes
	}
	return dominant(all)
}

// fieldOf reads the json tag; ok is false for "-".
func fieldOf(sf reflect.StructField, bare reflect.Type) (f field, ok bool) {
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return f, false
	}
	name, options, _ := strings.Cut(tag, ",")
	f = field{name: sf.Name, sf: sf}
	if validName(name) {
		f.name, f.tagged = name, true
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		case "string":
			f.quoted = scalar(bare.Kind())
		}
	}
	return f, true
}

// validName is encoding/json's rule for names in tags.
func validName(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return s != ""
}

func scalar(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String
}

// dominant keeps the field that counts of each name, in the order of the struct.
func dominant(all []field) []field {
	byName := map[string][]field{}
	for _, f := range all {
		byName[f.name] = append(byName[f.name], f)
	}
	var kept []field
	for _, fs := range byName {
		slices.SortStableFunc(fs, func(a, b field) int {
			return cmp.Or(cmp.Compare(len(a.index), len(b.index)), -compareBool(a.tagged, b.tagged))
		})
		if len(fs) == 1 || len(fs[0].index) != len(fs[1].index) || fs[0].tagged != fs[1].tagged {
			kept = append(kept, fs[0])
		}
	}
	slices.SortFunc(kept, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return kept
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// optional says that the property need not be there.
func (f field) optional() bool {
	if f.maybe || f.omitZero {
		return true
	}
	if !f.omitEmpty {
		return false
	}
	switch f.sf.Type.Kind() {
	case reflect.Struct:
		return false
	case reflect.Array:
		return f.sf.Type.Len() == 0
	}
	return true
}

// neverNil says that the property is left out instead of being null.
func (f field) neverNil() bool {
	if f.omitEmpty || f.omitZero && f.sf.Type.Kind() == reflect.Pointer {
		return true
	}
	// A method IsZero can call something else zero.
	_, own := f.sf.Type.MethodByName("IsZero")
	_, ofPointer := reflect.PointerTo(f.sf.Type).MethodByName("IsZero")
	return f.omitZero && !own && !ofPointer
}
