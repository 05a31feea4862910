package jsonform

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

func FuzzAppend(f *testing.F) {
	for i := range uint64(200) {
		if source := generate(1, i); len(source) < 1000 {
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		given := bytes.Clone(source)
		verbatimIsCompact(t, source)
		_, verbatimErr := Append(nil, source, Verbatim)
		for _, form := range []Form{Verbatim, JavaScript, ASCII} {
			out, err := Append([]byte("x"), source, form)
			if err != nil {
				fault := new(Error)
				if !errors.As(err, &fault) || string(out) != "x" || fault.Error() == "" {
					t.Fatalf("%v of %q: got %q, %#v", form, source, out, err)
				}
				lost := form == JavaScript && strings.Contains(fault.Reason, "JavaScript")
				if verbatimErr == nil && !lost {
					t.Fatalf("%v of %q: %v", form, source, err)
				}
				continue
			}
			if verbatimErr != nil {
				t.Fatalf("%v of %q accepted, but %v", form, source, verbatimErr)
			}
			out = out[1:]
			again, err := Append(nil, out, form)
			if err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%v of %q is %q, and of that %q, %v", form, source, out, again, err)
			}
			if form == ASCII && bytes.ContainsFunc(out, func(r rune) bool { return r > 0x7F }) {
				t.Fatalf("%q has more than ASCII", out)
			}
			if !equal(t, decode(t, source), decode(t, out)) {
				t.Fatalf("%v of %q is %q, another value", form, source, out)
			}
		}
		if !bytes.Equal(source, given) {
			t.Fatalf("the source changed from %q to %q", given, source)
		}
	})
}

func decode(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// equal is reflect.DeepEqual, but compares numbers by value.
func equal(t *testing.T, a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if w, ok := b[k]; !ok || !equal(t, a[k], w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(t, a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		if !ok || a == b {
			return ok
		}
		// Only the JavaScript form gets here, so the numbers fit a float64
		// and a fraction of integers is not huge.
		if f, err := a.Float64(); err != nil || f == 0 {
			return err == nil && b == "0" // big.Rat does not take 0e99999999999999999999
		}
		x, okA := new(big.Rat).SetString(string(a))
		y, okB := new(big.Rat).SetString(string(b))
		return okA && okB && x.Cmp(y) == 0
	}
	return reflect.DeepEqual(a, b)
}
