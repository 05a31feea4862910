package schemadiff

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// document is a schema document, decoded with json.Number.
type document struct {
	root any
	// refAlone: beside $ref everything is ignored (draft 07).
	refAlone bool
}

// resolve returns what a $ref within the document points to.
func (d *document) resolve(ref string) (any, bool) {
	fragment, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, false
	}
	at := d.root
	if fragment == "" {
		return at, true
	}
	rest, ok := strings.CutPrefix(fragment, "/")
	if !ok {
		return nil, false // an $anchor
	}
	for token := range strings.SplitSeq(rest, "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := at.(type) {
		case map[string]any:
			if at, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			at = v[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// follow goes from a schema that is a $ref and nothing else to what it refers
// to, so that recursion comes back to the same schema.
func (d *document) follow(schema any) any {
	const far = 32 // then it is a circle, which flatten reports
	for range far {
		m, ok := schema.(map[string]any)
		if !ok {
			return schema
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return schema
		}
		for k := range m {
			if k != "$ref" && !annotations[k] && !d.refAlone {
				return schema
			}
		}
		target, ok := d.resolve(ref)
		if !ok {
			return schema
		}
		schema = target
	}
	return schema
}

// flat is a schema as one conjunction of keywords: $ref and allOf are merged
// in, const is an enum of one, and unevaluatedProperties is
// additionalProperties where it means the same.
type flat struct {
	keywords map[string]any
	// never: nothing is admitted.
	never bool
	// unclear says why the schema cannot be flattened.
	unclear string
}

// annotations admit and refuse nothing.
var annotations = map[string]bool{
	"$schema": true, "$comment": true, "$defs": true, "definitions": true, "$vocabulary": true, "$anchor": true,
	"title": true, "description": true, "default": true, "examples": true, "deprecated": true,
	"readOnly": true, "writeOnly": true,
}

func (d *document) flatten(schema any) flat { return d.flattenFrom(schema, nil) }

// flattenFrom is given the $refs that led here, to end circles of them.
func (d *document) flattenFrom(schema any, refs []string) flat {
	m, ok := schema.(map[string]any)
	if !ok {
		if b, isBool := schema.(bool); isBool && !b {
			return flat{never: true}
		}
		return flat{} // true; anything else is not a schema and says nothing
	}
	if _, ok := m["$id"]; ok && identity(m) != identity(d.root) {
		return flat{unclear: "a subschema has an $id"}
	}
	var parts []flat
	if ref, ok := m["$ref"].(string); ok {
		target, ok := d.resolve(ref)
		if !ok || slices.Contains(refs, ref) {
			return flat{unclear: "$ref " + strconv.Quote(ref) + " cannot be followed"}
		}
		part := d.flattenFrom(target, append(slices.Clip(refs), ref))
		if d.refAlone {
			return part
		}
		parts = append(parts, part)
	}
	if all, ok := m["allOf"].([]any); ok {
		for _, s := range all {
			parts = append(parts, d.flattenFrom(s, refs))
		}
	}
	own := map[string]any{}
	for k, v := range m {
		switch {
		case annotations[k] || k == "$ref" || k == "allOf" || k == "$id" || strings.HasPrefix(k, "x-"):
		case k == "$dynamicRef" || k == "$recursiveRef":
			return flat{unclear: "it uses " + k}
		case k == "const":
			own["enum"] = []any{v}
		default:
			own[k] = v
		}
	}
	if _, ok := m["const"]; ok {
		if values, ok := m["enum"].([]any); ok {
			own["enum"] = intersect(values, []any{m["const"]})
		}
	}
	f := merge(append(parts, flat{keywords: own}.without("unevaluatedProperties").without("unevaluatedItems")))
	if extra, ok := own["unevaluatedProperties"]; ok {
		f = f.seal("unevaluatedProperties", "additionalProperties", extra)
	}
	if extra, ok := own["unevaluatedItems"]; ok {
		keyword := "items"
		if _, ok := f.keywords["items"].([]any); ok { // before 2020-12
			keyword = "additionalItems"
		}
		f = f.seal("unevaluatedItems", keyword, extra)
	}
	return f
}

// seal applies unevaluatedProperties or unevaluatedItems to a merged schema, as
// the keyword that means the same there.
func (f flat) seal(from, to string, schema any) flat {
	if f.never || f.unclear != "" || schema == true {
		return f
	}
	for _, k := range []string{"anyOf", "oneOf", "if", "not", "dependentSchemas", "contains"} {
		if f.keywords[k] != nil {
			return flat{unclear: from + " beside " + k}
		}
	}
	if _, ok := f.keywords[to]; ok {
		return f // evaluates them all
	}
	keywords := map[string]any{to: schema}
	maps.Copy(keywords, f.keywords)
	return flat{keywords: keywords}
}

func (f flat) without(keyword string) flat {
	if _, ok := f.keywords[keyword]; !ok {
		return f
	}
	f.keywords = maps.Clone(f.keywords)
	delete(f.keywords, keyword)
	return f
}

// alternatives takes anyOf or oneOf off a schema. They exclude each other if
// that is oneOf, and not by what they are.
func (f flat) alternatives() (rest flat, alternatives []any, exclusive bool) {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if list, ok := f.keywords[keyword].([]any); ok && len(list) > 0 {
			return f.without(keyword), list, keyword == "oneOf"
		}
	}
	return f, nil, false
}

// both is the conjunction of a flat schema and one that is not.
func (d *document) both(f flat, schema any) flat { return merge([]flat{f, d.flatten(schema)}) }

// merge makes one conjunction of several.
func merge(parts []flat) flat {
	var merged flat
	for _, p := range parts {
		if p.never {
			return p
		}
	}
	for _, p := range parts {
		switch {
		case p.unclear != "":
			return p
		case len(p.keywords) == 0:
		case len(merged.keywords) == 0:
			merged = p
		default:
			if merged = merge2(merged.keywords, p.keywords); merged.never || merged.unclear != "" {
				return merged
			}
		}
	}
	return merged
}

func merge2(a, b map[string]any) flat {
	if why := cmp.Or(hidden(a, b), hidden(b, a), shifted(a, b), shifted(b, a)); why != "" {
		return flat{unclear: why}
	}
	out := maps.Clone(a)
	for k, y := range b {
		x, ok := a[k]
		if !ok || equal(x, y) {
			out[k] = y
			continue
		}
		z, ok := mergeKeyword(k, x, y)
		if !ok {
			return flat{unclear: "allOf and its neighbours differ in " + k}
		}
		out[k] = z
	}
	for _, k := range []string{"type", "enum"} {
		if list, ok := out[k].([]any); ok && len(list) == 0 {
			return flat{never: true}
		}
	}
	return flat{keywords: out}
}

// hidden says whether a excludes properties that b describes: to
// additionalProperties only its neighbours count.
func hidden(a, b map[string]any) string {
	if extra, ok := a["additionalProperties"]; !ok || extra == true {
		return ""
	}
	known, _ := a["properties"].(map[string]any)
	theirs, _ := b["properties"].(map[string]any)
	for name := range theirs {
		if _, ok := known[name]; !ok {
			return "additionalProperties inside or beside allOf"
		}
	}
	if b["patternProperties"] != nil {
		return "patternProperties inside or beside allOf"
	}
	return ""
}

// shifted says whether the items that a speaks of are others beside b: its
// "items" are those behind its own first ones.
func shifted(a, b map[string]any) string {
	first, rest := flat{keywords: a}.items(), flat{keywords: b}.items()
	if first.rest != true && len(rest.first) > len(first.first) {
		return "items inside or beside allOf"
	}
	return ""
}

// mergeKeyword makes one keyword of two that must both hold.
func mergeKeyword(k string, x, y any) (any, bool) {
	switch k {
	case "required":
		a, ok1 := x.([]any)
		b, ok2 := y.([]any)
		return union(a, b), ok1 && ok2
	case "type":
		return typesOf(x).and(typesOf(y)).list(), true
	case "enum":
		a, ok1 := x.([]any)
		b, ok2 := y.([]any)
		return intersect(a, b), ok1 && ok2
	case "properties":
		a, ok1 := x.(map[string]any)
		b, ok2 := y.(map[string]any)
		if !ok1 || !ok2 {
			return nil, false
		}
		out := maps.Clone(a)
		for name, s := range b {
			if t, ok := a[name]; ok && !equal(s, t) {
				s = map[string]any{"allOf": []any{t, s}}
			}
			out[name] = s
		}
		return out, true
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
		return tighter(x, y, 1)
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
		return tighter(x, y, -1)
	}
	return nil, false
}

func tighter(x, y any, sign int) (any, bool) {
	a, b := number(x), number(y)
	if a == nil || b == nil {
		return nil, false
	}
	if a.Cmp(b) == sign {
		return x, true
	}
	return y, true
}
