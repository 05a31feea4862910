package signer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

// defaultBodyLimit is far above the 20 kB that Standard Webhooks recommends for
// a payload.
const defaultBodyLimit = 1 << 20

// SecretFunc returns the secrets that may have signed r, for example those of
// the sender that the path names. It runs before the body is read and must not
// read it. It must be safe for concurrent use.
//
// For a sender that it does not know it returns an error that wraps
// [ErrNoSecret], which the middleware answers with 401. Any other error is
// taken for a passing fault and answered with 500, so that the sender tries
// again.
type SecretFunc func(r *http.Request) ([]Secret, error)

// Secrets returns a [SecretFunc] that returns the same secrets for every
// request.
func Secrets(secrets ...Secret) SecretFunc {
	secrets = append([]Secret(nil), secrets...)
	return func(*http.Request) ([]Secret, error) { return secrets, nil }
}

// MiddlewareOption adjusts [Middleware].
type MiddlewareOption func(*middleware)

// WithBodyLimit sets the largest request body, in bytes, that is read. The
// default is 1 MiB. n must be positive.
func WithBodyLimit(n int64) MiddlewareOption {
	return func(m *middleware) { m.limit = n }
}

// WithOnReject has f called for every request that is not let through, before
// the answer is written, to log or count it. err is what the [SecretFunc], the
// reading of the body (an [*http.MaxBytesError] if it is too large) or Verify
// returned. By default nobody is told.
func WithOnReject(f func(r *http.Request, err error)) MiddlewareOption {
	return func(m *middleware) { m.onReject = f }
}

// Middleware returns a net/http middleware that lets through only requests that
// v verifies with one of the secrets. secrets may be nil for a verifier that
// needs none, such as [Ed25519Verifier].
//
// The next handler finds the verified message with [MessageFromContext] and can
// read r.Body, which holds the same bytes. Everything else is answered with a
// line of text:
//
//	400  the request is malformed, or its body could not be read
//	401  mismatch, stale, or secrets returned ErrNoSecret
//	413  the body is larger than the limit
//	500  the receiver is at fault: no or unusable secrets, secrets failed,
//	     v or an option is wrong
//
// 500 and not 401 for a receiver's own fault, because senders retry it.
func Middleware(v Verifier, secrets SecretFunc, opts ...MiddlewareOption) func(next http.Handler) http.Handler {
	m := &middleware{verifier: v, secrets: secrets, limit: defaultBodyLimit}
	for _, opt := range opts {
		if opt == nil {
			m.err = &FieldError{Field: "option", Reason: "is nil"}
			continue
		}
		opt(m)
	}
	switch {
	case m.err != nil:
	case v == nil:
		m.err = &FieldError{Field: "verifier", Reason: "is nil"}
	case m.limit <= 0:
		m.err = &FieldError{Field: "body limit", Reason: "is not positive"}
	default:
		m.err = Validate(v)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			msg, err := m.verify(w, r)
			if err == nil && next == nil {
				err = &FieldError{Field: "next handler", Reason: "is nil"}
			}
			if err != nil {
				m.reject(w, r, err)
				return
			}
			// A copy: r belongs to whoever called, and may be looked at after.
			r = r.WithContext(ContextWithMessage(r.Context(), msg))
			r.Body = io.NopCloser(bytes.NewReader(msg.Body))
			r.ContentLength = int64(len(msg.Body))
			next.ServeHTTP(w, r)
		})
	}
}

type middleware struct {
	verifier Verifier
	secrets  SecretFunc
	limit    int64
	onReject func(*http.Request, error)
	err      error // what is wrong with the above
}

// A rejection is an error with the answer that it gets.
type rejection struct {
	error
	status int
	text   string
}

func (e rejection) Unwrap() error { return e.error }

func (m *middleware) verify(w http.ResponseWriter, r *http.Request) (Message, error) {
	if m.err != nil {
		return Message{}, m.err
	}
	var secrets []Secret
	if m.secrets != nil {
		var err error
		secrets, err = m.secrets(r)
		if errors.Is(err, ErrNoSecret) {
			return Message{}, rejection{err, http.StatusUnauthorized, "unknown webhook sender"}
		}
		if err != nil {
			return Message{}, err
		}
	}
	body, err := m.read(w, r)
	if err != nil {
		return Message{}, err
	}
	msg, err := m.verifier.Verify(r.Header, body, secrets...)
	switch {
	case errors.Is(err, ErrMalformed):
		err = rejection{err, http.StatusBadRequest, "malformed webhook signature"}
	case errors.Is(err, ErrMismatch):
		err = rejection{err, http.StatusUnauthorized, "webhook signature does not match"}
	case errors.Is(err, ErrStale):
		err = rejection{err, http.StatusUnauthorized, "webhook timestamp outside the tolerance"}
	}
	return msg, err
}

func (m *middleware) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > m.limit {
		return nil, rejection{&http.MaxBytesError{Limit: m.limit}, http.StatusRequestEntityTooLarge, "webhook body too large"}
	}
	// MaxBytesReader also has the server close the connection, so that the rest
	// of an endless body is not read.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, m.limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, rejection{err, http.StatusRequestEntityTooLarge, "webhook body too large"}
	case err != nil:
		return nil, rejection{err, http.StatusBadRequest, "webhook body unreadable"}
	}
	return body, nil
}

func (m *middleware) reject(w http.ResponseWriter, r *http.Request, err error) {
	answer := rejection{err, http.StatusInternalServerError, "webhook cannot be verified"}
	_ = errors.As(err, &answer) // anything else is the receiver's own fault
	if m.onReject != nil {
		m.onReject(r, answer.error)
	}
	http.Error(w, answer.text, answer.status)
}

type messageKey struct{}

// ContextWithMessage returns a context that carries m for [MessageFromContext].
// [Middleware] calls it; tests of handlers may.
func ContextWithMessage(ctx context.Context, m Message) context.Context {
	return context.WithValue(ctx, messageKey{}, m)
}

// MessageFromContext returns the message that [Middleware] verified, and whether
// there is one.
func MessageFromContext(ctx context.Context) (m Message, ok bool) {
	m, ok = ctx.Value(messageKey{}).(Message)
	return m, ok
}
