package jsonform

import (
	"bytes"
	"math"
	"strconv"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a number (RFC 8259, section 6) that starts at pos with "-" or
// a digit.
func (e *encoder) number() *Error {
	start := e.pos
	if e.peek() == '-' {
		e.pos++
	}
	whole := e.pos
	if e.peek() == '0' {
		e.pos++
		if isDigit(e.peek()) {
			return e.fail(start, "number with a leading zero")
		}
	} else if !e.digits() {
		return e.unexpected("a digit")
	}
	point, end := e.pos, e.pos
	if e.peek() == '.' {
		e.pos++
		if !e.digits() {
			return e.unexpected("a digit")
		}
		end = e.pos
	}
	if e.peek()|0x20 == 'e' {
		e.pos++
		if c := e.peek(); c == '+' || c == '-' {
			e.pos++
		}
		if !e.digits() {
			return e.unexpected("a digit")
		}
	}
	if e.form != JavaScript {
		return nil
	}
	if e.pos == end && plainDecimal(e.src[start:end], e.src[whole:point], e.src[point:end]) {
		return nil
	}
	e.flush(start)
	dst, reason := appendNumber(e.dst, e.src[start:e.pos])
	if reason != "" {
		return e.fail(start, reason)
	}
	e.dst = dst
	e.copied = e.pos
	return nil
}

// digits skips digits and reports whether there was one.
func (e *encoder) digits() bool {
	start := e.pos
	for e.pos < len(e.src) && isDigit(e.src[e.pos]) {
		e.pos++
	}
	return e.pos > start
}

// plainDecimal reports whether a number without an exponent stands as
// JavaScript prints it, as far as can be told without computing: a float64
// holds every decimal of up to 15 digits apart from its neighbours, so such a
// decimal is the shortest that denotes its float64. fraction begins with the
// point if there is one.
func plainDecimal(literal, whole, fraction []byte) bool {
	if len(whole)+len(fraction) > 15 {
		return false
	}
	if len(fraction) == 0 {
		return literal[0] != '-' || whole[0] != '0' // not -0
	}
	if fraction[len(fraction)-1] == '0' {
		return false
	}
	// Below 1e-6 JavaScript switches to exponents.
	return whole[0] != '0' || !bytes.HasPrefix(fraction, []byte(".000000"))
}

// A decimal is ±0.d1d2d3… × 10^exp, without zeros at either end of its
// digits. Zero has no digits, no sign and no exponent.
type decimal struct {
	negative bool
	digits   []byte
	exp      int64
}

// parseDecimal reads a JSON number exactly. It appends the digits to buf.
func parseDecimal(literal, buf []byte) decimal {
	var d decimal
	if literal[0] == '-' {
		d.negative = true
		literal = literal[1:]
	}
	mantissa, exponent := literal, []byte(nil)
	if i := bytes.IndexAny(literal, "eE"); i >= 0 {
		mantissa, exponent = literal[:i], literal[i+1:]
	}
	fraction := false
	for _, c := range mantissa {
		switch {
		case c == '.':
			fraction = true
		case c == '0' && len(buf) == 0:
			if fraction {
				d.exp--
			}
		default:
			buf = append(buf, c)
			if !fraction {
				d.exp++
			}
		}
	}
	d.digits = bytes.TrimRight(buf, "0")
	if len(d.digits) == 0 {
		return decimal{}
	}
	d.exp += parseExponent(exponent)
	return d
}

// parseExponent reads an optional sign and digits. What no mantissa that fits
// in memory can balance is cut off.
func parseExponent(s []byte) int64 {
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	var n int64
	for _, c := range s {
		n = min(n*10+int64(c-'0'), 1<<56)
	}
	if negative {
		return -n
	}
	return n
}

// float rounds d to the nearest float64, to ±Inf if it is too large.
func (d decimal) float() float64 {
	// Far outside of float64 (1e-324 to 1e309); also, strconv cuts off
	// exponents that parseExponent does not.
	const far = 400
	switch {
	case len(d.digits) == 0 || d.exp < -far:
		return 0
	case d.exp > far:
		return math.Inf(1)
	}
	var space [48]byte
	s := append(space[:0], "0."...)
	s = append(s, d.digits...)
	s = append(s, 'e')
	s = strconv.AppendInt(s, d.exp, 10)
	f, _ := strconv.ParseFloat(string(s), 64) // the only error is out of range, and then f is Inf
	if d.negative {
		return -f
	}
	return f
}

// appendNumber appends a JSON number as JavaScript prints it, or returns the
// reason why JavaScript cannot hold it.
func appendNumber(dst, literal []byte) (_ []byte, reason string) {
	var space, shortSpace, shortDigits [32]byte
	d := parseDecimal(literal, space[:0])
	if len(d.digits) == 0 {
		return append(dst, '0'), "" // -0 as well: same number
	}
	f := d.float()
	switch {
	case math.IsInf(f, 0):
		return dst, "number " + abbreviate(string(literal)) + " cannot be held by JavaScript: it overflows to Infinity"
	case f == 0:
		return dst, "number " + abbreviate(string(literal)) + " cannot be held by JavaScript: it underflows to 0"
	}
	short := parseDecimal(strconv.AppendFloat(shortSpace[:0], f, 'e', -1, 64), shortDigits[:0])
	if d.exp != short.exp || !bytes.Equal(d.digits, short.digits) {
		return dst, "number " + abbreviate(string(literal)) + " cannot be held by JavaScript exactly: it becomes " +
			string(short.appendTo(nil))
	}
	return d.appendTo(dst), ""
}

// appendTo lays d out as Number::toString does (ECMA-262, section
// 6.1.6.1.20). d must not be zero and has at most 17 digits.
func (d decimal) appendTo(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	k, n := int64(len(d.digits)), d.exp // the names of ECMA-262
	switch {
	case k <= n && n <= 21:
		dst = append(dst, d.digits...)
		return appendZeros(dst, n-k)
	case 0 < n && n <= 21:
		dst = append(dst, d.digits[:n]...)
		dst = append(dst, '.')
		return append(dst, d.digits[n:]...)
	case -6 < n && n <= 0:
		dst = append(dst, "0."...)
		dst = appendZeros(dst, -n)
		return append(dst, d.digits...)
	}
	dst = append(dst, d.digits[0])
	if k > 1 {
		dst = append(dst, '.')
		dst = append(dst, d.digits[1:]...)
	}
	dst = append(dst, 'e')
	if n > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, n-1, 10)
}

func appendZeros(dst []byte, n int64) []byte {
	return append(dst, "000000000000000000000"[:n]...)
}
