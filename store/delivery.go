package store

import "time"

// State is the state of a delivery.
type State uint8

// The states of a delivery. The zero value is invalid. All but StatePending
// are terminal: only [Recovery.Requeue] leaves them.
const (
	StatePending   State = 1
	StateDelivered State = 2
	// StateFailed: the retries are used up, or no retry could succeed.
	StateFailed State = 3
	// StateCancelled: given up without blame on the receiver: by the host, or
	// because the endpoint or the event's use had ended.
	StateCancelled State = 4
)

var stateNames = []string{"", "pending", "delivered", "failed", "cancelled"}

// String returns "pending", "delivered", "failed" or "cancelled".
func (s State) String() string { return nameOf("State", stateNames, uint8(s)) }

// MarshalText encodes as [State.String] does.
func (s State) MarshalText() ([]byte, error) { return marshalName("state", stateNames, uint8(s)) }

// UnmarshalText accepts what MarshalText makes.
func (s *State) UnmarshalText(text []byte) error {
	return unmarshalName("state", stateNames, text, (*uint8)(s))
}

// Terminal tells whether no attempt follows by itself.
func (s State) Terminal() bool { return s != StatePending }

// Code is a short machine-readable reason, such as "http_status" or
// "endpoint_deleted": at most 64 bytes of [a-z0-9_]. The dispatcher defines
// them; stores keep them as they are.
type Code string

// Delivery is one event to one endpoint. There is at most one for each pair.
type Delivery struct {
	// ID is made by the store at Insert: unique over all tenants, at most 64
	// bytes of [A-Za-z0-9_-].
	ID         string
	Tenant     string
	EventID    string
	EventType  string
	EndpointID string
	State      State
	// Reason says why the delivery is in its state, or why its last attempt
	// failed.
	Reason Code
	// Attempts counts the recorded attempts over the delivery's whole life.
	Attempts int
	// Tries counts the recorded attempts of the present schedule that were not
	// free; [Recovery.Requeue] starts it afresh. It is the retry budget used.
	Tries int
	// Expiries counts the leases that expired one after another, without a
	// recorded attempt between them: attempts of unknown outcome.
	Expiries int
	// Interrupted counts all leases that ever expired.
	Interrupted int
	// Token rises at every Claim, Requeue and Cancel.
	Token int64
	// Claimed tells that a lease is outstanding; VisibleAt is its end.
	Claimed bool
	// VisibleAt is when a pending delivery can be claimed next.
	VisibleAt time.Time
	// LastStatus is the HTTP status of the last recorded attempt, 0 if it got
	// none.
	LastStatus int
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// DeliveredAt is the time of the first success. Nothing erases it.
	DeliveredAt time.Time
}

// Attempt is one HTTP try of a delivery, with everything seen. Its strings are
// valid UTF-8 without NUL; its sizes are bounded by the dispatcher.
type Attempt struct {
	// Number is set at Settle: 1 for the delivery's first recorded attempt,
	// rising by one, never changed.
	Number     int
	DeliveryID string
	// StartedAt is the sender's time.
	StartedAt time.Time
	// Duration runs from the start to the end of the response body.
	Duration       time.Duration
	URL            string
	RemoteAddr     string
	RequestHeader  []Header
	Status         int
	ResponseHeader []Header
	ResponseBody   []byte
	// Truncated tells that the response body was longer than what is kept.
	Truncated bool
	// Code is the class of the outcome, Error its text; Error is empty after a
	// complete response.
	Code    Code
	Error   string
	Timings Timings
}

// Header is one field line.
type Header struct{ Name, Value string }

// Timings are parts of an attempt's Duration; zero means that the part did not
// happen, as on a reused connection.
type Timings struct {
	DNS, Connect, TLS, FirstByte time.Duration
	Reused                       bool
}
