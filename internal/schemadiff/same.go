package schemadiff

import "slices"

// same says that two schemas say the same, annotations aside. It follows $ref
// in both.
func (c *comparer) same(a, b any) bool { return c.sameSchema(a, b, map[[2]string]bool{}) }

// sameKeyword says that both have the keyword and that it says the same.
func (c *comparer) sameKeyword(a, b flat, keyword string) bool {
	x, okX := a.keywords[keyword]
	y, okY := b.keywords[keyword]
	return okX && okY && c.sameValue(keyword, x, y, map[[2]string]bool{})
}

// sameSchema is given the pairs of $refs that it is in: to meet one again
// means that nothing differed on the way round.
func (c *comparer) sameSchema(a, b any, refs map[[2]string]bool) bool {
	x, ok := a.(map[string]any)
	if !ok {
		return equal(a, b)
	}
	y, ok := b.(map[string]any)
	if *c.budget--; !ok || *c.budget < 0 {
		return false
	}
	for _, m := range []map[string]any{x, y} {
		other := x
		if identity(m) == identity(x) {
			other = y
		}
		for k := range m {
			if _, ok := other[k]; !ok && !silent(k) {
				return false
			}
		}
	}
	for k, v := range x {
		if !silent(k) && !c.sameValue(k, v, y[k], refs) {
			return false
		}
	}
	return true
}

// silent keywords need not be the same. A deprecation admits no more and no
// less, but is told.
func silent(keyword string) bool { return annotations[keyword] && keyword != "deprecated" }

// sameValue compares the values of a keyword, which are schemas for some.
func (c *comparer) sameValue(keyword string, a, b any, refs map[[2]string]bool) bool {
	schemas := func(a, b any) bool { return c.sameSchema(a, b, refs) }
	switch keyword {
	case "$ref":
		x, _ := a.(string)
		y, _ := b.(string)
		key := [2]string{x, y}
		if refs[key] {
			return true
		}
		s, okS := c.old.resolve(x)
		t, okT := c.new.resolve(y)
		if !okS || !okT {
			return false
		}
		refs[key] = true
		return schemas(s, t)
	case "properties", "patternProperties", "dependentSchemas":
		x, okX := a.(map[string]any)
		y, okY := b.(map[string]any)
		if !okX || !okY || len(x) != len(y) {
			return false
		}
		for name, s := range x {
			t, ok := y[name]
			if !ok || !schemas(s, t) {
				return false
			}
		}
		return true
	case "allOf", "anyOf", "oneOf", "prefixItems", "items":
		x, okX := a.([]any)
		y, okY := b.([]any)
		if okX && okY {
			return slices.EqualFunc(x, y, schemas)
		}
		return keyword == "items" && !okX && !okY && schemas(a, b)
	case "not", "if", "then", "else", "contains", "propertyNames", "contentSchema", "additionalProperties",
		"additionalItems", "unevaluatedProperties", "unevaluatedItems":
		return schemas(a, b)
	case "required", "type", "enum":
		x, okX := a.([]any)
		y, okY := b.([]any)
		if okX && okY { // in any order
			return len(minus(x, y)) == 0 && len(minus(y, x)) == 0
		}
	case "$dynamicRef", "$recursiveRef":
		// What they refer to depends on the way; the documents are not the same,
		// or nobody would ask.
		return false
	}
	return equal(a, b)
}
