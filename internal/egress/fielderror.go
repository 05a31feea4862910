package egress

// FieldError says that a configured value cannot be used. Its text never holds
// the value itself, which may carry a credential.
type FieldError struct {
	Field  string // what was checked: "url", "header name", "header value"
	Reason string // what is wrong, and where it helps what to write instead
}

// Error returns "field: reason".
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }
