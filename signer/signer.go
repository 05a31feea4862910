package signer

import (
	"context"
	"net/http"
	"time"
)

// Message is what a signature covers.
type Message struct {
	// ID identifies the message and stays the same over all attempts to
	// deliver it. For what it may hold see [CheckMessageID]. Schemes that do
	// not sign an id ([HMAC], [GitHub], [Stripe]) ignore it when they sign and
	// leave it empty when they verify.
	ID string
	// Time is when this attempt is made, in whole seconds on the wire. Verify
	// returns it in UTC. Schemes that do not sign a time ([HMAC], [GitHub])
	// ignore it when they sign and leave it zero when they verify.
	Time time.Time
	// Body is the request body, byte for byte. Verify returns the slice that
	// it was given, not a copy.
	Body []byte
}

// Signer adds signature headers to outgoing requests.
//
// Implementations must be safe for concurrent use. Those of this package also
// implement [SecretChecker], [SecretUser] and [Validator]; for others the
// functions [CheckSecret], [UsesSecrets] and [Validate] assume defaults.
type Signer interface {
	// Sign adds the signature headers for m to h. It sets the map keys of h
	// directly, with the exact spelling of the scheme (net/http sends that on
	// HTTP/1), and deletes values and other spellings that were there before.
	//
	// active holds at least one secret, the preferred one first. retiring
	// holds secrets in their grace period. A signer whose MultiSecret is true
	// signs with all of them; one whose MultiSecret is false signs with
	// active[0] alone. A retiring secret that the scheme cannot use at all is
	// left out, because no receiver can verify with it either, and rotating
	// away from such a secret has to help at once.
	//
	// ctx bounds signing where the key is remote. On an error h may hold some
	// of the headers already, and the request must not be sent. A [*FieldError],
	// or an error that wraps [ErrNoSecret], says that these arguments can never be
	// signed; any other one is taken for a passing fault, and the sender tries
	// again. Sign keeps neither h nor m.Body and does not change m.Body. Errors
	// never contain a secret.
	Sign(ctx context.Context, h http.Header, m Message, active, retiring []Secret) error
	// MultiSecret reports whether one request can carry the signatures of
	// several secrets. If not, a secret cannot be rotated with a grace period
	// in which both sign.
	MultiSecret() bool
	// Headers returns the names of the headers that Sign sets, spelled as they
	// are sent. A sender reserves them: no other header of the request may
	// have one of these names in any spelling. The slice is the caller's.
	Headers() []string
}

// Verifier checks incoming requests. Implementations must be safe for
// concurrent use.
type Verifier interface {
	// Verify checks that body was signed with one of secrets and returns what
	// the signature covers. body is the request body exactly as received.
	// Several secrets are given while one is being rotated; each costs a pass
	// over the body, and every one of them must be usable by the scheme, so
	// that a mistyped one is noticed when it is deployed and not when it is
	// needed.
	//
	// A refused request gives a [*VerifyError] that wraps [ErrMalformed],
	// [ErrMismatch], [ErrStale] or [ErrNoSecret]; the package comment has the
	// order. The Message is the zero value then.
	Verify(h http.Header, body []byte, secrets ...Secret) (Message, error)
}

// Scheme both signs and verifies.
type Scheme interface {
	Signer
	Verifier
}

// SecretChecker is implemented by signers that cannot use every [Secret].
type SecretChecker interface {
	// CheckSecret returns nil if Sign can use s, else an error that says why
	// not, without the value.
	CheckSecret(s Secret) error
}

// SecretUser is implemented by signers that may do without the secrets of an
// endpoint, because they hold a key of their own.
type SecretUser interface {
	// UsesSecrets reports whether Sign uses active and retiring. If not, both
	// may be empty.
	UsesSecrets() bool
}

// Validator is implemented by signers and verifiers that can be built wrongly.
type Validator interface {
	// Validate returns nil if the value can be used, else what is wrong with
	// how it was built.
	Validate() error
}

// CheckSecret reports whether s can sign with secret, so that an unusable one
// is refused when an endpoint is registered and not at its first delivery. A
// signer that is no [SecretChecker] takes every secret but the zero one.
func CheckSecret(s Signer, secret Secret) error {
	if s == nil {
		return &FieldError{Field: "signer", Reason: "is nil"}
	}
	if c, ok := s.(SecretChecker); ok {
		return c.CheckSecret(secret)
	}
	if secret.IsZero() {
		return &FieldError{Field: "secret", Reason: "is not set", err: ErrNoSecret}
	}
	return nil
}

// UsesSecrets reports whether s needs the secrets of an endpoint: true unless
// it is a [SecretUser] that says otherwise.
func UsesSecrets(s Signer) bool {
	if u, ok := s.(SecretUser); ok {
		return u.UsesSecrets()
	}
	return s != nil
}

// Validate reports what is wrong with how a [Signer] or a [Verifier] was built:
// a malformed header name, an option out of range, two signers in [All] that
// set the same header. Call it once at start. It refuses nil, and returns nil
// for a value that is no [Validator].
func Validate(signerOrVerifier any) error {
	switch v := signerOrVerifier.(type) {
	case nil:
		return &FieldError{Field: "signer", Reason: "is nil"}
	case Validator:
		return v.Validate()
	}
	return nil
}
