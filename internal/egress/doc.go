// Package egress sends one prepared request to an address that a stranger
// chose, and reports what came back. Everything hostile on that way is dealt
// with here: addresses that must not be reached, answers that never end, bytes
// that must not be stored as they came.
//
// Three parts work together:
//
//   - [CheckURL] and [CheckHeader] refuse, when an endpoint is configured, what
//     net/http could not send or what would change the meaning of a delivery.
//   - [NewTransport] gives an [net/http.Transport] that checks every address
//     after resolution and immediately before it connects ([Guard]), so that
//     neither a redirect, a DNS answer that changes, nor an unusual notation of
//     an address leads into the private network.
//   - [Do] makes one attempt under one deadline and returns a [Response] in
//     which everything is bounded and printable.
//
// A caller keeps one transport for its lifetime and calls Do for each attempt:
//
//	rt := egress.NewTransport(egress.Options{})
//	defer rt.CloseIdleConnections()
//	res := egress.Do(ctx, rt, egress.Request{URL: u, Header: h, Body: body}, egress.Limits{Timeout: 30 * time.Second})
//	switch {
//	case res.Err != nil: // res.Class says which step failed
//	case res.Status/100 == 2: // delivered
//	}
//
// # What is sent, and how often
//
// A receiver processes a request at most once per call of Do, which calls
// RoundTrip, never Client.Do, so that no redirect is followed and no cookie is
// kept. It leaves Request.GetBody nil, so that net/http itself never sends a body
// a second time; Do repeats, within the same deadline, only what was never begun
// or what an HTTP/2 server declared unprocessed.
package egress
