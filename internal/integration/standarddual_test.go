package integration

import (
	"crypto/ed25519"
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

// A request with both kinds of signature verifies with the reference library,
// which knows v1 alone, with node's crypto, which is asked for v1a alone, and
// with both of ours; also while the secret rotates.
func TestStandardWebhooksDualDelivery(t *testing.T) {
	public, private := newKey(t)
	s, secret := newSender(t, dispatcher.WithSigner(signer.StandardWebhooksDual(private)))
	var c v1aCheck
	for name, payload := range payloads() {
		r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload})
		checkCounts(t, r, 1, 1)
		checkStandard(t, r, secret)
		c.add(t, name, r, public)
	}
	fresh, err := s.hooks.RotateSecret(t.Context(), s.endpoint.ID, dispatcher.Rotation{Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: 1})
	checkCounts(t, r, 2, 1)
	checkStandard(t, r, fresh)
	checkStandard(t, r, secret)
	c.add(t, "rotating", r, public)
	c.run(t)
}

// Neither signature stands for the other: without its own, each side refuses.
func TestStandardWebhooksDualApart(t *testing.T) {
	public, private := newKey(t)
	s, secret := newSender(t, dispatcher.WithSigner(signer.StandardWebhooksDual(private)))
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: 1})
	text, err := signer.FormatPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	without := func(version string) request {
		changed := r.clone()
		changed.edit("webhook-signature", func(list string) string {
			var kept []string
			for _, entry := range strings.Fields(list) {
				if !strings.HasPrefix(entry, version+",") {
					kept = append(kept, entry)
				}
			}
			return strings.Join(kept, " ")
		})
		return changed
	}
	v1a, v1 := without("v1"), without("v1a")
	checkCounts(t, v1, 1, 0)
	checkCounts(t, v1a, 0, 1)

	checkStandard(t, v1, secret)
	if err := reference(t, secret).Verify(v1a.Body, v1a.Header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("the reference, without v1: %v", err)
	}
	if _, err := signer.StandardWebhooks().Verify(v1a.Header, v1a.Body, secret); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("ours, without v1: %v", err)
	}
	ours := signer.Ed25519Verifier([]ed25519.PublicKey{public})
	if _, err := ours.Verify(v1a.Header, v1a.Body); err != nil {
		t.Errorf("ours, with v1a alone: %v", err)
	}
	if _, err := ours.Verify(v1.Header, v1.Body); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("ours, without v1a: %v", err)
	}
	needNode(t)
	if got := askNode[bool](t, verifyTask(v1a, text), verifyTask(v1, text)); !got[0] || got[1] {
		t.Errorf("node verifies with v1a alone: %v, without v1a: %v; want true, false", got[0], got[1])
	}
}

// A list that the reference library and node have signed, in either order,
// verifies with both of ours.
func TestStandardWebhooksDualVerify(t *testing.T) {
	needNode(t)
	public, private := newKey(t)
	secret := signer.GenerateSecret()
	key, err := signer.FormatPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Now(), []byte("I’m “here”\x00\xff")
	ts := strconv.FormatInt(now.Unix(), 10)
	v1, err := reference(t, secret).Sign("msg_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	v1a := askNode[string](t, task{Op: "sign", Key: key.Reveal(), ID: "msg_1", Timestamp: ts, Body: body})[0]
	for _, list := range []string{v1 + " " + v1a, v1a + " " + v1} {
		h := http.Header{}
		h.Set("webhook-id", "msg_1")
		h.Set("webhook-timestamp", ts)
		h.Set("webhook-signature", list)
		if m, err := signer.StandardWebhooks().Verify(h, body, secret); err != nil || m.ID != "msg_1" {
			t.Errorf("%q: %q, %v", list, m.ID, err)
		}
		if m, err := signer.Ed25519Verifier([]ed25519.PublicKey{public}).Verify(h, body); err != nil || m.ID != "msg_1" {
			t.Errorf("%q: %q, %v", list, m.ID, err)
		}
	}
}

// checkCounts holds a request to its numbers of signatures.
func checkCounts(t *testing.T, r request, v1, v1a int) {
	t.Helper()
	if got := v1aSignatures(r); got != v1a {
		t.Errorf("%d v1a signatures, want %d", got, v1a)
	}
	if got := len(strings.Fields(r.Header.Get("webhook-signature"))) - v1aSignatures(r); got != v1 {
		t.Errorf("%d v1 signatures, want %d", got, v1)
	}
}
