package signer

import (
	"encoding/base64"
	"encoding/hex"
	"time"
)

// defaultTolerance is the window of the Standard Webhooks libraries and of
// Stripe's.
const defaultTolerance = 5 * time.Minute

// VerifyOption adjusts how a scheme with timestamps verifies. It has no effect
// on signing.
type VerifyOption func(*window)

// WithTolerance sets how far the timestamp of a request may be from the
// receiver's clock, before or after it; exactly d is accepted. The default is
// five minutes. d must be positive.
func WithTolerance(d time.Duration) VerifyOption {
	return func(w *window) { w.tolerance = d }
}

// WithClock sets the clock that timestamps are compared with. The default is
// [time.Now]. now must be safe for concurrent use. It is meant for tests and for
// checking recorded requests.
func WithClock(now func() time.Time) VerifyOption {
	return func(w *window) { w.now = now }
}

// window is the span of time in which a request is fresh.
type window struct {
	tolerance time.Duration
	now       func() time.Time
}

func newWindow(opts []VerifyOption) (window, error) {
	w := window{tolerance: defaultTolerance, now: time.Now}
	for _, opt := range opts {
		if opt == nil {
			return w, &FieldError{Field: "option", Reason: "is nil"}
		}
		opt(&w)
	}
	if w.tolerance <= 0 {
		return w, &FieldError{Field: "tolerance", Reason: "is not positive"}
	}
	if w.now == nil {
		return w, &FieldError{Field: "clock", Reason: "is nil"}
	}
	return w, nil
}

// check returns ErrStale if sent is outside the window.
func (w window) check(header string, sent time.Time) error {
	age := w.now().Sub(sent)
	switch {
	case age > w.tolerance:
		return &VerifyError{Err: ErrStale, Header: header, Reason: "is too old"}
	case age < -w.tolerance:
		return &VerifyError{Err: ErrStale, Header: header, Reason: "is in the future"}
	}
	return nil
}

// decodeBase64 returns the size bytes that text holds in standard base64 with
// padding, or nil if it holds anything else.
func decodeBase64(text string, size int) []byte {
	if len(text) != base64.StdEncoding.EncodedLen(size) {
		return nil
	}
	// The decoder skips line breaks, so it is the decoded length that tells.
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != size {
		return nil
	}
	return b
}

// decodeHex is decodeBase64 for lower-case hexadecimal.
func decodeHex(text string, size int) []byte {
	if len(text) != hex.EncodedLen(size) {
		return nil
	}
	for i := range len(text) {
		if text[i] >= 'A' && text[i] <= 'F' {
			return nil // the decoder takes both cases
		}
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}
