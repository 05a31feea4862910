package store

import (
	"context"
	"time"
)

// EndpointStatus says what happens to events that match an endpoint.
type EndpointStatus uint8

// The states of an endpoint. The zero value is invalid.
const (
	// EndpointActive: deliveries are made and sent.
	EndpointActive EndpointStatus = 1
	// EndpointPaused: deliveries are made and wait; [Queue.Claim] never returns
	// them until the endpoint is active again.
	EndpointPaused EndpointStatus = 2
	// EndpointDisabled: no deliveries are made ([Writer.Match] leaves it out);
	// those that were pending are claimed so that the engine can cancel them.
	EndpointDisabled EndpointStatus = 3
)

var endpointStatusNames = []string{"", "active", "paused", "disabled"}

// String returns "active", "paused" or "disabled".
func (s EndpointStatus) String() string {
	return nameOf("EndpointStatus", endpointStatusNames, uint8(s))
}

// MarshalText encodes as [EndpointStatus.String] does.
func (s EndpointStatus) MarshalText() ([]byte, error) {
	return marshalName("endpoint status", endpointStatusNames, uint8(s))
}

// UnmarshalText accepts what MarshalText makes.
func (s *EndpointStatus) UnmarshalText(text []byte) error {
	return unmarshalName("endpoint status", endpointStatusNames, text, (*uint8)(s))
}

// Endpoint is where a receiver wants its events. Secrets and Headers reach the
// store sealed; a store keeps their bytes as they are.
type Endpoint struct {
	// ID is unique over all tenants, at most 64 bytes of [A-Za-z0-9_-], compared
	// byte by byte. It is also the id of the endpoint's lane.
	ID     string
	Tenant string
	Name   string
	// URL may hold credentials in its query; it is data to the store.
	URL         string
	Description string
	// Patterns are the events the endpoint subscribes to: "*", an exact type, or
	// a dotted prefix followed by ".*". See [MatchingPatterns].
	Patterns []string
	Status   EndpointStatus
	// StatusReason says why the endpoint is paused or disabled; empty if a host
	// did it without giving a reason.
	StatusReason Code
	Secrets      []SealedSecret
	// Headers are the sealed custom headers, nil if there are none.
	Headers  []byte
	Metadata map[string]string
	// Retry holds the delays between attempts, in order; nil means the
	// dispatcher's policy.
	Retry []time.Duration
	// MaxInFlight caps how many deliveries one process sends to the endpoint at
	// once; 0 means the dispatcher's default.
	MaxInFlight int
	// Revision starts at 1 and rises by one at each write.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
	// DeletedAt is set on a tombstone: an endpoint that was deleted. Only
	// [Queue.Claim] returns tombstones.
	DeletedAt time.Time
}

// SealedSecret is one secret of an endpoint as the store sees it.
type SealedSecret struct {
	// Version numbers an endpoint's secrets from 1 and is never used again.
	Version int
	Sealed  []byte
	Phase   SecretPhase
	// CreatedAt is the dispatcher's time.
	CreatedAt time.Time
	// ExpiresAt ends a retiring secret; zero means that it has no end.
	ExpiresAt time.Time
}

// SecretPhase is the place of a secret in a rotation.
type SecretPhase uint8

// The phases of a secret. The zero value is invalid.
const (
	// SecretActive signs.
	SecretActive SecretPhase = 1
	// SecretRetiring signs beside the active one until it expires, where the
	// scheme can carry two signatures.
	SecretRetiring SecretPhase = 2
	// SecretPrepared is known to the receiver but does not sign yet.
	SecretPrepared SecretPhase = 3
)

var secretPhaseNames = []string{"", "active", "retiring", "prepared"}

// String returns "active", "retiring" or "prepared".
func (p SecretPhase) String() string { return nameOf("SecretPhase", secretPhaseNames, uint8(p)) }

// MarshalText encodes as [SecretPhase.String] does.
func (p SecretPhase) MarshalText() ([]byte, error) {
	return marshalName("secret phase", secretPhaseNames, uint8(p))
}

// UnmarshalText accepts what MarshalText makes.
func (p *SecretPhase) UnmarshalText(text []byte) error {
	return unmarshalName("secret phase", secretPhaseNames, text, (*uint8)(p))
}

// Endpoints keeps endpoints.
type Endpoints interface {
	// CreateEndpoint inserts e with Revision 1 and the store's times, and
	// returns it as stored. ErrExists if the id is taken, by a tombstone too.
	CreateEndpoint(ctx context.Context, e Endpoint) (Endpoint, error)
	// Endpoint returns one endpoint. ErrNotFound if it does not exist in the
	// tenant or was deleted.
	Endpoint(ctx context.Context, tenant, id string) (Endpoint, error)
	// Endpoints returns a page, newest first, without deleted ones.
	Endpoints(ctx context.Context, q EndpointQuery) (Page[Endpoint], error)
	// UpdateEndpoint replaces everything but ID, Tenant, Status, StatusReason
	// and times, if the stored Revision still equals e.Revision (otherwise
	// ErrConflict, and nothing changes), and returns it as stored.
	UpdateEndpoint(ctx context.Context, e Endpoint) (Endpoint, error)
	// SetEndpointStatus is one small write, whatever the endpoint's backlog. It
	// takes effect for every Claim and Match that begins after it returned. The
	// Revision rises unless the endpoint had this status and reason already.
	SetEndpointStatus(ctx context.Context, tenant, id string, s EndpointStatus, reason Code) (Endpoint, error)
	// DeleteEndpoint turns the endpoint into a tombstone, one small write. Its
	// pending deliveries stay claimable, so that the engine can cancel them.
	// ErrNotFound if there is none, or it was deleted before.
	DeleteEndpoint(ctx context.Context, tenant, id string) error
}

// EndpointQuery selects endpoints.
type EndpointQuery struct {
	Scope Scope
	// Status selects one status; zero selects all.
	Status EndpointStatus
	Cursor string
	Limit  int
}
