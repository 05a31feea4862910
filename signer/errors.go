package signer

import "errors"

// Errors that Verify returns, wrapped in a [VerifyError]. The package comment
// says which one wins when several apply.
var (
	// ErrMalformed means that the request is not one that a sender of this
	// scheme writes: a header is missing, doubled, too long or unreadable.
	ErrMalformed = errors.New("signer: malformed request")
	// ErrMismatch means that no signature in the request was made with one of
	// the secrets over this content.
	ErrMismatch = errors.New("signer: signature mismatch")
	// ErrStale means that the signature is right, but its timestamp is further
	// from the receiver's clock than the tolerance, in either direction.
	ErrStale = errors.New("signer: timestamp outside the tolerance")
	// ErrNoSecret means that there is nothing to verify with: no secret or key
	// was given, or one of those given cannot be used by the scheme. It is a
	// fault of the receiver, not of the request. Sign returns it too, when it
	// is given no secret.
	ErrNoSecret = errors.New("signer: no usable secret")
)

// VerifyError says why a request was refused. It never holds a key, an
// expected signature, or a value from the request, so it can be logged.
type VerifyError struct {
	// Err is [ErrMalformed], [ErrMismatch], [ErrStale] or [ErrNoSecret].
	Err error
	// Header is the header at fault, in the scheme's spelling, or "".
	Header string
	// Reason says what is wrong, in words for a log, or "".
	Reason string
}

// Error returns the class of the error, the header and the reason.
func (e *VerifyError) Error() string {
	text := "signer: request refused"
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.Header != "" {
		text += ": " + e.Header
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Unwrap returns Err, for [errors.Is].
func (e *VerifyError) Unwrap() error { return e.Err }

// FieldError says which argument was refused, and why. It never holds the
// value.
type FieldError struct {
	// Field names the argument: "secret", "message id", "header", …
	Field string
	// Reason completes a sentence about it: "is empty".
	Reason string

	err error // ErrNoSecret where the field is a key or secret that is missing or unusable
}

// Error returns the field and the reason.
func (e *FieldError) Error() string { return "signer: " + e.Field + " " + e.Reason }

// Unwrap returns [ErrNoSecret] if there was no usable secret or key, else nil.
func (e *FieldError) Unwrap() error { return e.err }

func malformed(header, reason string) error {
	return &VerifyError{Err: ErrMalformed, Header: header, Reason: reason}
}

func mismatch(header string) error {
	return &VerifyError{Err: ErrMismatch, Header: header}
}
