package egress

import "unicode/utf8"

// Text makes s printable on one line and storable in any database: invalid
// UTF-8, control characters (tab and line breaks included), line and paragraph
// separators and the characters that override the direction of text each become
// U+FFFD. At most limit bytes remain, cut between characters. A clean and short
// s is returned as it is, without allocating.
func Text(s string, limit int) string {
	if isClean(s, false) {
		return s[:wholeRunes(s, limit)]
	}
	out, _ := clean(s, limit, false)
	return string(out)
}

// Bytes is Text for bodies: tabs and line feeds stay, and CR LF or a lone CR
// becomes LF, since a terminal takes CR as leave to overwrite the line. A clean
// and short b is returned as it is.
func Bytes(b []byte, limit int) []byte {
	out, _ := sanitizeBody(b, limit)
	return out
}

// sanitizeBody is Bytes, and reports whether the limit cut something off.
func sanitizeBody(b []byte, limit int) (out []byte, cut bool) {
	if isClean(b, true) {
		n := wholeRunes(b, limit)
		return b[:n], n < len(b)
	}
	return clean(b, limit, true)
}

func isClean[T string | []byte](s T, multiline bool) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if !printable(rune(c), multiline) {
				return false
			}
			i++
			continue
		}
		r, size := decode(s[i:])
		if size == 1 || !printable(r, multiline) {
			return false
		}
		i += size
	}
	return true
}

// clean returns a cleaned copy of s of at most limit bytes.
func clean[T string | []byte](s T, limit int, multiline bool) (out []byte, cut bool) {
	out = make([]byte, 0, max(0, min(len(s)+16, limit)))
	for i := 0; i < len(s); {
		// An invalid byte decodes to U+FFFD already.
		r, size := decode(s[i:])
		switch {
		case r == '\r' && multiline:
			if i+1 < len(s) && s[i+1] == '\n' {
				size++
			}
			r = '\n'
		case !printable(r, multiline):
			r = utf8.RuneError
		}
		if len(out)+utf8.RuneLen(r) > limit {
			return out, true
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out, false
}

// printable reports whether r may stay.
func printable(r rune, multiline bool) bool {
	switch {
	case r < 0x20:
		return multiline && (r == '\n' || r == '\t')
	case r < 0x7f:
		return true
	case r < 0xa0: // DEL and the C1 controls
		return false
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // directional embeddings, overrides, isolates
		return false
	}
	return true
}

// wholeRunes returns the largest length up to limit at which valid s can be cut.
func wholeRunes[T string | []byte](s T, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	n := max(0, limit)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// decode is utf8.DecodeRune for both kinds of argument.
func decode[T string | []byte](s T) (rune, int) {
	// Four bytes hold any character; copying them is cheaper than converting s.
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}
