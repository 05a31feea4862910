package jsonform

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// document makes an event's payload of 1 KiB. If foreign, it is in none of
// the forms: indented, with numbers and keys that JavaScript writes otherwise
// and some text that is not ASCII.
func document(foreign bool) []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":"sub_8f14e45fceea167a","object":"subscription","status":"active","created":1719830400,` +
		`"customer":{"id":"cus_c9f0f895fb98ab91","email":"ada@example.com","name":"Ada Lovelace","balance":-12.5},"items":[`)
	for i := range 5 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"id":"si_` + strconv.Itoa(i) + `","price":19.99,"quantity":` + strconv.Itoa(i+1) +
			`,"description":"A seat in the team plan, billed \"monthly\"","active":true}`)
	}
	b.WriteString(`],"note":"`)
	b.WriteString(strings.Repeat("The quick brown fox. ", 100)[:1024-b.Len()-len(`"}`)] + `"}`)
	if !foreign {
		return b.Bytes()
	}
	text := strings.NewReplacer(`19.99`, `19.990`, `"id":"si_`, `"7":"si_`, "fox", "fuchs’").Replace(b.String())
	b.Reset()
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func BenchmarkAppend(b *testing.B) {
	for name, source := range map[string][]byte{"InForm": document(false), "Foreign": document(true)} {
		for _, form := range []Form{Verbatim, JavaScript, ASCII} {
			b.Run(form.String()+"/"+name, func(b *testing.B) {
				out, err := Append(nil, source, form)
				if err != nil {
					b.Fatal(err)
				}
				if inForm := bytes.Equal(out, source); inForm != (name == "InForm") {
					b.Fatalf("in form: %v", inForm)
				}
				b.SetBytes(int64(len(source)))
				b.ReportAllocs()
				buf := make([]byte, 0, 2*len(source))
				for b.Loop() {
					if _, err := Append(buf, source, form); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	// To compare with.
	b.Run("json.Compact/InForm", func(b *testing.B) {
		source := document(false)
		b.SetBytes(int64(len(source)))
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			if err := json.Compact(&buf, source); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendString(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendString(buf, "msg_p5jXN8AQM9LWM0D4loKWxJek", JavaScript); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	var v any
	if err := json.Unmarshal(document(false), &v); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
