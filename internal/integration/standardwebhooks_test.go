package integration

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// What the engine sends by default verifies with the reference library, and with
// ours.
func TestStandardWebhooksDelivery(t *testing.T) {
	s, secret := newSender(t)
	for name, payload := range payloads() {
		t.Run(name, func(t *testing.T) {
			r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload})
			checkStandard(t, r, secret)
		})
	}
	t.Run("not JSON", func(t *testing.T) {
		s, secret := newSender(t, dispatcher.WithEnvelope(dispatcher.RawEnvelope("text/plain")))
		checkStandard(t, s.deliver(dispatcher.Event{Type: "note", Payload: "line\r\nline\x00\xff"}), secret)
	})
}

// While a secret rotates, receivers verify with either of the two; afterwards
// with the new one alone.
func TestStandardWebhooksRotation(t *testing.T) {
	s, old := newSender(t)
	fresh, err := s.hooks.RotateSecret(t.Context(), s.endpoint.ID, dispatcher.Rotation{Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range payloads() {
		t.Run(name, func(t *testing.T) {
			r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload})
			if n := len(strings.Fields(r.Header.Get("webhook-signature"))); n != 2 {
				t.Errorf("%d signatures, want 2", n)
			}
			checkStandard(t, r, fresh)
			checkStandard(t, r, old)
		})
	}

	t.Run("without grace", func(t *testing.T) {
		s, old := newSender(t)
		fresh, err := s.hooks.RotateSecret(t.Context(), s.endpoint.ID, dispatcher.Rotation{Grace: dispatcher.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: 1})
		checkStandard(t, r, fresh)
		if err := reference(t, old).Verify(r.Body, r.Header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
			t.Errorf("with the old secret: %v", err)
		}
	})
}

// What the reference library signs verifies with ours.
func TestStandardWebhooksVerify(t *testing.T) {
	secret := signer.GenerateSecret()
	now := time.Now()
	for _, body := range []string{`{"test": 2432232314}`, "", "a.b.c", "I’m “here”\x00\xff"} {
		signature, err := reference(t, secret).Sign("msg_1", now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		h.Set("webhook-id", "msg_1")
		h.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		h.Set("webhook-signature", signature)
		m, err := signer.StandardWebhooks().Verify(h, []byte(body), secret)
		if err != nil || m.ID != "msg_1" || m.Time.Unix() != now.Unix() {
			t.Errorf("%q: %+v, %v", body, m, err)
		}
		if _, err := signer.StandardWebhooks().Verify(h, []byte(body+" "), secret); !errors.Is(err, signer.ErrMismatch) {
			t.Errorf("%q, altered: %v", body, err)
		}
	}
}

// The vector by which implementations of Standard Webhooks are compared: both
// libraries sign it alike and verify each other.
func TestStandardWebhooksVector(t *testing.T) {
	const (
		id   = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		body = `{"test": 2432232314}`
		want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	)
	at := time.Unix(1614265330, 0)
	secret := secretOf(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	ours := signer.StandardWebhooks(signer.WithClock(func() time.Time { return at }))

	h := http.Header{}
	m := signer.Message{ID: id, Time: at, Body: []byte(body)}
	if err := ours.Sign(t.Context(), h, m, []signer.Secret{secret}, nil); err != nil {
		t.Fatal(err)
	}
	if got := h["webhook-signature"]; len(got) != 1 || got[0] != want {
		t.Errorf("ours signs %q, want %q", got, want)
	}
	if _, err := ours.Verify(h, m.Body, secret); err != nil {
		t.Errorf("ours does not verify: %v", err)
	}
	theirs := reference(t, secret)
	if got, err := theirs.Sign(id, at, m.Body); got != want || err != nil {
		t.Errorf("the reference signs %q, %v", got, err)
	}
	// A server sees canonical names.
	seen := http.Header{}
	for name, values := range h {
		seen.Set(name, values[0])
	}
	if err := theirs.VerifyIgnoringTimestamp(m.Body, seen); err != nil {
		t.Errorf("the reference does not verify: %v", err)
	}
}

// checkStandard has both libraries verify a request, and refuse it altered.
func checkStandard(t *testing.T, r request, secret signer.Secret) {
	t.Helper()
	theirs := reference(t, secret)
	if err := theirs.Verify(r.Body, r.Header); err != nil {
		t.Errorf("the reference does not verify: %v", err)
	}
	if err := theirs.Verify(altered(r.Body), r.Header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("the reference, with another body: %v", err)
	}
	ours := signer.StandardWebhooks()
	m, err := ours.Verify(r.Header, r.Body, secret)
	if err != nil {
		t.Errorf("ours does not verify: %v", err)
	}
	if m.ID != r.Header.Get("webhook-id") || time.Since(m.Time) > time.Minute {
		t.Errorf("ours gives id %q and time %v", m.ID, m.Time)
	}
	if _, err := ours.Verify(r.Header, altered(r.Body), secret); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("ours, with another body: %v", err)
	}
}

func reference(t *testing.T, secret signer.Secret) *standardwebhooks.Webhook {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return w
}
