package schemadiff_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/internal/schemadiff"
)

var marks = map[schemadiff.Verdict]string{
	schemadiff.Compatible: "ok", schemadiff.Unclear: "??", schemadiff.Breaking: "!!",
}

// Each change is judged from the side of who reads by the old schema.
func TestCompare(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"the same", `{"type":"string"}`, `{"type":"string"}`, nil},
		{"annotations", `{"type":"string","title":"a"}`, `{"type":"string","description":"b","examples":["x"],"$comment":"c","x-y":1}`, nil},
		{"a property named like an annotation", `{"properties":{"title":{"type":"string"}}}`, `{"properties":{"title":{"type":"null"}}}`,
			[]string{"!! /title: is now null (was string)"}},
		{"everything to something", `true`, `{"type":"string"}`, []string{"ok : is now always string (was anything)"}},
		{"something to everything", `{"type":"string"}`, `{}`, []string{"!! : may now be anything (was string)"}},
		{"to nothing", `{"type":"string"}`, `false`, nil},
		{"from nothing", `false`, `{"type":"string"}`, []string{"!! : was not admitted and now is"}},

		{"null added", `{"type":"string"}`, `{"type":["string","null"]}`, []string{"!! : may now also be null (was string)"}},
		{"null removed", `{"type":["string","null"]}`, `{"type":"string"}`, []string{"ok : is now always string (was null or string)"}},
		{"order of types", `{"type":["string","null"]}`, `{"type":["null","string"]}`, nil},
		{"integer to number", `{"type":"integer"}`, `{"type":"number"}`, []string{"!! : may now be a number that is no integer"}},
		{"number to integer", `{"type":"number"}`, `{"type":"integer"}`, []string{"ok : is now always integer (was number)"}},
		{"number to string", `{"type":"number"}`, `{"type":"string"}`, []string{"!! : is now string (was number)"}},
		{"type dropped", `{"type":"number"}`, `{"minimum":3}`, []string{"!! : may now be anything (was number)"}},

		{"value added", `{"enum":["a","b"]}`, `{"enum":["a","b","c",1]}`,
			[]string{"!! : may now also be integer (was string)", `!! : may now be "c", 1`}},
		{"value removed", `{"enum":["a","b"]}`, `{"enum":["b"]}`, []string{`ok : is no longer "a"`}},
		{"values reordered", `{"enum":["a",1]}`, `{"enum":[1.0,"a"]}`, nil},
		{"const is an enum of one", `{"const":"a"}`, `{"enum":["a","b"]}`, []string{`!! : may now be "b"`}},
		{"const within enum", `{"enum":["a","b"],"const":"b"}`, `{"const":"a"}`, []string{`!! : may now be "a"`}},
		{"enum to const", `{"enum":["a"]}`, `{"const":"a"}`, nil},
		{"values no longer listed", `{"type":"string","enum":["a"]}`, `{"type":"string"}`, []string{`!! : may now be other than "a"`}},
		{"values listed", `{"type":"string"}`, `{"type":"string","enum":["a"]}`, nil},
		{"null within values", `{"type":["string","null"],"enum":["a",null]}`, `{"type":"string","enum":["a"]}`,
			[]string{"ok : is now always string (was null or string)", "ok : is no longer null"}},
		{"values of every type", `{"enum":[null,true,{"a":[1]},[1.5],"a",1.5]}`, `{"enum":[null,false,{"a":[1.0]},[1.5,2],"a",1.5]}`, []string{"!! : may now be false, [1.5,2]"}},
		{"many values", `{"enum":["a"]}`, `{"enum":["a","b","c","d","e","f","g"]}`, []string{`!! : may now be "b", "c", "d", "e", "f", …`}},
		{"enum restricts the type", `{"type":"string"}`, `{"enum":["a"]}`, nil},

		{"minimum raised", `{"type":"integer","minimum":1}`, `{"type":"integer","minimum":2}`, nil},
		{"minimum lowered", `{"type":"integer","minimum":1}`, `{"type":"integer","minimum":0}`, []string{"!! : has a wider minimum"}},
		{"minimum dropped", `{"type":"integer","minimum":1}`, `{"type":"integer"}`, []string{"!! : has no minimum any more"}},
		{"minimum no longer exclusive", `{"type":"number","exclusiveMinimum":1}`, `{"type":"number","minimum":1}`, []string{"!! : has a wider minimum"}},
		{"minimum now exclusive", `{"type":"number","minimum":1}`, `{"type":"number","exclusiveMinimum":1}`, nil},
		{"maximum raised, beyond double precision", `{"type":"integer","maximum":9007199254740992}`, `{"type":"integer","maximum":9007199254740993}`,
			[]string{"!! : has a wider maximum"}},
		{"bounds of what cannot be a number", `{"type":["string","number"],"minimum":1}`, `{"type":"string"}`,
			[]string{"ok : is now always string (was string or number)"}},
		{"multiple of a multiple", `{"type":"number","multipleOf":0.1}`, `{"type":"number","multipleOf":0.5}`, nil},
		{"multiple of another", `{"type":"number","multipleOf":0.2}`, `{"type":"number","multipleOf":0.3}`, []string{"!! : need no longer be a multiple of 1/5"}},
		{"integers are multiples", `{"type":"number","multipleOf":0.5}`, `{"type":"integer"}`, []string{"ok : is now always integer (was number)"}},

		{"lengths", `{"type":"string","minLength":1,"maxLength":5}`, `{"type":"string","minLength":2,"maxLength":4}`, nil},
		{"longer", `{"type":"string","maxLength":5}`, `{"type":"string","maxLength":6}`, []string{"!! : has a wider maxLength"}},
		{"may be empty", `{"type":"string","minLength":1}`, `{"type":"string"}`, []string{"!! : has a lower minLength"}},
		{"minLength 0 says nothing", `{"type":"string","minLength":0}`, `{"type":"string"}`, nil},
		{"pattern added", `{"type":"string"}`, `{"type":"string","pattern":"a"}`, nil},
		{"pattern changed", `{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"b"}`,
			[]string{"?? : has another pattern, and whether the old one admits as much cannot be told"}},
		{"pattern dropped", `{"type":"string","pattern":"a"}`, `{"type":"string"}`, []string{`!! : has no pattern any more (was "a")`}},
		{"format changed", `{"type":"string","format":"date"}`, `{"type":"string","format":"date-time"}`,
			[]string{`!! : has another format: "date-time" (was "date")`}},
		{"encoding dropped", `{"type":"string","contentEncoding":"base64"}`, `{"type":"string"}`, []string{`!! : has no contentEncoding any more (was "base64")`}},

		{"property added", `{"type":"object","properties":{"a":true}}`, `{"type":"object","properties":{"a":true,"b/c":{"type":"string"}},"required":["b/c"]}`,
			[]string{"ok /b~1c: is new"}},
		{"property added to what is closed", `{"type":"object","additionalProperties":false}`, `{"type":"object","properties":{"a":true},"additionalProperties":false}`,
			[]string{"!! /a: is new, and the old schema admits no other properties"}},
		{"property added that other rules were for", `{"type":"object","additionalProperties":{"type":"string"}}`,
			`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}`,
			[]string{"!! /a: is now integer (was string)"}},
		{"property removed", `{"type":"object","properties":{"a":{"type":"string"},"b":true},"required":["a"]}`, `{"type":"object","properties":{"b":true}}`,
			[]string{"!! /a: was removed"}},
		{"property removed for good", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","additionalProperties":false}`,
			[]string{"!! /a: was removed"}},
		{"property that could not be there", `{"type":"object","properties":{"a":false}}`, `{"type":"object","additionalProperties":false}`, nil},
		{"property that could not be there can", `{"type":"object","properties":{"a":false}}`, `{"type":"object"}`,
			[]string{"!! /a: was excluded and no longer is"}},
		{"no longer required", `{"type":"object","properties":{"a":true},"required":["a"]}`, `{"type":"object","properties":{"a":true}}`,
			[]string{"!! /a: is no longer required"}},
		{"now required", `{"type":"object","properties":{"a":true}}`, `{"type":"object","properties":{"a":true},"required":["a"]}`,
			[]string{"ok /a: is now always there"}},
		{"deprecated", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string","deprecated":true}}}`,
			[]string{"ok /a: is now deprecated"}},
		{"deep", `{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"integer"}}}}}}`,
			`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string"}}}}}}`,
			[]string{"!! /a/*/b: is now string (was integer)"}},
		{"opened", `{"type":"object","additionalProperties":false}`, `{"type":"object"}`,
			[]string{"!! /*: may now be there, and the old schema admits no other properties"}},
		{"closed", `{"type":"object"}`, `{"type":"object","additionalProperties":false}`, nil},
		{"values of a map", `{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object","additionalProperties":{"type":["string","null"]}}`,
			[]string{"!! /*: may now also be null (was string)"}},
		{"values of a map dropped", `{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object"}`,
			[]string{"!! /*: may now be anything (was string)"}},
		{"pattern properties", `{"type":"object","patternProperties":{"^x":{"type":"string"}}}`, `{"type":"object","patternProperties":{"^x":{"type":"null"}}}`,
			[]string{"!! /*: is now null (was string)"}},
		{"pattern properties dropped", `{"type":"object","patternProperties":{"^x":{"type":"string"}}}`, `{"type":"object"}`,
			[]string{`!! /*: is no longer described where its name matches "^x"`}},
		{"pattern properties added to what is closed", `{"type":"object","additionalProperties":false}`,
			`{"type":"object","patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}`,
			[]string{`!! /*: may now be there, with a name that matches "^x"`}},
		{"pattern properties added", `{"type":"object"}`, `{"type":"object","patternProperties":{"^x":true}}`, nil},
		{"a new property under an old pattern", `{"type":"object","patternProperties":{"^x":{"type":"string"}}}`,
			`{"type":"object","patternProperties":{"^x":{"type":"string"}},"properties":{"xa":{"type":"integer"}}}`,
			nil}, // integer and string at once: there is no such property
		{"a pattern of another dialect", `{"type":"object","patternProperties":{"(?=x)":{"type":"string"}}}`,
			`{"type":"object","patternProperties":{"(?=x)":{"type":"string"}},"properties":{"xa":{"type":"integer"}}}`,
			[]string{"?? /xa: cannot be judged: patternProperties cannot be read"}},
		{"fewer properties at least", `{"type":"object","minProperties":1}`, `{"type":"object"}`, []string{"!! : has a lower minProperties"}},
		{"dependentRequired", `{"type":"object","dependentRequired":{"a":["b"]}}`, `{"type":"object","dependentRequired":{"a":["c"]}}`,
			[]string{"?? : cannot be judged: dependentRequired has changed"}},
		{"dependentRequired added", `{"type":"object"}`, `{"type":"object","dependentRequired":{"a":["c"]}}`, nil},

		{"items", `{"type":"array","items":{"type":"string"}}`, `{"type":"array"}`, []string{"!! /*: may now be anything (was string)"}},
		{"tuple", `{"type":"array","prefixItems":[{"type":"string"}],"items":false}`, `{"type":"array","prefixItems":[{"type":"string"},{"type":"null"}],"items":false}`,
			[]string{"!! /1: was not admitted and now is"}},
		{"tuple of an older draft", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[{"type":"string"}],"additionalItems":{"type":"null"}}`,
			`{"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"null"}}`, []string{"!! /0: is now integer (was string)"}},
		{"unique", `{"type":"array","uniqueItems":true}`, `{"type":"array"}`, []string{"!! : may now repeat items"}},
		{"fewer items", `{"type":"array","minItems":2}`, `{"type":"array","minItems":1}`, []string{"!! : has a lower minItems"}},
		{"contains", `{"type":"array","contains":{"const":1}}`, `{"type":"array","contains":{"const":2}}`, []string{"?? : cannot be judged: contains has changed"}},

		{"reference followed", `{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}`, `{"$ref":"#/$defs/b","$defs":{"b":{"type":"string"}}}`, nil},
		{"reference to something else", `{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}`, `{"$ref":"#/$defs/a","$defs":{"a":{"type":"null"}}}`,
			[]string{"!! : is now null (was string)"}},
		{"reference inlined", `{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"string"}},"maxLength":3}`, `{"type":"string","maxLength":2}`, nil},
		{"reference alone counts in draft 07", `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","maxLength":3,"definitions":{"a":{"type":"string"}}}`,
			`{"type":"string"}`, nil},
		{"reference to nowhere", `{"$ref":"#/$defs/a"}`, `{"type":"string"}`, []string{`?? : cannot be judged: $ref "#/$defs/a" cannot be followed`}},
		{"reference elsewhere", `{"$ref":"https://example.com/a"}`, `{"type":"string"}`, []string{`?? : cannot be judged: $ref "https://example.com/a" cannot be followed`}},
		{"reference into a list, escaped", `{"properties":{"a":{"$ref":"#/allOf/1/properties/x%25y"}},"allOf":[true,{"properties":{"x%y":{"type":"null"}}}]}`,
			`{"properties":{"a":{"type":"null"},"x%y":{"type":"null"}}}`, nil},
		{"reference beyond a list", `{"$ref":"#/allOf/1","allOf":[true]}`, `{"type":"null"}`, []string{`?? : cannot be judged: $ref "#/allOf/1" cannot be followed`}},
		{"reference into a value", `{"$ref":"#/minimum/0","minimum":3}`, `{"type":"null"}`, []string{`?? : cannot be judged: $ref "#/minimum/0" cannot be followed`}},
		{"reference by anchor", `{"$ref":"#a","$defs":{"a":{"$anchor":"a","type":"null"}}}`, `{"type":"null"}`, []string{`?? : cannot be judged: $ref "#a" cannot be followed`}},
		{"reference to itself", `{"$ref":"#"}`, `{"type":"string"}`, []string{`?? : cannot be judged: $ref "#" cannot be followed`}},
		{"recursive", `{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}},"v":{"type":"string"}}}`,
			`{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}},"v":{"type":"string"},"w":true}}`,
			[]string{"ok /w: is new"}},
		{"recursive, changed inside", `{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"string"}}}}}`,
			`{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"null"}}}}}`,
			[]string{"!! /v: is now null (was string)"}},
		{"dynamic reference", `{"$dynamicRef":"#a"}`, `{"$dynamicRef":"#b"}`, []string{"?? : cannot be judged: it uses $dynamicRef"}},
		{"$id inside", `{"properties":{"a":{"$id":"x","type":"string"}}}`, `{"properties":{"a":{"$id":"y","type":"string"}}}`,
			[]string{"?? /a: cannot be judged: a subschema has an $id"}},

		{"allOf merged", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]}`,
			`{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}`,
			[]string{"!! /b: is now string (was integer)"}},
		{"allOf takes the tighter bound", `{"type":"integer","minimum":3,"maximum":8}`, `{"type":"integer","allOf":[{"minimum":1,"maximum":7},{"minimum":4}]}`, nil},
		{"allOf that admits nothing", `{"type":"integer"}`, `{"allOf":[{"type":"string"},{"type":"null"}]}`, nil},
		{"allOf with one property twice", `{"type":"object","properties":{"a":{"type":"string","maxLength":3}}}`,
			`{"allOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"properties":{"a":{"maxLength":3}}}]}`, nil},
		{"allOf beside a closed object", `{"type":"object"}`,
			`{"type":"object","properties":{"a":true},"additionalProperties":false,"allOf":[{"properties":{"b":true}}]}`,
			[]string{"?? : cannot be judged: additionalProperties inside or beside allOf"}},
		{"unevaluatedProperties", `{"type":"object","allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`,
			`{"type":"object","allOf":[{"properties":{"a":true}}]}`,
			[]string{"!! /*: may now be there, and the old schema admits no other properties"}},
		{"two patterns", `{"type":"string"}`, `{"type":"string","pattern":"a","allOf":[{"pattern":"b"}]}`,
			[]string{"?? : cannot be judged: allOf and its neighbours differ in pattern"}},

		{"alternative added", `{"anyOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`,
			[]string{"!! : may now be what none of the old alternatives admits"}},
		{"alternative removed", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"}]}`, nil},
		{"nullable by type and by anyOf", `{"type":["string","null"]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, nil},
		{"nullable by anyOf and by type", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"type":"string"}`, nil},
		{"becomes nullable by anyOf", `{"type":"string"}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, []string{"!! : may now be null (was string)"}},
		{"change within the alternative that is meant", `{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"type":"null"}]}`,
			`{"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"type":"null"}]}`, []string{"!! /a: may now be integer (was string)"}},
		{"variants told apart by a constant", `{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"string"}},"required":["k"]},
			{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]}`,
			`{"oneOf":[{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]},
			{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"null"}},"required":["k"]}]}`, []string{"!! /x: may now be null (was string)"}},
		{"variant added", `{"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]}]}`,
			`{"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]}`,
			[]string{"!! : may now be what none of the old alternatives admits"}},
		{"variants that may overlap", `{"oneOf":[{"type":"string","minLength":1},{"type":"string","maxLength":1}]}`, `{"oneOf":[{"type":"string","minLength":2}]}`,
			[]string{"?? : may now match more than one alternative of the old oneOf"}},
		{"alternatives untouched", `{"anyOf":[{"not":{"type":"null"}}],"properties":{"a":true}}`, `{"anyOf":[{"not":{"type":"null"}}],"properties":{"a":true,"b":true}}`,
			[]string{"ok /b: is new"}},

		{"not", `{"not":{"type":"null"}}`, `{"not":{"type":"string"}}`, []string{"?? : cannot be judged: not has changed"}},
		{"not added", `{"type":"string"}`, `{"type":"string","not":{"const":"a"}}`, nil},
		{"if", `{"if":{"type":"string"},"then":{"minLength":1}}`, `{"if":{"type":"string"},"then":{"minLength":2}}`,
			[]string{"?? : cannot be judged: if has changed"}},
		{"unjudged keywords that stay", `{"not":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"null"}},"properties":{"a":{"type":"string"}}}`,
			`{"not":{"$ref":"#/$defs/b"},"$defs":{"b":{"type":"null","title":"B"}},"properties":{"a":{"type":"integer"}}}`,
			[]string{"!! /a: is now integer (was string)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			differences, err := schemadiff.Compare([]byte(tt.old), []byte(tt.new))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range differences {
				got = append(got, marks[d.Verdict]+" "+d.Path+": "+d.Reason)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

func TestCompareRefusesWhatIsNoJSON(t *testing.T) {
	for _, pair := range [][2]string{{`{`, `{}`}, {`{}`, ``}, {`{} {}`, `{}`}} {
		if d, err := schemadiff.Compare([]byte(pair[0]), []byte(pair[1])); err == nil {
			t.Errorf("%q: got %v and no error", pair, d)
		}
	}
}

// Alternatives nested in alternatives multiply; the comparison must end.
func TestCompareIsBounded(t *testing.T) {
	nest := func(leaf string) string {
		s := leaf
		for range 40 {
			s = `{"type":"object","properties":{"a":{"anyOf":[` + s + `,` + s + `]},"b":{"oneOf":[` + `{"type":"null"}` + `]}}}`
			if len(s) > 200_000 {
				break
			}
		}
		return s
	}
	differences, err := schemadiff.Compare([]byte(nest(`{"minimum":1}`)), []byte(nest(`{"minimum":0}`)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(differences, func(d schemadiff.Difference) bool { return d.Verdict != schemadiff.Compatible }) {
		t.Error("a wider minimum was called compatible")
	}
}
