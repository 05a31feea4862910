package signer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// The headers of Standard Webhooks, "Webhook headers".
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// The signature identifiers of Standard Webhooks, "Signature scheme".
const (
	versionHMAC    = "v1"
	versionEd25519 = "v1a"
)

// StandardWebhooks returns the symmetric scheme of Standard Webhooks 1.0
// (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body,
// signature identifier v1.
//
// It sends the headers webhook-id, webhook-timestamp and webhook-signature; the
// last is a list with one signature for each secret. The key is the base64
// decoding of the secret's text after an optional "whsec_": 24 to 64 bytes, as
// the specification says. [GenerateSecret] makes such secrets.
//
// Verify needs one v1 signature that matches one of the secrets. Signatures
// with another identifier are passed over; a malformed v1 signature makes the
// request [ErrMalformed], also beside a good one.
func StandardWebhooks(opts ...VerifyOption) Scheme {
	w, err := newWindow(opts)
	return &standardWebhooks{window: w, err: err}
}

type standardWebhooks struct {
	window window
	err    error // what is wrong with the options
}

func (s *standardWebhooks) Sign(_ context.Context, h http.Header, m Message, active, retiring []Secret) error {
	if s.err != nil {
		return s.err
	}
	var array [192]byte
	out, err := beginStandard(array[:0], h, m)
	if err != nil {
		return err
	}
	n := len(out)
	if out, err = appendV1(out, out[:n:n], m, active, retiring); err != nil {
		return err
	}
	setStandard(h, m.ID, out, n)
	return nil
}

func (s *standardWebhooks) Verify(h http.Header, body []byte, secrets ...Secret) (Message, error) {
	if s.err != nil {
		return Message{}, s.err
	}
	keys, err := verifyKeys(standardKey, secrets)
	if err != nil {
		return Message{}, err
	}
	req, err := parseStandard(h, versionHMAC, sha256.Size)
	if err != nil {
		return Message{}, err
	}
	if !matches(keys, req.signatures, req.id, req.timestamp, body) {
		return Message{}, mismatch(headerSignature)
	}
	return req.message(body, s.window)
}

func (s *standardWebhooks) MultiSecret() bool { return true }
func (s *standardWebhooks) UsesSecrets() bool { return true }
func (s *standardWebhooks) Headers() []string { return standardHeaders() }
func (s *standardWebhooks) Validate() error   { return s.err }
func (s *standardWebhooks) String() string    { return "StandardWebhooks" }
func (s *standardWebhooks) CheckSecret(secret Secret) error {
	if s.err != nil {
		return s.err
	}
	return checkKey(secret, standardKey)
}

func standardHeaders() []string { return []string{headerID, headerTimestamp, headerSignature} }

// beginStandard checks what Sign was given and appends the timestamp to dst.
func beginStandard(dst []byte, h http.Header, m Message) ([]byte, error) {
	if err := checkTarget(h); err != nil {
		return nil, err
	}
	if err := CheckMessageID(m.ID); err != nil {
		return nil, err
	}
	sec, err := unixSeconds(m)
	if err != nil {
		return nil, err
	}
	return strconv.AppendInt(dst, sec, 10), nil
}

// appendV1 appends a list of v1 signatures to dst.
func appendV1(dst, ts []byte, m Message, active, retiring []Secret) ([]byte, error) {
	var array [2]*hmacKey
	keys, err := usableKeys(array[:0], standardKey, active, retiring)
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ' ')
		}
		sum := k.digest(m.ID, ts, m.Body)
		dst = append(dst, versionHMAC+","...)
		dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	}
	return dst, nil
}

// setStandard sets the three headers. out holds the timestamp in its first n
// bytes and the signature list after them.
func setStandard(h http.Header, id string, out []byte, n int) {
	dropSpellings(h, headerID, headerTimestamp, headerSignature)
	// One string and one array serve all headers: this runs once per attempt.
	text := string(out)
	values := []string{id, text[:n], text[n:]}
	h[headerID] = values[0:1:1]
	h[headerTimestamp] = values[1:2:2]
	h[headerSignature] = values[2:3:3]
}

// standardRequest is what the three headers say.
type standardRequest struct {
	id         string
	timestamp  []byte
	sec        int64
	signatures [][]byte // those of the version asked for, decoded
}

// parseStandard reads the headers. The signatures of version are size bytes
// each.
func parseStandard(h http.Header, version string, size int) (r standardRequest, err error) {
	if r.id, err = single(h, headerID); err != nil {
		return r, err
	}
	if reason := refuseID(r.id); reason != "" {
		return r, malformed(headerID, reason)
	}
	ts, err := single(h, headerTimestamp)
	if err != nil {
		return r, err
	}
	var ok bool
	if r.sec, ok = parseUnix(ts); !ok {
		return r, malformed(headerTimestamp, "is not a canonical Unix time in seconds")
	}
	r.timestamp = []byte(ts)
	list, err := single(h, headerSignature)
	if err != nil {
		return r, err
	}
	r.signatures, err = parseList(list, version, size)
	return r, err
}

// parseList reads a space-separated list of version "," signature.
func parseList(list, version string, size int) (signatures [][]byte, err error) {
	n := 0
	for entry := range strings.SplitSeq(list, " ") {
		if n++; n > maxSignatures {
			return nil, malformed(headerSignature, "holds more than 16 signatures")
		}
		v, text, found := strings.Cut(entry, ",")
		if !found || !isWord(v) || !isVisible(text) {
			return nil, malformed(headerSignature, "is not a list of version,signature separated by single spaces")
		}
		if v != version {
			continue
		}
		sig := decodeBase64(text, size)
		if sig == nil {
			return nil, malformed(headerSignature, "holds a "+version+" signature that is not base64 of the right length")
		}
		signatures = append(signatures, sig)
	}
	return signatures, nil
}

// message ends a verification: the signature is right, the time is checked.
func (r standardRequest) message(body []byte, w window) (Message, error) {
	m := Message{ID: r.id, Time: unixTime(r.sec), Body: body}
	if err := w.check(headerTimestamp, m.Time); err != nil {
		return Message{}, err
	}
	return m, nil
}

// matches reports whether one of the signatures was made with one of the keys.
// It always compares all of them, in constant time.
func matches(keys []*hmacKey, signatures [][]byte, id string, ts, body []byte) bool {
	if len(signatures) == 0 {
		return false
	}
	found := 0
	for _, k := range keys {
		sum := k.digest(id, ts, body)
		for _, sig := range signatures {
			found |= subtle.ConstantTimeCompare(sum[:], sig)
		}
	}
	return found == 1
}

// isWord reports whether s is one or more ASCII letters and digits.
func isWord(s string) bool {
	for i := range len(s) {
		if c := lower(s[i]); (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// isVisible reports whether s is one or more visible ASCII characters.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
