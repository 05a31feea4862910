package jsonform

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppend(t *testing.T) {
	for _, test := range []struct{ name, source, verbatim, javaScript, ascii string }{
		// Where a form is left empty, it is the same as verbatim.
		{"white space", " \t\r\n{ \"a\" : [ 1 , true , null , \"x y\" ] , \"b\" : { } , \"c\" : [ ] }\n",
			`{"a":[1,true,null,"x y"],"b":{},"c":[]}`, "", ""},
		{"scalars", ` false `, `false`, "", ""},
		{"empty string", `""`, `""`, "", ""},
		{"no HTML escapes", `"</script>&\u003c"`, `"</script>&\u003c"`, `"</script>&<"`, ""},
		{"solidus", `"a\/b/"`, `"a\/b/"`, `"a/b/"`, ""},
		{"short escapes", `"\b\f\n\r\t\"\\"`, `"\b\f\n\r\t\"\\"`, "", ""},
		{"short escapes spelt long", `"\u0008\u000c\u000A\u000d\u0009\u0022\u005C"`,
			`"\u0008\u000c\u000A\u000d\u0009\u0022\u005C"`, `"\b\f\n\r\t\"\\"`, ""},
		{"controls", `"\u0000\u001F\u000b"`, `"\u0000\u001F\u000b"`, `"\u0000\u001f\u000b"`, ""},
		{"DEL is ASCII and raw", "\"\x7f\\u007f\"", "\"\x7f\\u007f\"", "\"\x7f\x7f\"", ""},
		{"escaped letters", `"\u0061\u00E9\u20ac"`, `"\u0061\u00E9\u20ac"`, `"aé€"`, ""},
		{"raw letters", `"aé€"`, `"aé€"`, "", `"a\u00e9\u20ac"`},
		{"line separators", "\"\u2028\\u2029\"", "\"\u2028\\u2029\"", "\"\u2028\u2029\"", `"\u2028\u2029"`},
		{"astral", `"😀\uD83D\uDE00"`, `"😀\uD83D\uDE00"`, `"😀😀"`, `"\ud83d\ude00\uD83D\uDE00"`},
		{"last character", "\"\U0010ffff\uffff\"", "\"\U0010ffff\uffff\"", "", `"\udbff\udfff\uffff"`},
		{"lone surrogates", `"\uD800x\uDFFF\uD83D"`, `"\uD800x\uDFFF\uD83D"`, `"\ud800x\udfff\ud83d"`, ""},
		{"high, then a pair", `"\ud800\ud83d\ude00\ude00"`, `"\ud800\ud83d\ude00\ude00"`, `"\ud800😀\ude00"`, ""},
		{"high, then another escape", `"\ud83d\n\ud83d\u0041"`, `"\ud83d\n\ud83d\u0041"`, `"\ud83d\n\ud83dA"`, ""},
		{"escaped backslash", `"\\u2028\\"`, `"\\u2028\\"`, "", ""},

		{"indices first", `{"b":1,"10":2,"a":3,"9":4,"":5}`, `{"b":1,"10":2,"a":3,"9":4,"":5}`,
			`{"9":4,"10":2,"b":1,"a":3,"":5}`, ""},
		{"largest index", `{"a":1,"4294967295":2,"4294967294":3}`, `{"a":1,"4294967295":2,"4294967294":3}`,
			`{"4294967294":3,"a":1,"4294967295":2}`, ""},
		{"not quite indices", `{"01":1,"-0":2,"1.0":3,"1e1":4," 1":5,"99999999999":6,"0":7}`,
			`{"01":1,"-0":2,"1.0":3,"1e1":4," 1":5,"99999999999":6,"0":7}`,
			`{"0":7,"01":1,"-0":2,"1.0":3,"1e1":4," 1":5,"99999999999":6}`, ""},
		{"an escaped index", `{"a":1,"\u0031":2}`, `{"a":1,"\u0031":2}`, `{"1":2,"a":1}`, ""},
		{"indices at every level", ` [ { "a" : { "x" : [ { "z" : 1 , "0" : 2 } ] , "1" : 0 } , "0" : { } } ] `,
			`[{"a":{"x":[{"z":1,"0":2}],"1":0},"0":{}}]`, `[{"0":{},"a":{"1":0,"x":[{"0":2,"z":1}]}}]`, ""},
		{"__proto__ is a key", `{"a":1,"__proto__":{"b":2},"0":3}`, `{"a":1,"__proto__":{"b":2},"0":3}`,
			`{"0":3,"a":1,"__proto__":{"b":2}}`, ""},
		{"equal keys in different objects", `{"a":{"a":[{"a":1},{"a":1}]}}`, `{"a":{"a":[{"a":1},{"a":1}]}}`, "", ""},
		{"keys of one prefix", `{"a":1,"ab":2,"abc":3,"A":4}`, `{"a":1,"ab":2,"abc":3,"A":4}`, "", ""},
		{"many keys", "{" + strings.Join(numbered("k", 100), ",") + "}", "{" + strings.Join(numbered("k", 100), ",") + "}", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for form, want := range map[Form]string{Verbatim: test.verbatim, JavaScript: test.javaScript, ASCII: test.ascii} {
				if want == "" {
					want = test.verbatim
				}
				check(t, test.source, form, want)
			}
		})
	}
}

func numbered(prefix string, n int) []string {
	var members []string
	for i := range n {
		members = append(members, `"`+prefix+string(rune('a'+i/26))+string(rune('a'+i%26))+`":0`)
	}
	return members
}

