package signer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of a Standard Webhooks key ("Signature scheme": at least 192 bits,
// 512 maximum).
const (
	minStandardKey = 24
	maxStandardKey = 64
)

// derivation names a way to make key bytes from a secret's text. The scheme
// chooses it, because the same text gives different keys: "whsec_…" is base64
// to Standard Webhooks and a literal string to Stripe.
type derivation int

const (
	literalKey  derivation = iota // the bytes of the text
	standardKey                   // base64 after an optional "whsec_"
	derivations                   // how many there are
)

// material is what a Secret hides: its text, and a keyed HMAC per derivation.
type material struct {
	text string
	keys [derivations]hmacKey
}

// key returns the HMAC key that d makes from the secret, or the reason why it
// makes none, which completes "the secret …".
func (s Secret) key(d derivation) (k *hmacKey, reason string) {
	if s.IsZero() {
		return nil, "is not set"
	}
	m := s.open()
	k = &m.keys[d]
	k.once.Do(func() { k.init(m.text, d) })
	return k, k.reason
}

// checkKey is CheckSecret for the schemes that use d.
func checkKey(s Secret, d derivation) error {
	if _, reason := s.key(d); reason != "" {
		return &FieldError{Field: "secret", Reason: reason, err: ErrNoSecret}
	}
	return nil
}

// usableKeys appends to buf the keys of the active secrets and of those
// retiring ones that d can use (see Signer.Sign).
func usableKeys(buf []*hmacKey, d derivation, active, retiring []Secret) ([]*hmacKey, error) {
	if len(active) == 0 {
		return nil, &FieldError{Field: "active", Reason: "holds no secret", err: ErrNoSecret}
	}
	for i, s := range active {
		k, reason := s.key(d)
		if reason != "" {
			return nil, &FieldError{Field: "active[" + strconv.Itoa(i) + "]", Reason: reason, err: ErrNoSecret}
		}
		buf = append(buf, k)
	}
	for _, s := range retiring {
		if k, reason := s.key(d); reason == "" {
			buf = append(buf, k)
		}
	}
	if len(buf) > maxSignatures {
		// A receiver of this package would refuse the list.
		return nil, &FieldError{Field: "active", Reason: "and retiring hold more than " + strconv.Itoa(maxSignatures) + " secrets"}
	}
	return buf, nil
}

// verifyKeys returns the keys of all secrets, or ErrNoSecret if there is none
// or one of them is unusable.
func verifyKeys(d derivation, secrets []Secret) ([]*hmacKey, error) {
	if len(secrets) == 0 {
		return nil, &VerifyError{Err: ErrNoSecret, Reason: "none given"}
	}
	keys := make([]*hmacKey, len(secrets))
	for i, s := range secrets {
		k, reason := s.key(d)
		if reason != "" {
			return nil, &VerifyError{Err: ErrNoSecret, Reason: "secrets[" + strconv.Itoa(i) + "] " + reason}
		}
		keys[i] = k
	}
	return keys, nil
}

// decodeStandard returns the key bytes of a Standard Webhooks secret, or the
// reason why there are none.
func decodeStandard(text string) (key []byte, reason string) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil {
		return nil, "is not standard base64 after an optional whsec_"
	}
	if len(key) < minStandardKey || len(key) > maxStandardKey {
		return nil, "does not hold 24 to 64 bytes in base64"
	}
	return key, ""
}

// hmacKey is a key for HMAC-SHA256 together with a few idle states keyed with
// it. Keying costs two SHA-256 blocks and several allocations; FIPS 198-1,
// section 6 provides for keeping the result. A sync.Pool per secret would do
// the same, but each pool costs time in every garbage collection, and a host
// may have 100,000 secrets.
type hmacKey struct {
	once   sync.Once
	bytes  []byte
	reason string // why the secret gives no key of this kind, or ""
	idle   [4]atomic.Pointer[keyedHash]
}

// keyedHash is one HMAC state, used by one goroutine at a time. The buffers
// live here because what is handed to a hash.Hash escapes to the heap.
type keyedHash struct {
	hash hash.Hash
	head []byte
	sum  [sha256.Size]byte
}

func (k *hmacKey) init(text string, d derivation) {
	if k.bytes = []byte(text); d == standardKey {
		k.bytes, k.reason = decodeStandard(text)
	}
	if k.reason != "" {
		return
	}
	// crypto/hmac panics on keys below 112 bits where GODEBUG=fips140=only is
	// set, which must not end the host.
	defer func() {
		if recover() != nil {
			k.reason = "is too short for the FIPS 140-only mode of this program"
		}
	}()
	k.put(newKeyedHash(k.bytes))
}

func newKeyedHash(key []byte) *keyedHash { return &keyedHash{hash: hmac.New(sha256.New, key)} }

// take returns an idle state, or a new one if all are in use.
func (k *hmacKey) take() *keyedHash {
	for i := range k.idle {
		if s := k.idle[i].Load(); s != nil && k.idle[i].CompareAndSwap(s, nil) {
			return s
		}
	}
	return newKeyedHash(k.bytes)
}

// put gives a state back. What finds no free place is left to the collector.
func (k *hmacKey) put(s *keyedHash) {
	s.hash.Reset()
	for i := range k.idle {
		if k.idle[i].CompareAndSwap(nil, s) {
			return
		}
	}
}

// digest returns the HMAC-SHA256 of id "." ts "." body, without an id or ts
// that is empty and the dot after it.
func (k *hmacKey) digest(id string, ts, body []byte) [sha256.Size]byte {
	s := k.take()
	s.head = appendHead(s.head[:0], id, ts)
	_, _ = s.hash.Write(s.head) // a hash.Hash never returns an error
	_, _ = s.hash.Write(body)
	s.hash.Sum(s.sum[:0])
	sum := s.sum
	k.put(s)
	return sum
}

// appendHead appends what a signature covers before the body.
func appendHead(dst []byte, id string, ts []byte) []byte {
	if id != "" {
		dst = append(append(dst, id...), '.')
	}
	if len(ts) > 0 {
		dst = append(append(dst, ts...), '.')
	}
	return dst
}
