package signer

import (
	"net/http"
	"strings"
	"testing"
)

// TestEqualFold: header names are compared as RFC 9110 has it, letters of ASCII
// alone.
func TestEqualFold(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"webhook-id", "Webhook-ID", true}, {"x", "x", true}, {"", "", true}, {"x", "y", false}, {"x", "xx", false},
		{"webhook-id", "webhoo\u212a-id", false}, {"s", "\u017f", false}, {"^", "~", false}, {"_", "\x7f", false}, {"@", "`", false}, {"1", "\x11", false},
	} {
		if equalFold(tt.a, tt.b) != tt.want || equalFold(tt.b, tt.a) != tt.want {
			t.Errorf("%q and %q: %v", tt.a, tt.b, !tt.want)
		}
	}
}

// TestHeaderLength: 4096 bytes are read, 4097 are not.
func TestHeaderLength(t *testing.T) {
	for n, ok := range map[int]bool{1: true, 4096: true, 4097: false} {
		value, err := single(http.Header{"X": {strings.Repeat("x", n)}}, "x")
		if (err == nil) != ok || ok && len(value) != n {
			t.Errorf("%d bytes: %d, %v", n, len(value), err)
		}
	}
}

// TestRefuseHeaderName agrees with what net/http sends: it drops a field whose
// name is no token.
func TestRefuseHeaderName(t *testing.T) {
	for c := range 256 {
		name := "x" + string([]byte{byte(c)})
		var wire strings.Builder
		if err := (http.Header{name: {"v"}}).Write(&wire); err != nil {
			t.Fatal(err)
		}
		if sent := wire.Len() > 0; (refuseHeaderName(name) == "") != sent {
			t.Errorf("%q: refused for %q, sent: %v", name, refuseHeaderName(name), sent)
		}
	}
}
