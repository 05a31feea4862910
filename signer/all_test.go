package signer_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/postrider/postrider/signer"
)

// plainSigner is a host's own signer, without any optional interface.
type plainSigner struct{ err error }

func (s plainSigner) Sign(_ context.Context, h http.Header, _ signer.Message, _, _ []signer.Secret) error {
	h["X-Plain"] = []string{"signed"}
	return s.err
}
func (plainSigner) MultiSecret() bool { return true }
func (plainSigner) Headers() []string { return []string{"X-Plain"} }

// keylessSigner is a host's own signer that needs no secret, and says no more.
type keylessSigner struct{ plainSigner }

func (keylessSigner) UsesSecrets() bool { return false }

// TestAll: each member signs as it does alone.
func TestAll(t *testing.T) {
	active, retiring := []signer.Secret{secret(t, vectorSecret)}, []signer.Secret{secret(t, secondSecret)}
	members := []signer.Signer{
		signer.StandardWebhooks(), signer.Stripe(), signer.HMAC("X-DigiVault-Signature", signer.Hex),
		signer.HMAC("x-bitvault-signature", signer.Hex), plainSigner{},
	}
	together := sign(t, signer.All(members...), vectorMessage(), active, retiring)
	n := 0
	for _, s := range members {
		for name, values := range sign(t, s, vectorMessage(), active, retiring) {
			if n++; !slices.Equal(together[name], values) {
				t.Errorf("%s: %q, alone %q", name, together[name], values)
			}
		}
	}
	if len(together) != n {
		t.Errorf("%d headers, want %d", len(together), n)
	}
	names := signer.All(members...).Headers()
	if want := []string{
		"webhook-id", "webhook-timestamp", "webhook-signature", "Stripe-Signature",
		"X-DigiVault-Signature", "x-bitvault-signature", "X-Plain",
	}; !slices.Equal(names, want) {
		t.Errorf("Headers() = %q", names)
	}
}

// TestAllTraits: what All says of itself follows from its members.
func TestAllTraits(t *testing.T) {
	v1a := signer.Ed25519(keyOf(1))
	for _, tt := range []struct {
		name        string
		signer      signer.Signer
		multi, uses bool
	}{
		{"ed25519", v1a, true, false},
		{"dual", signer.StandardWebhooksDual(keyOf(1)), true, true},
		{"standard", signer.StandardWebhooks(), true, true},
		{"a host's own", plainSigner{}, true, true},
		{"two that carry several", signer.All(signer.StandardWebhooks(), signer.Stripe()), true, true},
		{"one that carries one", signer.All(signer.StandardWebhooks(), signer.GitHub()), false, true},
		{"one without secrets", signer.All(v1a), true, false},
		{"one without and one with", signer.All(v1a, signer.Stripe()), true, true},
		{"nested", signer.All(signer.All(v1a), signer.All(signer.GitHub())), false, true},
	} {
		if tt.signer.MultiSecret() != tt.multi || signer.UsesSecrets(tt.signer) != tt.uses {
			t.Errorf("%s: MultiSecret %v, UsesSecrets %v", tt.name, tt.signer.MultiSecret(), signer.UsesSecrets(tt.signer))
		}
	}
	if signer.UsesSecrets(nil) {
		t.Error("nil uses secrets")
	}
}

// TestAllFails: an error of one member is the error of all.
func TestAllFails(t *testing.T) {
	boom := errors.New("boom")
	s := signer.All(signer.GitHub(), plainSigner{boom})
	err := s.Sign(t.Context(), http.Header{}, vectorMessage(), []signer.Secret{secret(t, vectorSecret)}, nil)
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

// TestAllChecksSecrets: only members that use secrets are asked about one.
func TestAllChecksSecrets(t *testing.T) {
	if err := signer.CheckSecret(signer.All(keylessSigner{}), signer.Secret{}); err != nil {
		t.Errorf("no member uses secrets: %v", err)
	}
	if err := signer.CheckSecret(signer.All(keylessSigner{}, signer.GitHub()), signer.Secret{}); err == nil {
		t.Error("one member uses secrets, and a zero one was taken")
	}
}

// TestAllCopies: changing the list afterwards changes nothing.
func TestAllCopies(t *testing.T) {
	list := []signer.Signer{signer.GitHub(), signer.Stripe()}
	s := signer.All(list...)
	list[0] = nil
	if h := sign(t, s, vectorMessage(), []signer.Secret{secret(t, vectorSecret)}, nil); len(h) != 2 {
		t.Errorf("headers %v", h)
	}
	s.Headers()[0] = "changed"
	if s.Headers()[0] != "X-Hub-Signature-256" {
		t.Error("Headers() returned a slice that is shared")
	}
}
