package jsonform

import (
	"bytes"
	"encoding/json"
	"sync"
)

// A marshaller is a json.Encoder with the buffer that it writes to.
type marshaller struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var marshallers = sync.Pool{New: func() any {
	m := new(marshaller)
	m.enc = json.NewEncoder(&m.buf)
	m.enc.SetEscapeHTML(false)
	return m
}}

// Marshal encodes v as encoding/json does, compact, but leaves "<", ">", "&",
// U+2028 and U+2029 as they are: json.Marshal escapes them for text inside
// HTML and JSONP, which a webhook is not, and no other language does. The
// result is in the Verbatim form of itself.
//
// U+2028 and U+2029 become raw also where a json.RawMessage or MarshalJSON
// inside v has them as an escape. As in encoding/json, bytes of a Go string
// that are not UTF-8 become U+FFFD. Errors are those of encoding/json; a panic
// in a MarshalJSON or MarshalText of v passes through.
func Marshal(v any) ([]byte, error) {
	m := marshallers.Get().(*marshaller)
	m.buf.Reset()
	if err := m.enc.Encode(v); err != nil {
		marshallers.Put(m)
		return nil, err
	}
	text := bytes.TrimSuffix(m.buf.Bytes(), []byte("\n"))
	text = bytes.Clone(unescapeSeparators(text))
	if m.buf.Cap() <= 64<<10 { // one large value must not stay in memory for good
		marshallers.Put(m)
	}
	return text, nil
}

// unescapeSeparators replaces the escapes of U+2028 and U+2029 in valid JSON
// by the characters, in place.
func unescapeSeparators(text []byte) []byte {
	prefix := []byte(`\u202`)
	if !bytes.Contains(text, prefix) {
		return text
	}
	out := text[:0]
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			break
		}
		out = append(out, text[:i]...)
		text = text[i:]
		switch {
		case bytes.HasPrefix(text, []byte(`\u2028`)):
			out = append(out, "\u2028"...)
			text = text[len(`\u2028`):]
		case bytes.HasPrefix(text, []byte(`\u2029`)):
			out = append(out, "\u2029"...)
			text = text[len(`\u2029`):]
		default: // as a pair, so that the second of two backslashes starts nothing
			out = append(out, text[:2]...)
			text = text[2:]
		}
	}
	return append(out, text...)
}
