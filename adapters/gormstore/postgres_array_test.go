package gormstore

import (
	"slices"
	"testing"
)

func TestArrayReader(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                     nil,
		`{1}`:                    {"1"},
		`{1,-22,333}`:            {"1", "-22", "333"},
		`{NULL,"NULL",a,""}`:     {"", "NULL", "a", ""},
		`{"a,b","c}","d\"e\\f"}`: {"a,b", "c}", `d"e\f`},
	} {
		var got []string
		r := arrayReader{rest: text}
		for r.more() {
			got = append(got, r.text())
		}
		if r.failed || !slices.Equal(got, want) {
			t.Errorf("%s is read as %q, failed: %v", text, got, r.failed)
		}
		// What array writes is read again.
		var a array
		for _, s := range want {
			a.text(s)
		}
		again := arrayReader{rest: a.String()}
		for _, s := range want {
			if got := again.text(); got != s {
				t.Errorf("%q is read again as %q", s, got)
			}
		}
		if again.more() || again.failed {
			t.Errorf("%q is read again with more, or not at all", want)
		}
	}
	for _, text := range []string{``, `{`, `{1`, `1}`, `{1,`, `{"a`, `{"a\`, `x`} {
		r := arrayReader{rest: text}
		for r.more() {
			r.text()
		}
		if !r.failed {
			t.Errorf("%q was read as an array", text)
		}
	}
}
