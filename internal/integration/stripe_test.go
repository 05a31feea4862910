package integration

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// What the engine sends verifies with Stripe's library, also while a secret
// rotates.
func TestStripeDelivery(t *testing.T) {
	s, secret := newSender(t, dispatcher.WithSigner(signer.Stripe()))
	for name, payload := range payloads() {
		t.Run(name, func(t *testing.T) {
			checkStripe(t, s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload}), secret)
		})
	}
	t.Run("rotation", func(t *testing.T) {
		fresh, err := s.hooks.RotateSecret(t.Context(), s.endpoint.ID, dispatcher.Rotation{Grace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: 1})
		if n := strings.Count(r.Header.Get("Stripe-Signature"), "v1="); n != 2 {
			t.Errorf("%d signatures, want 2", n)
		}
		checkStripe(t, r, fresh)
		checkStripe(t, r, secret)
	})
}

// An envelope can be made that Stripe's library takes for an event of Stripe.
func TestStripeEvent(t *testing.T) {
	s, secret := newSender(t,
		dispatcher.WithSigner(signer.Stripe()),
		dispatcher.WithEventIDs(dispatcher.IDFormat{Prefix: "evt_", Length: 24}),
		dispatcher.WithEnvelope(dispatcher.JSONEnvelope(
			dispatcher.FieldID("id"), dispatcher.FieldType("type"),
			dispatcher.FieldTime("created", dispatcher.UnixSeconds), dispatcher.FieldPayload("data", "object"))))
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: map[string]string{"id": "in_1"}})
	// Our envelope has no field for the version of Stripe's own API.
	e, err := webhook.ConstructEventWithOptions(r.Body, r.Header.Get("Stripe-Signature"), secret.Reveal(),
		webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true})
	if err != nil {
		t.Fatal(err)
	}
	if e.Type != stripe.EventTypeInvoicePaid || !strings.HasPrefix(e.ID, "evt_") || e.Data.Object["id"] != "in_1" ||
		time.Since(time.Unix(e.Created, 0)) > time.Minute {
		t.Errorf("it reads %+v", e)
	}

	// A host that writes the whole body itself can satisfy the version check too.
	raw, rawSecret := newSender(t, dispatcher.WithSigner(signer.Stripe()), dispatcher.WithEnvelope(dispatcher.RawEnvelope("application/json")))
	r = raw.deliver(dispatcher.Event{Type: "invoice.paid", Payload: map[string]any{
		"id": "evt_1", "object": "event", "api_version": stripe.APIVersion, "type": "invoice.paid", "data": map[string]any{"object": map[string]string{}},
	}})
	if e, err := webhook.ConstructEvent(r.Body, r.Header.Get("Stripe-Signature"), rawSecret.Reveal()); err != nil || e.ID != "evt_1" {
		t.Errorf("%+v, %v", e, err)
	}
}

// What Stripe's library signs verifies with ours.
func TestStripeVerify(t *testing.T) {
	secret := signer.GenerateSecret()
	for _, body := range []string{`{"id":"evt_1"}`, "a.b.c", "I’m “here”"} {
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: secret.Reveal()})
		h := http.Header{}
		h.Set("Stripe-Signature", signed.Header)
		m, err := signer.Stripe().Verify(h, []byte(body), secret)
		if err != nil || m.Time.Unix() != signed.Timestamp.Unix() {
			t.Errorf("%q: %+v, %v", body, m, err)
		}
		if _, err := signer.Stripe().Verify(h, []byte(body+" "), secret); !errors.Is(err, signer.ErrMismatch) {
			t.Errorf("%q, altered: %v", body, err)
		}
		old := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
			Payload: []byte(body), Secret: secret.Reveal(), Timestamp: time.Now().Add(-time.Hour)})
		h.Set("Stripe-Signature", old.Header)
		if _, err := signer.Stripe().Verify(h, []byte(body), secret); !errors.Is(err, signer.ErrStale) {
			t.Errorf("%q, an hour old: %v", body, err)
		}
	}
}

// checkStripe has both libraries verify a request, and refuse it altered.
func checkStripe(t *testing.T, r request, secret signer.Secret) {
	t.Helper()
	header := r.Header.Get("Stripe-Signature")
	if err := webhook.ValidatePayload(r.Body, header, secret.Reveal()); err != nil {
		t.Errorf("Stripe's library does not verify: %v", err)
	}
	if err := webhook.ValidatePayload(altered(r.Body), header, secret.Reveal()); !errors.Is(err, webhook.ErrNoValidSignature) {
		t.Errorf("Stripe's library, with another body: %v", err)
	}
	if _, err := signer.Stripe().Verify(r.Header, r.Body, secret); err != nil {
		t.Errorf("ours does not verify: %v", err)
	}
	if _, err := signer.Stripe().Verify(r.Header, altered(r.Body), secret); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("ours, with another body: %v", err)
	}
}
