// Package signer signs outgoing webhook requests and verifies incoming ones.
//
// It needs the standard library alone, so a receiver can import it without the
// rest of Postrider.
//
// # Schemes
//
// A [Scheme] decides what is signed, with which key bytes, and which headers
// carry the result. "Key" says how the key is made from a [Secret]'s text,
// "several" whether one request can carry signatures of several secrets:
//
//	constructor         headers                                            signed content         key             several
//	StandardWebhooks    webhook-id, webhook-timestamp, webhook-signature   id "." time "." body   base64 decoded  yes
//	Ed25519             the same three                                     id "." time "." body   (own key pair)  yes
//	Stripe              Stripe-Signature                                   time "." body          literal text    yes
//	GitHub              X-Hub-Signature-256                                body                   literal text    no
//	HMAC                the one you name                                   body                   literal text    no
//
// [All] uses several signers on one request, while receivers move from one
// scheme to another. [StandardWebhooksDual] sends HMAC and Ed25519 signatures
// in one Standard Webhooks list. A host may also implement [Signer] itself.
//
// # Sending
//
// A dispatcher calls [Signer.Sign] with the bytes it is about to send. The
// secret keeps its keyed HMAC state, so keep a [Secret] and sign with it again
// rather than making a new one for each request. Constructors never fail; one
// that was given something wrong makes a value that refuses to sign and to
// verify, and [Validate] says why before the first request.
//
// # Receiving
//
// Verify the body as it came, before any parsing:
//
//	secret, err := signer.NewSecret(os.Getenv("WEBHOOK_SECRET"))
//	…
//	verify := signer.Middleware(signer.StandardWebhooks(), signer.Secrets(secret))
//	mux.Handle("POST /webhooks", verify(handler))
//
// In the handler, [MessageFromContext] returns the verified [Message]. Without
// the middleware, call [Verifier.Verify] with the headers and the raw body.
//
// A valid signature says who sent a request, not that it came once: senders
// deliver at least once, and within the tolerance anybody who saw a request can
// repeat it. Make handling idempotent by [Message].ID where the scheme signs
// one, else by the event id in the body.
//
// # Which error wins
//
// Verify checks in this order and returns the first failure, always the same
// one for the same request, clock and secrets:
//
//  1. How the verifier was built, and the secrets. These do not depend on the
//     request: a [FieldError], or [ErrNoSecret].
//  2. [ErrMalformed]: a header is missing, given twice, too long, or not in the
//     one form that a sender writes.
//  3. [ErrMismatch]: no signature in the request matches any of the secrets.
//  4. [ErrStale]: the request is authentic, but its timestamp is outside the
//     tolerance.
//
// The timestamp comes last on purpose. Whoever cannot sign learns nothing about
// the receiver's clock, and ErrStale always means an authentic request that was
// replayed or that two clocks disagree about, which is worth an alert. The
// price is one HMAC of the body for each secret; the receiver bounds its size.
//
// # Parsing is strict
//
// Each value has one accepted spelling. Timestamps are canonical decimal Unix
// seconds (no sign, no leading zero, no space) up to the year 9999. Signatures
// are standard base64 with padding and zero trailing bits, or lower-case
// hexadecimal, of exactly the digest's length. Header names are matched without
// regard to case, and a header that occurs twice, as two values or in two
// spellings, is refused. A header value is at most 4096 bytes and a signature
// list at most 16 entries. Entries of an unknown version are passed over, so
// that senders can introduce new ones.
package signer
