package jsonform

import (
	"slices"
	"sync"
	"unicode/utf8"
)

// An encoder reads src once, from left to right, and writes its form to dst.
//
// It copies lazily: src[copied:pos] is what has been read and stands in the
// output unchanged, but is not in dst yet. So a document that is in its form
// already costs one scan and one copy.
type encoder struct {
	dst, src []byte
	form     Form
	pos      int    // next byte of src to read
	copied   int    // src[:copied] is represented in dst
	high     uint64 // 0x80 in each byte if strings must stop at non-ASCII

	// JavaScript only, see object.go.
	members []member // of all objects that are open, innermost last
	slots   []int32
	scratch []byte
}

// Pooled for their slices: JavaScript keeps account of keys.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

// release returns e to the pool, without the caller's memory and without
// buffers that an unusually large document has left behind.
func (e *encoder) release() {
	const keep = 64 << 10
	if cap(e.members) > keep/64 || cap(e.slots) > keep/4 || cap(e.scratch) > keep {
		return
	}
	*e = encoder{members: e.members[:0], slots: e.slots, scratch: e.scratch[:0]}
	encoders.Put(e)
}

func (e *encoder) encode(dst, src []byte, f Form) ([]byte, error) {
	// Checked ahead of the scan, because the standard library takes eight
	// bytes at a time and the string scanner then need not look.
	valid := src
	if !utf8.Valid(src) {
		valid = src[:validPrefix(src)]
	}
	e.dst, e.src, e.form = slices.Grow(dst, len(src)), valid, f
	if f == ASCII {
		e.high = highBits
	}
	err := e.document()
	if len(valid) < len(src) && (err == nil || err.Offset == len(valid)) {
		// Nothing is wrong before the invalid byte, so it is the first error.
		err = e.fail(len(valid), reasonUTF8)
	}
	if err != nil {
		return nil, err
	}
	return e.dst, nil
}

// document reads the whole of src.
func (e *encoder) document() *Error {
	e.space()
	if e.pos == 0 && len(e.src) >= 3 && string(e.src[:3]) == "\ufeff" {
		return e.fail(0, "starts with a byte order mark")
	}
	if err := e.value(0); err != nil {
		return err
	}
	e.space()
	if e.pos < len(e.src) {
		return e.fail(e.pos, "more text after the value")
	}
	e.flush(e.pos)
	return nil
}

// flush brings dst up to src[:end].
func (e *encoder) flush(end int) {
	e.dst = append(e.dst, e.src[e.copied:end]...)
	e.copied = end
}

// out is the offset in dst that belongs to pos once all is flushed.
func (e *encoder) out() int { return len(e.dst) + e.pos - e.copied }

// space skips white space (RFC 8259, section 2) and leaves it out.
func (e *encoder) space() {
	if e.pos < len(e.src) && e.src[e.pos] > ' ' {
		return
	}
	i := e.pos
	for i < len(e.src) && isSpace(e.src[i]) {
		i++
	}
	if i > e.pos {
		e.flush(e.pos)
		e.pos, e.copied = i, i
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// peek returns the next byte, or 0, which no token starts with, at the end.
func (e *encoder) peek() byte {
	if e.pos < len(e.src) {
		return e.src[e.pos]
	}
	return 0
}

// value reads one value that lies in depth arrays and objects. No white space
// precedes it.
func (e *encoder) value(depth int) *Error {
	switch c := e.peek(); c {
	case '{':
		if depth == MaxDepth {
			return e.fail(e.pos, reasonDepth)
		}
		return e.object(depth + 1)
	case '[':
		if depth == MaxDepth {
			return e.fail(e.pos, reasonDepth)
		}
		return e.array(depth + 1)
	case '"':
		return e.string()
	case 't':
		return e.literal("true")
	case 'f':
		return e.literal("false")
	case 'n':
		return e.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return e.number()
		}
		return e.unexpected("a value")
	}
}

func (e *encoder) literal(word string) *Error {
	for i := range len(word) {
		if e.peek() != word[i] {
			return e.unexpected(word)
		}
		e.pos++
	}
	return nil
}

func (e *encoder) array(depth int) *Error {
	e.pos++
	e.space()
	if e.peek() == ']' {
		e.pos++
		return nil
	}
	for {
		if err := e.value(depth); err != nil {
			return err
		}
		e.space()
		switch e.peek() {
		case ']':
			e.pos++
			return nil
		case ',':
			e.pos++
			e.space()
		default:
			return e.unexpected(`"," or "]"`)
		}
	}
}

func (e *encoder) object(depth int) *Error {
	e.pos++
	e.space()
	if e.peek() == '}' {
		e.pos++
		return nil
	}
	first := len(e.members)
	for {
		if e.peek() != '"' {
			return e.unexpected("a key in double quotes")
		}
		m := member{offset: e.pos, start: e.out()}
		if err := e.string(); err != nil {
			return err
		}
		m.keyEnd = e.out()
		e.space()
		if e.peek() != ':' {
			return e.unexpected(`":"`)
		}
		e.pos++
		e.space()
		if err := e.value(depth); err != nil {
			return err
		}
		if e.form == JavaScript {
			m.end = e.out()
			e.members = append(e.members, m)
		}
		e.space()
		switch e.peek() {
		case '}':
			if err := e.arrange(first); err != nil {
				return err
			}
			e.pos++
			return nil
		case ',':
			e.pos++
			e.space()
		default:
			return e.unexpected(`"," or "}"`)
		}
	}
}