// check appends source to something, and appends the result again.
func check(t *testing.T, source string, form Form, want string) {
	t.Helper()
	for _, text := range []string{source, want} {
		got, err := Append([]byte("before "), []byte(text), form)
		if err != nil {
			t.Errorf("%v of %q: %v", form, text, err)
		} else if string(got) != "before "+want {
			t.Errorf("%v of %q:\n got %q\nwant %q", form, text, got, "before "+want)
		}
	}
}

// The hash table takes over where pairs end.
func TestRepeatedKeys(t *testing.T) {
	for n := 2; n <= 3*maxPairs; n++ {
		members := numbered("k", n)
		for first := range n {
			repeated := slices.Clone(members)
			repeated[n-1] = members[first]
			source := "{" + strings.Join(repeated, ",") + "}"
			_, err := Append(nil, []byte(source), JavaScript)
			if fault := new(Error); first == n-1 {
				if err != nil {
					t.Fatalf("%s: %v", source, err)
				}
			} else if !errors.As(err, &fault) || fault.Offset != len(source)-len(members[0])-1 ||
				!strings.Contains(fault.Reason, members[first][:len(members[first])-2]) {
				t.Fatalf("%s: got %v, want the last key refused", source, err)
			}
		}
	}
}

// Nested at most MaxDepth deep, whatever the form.
func TestDepth(t *testing.T) {
	for _, form := range []Form{Verbatim, JavaScript, ASCII} {
		for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}, {`[{"b":0,"0":`, "}]"}} {
			per := strings.Count(pair[1], "}") + strings.Count(pair[1], "]")
			nest := func(n int) []byte {
				return []byte(strings.Repeat(pair[0], n/per) + "1" + strings.Repeat(pair[1], n/per))
			}
			out, err := Append(nil, nest(MaxDepth), form)
			if err != nil || !json.Valid(out) {
				t.Errorf("%v: depth %d of %s refused: %v", form, MaxDepth, pair[0], err)
			}
			fault := new(Error)
			if _, err := Append(nil, nest(MaxDepth+per), form); !errors.As(err, &fault) || fault.Reason != reasonDepth {
				t.Errorf("%v: depth %d of %s: got %v", form, MaxDepth+per, pair[0], err)
			}
		}
	}
}

func TestAppendString(t *testing.T) {
	for _, test := range []struct{ s, raw, ascii string }{
		{"", `""`, ""},
		{"whk_0123456789abcdef", `"whk_0123456789abcdef"`, ""},
		{"a\"b\\c/<>&", `"a\"b\\c/<>&"`, ""},
		{"\b\f\n\r\t\x00\x0b\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0000\\u000b\\u001f\x7f\"", ""},
		{"é\u2028€😀x", "\"é\u2028€😀x\"", `"\u00e9\u2028\u20ac\ud83d\ude00x"`},
		{"\ufffd", "\"\ufffd\"", `"\ufffd"`},
	} {
		for form, want := range map[Form]string{Verbatim: test.raw, JavaScript: test.raw, ASCII: test.ascii} {
			if want == "" {
				want = test.raw
			}
			got, err := AppendString([]byte("x"), test.s, form)
			if err != nil || string(got) != "x"+want {
				t.Errorf("%v of %q: got %q, %v, want %q", form, test.s, got, err, "x"+want)
			}
			check(t, want, form, want) // it is in the form
			if back := unquote([]byte(want)); back != test.s {
				t.Errorf("%v of %q reads %q", form, test.s, back)
			}
		}
	}
	for _, s := range []string{"ab\xff", "ab\xed\xa0\x80", "ab\xc3"} {
		got, err := AppendString([]byte("x"), s, Verbatim)
		if fault := new(Error); !errors.As(err, &fault) || fault.Offset != 2 || string(got) != "x" {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	}
}

// encoding/json takes the same documents, but for bad UTF-8 and depth, and
// its Compact is the verbatim form.
func TestVerbatimIsCompact(t *testing.T) {
	n := uint64(20_000)
	if testing.Short() {
		n = 2_000
	}
	for i := range n {
		verbatimIsCompact(t, generate(*seedFlag, i))
	}
}

func verbatimIsCompact(t *testing.T, source []byte) {
	t.Helper()
	got, err := Append(nil, source, Verbatim)
	valid := json.Valid(source) && utf8.Valid(source)
	if err != nil {
		fault := new(Error)
		if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(source) {
			t.Fatalf("%q: error %#v", source, err)
		}
		if valid && fault.Reason != reasonDepth {
			t.Fatalf("%q refused: %v", source, err)
		}
		return
	}
	var want bytes.Buffer
	if err := json.Compact(&want, source); err != nil || !valid {
		t.Fatalf("%q accepted, but is no JSON: %v", source, err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%q:\n got %q\nwant %q", source, got, want.Bytes())
	}
}

// Append writes into the capacity that it gets, and needs nothing else.
func TestAllocations(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector drops pooled objects at random")
	}
	source := document(false)
	buf := make([]byte, 0, 2*len(source))
	for _, form := range []Form{Verbatim, JavaScript, ASCII} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := Append(buf, source, form); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v: %v allocations", form, n)
		}
	}
}

func TestUnknownForm(t *testing.T) {
	for _, call := range []func() ([]byte, error){
		func() ([]byte, error) { return Append([]byte("x"), []byte("1"), 3) },
		func() ([]byte, error) { return AppendString([]byte("x"), "1", 3) },
	} {
		if out, err := call(); err == nil || !strings.Contains(err.Error(), "unknown form Form(3)") || string(out) != "x" {
			t.Errorf("got %q, %v", out, err)
		}
	}
	for form, want := range map[Form]string{0: "Verbatim", 1: "JavaScript", 2: "ASCII", 9: "Form(9)"} {
		if form.String() != want {
			t.Errorf("form %d is called %v, want %s", form, form, want)
		}
	}
}
