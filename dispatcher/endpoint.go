package dispatcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// EndpointConfig describes an endpoint to register.
type EndpointConfig struct {
	// Name is for people; up to 255 bytes, may be empty.
	Name string
	// URL receives the events: absolute and https ([WithPlainHTTP] admits http),
	// without user name, password or fragment, at most 2048 bytes. It is stored
	// and shown as it is; put credentials into Headers.
	URL string
	// Events are the patterns subscribed to, 1 to 500: "*", an exact type, or a
	// dotted prefix such as "invoice.*", which matches at any depth below it but
	// not "invoice" itself.
	Events []string
	// Description is for people; up to 4096 bytes.
	Description string
	// Headers are sent with every attempt, up to 50 of at most 4096 bytes. They may
	// hold credentials: they are sealed like secrets and their values are never
	// shown again; where an answer repeats one of 8 bytes and more, it is recorded
	// without it. Refused are the names that HTTP itself takes care of,
	// Content-Type and Content-Encoding, Idempotency-Key and X-Idempotency-Key,
	// those that begin with Proxy- or Webhook-, and those of the signature.
	Headers map[string]string
	// Metadata is the host's own, up to 50 entries of 255 and 4096 bytes.
	Metadata map[string]string
	// Secret is used instead of a generated one if it is set, as for a receiver
	// that must know it before it can be reached.
	Secret signer.Secret
	// Retry are the delays between attempts, within the bounds of [Schedule]; nil
	// means the dispatcher's policy, empty means no retry.
	Retry []time.Duration
	// MaxInFlight caps what one process sends to the endpoint at once, up to
	// 10,000; 0 means the dispatcher's default ([WithMaxInFlight]).
	MaxInFlight int
	// Disabled registers the endpoint without making it active.
	Disabled bool
}

// Endpoint is a registered endpoint.
type Endpoint struct {
	ID          string
	Tenant      string
	Name        string
	URL         string
	Events      []string
	Description string
	// HeaderNames are the names of the custom headers, sorted.
	HeaderNames []string
	Metadata    map[string]string
	// Secrets tells which secrets there are, the newest first. Their values are
	// not shown.
	Secrets     []SecretInfo
	Retry       []time.Duration
	MaxInFlight int
	Status      EndpointStatus
	// StatusReason says why it is paused or disabled, if there is more to say
	// than that the host did it: [CodeGone] after a 410.
	StatusReason Code
	// Revision rises with every change; [EndpointManager] Update asks for it.
	Revision             int64
	CreatedAt, UpdatedAt time.Time
}

// SecretInfo describes a secret without showing it.
type SecretInfo struct {
	Version int
	// Phase says what the secret does now.
	Phase     SecretPhase
	CreatedAt time.Time
	// ExpiresAt is when a retiring secret ends.
	ExpiresAt time.Time
}

// EndpointStatus and SecretPhase are the store's.
type (
	EndpointStatus = store.EndpointStatus
	SecretPhase    = store.SecretPhase
)

// The statuses of an endpoint and the phases of a secret.
const (
	EndpointActive   = store.EndpointActive
	EndpointPaused   = store.EndpointPaused
	EndpointDisabled = store.EndpointDisabled

	SecretActive   = store.SecretActive
	SecretRetiring = store.SecretRetiring
	SecretPrepared = store.SecretPrepared
)

// EndpointUpdate says what to change; nil leaves a field as it is.
type EndpointUpdate struct {
	Name, URL, Description *string
	// Events replaces all patterns.
	Events []string
	// Headers replaces all custom headers; an empty map removes them.
	Headers map[string]string
	// Metadata replaces all entries; an empty map removes them.
	Metadata map[string]string
	// Retry replaces the delays; a pointer to a nil slice restores the
	// dispatcher's policy.
	Retry       *[]time.Duration
	MaxInFlight *int
}

// EndpointFilter selects endpoints; a zero field does not restrict. A Status that
// there is not is refused with a [*ValidationError].
type EndpointFilter struct {
	Status EndpointStatus
}

func (f EndpointFilter) check() error {
	if f.Status > EndpointDisabled {
		return invalid("status", "must be one of the statuses of an endpoint, or 0 for all, is %d", f.Status)
	}
	return nil
}

const (
	maxName        = 255
	maxDescription = 4096
	maxPatterns    = 500
	maxEntries     = 50
	maxMaxInFlight = 10_000
)

