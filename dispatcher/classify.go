package dispatcher

import (
	"net/http"
	"time"
)

// Result is what a classifier judges: one finished attempt.
type Result struct {
	// Status is the HTTP status, 0 if none came. An answer that broke off after it
	// has one and an Err.
	Status int
	// Code is the class of the outcome: [CodeOK], [CodeRedirect] or
	// [CodeHTTPStatus] for a complete answer, and a network class otherwise.
	Code Code
	// Err is what happened, nil after a complete answer.
	Err error
	// RetryAfter is what the receiver asked for by its Retry-After header (RFC
	// 9110, 10.2.3), 0 if nothing, at most the limit of [WithMaxRetryAfter].
	RetryAfter time.Duration
	// Try counts the attempts of the present schedule, this one included.
	Try int
}

// Verdict is what follows from an attempt.
type Verdict struct {
	Action Action
	// After is the least time before the next attempt, if there is one.
	After time.Duration
	// Reason is recorded with the delivery; the Result's Code if empty. At most 64
	// small letters, digits and '_'; what is something else becomes '_', and what is
	// longer is cut.
	Reason Code
}

// Action is the kind of a [Verdict].
type Action uint8

const (
	// ActionRetry tries again when the retry policy says, and fails the delivery
	// when it says no more. The zero value.
	ActionRetry Action = iota
	// ActionDeliver: the receiver has it.
	ActionDeliver
	// ActionFail fails the delivery without another attempt.
	ActionFail
	// ActionDisable fails the delivery and disables the endpoint.
	ActionDisable
)

// Classify is the default classifier:
//
//   - 2xx is delivered.
//   - 410 Gone disables the endpoint (Standard Webhooks, "Endpoint failure").
//   - 429 and 503 wait at least as long as their Retry-After says.
//   - What the same request can never change is not tried again: 405, 413, 414,
//     415, 501, 505, an address that may not be reached, and a request that
//     cannot be built.
//   - Everything else is tried again: other 4xx are more often a receiver in the
//     middle of a deployment than a lasting refusal, and 3xx is an error of the
//     configuration that its owner can mend.
func Classify(r Result) Verdict {
	switch {
	case r.Status >= 200 && r.Status < 300 && r.Err == nil:
		return Verdict{Action: ActionDeliver, Reason: CodeOK}
	case r.Status == http.StatusGone:
		return Verdict{Action: ActionDisable, Reason: CodeGone}
	case r.Status == http.StatusTooManyRequests, r.Status == http.StatusServiceUnavailable:
		return Verdict{Action: ActionRetry, After: r.RetryAfter}
	case r.Code == CodeBlocked, r.Code == CodeUnsendable:
		return Verdict{Action: ActionFail}
	}
	switch r.Status {
	case http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnsupportedMediaType, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return Verdict{Action: ActionFail}
	}
	return Verdict{Action: ActionRetry}
}

// ClassifyStrictly is a classifier for products that document "every answer but
// 2xx is retried": it disables nothing and heeds no Retry-After. Only what
// cannot be sent at all fails at once.
func ClassifyStrictly(r Result) Verdict {
	switch {
	case r.Status >= 200 && r.Status < 300 && r.Err == nil:
		return Verdict{Action: ActionDeliver, Reason: CodeOK}
	case r.Code == CodeUnsendable:
		return Verdict{Action: ActionFail}
	}
	return Verdict{Action: ActionRetry}
}
