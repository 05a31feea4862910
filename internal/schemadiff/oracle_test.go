package schemadiff_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postrider/postrider/internal/schemadiff"
)

// A change that is called compatible must be: what the new schema admits, the
// old one admits, as a validator sees it that knows nothing of Compare.
func TestCompareAgainstValidator(t *testing.T) {
	const pairs, documents = 3000, 60
	r := rand.New(rand.NewPCG(1, 2))
	judged, proved := 0, 0
	for range pairs {
		g := &generator{r: r}
		old := g.schema(3)
		now := g.mutate(old, 3)
		oldText, newText := text(old), text(now)
		differences, err := schemadiff.Compare([]byte(oldText), []byte(newText))
		if err != nil {
			t.Fatal(err)
		}
		safe := true
		for _, d := range differences {
			safe = safe && d.Verdict == schemadiff.Compatible
		}
		if !safe {
			continue
		}
		if oldText != newText {
			judged++
		}
		was, is := compile(t, oldText), compile(t, newText)
		for range documents {
			d := g.document(3)
			if is.Validate(d) != nil {
				continue
			}
			if oldText != newText {
				proved++
			}
			if was.Validate(d) != nil {
				t.Fatalf("called compatible: %v\nold %s\nnew %s\nadmits %s", differences, oldText, newText, text(d))
			}
		}
	}
	t.Logf("%d changes called compatible, %d documents", judged, proved)
	if judged < pairs/10 || proved < pairs {
		t.Errorf("only %d changes were called compatible and %d documents admitted: the test shows little", judged, proved)
	}
}

func compile(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema:///x", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema:///x")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return s
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(b)
}

// generator makes schemas and documents that often have to do with each other.
type generator struct{ r *rand.Rand }

type schema = map[string]any

func pick[T any](g *generator, list ...T) T { return list[g.r.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) name() string { return pick(g, "a", "b", "ab") }

func (g *generator) scalar() any {
	return pick[any](g, nil, true, "a", "b", "", "abc", json.Number("0"), json.Number("1"), json.Number("1.5"), json.Number("7"))
}

func (g *generator) document(depth int) any {
	if depth == 0 || g.chance(40) {
		return g.scalar()
	}
	if g.chance(30) {
		list := []any{}
		for range g.r.IntN(4) {
			list = append(list, g.document(depth-1))
		}
		return list
	}
	m := schema{}
	for range g.r.IntN(4) {
		m[g.name()] = g.document(depth - 1)
	}
	return m
}

func (g *generator) schema(depth int) any {
	if g.chance(5) {
		return g.chance(70)
	}
	s := schema{}
	for range 1 + g.r.IntN(3) {
		g.keyword(s, depth)
	}
	return s
}

// keyword sets one at random.
func (g *generator) keyword(s schema, depth int) {
	sub := func() any {
		if depth == 0 {
			return schema{"type": pick(g, "string", "integer", "null")}
		}
		return g.schema(depth - 1)
	}
	switch g.r.IntN(26) {
	case 0, 1, 2, 3:
		s["type"] = pick(g, "object", "object", "array", "string", "integer", "number")
	case 4:
		s["type"] = []any{pick(g, "object", "array"), pick(g, "string", "number", "null")}
	case 5:
		s["enum"] = []any{g.scalar(), g.scalar()}
		if text(s["enum"].([]any)[0]) == text(s["enum"].([]any)[1]) {
			delete(s, "enum")
		}
	case 6:
		s["const"] = g.scalar()
	case 7:
		s[pick(g, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")] = json.Number(pick(g, "0", "1", "1.5", "6"))
	case 8:
		s[pick(g, "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")] = json.Number(pick(g, "0", "1", "2"))
	case 9, 10, 11, 12:
		p, _ := s["properties"].(schema)
		if p == nil {
			p = schema{}
		}
		p[g.name()] = sub()
		s["properties"] = p
	case 13:
		s["required"] = []any{g.name()}
	case 14:
		s["additionalProperties"] = sub()
	case 15:
		s["additionalProperties"] = false
	case 16:
		s["patternProperties"] = schema{pick(g, "^a", "b"): sub()}
	case 17:
		s["items"] = sub()
	case 18:
		s["prefixItems"] = []any{sub(), sub()}[:1+g.r.IntN(2)]
	case 19:
		s["allOf"] = []any{sub(), sub()}[:1+g.r.IntN(2)]
	case 20:
		s["anyOf"] = []any{sub(), sub()}
	case 21:
		s["oneOf"] = []any{sub(), sub()}[:1+g.r.IntN(2)]
	case 22:
		s[pick(g, "not", "contains", "propertyNames", "if", "then", "else")] = sub()
	case 23:
		s[pick(g, "unevaluatedProperties", "unevaluatedItems")] = sub()
	case 24:
		s["multipleOf"] = json.Number(pick(g, "0.5", "2", "7"))
	case 25:
		s["uniqueItems"] = g.chance(50)
	}
}

// mutate changes a copy of a schema in few places.
func (g *generator) mutate(s any, depth int) any {
	m, ok := s.(schema)
	if !ok {
		if g.chance(30) {
			return g.schema(depth)
		}
		return s
	}
	out := schema{}
	for k, v := range m {
		switch v := v.(type) {
		case schema:
			if k == "properties" || k == "patternProperties" {
				named := schema{}
				for name, sub := range v {
					named[name] = g.mutate(sub, depth-1)
				}
				out[k] = named
			} else {
				out[k] = g.mutate(v, depth-1)
			}
		case []any:
			list := append([]any(nil), v...)
			if k == "allOf" || k == "anyOf" || k == "oneOf" || k == "prefixItems" {
				for i := range list {
					list[i] = g.mutate(list[i], depth-1)
				}
			}
			out[k] = list
		default:
			out[k] = v
		}
	}
	if g.chance(25) {
		g.keyword(out, max(depth-1, 0))
	}
	if g.chance(12) {
		for k := range out {
			delete(out, k)
			break
		}
	}
	return out
}
