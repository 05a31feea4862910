package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
)

// handler answers a customer's request with a status and a value to be sent as
// JSON, or fails.
type handler func(r *http.Request, customer string) (status int, answer any, err error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// This stands for the application's own authentication: it believes
	// everybody, and has no password.
	customer, _, ok := r.BasicAuth()
	if !ok || customer == "" {
		w.Header().Set("WWW-Authenticate", "Basic")
		respond(w, http.StatusUnauthorized, problem{Error: "say who you are: curl -u acme:"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	status, answer, err := h(r, customer)
	if err != nil {
		status, answer = problemOf(r, err)
	}
	respond(w, status, answer)
}

// problem is what is answered when a request fails.
type problem struct {
	Error string `json:"error"`
	Field string `json:"field,omitempty"`
}

// problemOf tells customers what they can mend, and the log the rest.
func problemOf(r *http.Request, err error) (int, problem) {
	var bad *dispatcher.ValidationError
	switch {
	case errors.As(err, &bad):
		return http.StatusUnprocessableEntity, problem{Error: bad.Reason, Field: bad.Field}
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound, problem{Error: "there is none"}
	case errors.Is(err, store.ErrInvalidCursor):
		return http.StatusUnprocessableEntity, problem{Error: "is not one of this list", Field: "cursor"}
	case errors.Is(err, dispatcher.ErrPayloadPurged):
		return http.StatusGone, problem{Error: "it is too old to be sent again"}
	case errors.Is(err, store.ErrConflict):
		return http.StatusConflict, problem{Error: "it was changed meanwhile; look again"}
	case errors.Is(err, errOutOfStock):
		return http.StatusConflict, problem{Error: errOutOfStock.Error()}
	}
	slog.ErrorContext(r.Context(), "request failed", "pattern", r.Pattern, "error", err)
	return http.StatusInternalServerError, problem{Error: "internal error"}
}

func respond(w http.ResponseWriter, status int, answer any) {
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalid("body", err.Error())
	}
	return nil
}

func invalid(field, reason string) error {
	return &dispatcher.ValidationError{Field: field, Reason: reason}
}
