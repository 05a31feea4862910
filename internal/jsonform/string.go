package jsonform

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special returns the offset of the first byte of s, at i or after it, that a
// string scanner must look at: a quote, a backslash, a control, and, if high
// is highBits, any byte above 0x7F. It returns len(s) if there is none.
func special(s []byte, i int, high uint64) int {
	// Eight bytes at a time. v-lowBits borrows from the high bit of a zero
	// byte, v-0x20... from that of a control; &^ keeps bytes above 0x7F out.
	// A borrow may run on into higher bytes, but the lowest hit is right.
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		quote := w ^ '"'*lowBits
		slash := w ^ '\\'*lowBits
		hits := (quote-lowBits)&^quote | (slash-lowBits)&^slash | (w-' '*lowBits)&^w | w&high
		if hits &= highBits; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf && high != 0 {
			return i
		}
	}
	return i
}

// string reads a string whose opening quote is at pos.
func (e *encoder) string() *Error {
	e.pos++
	for {
		e.pos = special(e.src, e.pos, e.high)
		switch c := e.peek(); {
		case c == '"':
			e.pos++
			return nil
		case c == '\\':
			if err := e.escape(); err != nil {
				return err
			}
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(e.src[e.pos:])
			e.flush(e.pos)
			e.dst = appendEscapedRune(e.dst, r)
			e.pos += size
			e.copied = e.pos
		case e.pos == len(e.src):
			return e.fail(e.pos, reasonEnd)
		default:
			return e.fail(e.pos, "control character "+quoteByte(c)+" in a string must be escaped")
		}
	}
}

// escape reads an escape sequence whose backslash is at pos. In the
// JavaScript form it writes the character as JSON.stringify does.
func (e *encoder) escape() *Error {
	start := e.pos
	if start+1 == len(e.src) {
		return e.fail(start+1, reasonEnd)
	}
	switch c := e.src[start+1]; c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		e.pos += 2
		return nil
	case '/':
		if e.form == JavaScript {
			e.flush(start)
			e.copied++ // without the backslash
		}
		e.pos += 2
		return nil
	case 'u':
	default:
		return e.fail(start, "escape of "+quoteByte(c)+" in a string, which JSON does not have")
	}
	r, ok := unicodeEscape(e.src[start:])
	if !ok {
		if len(e.src)-start < len(`\u0000`) && allHex(e.src[start+2:]) {
			return e.fail(len(e.src), reasonEnd)
		}
		return e.fail(start, `\u in a string without four hexadecimal digits`)
	}
	e.pos += len(`\u0000`)
	if e.form != JavaScript {
		return nil
	}
	e.flush(start)
	if utf16.IsSurrogate(r) {
		// Two escapes may be one character. A lone surrogate is no character
		// and has no UTF-8, but is legal in JSON and kept by JavaScript.
		low, _ := unicodeEscape(e.src[e.pos:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			e.dst = utf8.AppendRune(e.dst, pair)
			e.pos += len(`\u0000`)
		} else {
			e.dst = appendHex(e.dst, r)
		}
	} else if r < ' ' || r == '"' || r == '\\' {
		e.dst = appendEscapedByte(e.dst, byte(r))
	} else {
		e.dst = utf8.AppendRune(e.dst, r)
	}
	e.copied = e.pos
	return nil
}

// unicodeEscape decodes the \uXXXX at the start of s.
func unicodeEscape(s []byte) (rune, bool) {
	if len(s) < len(`\u0000`) || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func allHex(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) && (c|0x20 < 'a' || 'f' < c|0x20) {
			return false
		}
	}
	return true
}

// appendEscapedByte appends the escape of a control, a quote or a backslash
// as QuoteJSONString (ECMA-262, section 25.5.2.3) writes it.
func appendEscapedByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
	case '\b':
		c = 'b'
	case '\f':
		c = 'f'
	case '\n':
		c = 'n'
	case '\r':
		c = 'r'
	case '\t':
		c = 't'
	default:
		return appendHex(dst, rune(c))
	}
	return append(dst, '\\', c)
}

// appendEscapedRune appends \uxxxx, or two of them for a rune above U+FFFF.
func appendEscapedRune(dst []byte, r rune) []byte {
	if r > 0xFFFF {
		var high rune
		high, r = utf16.EncodeRune(r)
		dst = appendHex(dst, high)
	}
	return appendHex(dst, r)
}

func appendHex(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
