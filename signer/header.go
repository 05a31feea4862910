package signer

import (
	"net/http"
	"slices"
	"strings"
)

// Bounds on what Verify reads, far above what any sender writes: five
// signatures of both Standard Webhooks kinds take about 700 bytes.
const (
	maxHeaderValue = 4096
	maxSignatures  = 16
)

// forbiddenHeaders cannot carry a signature: net/http writes them itself, they
// mean something to every HTTP hop, or, with the last two, they make net/http
// repeat a POST on its own.
var forbiddenHeaders = []string{
	"host", "user-agent", "content-length", "content-type", "content-encoding",
	"transfer-encoding", "trailer", "te", "connection", "proxy-connection",
	"keep-alive", "upgrade", "expect", "idempotency-key", "x-idempotency-key",
}

// refuseHeaderName returns why name cannot be a signature header, or "".
func refuseHeaderName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 256:
		return "is longer than 256 bytes"
	case slices.Contains(forbiddenHeaders, lowerASCII(name)):
		return "is a header that HTTP itself uses"
	}
	for i := range len(name) {
		// A field name is a token: RFC 9110, sections 5.1 and 5.6.2.
		c := name[i]
		alnum := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return "contains a character that no header name may have"
		}
	}
	return ""
}

// dropSpellings deletes from h what is a name of names in another spelling.
func dropSpellings(h http.Header, names ...string) {
	for key := range h {
		for _, name := range names {
			if key != name && equalFold(key, name) {
				delete(h, key)
			}
		}
	}
}

// single returns the only value of the header name, in whatever spelling, and
// why there is none otherwise.
func single(h http.Header, name string) (string, error) {
	value, n := "", 0
	for key, values := range h {
		if equalFold(key, name) {
			if n += len(values); len(values) > 0 {
				value = values[0]
			}
		}
	}
	switch {
	case n == 0:
		return "", malformed(name, "is missing")
	case n > 1:
		return "", malformed(name, "occurs more than once")
	case value == "":
		return "", malformed(name, "is empty")
	case len(value) > maxHeaderValue:
		return "", malformed(name, "is longer than 4096 bytes")
	}
	return value, nil
}

// equalFold compares header names without regard to ASCII case.
// strings.EqualFold would take U+212A (Kelvin) for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}
