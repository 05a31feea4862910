package integration

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-github/v75/github"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// What the engine sends verifies with GitHub's library.
func TestGitHubDelivery(t *testing.T) {
	s, secret := newSender(t, dispatcher.WithSigner(signer.GitHub()))
	for name, payload := range payloads() {
		t.Run(name, func(t *testing.T) {
			r := s.deliver(dispatcher.Event{Type: "push", Payload: payload})
			checkGitHub(t, r, secret)
		})
	}
}

// One request carries one signature, so a new secret is prepared while the old
// one signs, until the host switches.
func TestGitHubRotation(t *testing.T) {
	s, old := newSender(t, dispatcher.WithSigner(signer.GitHub()))
	fresh, err := s.hooks.RotateSecret(t.Context(), s.endpoint.ID, dispatcher.Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	checkGitHub(t, s.deliver(dispatcher.Event{Type: "push", Payload: 1}), old)
	if err := s.hooks.SwitchSecret(t.Context(), s.endpoint.ID); err != nil {
		t.Fatal(err)
	}
	checkGitHub(t, s.deliver(dispatcher.Event{Type: "push", Payload: 2}), fresh)
}

// The vector of GitHub's documentation, "Testing the webhook payload
// validation": both libraries accept it, and ours signs it so.
func TestGitHubVector(t *testing.T) {
	const body = "Hello, World!"
	const want = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	secret := secretOf(t, "It's a Secret to Everybody")
	if err := github.ValidateSignature(want, []byte(body), []byte(secret.Reveal())); err != nil {
		t.Errorf("GitHub's library: %v", err)
	}
	h := http.Header{}
	if err := signer.GitHub().Sign(t.Context(), h, signer.Message{Body: []byte(body)}, []signer.Secret{secret}, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.Get("X-Hub-Signature-256"); got != want {
		t.Errorf("ours signs %q, want %q", got, want)
	}
	if _, err := signer.GitHub().Verify(h, []byte(body), secret); err != nil {
		t.Errorf("ours: %v", err)
	}
}

// checkGitHub has both libraries verify a request, and refuse it altered.
func checkGitHub(t *testing.T, r request, secret signer.Secret) {
	t.Helper()
	key := []byte(secret.Reveal())
	if body, err := github.ValidatePayload(r.copy(), key); err != nil || string(body) != string(r.Body) {
		t.Errorf("GitHub's library does not verify: %v", err)
	}
	changed := request{r.Header, altered(r.Body)}
	if _, err := github.ValidatePayload(changed.copy(), key); err == nil {
		t.Error("GitHub's library accepts another body")
	}
	if _, err := signer.GitHub().Verify(r.Header, r.Body, secret); err != nil {
		t.Errorf("ours does not verify: %v", err)
	}
	if _, err := signer.GitHub().Verify(r.Header, changed.Body, secret); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("ours, with another body: %v", err)
	}
}
