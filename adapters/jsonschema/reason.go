package jsonschema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	lib "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/postrider/postrider/dispatcher"
)

// fault is one place where a document breaks a schema.
type fault struct {
	at     []string
	reason string
}

// first picks one of the faults that the library found: the one whose place
// comes first. The library itself lists them in the order of a map.
func first(err *lib.ValidationError) *dispatcher.SchemaError {
	faults := collect(err)
	if len(faults) == 0 {
		return &dispatcher.SchemaError{Reason: "breaks the schema"}
	}
	f := slices.MinFunc(faults, func(a, b fault) int {
		return cmp.Or(slices.CompareFunc(a.at, b.at, compareTokens), cmp.Compare(a.reason, b.reason))
	})
	return &dispatcher.SchemaError{Pointer: pointer(f.at), Reason: f.reason}
}

// compareTokens puts item 10 behind item 9.
func compareTokens(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(i, j)
	}
	return cmp.Compare(a, b)
}

func pointer(at []string) string {
	var b strings.Builder
	for _, token := range at {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	return b.String()
}

// collect finds the leaves of the library's tree of errors that say something.
func collect(err *lib.ValidationError) []fault {
	switch k := err.ErrorKind.(type) {
	case *kind.AnyOf:
		return alternatives(err, "must match at least one of the alternatives in anyOf")
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return []fault{{err.InstanceLocation, "must match only one of the alternatives in oneOf, matches several"}}
		}
		return alternatives(err, "must match one of the alternatives in oneOf")
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		var faults []fault
		for _, cause := range err.Causes {
			faults = append(faults, collect(cause)...)
		}
		return faults
	}
	return []fault{{err.InstanceLocation, reason(err.ErrorKind)}}
}

// alternatives tells the fault within the only alternative that the value is
// meant for, if that can be known: it has the right type and, in a union told
// apart by a constant, the right constant.
func alternatives(err *lib.ValidationError, otherwise string) []fault {
	var near []*lib.ValidationError
	wanted, got := []string{}, ""
	for _, cause := range err.Causes {
		switch k := meant(cause, len(err.InstanceLocation)).(type) {
		case nil:
			near = append(near, cause)
		case *kind.Type:
			wanted, got = append(wanted, k.Want...), k.Got
		}
	}
	switch {
	case len(near) == 1 && len(err.Causes) > 1:
		return collect(near[0])
	case len(near) == 0 && len(wanted) > 0:
		return []fault{{err.InstanceLocation, reason(&kind.Type{Got: got, Want: wanted})}}
	}
	return []fault{{err.InstanceLocation, otherwise}}
}

// meant returns why an alternative cannot be the one that is meant, or nil:
// another type at this depth, or another constant right below it.
func meant(err *lib.ValidationError, depth int) lib.ErrorKind {
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		if len(err.InstanceLocation) == depth {
			return k
		}
	case *kind.Const, *kind.Enum:
		if len(err.InstanceLocation) == depth+1 {
			return k
		}
	case *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range err.Causes {
			if k := meant(cause, depth); k != nil {
				return k
			}
		}
	}
	return nil
}

// reason says what the schema asks for. Nothing in it may be a value of the
// document, which can be secret: names of properties are the most it tells.
func reason(k lib.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + types(k.Want) + ", is " + article(k.Got)
	case *kind.Enum:
		return "must be one of " + values(k.Want)
	case *kind.Const:
		return "must be " + values([]any{k.Want})
	case *kind.Format:
		if k.Want == "regex" { // of a schema, checked when it is compiled
			return "must be a valid regular expression of Go, which has no look-around and no back references"
		}
		return "must be a valid " + k.Want
	case *kind.Required:
		return "must have " + properties(k.Missing)
	case *kind.AdditionalProperties:
		return "must not have " + properties(k.Properties)
	case *kind.PropertyNames:
		return "must not have " + properties([]string{k.Property}) + ", whose name breaks propertyNames"
	case *kind.FalseSchema:
		return "must not be there"
	case *kind.Not:
		return "must not match the schema in not"
	case *kind.Dependency:
		return "must have " + properties(k.Missing) + " if it has " + properties([]string{k.Prop})
	case *kind.DependentRequired:
		return "must have " + properties(k.Missing) + " if it has " + properties([]string{k.Prop})
	case *kind.Pattern:
		return "must match the pattern " + strconv.QuoteToGraphic(k.Want)
	case *kind.MinLength:
		return "must have at least " + count(k.Want, "character")
	case *kind.MaxLength:
		return "must have at most " + count(k.Want, "character")
	case *kind.MinItems:
		return "must have at least " + count(k.Want, "item")
	case *kind.MaxItems:
		return "must have at most " + count(k.Want, "item")
	case *kind.AdditionalItems:
		return "must not have the last " + count(k.Count, "item")
	case *kind.UniqueItems:
		return fmt.Sprintf("must not have equal items, as %d and %d are", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "must have an item that matches the schema in contains"
	case *kind.MinContains:
		return "must have at least " + count(k.Want, "item") + " matching the schema in contains"
	case *kind.MaxContains:
		return "must have at most " + count(k.Want, "item") + " matching the schema in contains"
	case *kind.MinProperties:
		return "must have at least " + count(k.Want, "property")
	case *kind.MaxProperties:
		return "must have at most " + count(k.Want, "property")
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	}
	return "breaks the schema"
}

// most bounds how many names or values a reason lists.
const most = 5

func types(names []string) string {
	text := make([]string, len(names))
	for i, n := range names {
		text[i] = article(n)
	}
	return strings.Join(text, " or ")
}

func article(typeName string) string {
	switch typeName {
	case "null":
		return typeName
	case "array", "integer", "object":
		return "an " + typeName
	}
	return "a " + typeName
}

func properties(names []string) string {
	names = slices.Sorted(slices.Values(names))
	text := "the property "
	if len(names) > 1 {
		text = "the properties "
	}
	for i, n := range names {
		if i == most {
			return text + ", …"
		}
		if i > 0 {
			text += ", "
		}
		text += strconv.QuoteToGraphic(shorten(n))
	}
	return text
}

// values prints values of the schema, never of the document.
func values(list []any) string {
	var text []string
	for i, v := range list {
		if i == most {
			text = append(text, "…")
			break
		}
		b, err := json.Marshal(v)
		if err != nil {
			return "a value that the schema names"
		}
		text = append(text, shorten(string(b)))
	}
	return strings.Join(text, ", ")
}

func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "property":
		return strconv.Itoa(n) + " properties"
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return shorten(r.Num().String())
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
