package signer

import (
	"net/http"
	"time"
)

const (
	// maxID bounds a message id, in bytes.
	maxID = 256
	// maxUnix is the last second of the year 9999, the end of what RFC 3339
	// and JSON timestamps can hold.
	maxUnix = 253402300799
)

// CheckMessageID returns nil if id can be a [Message].ID: 1 to 256 visible
// ASCII characters other than the dot. Standard Webhooks joins id, time and
// body with dots, so an id with one would let the parts be read in more than one
// way; anything outside visible ASCII does not survive an HTTP header. The error
// is a [*FieldError].
func CheckMessageID(id string) error {
	if reason := refuseID(id); reason != "" {
		return &FieldError{Field: "message id", Reason: reason}
	}
	return nil
}

func refuseID(id string) string {
	if id == "" {
		return "is empty"
	}
	if len(id) > maxID {
		return "is longer than 256 bytes"
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c == '.':
			return "contains a dot"
		case c <= ' ' || c > '~':
			return "contains a space, control or non-ASCII character"
		}
	}
	return ""
}

// unixSeconds returns the seconds of m.Time as they are sent.
func unixSeconds(m Message) (int64, error) {
	sec := m.Time.Unix()
	if sec < 0 || sec > maxUnix { // the zero Time is long before 1970
		return 0, &FieldError{Field: "message time", Reason: "is not between the years 1970 and 9999"}
	}
	return sec, nil
}

// parseUnix reads a canonical decimal number of seconds: one text per number, so
// that the text that was signed and the number that is checked cannot differ.
func parseUnix(text string) (sec int64, ok bool) {
	if text == "" || len(text) > len("253402300799") || (text[0] == '0' && text != "0") {
		return 0, false
	}
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		sec = sec*10 + int64(c-'0')
	}
	return sec, sec <= maxUnix
}

// checkTarget refuses a nil map, which Sign could not write to.
func checkTarget(h http.Header) error {
	if h == nil {
		return &FieldError{Field: "header", Reason: "is a nil map"}
	}
	return nil
}

func unixTime(sec int64) time.Time { return time.Unix(sec, 0).UTC() }
