// Package jsonform re-encodes one JSON value into one of three exact byte
// forms.
//
// A webhook is signed over the bytes of its body. Many receivers do not keep
// those bytes: they let a framework parse the body and compute the signature
// over what their language writes when it serialises the parsed value again.
// Such a receiver can verify a body only if parsing and serialising changes
// nothing in it. A [Form] says which receivers must be able to do that:
//
//   - [Verbatim]: receivers that sign the raw body. Only white space goes.
//   - [JavaScript]: receivers that call JSON.stringify(JSON.parse(body)).
//   - [ASCII]: receivers that call bytes(body, "ascii") in Python, or
//     otherwise cannot take a byte above 0x7F.
//
// [Append] converts a document, [AppendString] makes a JSON string of a Go
// string, and [Marshal] encodes a Go value as JSON to be given to Append.
// An envelope around a document is in a form when its parts are, as long as
// its own keys are distinct and none of them looks like an integer:
//
//	body = append(body, `{"id":`...)
//	body, err = jsonform.AppendString(body, id, form)
//	body = append(body, `,"data":`...)
//	body, err = jsonform.Append(body, payload, form)
//	body = append(body, '}')
//
// Append never changes a value silently. What a form cannot hold is refused
// with an [*Error] that names the place and the reason.
//
// All functions may be called concurrently.
package jsonform

import (
	"strconv"
	"unicode/utf8"
)

// Form is one way to write a JSON value as bytes. The zero value is Verbatim.
type Form uint8

const (
	// Verbatim removes white space between tokens and leaves everything else
	// byte for byte as given: escapes in strings, the spelling of numbers,
	// the order of keys, and repeated keys. It is what json.Compact makes of
	// a valid document.
	Verbatim Form = iota

	// JavaScript writes what JSON.stringify(JSON.parse(src)) gives in an
	// ECMAScript engine (ECMA-262, sections 25.5.1 and 25.5.2):
	//
	//   - Keys that are array indices (canonical "0" to "4294967294") come
	//     first and ascend, the others follow in the order given
	//     (OrdinaryOwnPropertyKeys). "__proto__" is a key like any other.
	//   - Numbers are written by Number::toString: 1.0 becomes 1, 1e2 becomes
	//     100, 1E21 becomes 1e+21, 0.0000001 becomes 1e-7. Negative zero
	//     becomes 0, which is the same number.
	//   - Strings have the short escapes \b \f \n \r \t \" \\, \u00xx for
	//     other controls and \udxxx for a surrogate without a partner, both
	//     in lower case. Everything else is raw UTF-8, with it "/", U+007F,
	//     U+2028 and U+2029.
	//
	// Refused is what JavaScript would lose: a number whose decimal value
	// differs from that of the number JavaScript prints for it (too many
	// digits, overflow to Infinity, underflow to 0), and a key that occurs
	// twice in an object, of which JSON.parse keeps the last.
	JavaScript

	// ASCII is Verbatim with every character above U+007F written as \uxxxx
	// in lower-case hex, those above U+FFFF as a surrogate pair. U+007F is an
	// ASCII character and stays.
	ASCII
)

// String returns the name of the form, or "Form(n)" for an unknown one.
func (f Form) String() string {
	switch f {
	case Verbatim:
		return "Verbatim"
	case JavaScript:
		return "JavaScript"
	case ASCII:
		return "ASCII"
	}
	return "Form(" + strconv.Itoa(int(f)) + ")"
}

// MaxDepth is how deep arrays and objects may be nested: "[[]]" has depth 2,
// a number has depth 0. The limit bounds the stack here and at the receiver.
// Some receivers stop earlier: Python's json near 1000 minus the frames of
// its caller, PHP's json_decode at 512 unless told otherwise.
const MaxDepth = 1000

// Append appends src in form f to dst and returns the extended slice.
//
// src must be exactly one JSON value (RFC 8259) in valid UTF-8, without a
// byte order mark, nested at most MaxDepth deep, and with nothing but white
// space around it; and form f must be able to hold it. Otherwise Append
// returns dst with its length and content unchanged and an *Error. Bytes
// between the length and the capacity of dst may have been overwritten.
//
// src is not changed and not kept. dst must not overlap it.
func Append(dst, src []byte, f Form) ([]byte, error) {
	if f > ASCII {
		return dst, &Error{Reason: "unknown form " + f.String()}
	}
	e := encoders.Get().(*encoder)
	out, err := e.encode(dst, src, f)
	e.release()
	if err != nil {
		return dst, err
	}
	return out, nil
}

// AppendString appends s as a JSON string in form f to dst and returns the
// extended slice. It escapes as JSON.stringify does (see JavaScript), and for
// ASCII every character above U+007F too. A string that is not valid UTF-8 is
// refused with an *Error whose Offset counts from the start of s; dst is then
// returned unchanged.
func AppendString(dst []byte, s string, f Form) ([]byte, error) {
	if f > ASCII {
		return dst, &Error{Reason: "unknown form " + f.String()}
	}
	out := append(dst, '"')
	start := 0 // s[:start] has been written
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				return dst, &Error{Offset: i, Reason: reasonUTF8}
			}
			if f == ASCII {
				out = append(out, s[start:i]...)
				out = appendEscapedRune(out, r)
				start = i + size
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			out = append(out, s[start:i]...)
			out = appendEscapedByte(out, c)
			start = i + 1
		}
		i++
	}
	out = append(out, s[start:]...)
	return append(out, '"'), nil
}
