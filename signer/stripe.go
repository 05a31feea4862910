package signer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

const headerStripe = "Stripe-Signature"

// Stripe returns the scheme of Stripe's webhooks
// (https://docs.stripe.com/webhooks, "Verify manually"): the header
// Stripe-Signature with the value "t=<Unix seconds>,v1=<hex>", and one more v1
// for each further secret. A signature is the HMAC-SHA256 of time, a dot and
// the body, keyed with the literal text of the secret, "whsec_" included.
//
// It carries no message id: Verify returns an empty [Message].ID, and a receiver
// that must tell repetitions takes the event's id from the verified body.
//
// Verify takes the elements in any order and passes over those with another
// name than t and v1, such as Stripe's v0 of test mode.
func Stripe(opts ...VerifyOption) Scheme {
	w, err := newWindow(opts)
	return &stripe{window: w, err: err}
}

type stripe struct {
	window window
	err    error // what is wrong with the options
}

func (s *stripe) Sign(_ context.Context, h http.Header, m Message, active, retiring []Secret) error {
	if s.err != nil {
		return s.err
	}
	if err := checkTarget(h); err != nil {
		return err
	}
	sec, err := unixSeconds(m)
	if err != nil {
		return err
	}
	var keyArray [2]*hmacKey
	keys, err := usableKeys(keyArray[:0], literalKey, active, retiring)
	if err != nil {
		return err
	}
	var array [192]byte
	out := strconv.AppendInt(append(array[:0], "t="...), sec, 10)
	ts := out[len("t="):len(out):len(out)]
	for _, k := range keys {
		sum := k.digest("", ts, m.Body)
		out = hex.AppendEncode(append(out, ",v1="...), sum[:])
	}
	dropSpellings(h, headerStripe)
	h[headerStripe] = []string{string(out)}
	return nil
}

func (s *stripe) Verify(h http.Header, body []byte, secrets ...Secret) (Message, error) {
	if s.err != nil {
		return Message{}, s.err
	}
	keys, err := verifyKeys(literalKey, secrets)
	if err != nil {
		return Message{}, err
	}
	value, err := single(h, headerStripe)
	if err != nil {
		return Message{}, err
	}
	ts, sec, signatures, err := parseStripe(value)
	if err != nil {
		return Message{}, err
	}
	if !matches(keys, signatures, "", []byte(ts), body) {
		return Message{}, mismatch(headerStripe)
	}
	m := Message{Time: unixTime(sec), Body: body}
	if err := s.window.check(headerStripe, m.Time); err != nil {
		return Message{}, err
	}
	return m, nil
}

// parseStripe reads "t=…,v1=…": comma-separated elements of name "=" value.
func parseStripe(value string) (ts string, sec int64, signatures [][]byte, err error) {
	n := 0
	for element := range strings.SplitSeq(value, ",") {
		// One place more than signatures: the timestamp.
		if n++; n > maxSignatures+1 {
			return "", 0, nil, malformed(headerStripe, "holds more than 17 elements")
		}
		name, text, found := strings.Cut(element, "=")
		if !found || !isWord(name) || !isVisible(text) {
			return "", 0, nil, malformed(headerStripe, "is not a list of name=value separated by commas")
		}
		switch name {
		case "t":
			var ok bool
			if ts != "" {
				return "", 0, nil, malformed(headerStripe, "holds more than one t")
			}
			if sec, ok = parseUnix(text); !ok {
				return "", 0, nil, malformed(headerStripe, "holds a t that is not a canonical Unix time in seconds")
			}
			ts = text
		case versionHMAC:
			sig := decodeHex(text, sha256.Size)
			if sig == nil {
				return "", 0, nil, malformed(headerStripe, "holds a v1 that is not 64 lower-case hexadecimal digits")
			}
			signatures = append(signatures, sig)
		}
	}
	if ts == "" {
		return "", 0, nil, malformed(headerStripe, "holds no t")
	}
	return ts, sec, signatures, nil
}

func (s *stripe) MultiSecret() bool { return true }
func (s *stripe) UsesSecrets() bool { return true }
func (s *stripe) Headers() []string { return []string{headerStripe} }
func (s *stripe) Validate() error   { return s.err }
func (s *stripe) String() string    { return "Stripe" }
func (s *stripe) CheckSecret(secret Secret) error {
	if s.err != nil {
		return s.err
	}
	return checkKey(secret, literalKey)
}
