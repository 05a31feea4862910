package egress

import (
	"slices"
	"strconv"
	"strings"
)

// MaxHeaderName and MaxHeaderValue bound what [CheckHeader] accepts, in bytes.
// Servers commonly stop at 8 KiB for all header fields together.
const (
	MaxHeaderName  = 128
	MaxHeaderValue = 4096
)

// reservedNames are header fields, in lower case, that an endpoint may not set.
var reservedNames = map[string]string{
	"host":           "it is taken from the URL",
	"content-length": "it is computed from the body",

	// What describes the body belongs to whoever composes the body.
	"content-type":     "it is set by the envelope",
	"content-encoding": "the body is sent as it was signed",

	// Framing and connections (RFC 9110, section 7.6.1; RFC 9113, section 8.2.2).
	"transfer-encoding": "it would change how the body is framed",
	"connection":        "it belongs to the connection",
	"keep-alive":        "it belongs to the connection",
	"upgrade":           "it belongs to the connection",
	"http2-settings":    "it belongs to the connection",
	"te":                "it belongs to the connection",
	"trailer":           "no trailers are sent",
	"expect":            "it makes the server wait or refuse",

	// net/http takes their presence as leave to send a POST again by itself.
	"idempotency-key":   "it makes the HTTP client repeat requests by itself",
	"x-idempotency-key": "it makes the HTTP client repeat requests by itself",

	// Responses are stored as they come.
	"accept-encoding": "compressed responses could not be read",
}

// reservedPrefixes are beginnings of reserved names, in lower case.
var reservedPrefixes = map[string]string{
	"proxy-":   "it addresses proxies",
	"webhook-": "Standard Webhooks reserves it",
}

// CheckHeader refuses, with a [*FieldError], a header field that an endpoint
// configuration may not add to its requests. name must be a token (RFC 9110,
// section 5.6.2) and not reserved; value must be visible ASCII with spaces and
// tabs inside, not empty. Values beyond ASCII are obsolete (section 5.5): no two
// servers agree on their encoding, and net/http drops an empty User-Agent.
// Whatever is accepted, net/http sends unchanged but for the case of the name.
//
// Reserved, whatever the case, are the names that net/http or HTTP itself takes
// care of, Content-Type and Content-Encoding, Idempotency-Key and
// X-Idempotency-Key, and names that begin with Proxy- or Webhook-; moreover the
// names in reserved, such as those of signature fields. User-Agent,
// Authorization and Cookie may be set.
func CheckHeader(name, value string, reserved ...string) error {
	if reason := checkHeaderName(name, reserved); reason != "" {
		return &FieldError{Field: "header name", Reason: reason}
	}
	if reason := checkHeaderValue(value); reason != "" {
		return &FieldError{Field: "header value", Reason: reason + " (" + name + ")"}
	}
	return nil
}

// CheckContentType refuses, with a [*FieldError], a Content-Type that cannot be
// sent unchanged.
func CheckContentType(value string) error {
	if reason := checkHeaderValue(value); reason != "" {
		return &FieldError{Field: "content type", Reason: reason}
	}
	return nil
}

func checkHeaderName(name string, reserved []string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > MaxHeaderName:
		return "is longer than " + strconv.Itoa(MaxHeaderName) + " bytes"
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isAlphaNumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return "must consist of letters, digits and !#$%&'*+-.^_`|~"
		}
	}
	lower := strings.ToLower(name)
	why, isReserved := reservedNames[lower]
	for prefix, reason := range reservedPrefixes {
		if strings.HasPrefix(lower, prefix) {
			why, isReserved = reason, true
		}
	}
	if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) {
		why, isReserved = "it is set with each delivery", true
	}
	if isReserved {
		return name + " is reserved: " + why
	}
	return ""
}

func checkHeaderValue(value string) string {
	switch {
	case value == "":
		return "must not be empty"
	case len(value) > MaxHeaderValue:
		return "is longer than " + strconv.Itoa(MaxHeaderValue) + " bytes"
	case strings.Trim(value, " \t") != value:
		return "must not begin or end with a space or tab"
	}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\r' || c == '\n':
			return "must not contain a line break"
		case c < ' ' && c != '\t' || c == 0x7f:
			return "must not contain a control character"
		case c >= 0x80:
			return "must be ASCII; encode other characters"
		}
	}
	return ""
}
