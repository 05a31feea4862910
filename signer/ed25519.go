package signer

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
)

// maxEd25519 bounds the keys of one signer and the v1a signatures that Verify
// looks at. Each try hashes the whole body, so a list of 16 would let anybody
// make a receiver work.
const maxEd25519 = 4

// Ed25519 returns the asymmetric scheme of Standard Webhooks 1.0: Ed25519 (RFC
// 8032) over id, time and body, signature identifier v1a, in the same three
// headers as [StandardWebhooks]. Receivers hold the public key alone, so nobody
// but the sender can sign.
//
// It signs with each of keys, one to four; give two while one replaces the
// other. A key is an [ed25519.PrivateKey], as [ParsePrivateKey] returns, or any
// other crypto.Signer with an [ed25519.PublicKey], such as one in a KMS. Sign
// asks it for a plain Ed25519 signature of the whole message (opts is
// crypto.Hash(0)) through [crypto.SignMessage], or through [ContextSigner] where
// the key implements that, and checks the answer against the public key. The key
// must be safe for concurrent use.
//
// The secrets of an endpoint are not used: UsesSecrets is false, and active and
// retiring are ignored. Verify ignores secrets too and accepts the public halves
// of keys, with the default tolerance. Receivers use [Ed25519Verifier].
func Ed25519(keys ...crypto.Signer) Scheme {
	return newEd25519Signer(keys)
}

// Ed25519Verifier returns the receiving half of [Ed25519], which needs only
// public keys: those of [ParsePublicKey], or from elsewhere. It accepts a
// request that is signed with any of them; give two while one replaces the
// other, at most four. Verify ignores the secrets it is given. With no key, or
// with one that [ParsePublicKey] would refuse, it refuses everything with
// [ErrNoSecret]; [Validate] tells beforehand.
//
// Trust only keys that the sender gave you beforehand, never one that came with
// a request.
func Ed25519Verifier(keys []ed25519.PublicKey, opts ...VerifyOption) Verifier {
	return newEd25519Verifier(keys, opts)
}

// ContextSigner is implemented by a crypto.Signer that signs over a network
// and can give up when ctx ends.
type ContextSigner interface {
	crypto.Signer
	// SignContext is SignMessage of [crypto.MessageSigner], bounded by ctx.
	SignContext(ctx context.Context, rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error)
}

type ed25519Verifier struct {
	keys   []ed25519.PublicKey
	window window
	err    error // what is wrong with the keys or options
}

func newEd25519Verifier(keys []ed25519.PublicKey, opts []VerifyOption) *ed25519Verifier {
	w, err := newWindow(opts)
	v := &ed25519Verifier{window: w, err: err}
	switch {
	case len(keys) == 0:
		v.err = &FieldError{Field: "keys", Reason: "holds no key", err: ErrNoSecret}
	case len(keys) > maxEd25519:
		v.err = &FieldError{Field: "keys", Reason: "holds more than 4 keys"}
	}
	for i, key := range keys {
		if reason := refusePublicKey(key); reason != "" {
			v.err = keyError(i, reason)
			break
		}
		v.keys = append(v.keys, append(ed25519.PublicKey(nil), key...))
	}
	return v
}

func keyError(i int, reason string) error {
	return &FieldError{Field: "keys[" + strconv.Itoa(i) + "]", Reason: reason, err: ErrNoSecret}
}

func (v *ed25519Verifier) Verify(h http.Header, body []byte, _ ...Secret) (Message, error) {
	if v.err != nil {
		return Message{}, v.err
	}
	req, err := parseStandard(h, versionEd25519, ed25519.SignatureSize)
	if err != nil {
		return Message{}, err
	}
	if len(req.signatures) > maxEd25519 {
		return Message{}, malformed(headerSignature, "holds more than 4 v1a signatures")
	}
	if !v.matches(req, body) {
		return Message{}, mismatch(headerSignature)
	}
	return req.message(body, v.window)
}

// matches tries all keys on all signatures. Nothing here is secret, so it may
// stop at the first that fits.
func (v *ed25519Verifier) matches(req standardRequest, body []byte) bool {
	if len(req.signatures) == 0 {
		return false
	}
	content := signedContent(req.id, req.timestamp, body)
	for _, key := range v.keys {
		for _, sig := range req.signatures {
			if ed25519.Verify(key, content, sig) {
				return true
			}
		}
	}
	return false
}

func (v *ed25519Verifier) Validate() error { return v.err }
func (v *ed25519Verifier) String() string  { return "Ed25519Verifier" }

// signedContent returns id "." ts "." body in one piece, as Ed25519 needs it.
func signedContent(id string, ts, body []byte) []byte {
	return append(appendHead(make([]byte, 0, len(id)+len(ts)+len(body)+2), id, ts), body...)
}

type ed25519Signer struct {
	*ed25519Verifier
	sign []signFunc
}

func newEd25519Signer(keys []crypto.Signer) *ed25519Signer {
	s := &ed25519Signer{}
	var public []ed25519.PublicKey
	for i, key := range keys {
		pub, sign, reason := openKey(key)
		if reason != "" {
			s.ed25519Verifier = &ed25519Verifier{err: keyError(i, reason)}
			return s
		}
		public, s.sign = append(public, pub), append(s.sign, sign)
	}
	s.ed25519Verifier = newEd25519Verifier(public, nil)
	return s
}

func (s *ed25519Signer) Sign(ctx context.Context, h http.Header, m Message, _, _ []Secret) error {
	if s.err != nil {
		return s.err
	}
	var array [384]byte
	out, err := beginStandard(array[:0], h, m)
	if err != nil {
		return err
	}
	n := len(out)
	if out, err = s.appendV1a(ctx, out, out[:n:n], m); err != nil {
		return err
	}
	setStandard(h, m.ID, out, n)
	return nil
}

// appendV1a appends a list of v1a signatures to dst.
func (s *ed25519Signer) appendV1a(ctx context.Context, dst, ts []byte, m Message) ([]byte, error) {
	content := signedContent(m.ID, ts, m.Body)
	for i, sign := range s.sign {
		sig, err := sign(ctx, content)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, versionEd25519+","...)
		dst = base64.StdEncoding.AppendEncode(dst, sig)
	}
	return dst, nil
}

func (s *ed25519Signer) MultiSecret() bool        { return true } // a rotation changes nothing here
func (s *ed25519Signer) UsesSecrets() bool        { return false }
func (s *ed25519Signer) Headers() []string        { return standardHeaders() }
func (s *ed25519Signer) CheckSecret(Secret) error { return s.err }
func (s *ed25519Signer) String() string           { return "Ed25519" }
