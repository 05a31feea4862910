package jsonform

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says why a value cannot be written in a form.
type Error struct {
	// Path is the JSON pointer (RFC 6901) of the value at fault: "" is the
	// whole document, "/items/3/price" a number in it. For a repeated key it
	// ends in that key. Text that is no JSON is named by the value that it
	// stands in.
	Path string

	// Offset is where the fault is, in bytes from the start of the source.
	Offset int

	// Reason is what is wrong, such as "number 12345678901234567890 cannot be
	// held by JavaScript exactly: it becomes 12345678901234567000". It quotes
	// numbers and keys, shortened if long, but no strings of the document.
	Reason string
}

// Error returns the reason with the path, shortened if long, and the offset.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("invalid JSON value: ")
	b.WriteString(e.Reason)
	b.WriteString(" (")
	if e.Path != "" {
		b.WriteString("at ")
		b.WriteString(strconv.Quote(abbreviate(e.Path)))
		b.WriteString(", ")
	}
	b.WriteString("byte ")
	b.WriteString(strconv.Itoa(e.Offset))
	b.WriteString(")")
	return b.String()
}

const (
	reasonUTF8 = "not valid UTF-8"
	reasonEnd  = "ends in the middle of a value"
)

var reasonDepth = "nested more than " + strconv.Itoa(MaxDepth) + " deep"

// fail makes the error for a fault at an offset of src, where everything
// before it is right.
func (e *encoder) fail(offset int, reason string) *Error {
	return &Error{Path: pointer(e.src[:offset]), Offset: offset, Reason: reason}
}

// failKey makes the error for the repeated key at an offset of src.
func (e *encoder) failKey(offset int) *Error {
	end := stringEnd(e.src, offset)
	return &Error{
		Path:   pointer(e.src[:end]),
		Offset: offset,
		Reason: "key " + abbreviate(strconv.QuoteToGraphic(unquote(e.src[offset:end]))) +
			" occurs twice in an object, and JavaScript keeps only one",
	}
}

// unexpected makes the error for the byte at pos.
func (e *encoder) unexpected(want string) *Error {
	switch {
	case len(e.src) == 0:
		return e.fail(0, "empty text, want a JSON value")
	case e.pos == len(e.src):
		return e.fail(e.pos, reasonEnd)
	}
	r, _ := utf8.DecodeRune(e.src[e.pos:])
	return e.fail(e.pos, "unexpected "+strconv.QuoteRune(r)+", want "+want)
}

func quoteByte(c byte) string {
	return strconv.QuoteRune(rune(c))
}

// abbreviate shortens s to what a log line can bear.
func abbreviate(s string) string {
	const most, head, tail = 120, 60, 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:head], "") + "…" + strings.ToValidUTF8(s[len(s)-tail:], "") +
		" (" + strconv.Itoa(len(s)) + " bytes)"
}

// pointer returns the JSON pointer of the value in which prefix, the right
// beginning of a document, breaks off. It runs on errors only, so that
// encoding need not keep account of where it is.
func pointer(prefix []byte) string {
	type level struct {
		array bool
		index int
		key   []byte // nil until it has been read
	}
	var levels []level
	for i := 0; i < len(prefix); i++ {
		switch prefix[i] {
		case '{', '[':
			levels = append(levels, level{array: prefix[i] == '['})
		case '}', ']':
			levels = levels[:len(levels)-1]
		case ',':
			top := &levels[len(levels)-1]
			top.index++
			top.key = nil
		case '"':
			end := stringEnd(prefix, i)
			if end < 0 {
				i = len(prefix)
				break
			}
			if n := len(levels); n > 0 && levels[n-1].key == nil {
				levels[n-1].key = prefix[i:end]
			}
			i = end - 1
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, l := range levels {
		switch {
		case l.array:
			b.WriteByte('/')
			b.WriteString(strconv.Itoa(l.index))
		case l.key != nil:
			b.WriteByte('/')
			_, _ = escape.WriteString(&b, unquote(l.key)) // a Builder does not fail
		}
	}
	return b.String()
}

// stringEnd returns the offset behind the string that starts at i, or -1 if
// src ends first.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// unquote decodes a valid JSON string. A lone surrogate, which Go cannot
// hold, becomes U+FFFD.
func unquote(quoted []byte) string {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return string(quoted)
	}
	return s
}

// validPrefix returns the length of the longest valid UTF-8 prefix of s.
func validPrefix(s []byte) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}
