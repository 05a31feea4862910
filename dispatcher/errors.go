package dispatcher

import (
	"errors"
	"fmt"
)

// ValidationError says which field of what the host passed is wrong, and why.
// Nothing was written. Get it with errors.As.
type ValidationError struct {
	// Field is the path of the field in lower camel case, such as "url" or
	// "events[2].type".
	Field string
	// Reason is a clause that reads well after the field's name. It never holds
	// a secret.
	Reason string
}

// Error returns "invalid FIELD: REASON".
func (e *ValidationError) Error() string { return "invalid " + e.Field + ": " + e.Reason }

func invalid(field, format string, args ...any) error {
	return &ValidationError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// within puts a path before the field of a ValidationError.
func within(path string, err error) error {
	var v *ValidationError
	if errors.As(err, &v) {
		return &ValidationError{Field: path + "." + v.Field, Reason: v.Reason}
	}
	return err
}

// ErrRunning: Run was called while the engine was running.
var ErrRunning = errors.New("dispatcher: already running")
