package signer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secretPrefix marks a symmetric secret (Standard Webhooks, "Signature scheme").
const secretPrefix = "whsec_"

// maxSecret bounds the text of a secret, in bytes.
const maxSecret = 1 << 10

// redacted is what a Secret prints as.
const redacted = "[redacted]"

// Secret is a shared secret that shows its text only through [Secret.Reveal].
// Printing it with any fmt verb, logging it, or encoding it as JSON or text
// gives "[redacted]", also where it is a field of something else.
//
// It also carries the HMAC state keyed with it, made at first use and shared by
// all copies of the value, so keep a Secret rather than making it anew for each
// request. It is safe for concurrent use. Secrets cannot be compared with == or
// [reflect.DeepEqual]; use [Secret.Equal]. The zero value is no secret: Sign and
// Verify refuse it.
//
// There is deliberately no way to decode a Secret from JSON or text: what comes
// back from an encoded one is not the secret.
type Secret struct {
	// A closure, because printers that work by reflection follow pointers and
	// read unexported fields, but none can look into a func.
	open func() *material
}

// NewSecret makes a Secret of s, as shown to both sides, prefix included. It
// takes 1 to 1024 bytes of printable UTF-8 without surrounding space; interior
// spaces are allowed. The error is a [*FieldError] that does not contain s.
//
// What key a scheme derives from the text is up to the scheme, and so is
// whether it can use it: see [CheckSecret]. NewSecret does not judge strength;
// prefer [GenerateSecret].
func NewSecret(s string) (Secret, error) {
	if reason := refuseSecret(s); reason != "" {
		return Secret{}, &FieldError{Field: "secret", Reason: reason}
	}
	m := &material{text: s}
	return Secret{open: func() *material { return m }}, nil
}

func refuseSecret(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxSecret:
		return "is longer than 1024 bytes"
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case s == redacted:
		// Somebody stored what a Secret prints as instead of its text.
		return "is a redaction placeholder"
	case strings.TrimSpace(s) != s:
		return "begins or ends with a space or line break"
	}
	for _, r := range s {
		// Not only control characters: an invisible byte order mark or
		// zero-width space makes a key that nobody can type again.
		if !unicode.IsGraphic(r) {
			return "contains a control or invisible character"
		}
	}
	return ""
}

// GenerateSecret makes a new random Secret: "whsec_" and the standard base64 of
// 32 bytes from crypto/rand. All schemes of this package can use it.
func GenerateSecret() Secret {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program instead
	m := &material{text: secretPrefix + base64.StdEncoding.EncodeToString(key[:])}
	return Secret{open: func() *material { return m }}
}

// Reveal returns the text of the secret, "" for the zero value. It is the only
// way to the text: call it to store the secret sealed or to show it once to its
// owner.
func (s Secret) Reveal() string {
	if s.open == nil {
		return ""
	}
	return s.open().text
}

// IsZero reports whether s is the zero Secret. It makes the JSON option
// omitzero work.
func (s Secret) IsZero() bool { return s.open == nil }

// Equal reports whether both secrets have the same text, in time that depends
// on neither text. Two zero Secrets are equal.
func (s Secret) Equal(other Secret) bool {
	// Digests have equal length, so the comparison hides the texts' lengths.
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format prints "[redacted]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]". encoding/xml and YAML packages use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]" for log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
