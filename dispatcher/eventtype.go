package dispatcher

import "strings"

const (
	maxTypeLen = 128
	maxIDLen   = 64
)

// checkType holds event types to the grammar of Standard Webhooks, dotted
// segments of word characters, with "-" allowed besides.
func checkType(s string) error {
	switch {
	case s == "":
		return invalid("type", "must not be empty")
	case len(s) > maxTypeLen:
		return invalid("type", "must be at most %d bytes, has %d", maxTypeLen, len(s))
	}
	for segment := range strings.SplitSeq(s, ".") {
		if segment == "" {
			return invalid("type", "must be segments joined by single dots, such as invoice.paid")
		}
		for i := range len(segment) {
			if !isWord(segment[i]) {
				return invalid("type", "must hold only letters, digits, '_', '-' and dots")
			}
		}
	}
	return nil
}

// checkPattern accepts "*", an event type, or one followed by ".*".
func checkPattern(s string) error {
	if s == "*" {
		return nil
	}
	if err := checkType(strings.TrimSuffix(s, ".*")); err != nil {
		return invalid("pattern", `must be "*", an event type, or a prefix such as "invoice.*"`)
	}
	if len(s) > maxTypeLen {
		return invalid("pattern", "must be at most %d bytes, has %d", maxTypeLen, len(s))
	}
	return nil
}

// checkID holds for ids that a host chooses. A dot would let two messages have
// one signed content, as Standard Webhooks joins id, time and body by dots.
func checkID(field, s string) error {
	switch {
	case s == "":
		return invalid(field, "must not be empty")
	case len(s) > maxIDLen:
		return invalid(field, "must be at most %d bytes, has %d", maxIDLen, len(s))
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return invalid(field, "must hold only letters, digits, '_' and '-'")
		}
	}
	return nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
