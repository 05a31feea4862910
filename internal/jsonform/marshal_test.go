package jsonform

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, `null`},
		{map[string]any{"html": "<a href=\"x\">&</a>"}, `{"html":"<a href=\"x\">&</a>"}`},
		{"a\u2028b\u2029", "\"a\u2028b\u2029\""},
		{"\u2028", "\"\u2028\""},
		{`\u2028`, `"\\u2028"`},
		{`\` + "\u2028" + `\\u2029`, `"\\` + "\u2028" + `\\\\u2029"`},
		{"é😀\x7f\n", "\"é😀\x7f\\n\""},
		{struct {
			A int             `json:"a"`
			R json.RawMessage `json:"r"`
		}{1, json.RawMessage("{ \"x\" : 1.50, \"y\": \"<\\/\\u2028\" }\n")}, "{\"a\":1,\"r\":{\"x\":1.50,\"y\":\"<\\/\u2028\"}}"},
		{json.RawMessage(` [ 1 , 2 ] `), `[1,2]`},
		{[]float64{1e21, 1e-7, 100}, `[1e+21,1e-7,100]`},
		{"bad \xff", `"bad \ufffd"`},
	} {
		got, err := Marshal(test.v)
		if err != nil || string(got) != test.want {
			t.Errorf("%#v:\n got %q, %v\nwant %q", test.v, got, err, test.want)
			continue
		}
		if again, err := Append(nil, got, Verbatim); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%q is not in its verbatim form: %q, %v", got, again, err)
		}
	}
}

func TestMarshalErrors(t *testing.T) {
	unsupported := new(json.UnsupportedValueError)
	if got, err := Marshal(math.Inf(1)); !errors.As(err, &unsupported) || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
	// An error leaves nothing behind for the next call.
	for range 100 {
		if got, err := Marshal([]any{"x", make(chan int)}); err == nil {
			t.Fatalf("got %q for a channel", got)
		}
		if got, err := Marshal(1); err != nil || string(got) != "1" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

// Results do not share the pooled buffers, neither with later results nor with
// those of other goroutines.
func TestConcurrentUse(t *testing.T) {
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			kept := map[string][]byte{} // by what they must stay
			for i := range 200 {
				text := strings.Repeat(string(rune('a'+n)), 10+i%7) + strconv.Itoa(i)
				inner, err := Marshal(map[string]string{"b": text + "\u2028", "0": text})
				if err != nil {
					t.Error(err)
					return
				}
				kept[`{"0":"`+text+`","b":"`+text+"\u2028\"}"] = inner
				outer, err := Append(nil, []byte(`{"b":`+string(inner)+`,"0":"`+text+`"}`), JavaScript)
				if err != nil {
					t.Error(err)
					return
				}
				kept[`{"0":"`+text+`","b":{"0":"`+text+`","b":"`+text+"\u2028\"}}"] = outer
			}
			for want, got := range kept {
				if string(got) != want {
					t.Errorf("got %q, want %q", got, want)
					return
				}
			}
		})
	}
	group.Wait()
}
