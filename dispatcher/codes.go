package dispatcher

import "github.com/postrider/postrider/store"

// Code is a short machine-readable reason.
type Code = store.Code

// Reasons of deliveries and attempts.
const (
	// The attempt got a 2xx answer.
	CodeOK Code = "ok"
	// The attempt got another status.
	CodeHTTPStatus Code = "http_status"
	// The attempt got a 3xx answer; redirects are not followed.
	CodeRedirect Code = "redirect"
	// The receiver answered 410 Gone; the endpoint is disabled.
	CodeGone Code = "gone"
	// The deadline of the attempt passed.
	CodeTimeout Code = "timeout"
	// The host name could not be resolved.
	CodeDNS Code = "dns"
	// No connection was made.
	CodeConnect Code = "connect"
	// The TLS handshake failed, an invalid certificate included.
	CodeTLS Code = "tls"
	// The address may not be reached (see [WithPrivateAddresses]).
	CodeBlocked Code = "blocked"
	// The connection broke before the answer was complete.
	CodeBroken Code = "connection_broken"
	// The answer was not valid HTTP, or its headers were too large.
	CodeProtocol Code = "protocol"
	// The attempt was cut off by the sender's shutdown; its outcome is not
	// known.
	CodeInterrupted Code = "interrupted"
	// The request could not be built or signed. A delivery that is pending for
	// this reason waits for a key that does not answer.
	CodeUnsendable Code = "unsendable"
	// The delivery's leases expired several times in a row, so that it may be
	// what ends the process: it rests, or is tried alone (see [CrashPolicy]). The
	// number of crashes while it was tried alone follows, as in "suspect_1", and
	// "_alone" while that is done again.
	CodeSuspect Code = "suspect"
	// The delivery's leases expired again and again: it seems to end the process
	// that tries it.
	CodeCrashing Code = "crashing"
	// The event's Until passed.
	CodeExpired Code = "expired"
	// The endpoint was deleted or disabled while the delivery waited.
	CodeEndpointDeleted  Code = "endpoint_deleted"
	CodeEndpointDisabled Code = "endpoint_disabled"
	// The host cancelled the delivery.
	CodeCancelled Code = "cancelled"
	// The event's payload was purged before it could be sent.
	CodePurged Code = "payload_purged"
)
