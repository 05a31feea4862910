package signer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
)

// Encoding is how a signature is written in a header. The zero value is none,
// and refused.
type Encoding int

const (
	// Hex is lower-case hexadecimal.
	Hex Encoding = iota + 1
	// Base64 is standard base64 with padding (RFC 4648, section 4).
	Base64
)

// String returns "hex" or "base64".
func (e Encoding) String() string {
	switch e {
	case Hex:
		return "hex"
	case Base64:
		return "base64"
	}
	return "unknown"
}

// HMACOption adjusts the scheme that [HMAC] returns.
type HMACOption func(*bodyHMAC)

// WithPrefix puts text before the encoded signature, "sha256=" for example.
// Verify refuses a value without it. The prefix is at most 64 printable ASCII
// characters and does not begin with a space. The default is none.
func WithPrefix(text string) HMACOption {
	return func(s *bodyHMAC) { s.prefix = text }
}

// HMAC returns the scheme of the many products that send, in one header of
// their own, the HMAC-SHA256 of the raw body, keyed with the literal text of the
// secret. The header is sent with the spelling given; it must be a valid field
// name and not one that HTTP itself uses.
//
// One request carries one signature, so MultiSecret is false: Sign uses
// active[0] alone. Neither id nor time is signed. Verify returns a [Message]
// with nothing but the body, never [ErrStale], and a captured request can be
// repeated for ever: take the event's id and time from the verified body.
func HMAC(header string, enc Encoding, opts ...HMACOption) Scheme {
	s := &bodyHMAC{header: header, enc: enc}
	for _, opt := range opts {
		if opt == nil {
			s.err = &FieldError{Field: "option", Reason: "is nil"}
			return s
		}
		opt(s)
	}
	s.err = s.check()
	return s
}

// GitHub returns the scheme of GitHub's webhooks
// (https://docs.github.com/webhooks, "Validating webhook deliveries"): the
// header X-Hub-Signature-256 with the value "sha256=<hex>". What is said of
// [HMAC] holds for it. X-GitHub-Delivery is not covered by the signature, and so
// is not returned as [Message].ID.
func GitHub() Scheme {
	return HMAC("X-Hub-Signature-256", Hex, WithPrefix("sha256="))
}

// bodyHMAC signs the body alone.
type bodyHMAC struct {
	header string
	enc    Encoding
	prefix string
	err    error // what is wrong with the above
}

func (s *bodyHMAC) check() error {
	if reason := refuseHeaderName(s.header); reason != "" {
		return &FieldError{Field: "header", Reason: reason}
	}
	if s.enc != Hex && s.enc != Base64 {
		return &FieldError{Field: "encoding", Reason: "is neither Hex nor Base64"}
	}
	if len(s.prefix) > 64 {
		return &FieldError{Field: "prefix", Reason: "is longer than 64 bytes"}
	}
	for i := range len(s.prefix) {
		// HTTP trims a leading space; one before the signature survives.
		if c := s.prefix[i]; c < ' ' || c > '~' || (c == ' ' && i == 0) {
			return &FieldError{Field: "prefix", Reason: "begins with a space or contains a character outside printable ASCII"}
		}
	}
	return nil
}

func (s *bodyHMAC) Sign(_ context.Context, h http.Header, m Message, active, _ []Secret) error {
	if s.err != nil {
		return s.err
	}
	if err := checkTarget(h); err != nil {
		return err
	}
	var keyArray [1]*hmacKey
	keys, err := usableKeys(keyArray[:0], literalKey, active[:min(1, len(active))], nil)
	if err != nil {
		return err
	}
	sum := keys[0].digest("", nil, m.Body)
	var array [128]byte
	out := append(array[:0], s.prefix...)
	if s.enc == Hex {
		out = hex.AppendEncode(out, sum[:])
	} else {
		out = base64.StdEncoding.AppendEncode(out, sum[:])
	}
	dropSpellings(h, s.header)
	h[s.header] = []string{string(out)}
	return nil
}

func (s *bodyHMAC) Verify(h http.Header, body []byte, secrets ...Secret) (Message, error) {
	if s.err != nil {
		return Message{}, s.err
	}
	keys, err := verifyKeys(literalKey, secrets)
	if err != nil {
		return Message{}, err
	}
	value, err := single(h, s.header)
	if err != nil {
		return Message{}, err
	}
	text, found := strings.CutPrefix(value, s.prefix)
	if !found {
		return Message{}, malformed(s.header, "does not begin with the scheme's prefix")
	}
	var sig []byte
	if s.enc == Hex {
		sig = decodeHex(text, sha256.Size)
	} else {
		sig = decodeBase64(text, sha256.Size)
	}
	if sig == nil {
		return Message{}, malformed(s.header, "is not a signature in "+s.enc.String()+" of the right length")
	}
	if !matches(keys, [][]byte{sig}, "", nil, body) {
		return Message{}, mismatch(s.header)
	}
	return Message{Body: body}, nil
}

func (s *bodyHMAC) MultiSecret() bool { return false }
func (s *bodyHMAC) UsesSecrets() bool { return true }
func (s *bodyHMAC) Headers() []string { return []string{s.header} }
func (s *bodyHMAC) Validate() error   { return s.err }
func (s *bodyHMAC) String() string    { return "HMAC(" + s.header + ", " + s.enc.String() + ")" }
func (s *bodyHMAC) CheckSecret(secret Secret) error {
	if s.err != nil {
		return s.err
	}
	return checkKey(secret, literalKey)
}