// checkConfig holds for what an endpoint would be after a change.
func (e *Engine) checkConfig(c *EndpointConfig) error {
	if err := checkText("name", c.Name, maxName); err != nil {
		return err
	}
	u, err := egress.CheckURL(c.URL, e.cfg.plainHTTP)
	if err != nil {
		return invalid("url", "%s", reasonOf(err))
	}
	if e.guard != nil {
		// Only an early answer: a name is checked when it is dialled.
		if err := e.guard.CheckHost(u.Hostname()); err != nil {
			return invalid("url", "%s", reasonOf(err))
		}
	}
	if err := checkText("description", c.Description, maxDescription); err != nil {
		return err
	}
	if len(c.Events) == 0 {
		return invalid("events", `must not be empty; use "*" for all events`)
	}
	if len(c.Events) > maxPatterns {
		return invalid("events", "must have at most %d patterns, has %d", maxPatterns, len(c.Events))
	}
	for i, p := range c.Events {
		if err := checkPattern(p); err != nil {
			return invalid(fmt.Sprintf("events[%d]", i), "%s", reasonOf(err))
		}
	}
	if err := e.checkHeaders(c.Headers); err != nil {
		return err
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return err
	}
	if err := checkDelays("retry", c.Retry); err != nil {
		return err
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > maxMaxInFlight {
		return invalid("maxInFlight", "must be between 0 and %d", maxMaxInFlight)
	}
	return nil
}

func (e *Engine) checkHeaders(headers map[string]string) error {
	if len(headers) > maxEntries {
		return invalid("headers", "must have at most %d entries, has %d", maxEntries, len(headers))
	}
	seen := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field := fmt.Sprintf("headers[%q]", egress.Text(name, 64))
		if err := egress.CheckHeader(name, headers[name], e.reserved...); err != nil {
			return invalid(field, "%s", reasonOf(err))
		}
		lower := strings.ToLower(name)
		if seen[lower] {
			return invalid(field, "is given twice, in two spellings")
		}
		seen[lower] = true
	}
	return nil
}

func checkMetadata(metadata map[string]string) error {
	if len(metadata) > maxEntries {
		return invalid("metadata", "must have at most %d entries, has %d", maxEntries, len(metadata))
	}
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		if k == "" {
			return invalid("metadata", "has an empty key")
		}
		if err := checkText("metadata", k, maxName); err != nil {
			return invalid("metadata", "has a key that %s", reasonOf(err))
		}
		if err := checkText(fmt.Sprintf("metadata[%q]", k), metadata[k], maxDescription); err != nil {
			return err
		}
	}
	return nil
}

// checkText admits what every database stores and every page shows.
func checkText(field, s string, limit int) error {
	if len(s) > limit {
		return invalid(field, "must be at most %d bytes, has %d", limit, len(s))
	}
	if !utf8.ValidString(s) {
		return invalid(field, "must be valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return invalid(field, "must not hold control characters")
		}
	}
	return nil
}

func reasonOf(err error) string {
	var (
		ours    *ValidationError
		ofURL   *egress.FieldError
		ofSigns *signer.FieldError
	)
	switch {
	case errors.As(err, &ours):
		return ours.Reason
	case errors.As(err, &ofURL):
		return ofURL.Reason
	case errors.As(err, &ofSigns):
		return ofSigns.Reason
	}
	return err.Error()
}

// normalPatterns sorts and removes repetitions.
func normalPatterns(patterns []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(patterns)))
}

// viewEndpoint shows a stored endpoint to the host. headers may be nil if there are
// none.
func viewEndpoint(s store.Endpoint, headers map[string]string) Endpoint {
	e := Endpoint{
		ID: s.ID, Tenant: s.Tenant, Name: s.Name, URL: s.URL, Events: s.Patterns,
		Description: s.Description, HeaderNames: slices.Sorted(maps.Keys(headers)), Metadata: s.Metadata,
		Retry: s.Retry, MaxInFlight: s.MaxInFlight, Status: s.Status, StatusReason: s.StatusReason,
		Revision: s.Revision, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	for _, secret := range slices.Backward(s.Secrets) {
		e.Secrets = append(e.Secrets, SecretInfo{secret.Version, secret.Phase, secret.CreatedAt, secret.ExpiresAt})
	}
	return e
}

func encodeHeaders(headers map[string]string) ([]byte, error) { return json.Marshal(headers) }

func decodeHeaders(b []byte) (map[string]string, error) {
	var headers map[string]string
	if err := json.Unmarshal(b, &headers); err != nil {
		return nil, fmt.Errorf("dispatcher: stored headers are not readable: %w", err)
	}
	return headers, nil
}
