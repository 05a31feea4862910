package jsonform

import (
	"errors"
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	all := []Form{Verbatim, JavaScript, ASCII}
	js := []Form{JavaScript}
	for _, test := range []struct {
		source, path string
		offset       int
		reason       string
		forms        []Form
	}{
		{"", "", 0, "empty text, want a JSON value", all},
		{"  ", "", 2, reasonEnd, all},
		{"\ufeff{}", "", 0, "starts with a byte order mark", all},
		{"{} {}", "", 3, "more text after the value", all},
		{"1 2", "", 2, "more text after the value", all},
		{"nul", "", 3, reasonEnd, all},
		{"nulL", "", 3, "unexpected 'L', want null", all},
		{"NaN", "", 0, "unexpected 'N', want a value", all},
		{"[1,]", "/1", 3, "unexpected ']', want a value", all},
		{"[1 2]", "/0", 3, `unexpected '2', want "," or "]"`, all},
		{`{"a":1,}`, "", 7, "unexpected '}', want a key in double quotes", all},
		{`{"a" 1}`, "/a", 5, `unexpected '1', want ":"`, all},
		{`{"a":1 "b":2}`, "/a", 7, `unexpected '"', want "," or "}"`, all},
		{`{'a':1}`, "", 1, "unexpected '\\'', want a key in double quotes", all},
		{"[\v1]", "/0", 1, `unexpected '\v', want a value`, all},
		{"[\x001]", "/0", 1, `unexpected '\x00', want a value`, all},
		{"[\u00a01]", "/0", 1, `unexpected '\u00a0', want a value`, all},
		{`{"a":[{"b":"x`, "/a/0/b", 13, reasonEnd, all},
		{`"\`, "", 2, reasonEnd, all},
		{`"\u00`, "", 5, reasonEnd, all},
		{`"\u00"`, "", 1, `\u in a string without four hexadecimal digits`, all},
		{`"\u00g0"`, "", 1, `\u in a string without four hexadecimal digits`, all},
		{`"a\x41"`, "", 2, "escape of 'x' in a string, which JSON does not have", all},
		{"[\"a\nb\"]", "/0", 3, `control character '\n' in a string must be escaped`, all},
		{"\"a\x00\"", "", 2, `control character '\x00' in a string must be escaped`, all},
		{"[01]", "/0", 1, "number with a leading zero", all},
		{"[-]", "/0", 2, "unexpected ']', want a digit", all},
		{"[+1]", "/0", 1, "unexpected '+', want a value", all},
		{"[.5]", "/0", 1, "unexpected '.', want a value", all},
		{"[5.]", "/0", 3, "unexpected ']', want a digit", all},
		{"[5e]", "/0", 3, "unexpected ']', want a digit", all},
		{"[5e+", "/0", 4, reasonEnd, all},
		{"[0x1]", "/0", 2, `unexpected 'x', want "," or "]"`, all},

		// Bad UTF-8 is named where nothing is wrong before it.
		{"{\"a\":\"x\xff\"}", "/a", 7, reasonUTF8, all},
		{"{\"a\xed\xa0\x80\":1}", "", 3, reasonUTF8, all},
		{"[1,2]\xff", "", 5, reasonUTF8, all},
		{"\xff", "", 0, reasonUTF8, all},
		{"[\"\\u00\xff\"]", "/0", 6, reasonUTF8, all},
		{"[x,\"\xff\"]", "/0", 1, "unexpected 'x', want a value", all},

		{`{"a":1,"b":2,"a":3}`, "/a", 13, `key "a" occurs twice in an object, and JavaScript keeps only one`, js},
		{`{"a":1,"\u0061":3}`, "/a", 7, `key "a" occurs twice in an object, and JavaScript keeps only one`, js},
		{`[{"":1,"":3}]`, "/0/", 7, `key "" occurs twice in an object, and JavaScript keeps only one`, js},
		{`{"__proto__":1,"__proto__":3}`, "/__proto__", 15, `key "__proto__" occurs twice in an object, and JavaScript keeps only one`, js},
		{`{"\ud800":1,"\uD800":3}`, "/\ufffd", 12, `key "�" occurs twice in an object, and JavaScript keeps only one`, js},
		{`{"x":[{},{"y\n":[0],"0":1, "1":2, "0":3}]}`, "/x/1/0", 34, `key "0" occurs twice in an object, and JavaScript keeps only one`, js},
		// Escapes of RFC 6901.
		{`{"a/b":{"m~n":[[],1e999]}}`, "/a~1b/m~0n/1", 18, "number 1e999 cannot be held by JavaScript: it overflows to Infinity", js},
		{`{"\u00e9\"":{"k,]}":"{[","z":1e999}}`, "/é\"/z", 29, "number 1e999 cannot be held by JavaScript: it overflows to Infinity", js},
	} {
		for _, form := range test.forms {
			got, err := Append([]byte("before"), []byte(test.source), form)
			fault := new(Error)
			if !errors.As(err, &fault) {
				t.Errorf("%v of %q: got %q, %v", form, test.source, got, err)
				continue
			}
			if want := (Error{test.path, test.offset, test.reason}); *fault != want {
				t.Errorf("%v of %q:\n got %+v\nwant %+v", form, test.source, *fault, want)
			}
			if string(got) != "before" {
				t.Errorf("%v of %q changed dst to %q", form, test.source, got)
			}
		}
		if len(test.forms) == 1 {
			check(t, strings.ReplaceAll(test.source, " ", ""), Verbatim, strings.ReplaceAll(test.source, " ", ""))
		}
	}
}

// An error is a log line, however large the document's keys are.
func TestErrorText(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`[tru]`, `invalid JSON value: unexpected ']', want true (at "/0", byte 4)`},
		{`tru`, `invalid JSON value: ends in the middle of a value (byte 3)`},
		{`{"` + strings.Repeat("é", 300) + `":x}`, `invalid JSON value: unexpected 'x', want a value (at "/` +
			strings.Repeat("é", 29) + `…` + strings.Repeat("é", 20) + ` (601 bytes)", byte 604)`},
	} {
		if _, err := Append(nil, []byte(test.source), Verbatim); err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
}
