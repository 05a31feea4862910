package signer_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// The published vectors of Standard Webhooks.
const (
	vectorSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorKey     = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorUnix    = 1614265330
	vectorBody    = `{"test": 2432232314}`
	vectorV1      = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	vectorV1a     = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	vectorGitHub  = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	secondSecret  = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	unknownSecret = "whsec_dGhpcyBzZWNyZXQgaXMgbm90IHlvdXJz"
)

func secret(t testing.TB, text string) signer.Secret {
	t.Helper()
	s, err := signer.NewSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func privateKey(t testing.TB, text string) ed25519.PrivateKey {
	t.Helper()
	key, err := signer.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keyOf makes a private key of a seed of equal bytes.
func keyOf(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func publicOf(keys ...ed25519.PrivateKey) (public []ed25519.PublicKey) {
	for _, key := range keys {
		public = append(public, key.Public().(ed25519.PublicKey))
	}
	return public
}

func at(unix int64) signer.VerifyOption {
	return signer.WithClock(func() time.Time { return time.Unix(unix, 0) })
}

func vectorMessage() signer.Message {
	return signer.Message{ID: vectorID, Time: time.Unix(vectorUnix, 0), Body: []byte(vectorBody)}
}

func sign(t testing.TB, s signer.Signer, m signer.Message, active, retiring []signer.Secret) http.Header {
	t.Helper()
	h := http.Header{}
	if err := s.Sign(context.Background(), h, m, active, retiring); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestVectors holds each scheme to a signature that somebody else published, or
// that openssl computed (openssl dgst -sha256 -hmac …).
func TestVectors(t *testing.T) {
	standard := map[string]string{"webhook-id": vectorID, "webhook-timestamp": "1614265330"}
	with := func(signature string) map[string]string {
		m := map[string]string{"webhook-signature": signature}
		for k, v := range standard {
			m[k] = v
		}
		return m
	}
	key := privateKey(t, vectorKey)
	github := signer.Message{ID: "x", Time: time.Unix(1, 0), Body: []byte("Hello, World!")}
	tests := []struct {
		name   string
		signer signer.Signer
		secret string
		msg    signer.Message
		want   map[string]string
	}{
		{"standard", signer.StandardWebhooks(), vectorSecret, vectorMessage(), with(vectorV1)},
		{"standard without whsec_", signer.StandardWebhooks(), strings.TrimPrefix(vectorSecret, "whsec_"), vectorMessage(), with(vectorV1)},
		{"ed25519", signer.Ed25519(key), vectorSecret, vectorMessage(), with(vectorV1a)},
		{"dual", signer.StandardWebhooksDual(key), vectorSecret, vectorMessage(), with(vectorV1 + " " + vectorV1a)},
		{"github", signer.GitHub(), "It's a Secret to Everybody", github, map[string]string{"X-Hub-Signature-256": vectorGitHub}},
		{
			"hmac hex", signer.HMAC("X-DigiVault-Signature", signer.Hex), "It's a Secret to Everybody", github,
			map[string]string{"X-DigiVault-Signature": strings.TrimPrefix(vectorGitHub, "sha256=")},
		},
		{
			"hmac base64", signer.HMAC("x-sig", signer.Base64, signer.WithPrefix("HMAC ")), "It's a Secret to Everybody", github,
			map[string]string{"x-sig": "HMAC dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="},
		},
		{
			"stripe", signer.Stripe(), vectorSecret, vectorMessage(),
			map[string]string{"Stripe-Signature": "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := sign(t, tt.signer, tt.msg, []signer.Secret{secret(t, tt.secret)}, nil)
			if len(h) != len(tt.want) {
				t.Errorf("%d headers, want %d: %v", len(h), len(tt.want), h)
			}
			for name, want := range tt.want {
				if got := h[name]; len(got) != 1 || got[0] != want { // the exact spelling is the rule
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			names := tt.signer.Headers()
			slices.Sort(names)
			if want := slices.Sorted(maps.Keys(tt.want)); !slices.Equal(names, want) {
				t.Errorf("Headers() = %q, but Sign sets %q", names, want)
			}
		})
	}
}

// TestRotation: a scheme that carries several signatures signs with active and
// retiring secrets and a receiver with either verifies; one that does not signs
// with active[0] alone.
func TestRotation(t *testing.T) {
	first, second, third := secret(t, vectorSecret), secret(t, secondSecret), secret(t, unknownSecret)
	for _, tt := range []struct {
		name   string
		scheme signer.Scheme
		multi  bool
	}{
		{"standard", signer.StandardWebhooks(at(vectorUnix)), true},
		{"stripe", signer.Stripe(at(vectorUnix)), true},
		{"github", signer.GitHub(), false},
		{"hmac", signer.HMAC("x-signature", signer.Base64), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.scheme.MultiSecret(); got != tt.multi {
				t.Fatalf("MultiSecret() = %v", got)
			}
			h := sign(t, tt.scheme, vectorMessage(), []signer.Secret{first}, []signer.Secret{second})
			if _, err := tt.scheme.Verify(h, []byte(vectorBody), first); err != nil {
				t.Errorf("active secret: %v", err)
			}
			_, err := tt.scheme.Verify(h, []byte(vectorBody), second)
			if tt.multi && err != nil || !tt.multi && !errors.Is(err, signer.ErrMismatch) {
				t.Errorf("retiring secret: %v", err)
			}
			if _, err := tt.scheme.Verify(h, []byte(vectorBody), third); !errors.Is(err, signer.ErrMismatch) {
				t.Errorf("unknown secret: %v, want ErrMismatch", err)
			}
			if _, err := tt.scheme.Verify(h, []byte(vectorBody), third, first); err != nil {
				t.Errorf("the second of two secrets given to Verify: %v", err)
			}
		})
	}
}

// TestRetiringUnusable: a retiring secret that no receiver could verify with does
// not stop a delivery; an active one does.
func TestRetiringUnusable(t *testing.T) {
	good, bad := secret(t, vectorSecret), secret(t, "not base64!")
	s := signer.StandardWebhooks()
	h := sign(t, s, vectorMessage(), []signer.Secret{good}, []signer.Secret{bad, {}})
	if got := h["webhook-signature"][0]; got != vectorV1 {
		t.Errorf("signature %q, want that of the active secret alone", got)
	}
	err := s.Sign(context.Background(), http.Header{}, vectorMessage(), []signer.Secret{good, bad}, nil)
	var field *signer.FieldError
	if !errors.As(err, &field) || field.Field != "active[1]" || strings.Contains(err.Error(), "not base64!") {
		t.Errorf("unusable active secret: %v", err)
	}
}

// TestSignRefuses lists what no signer takes.
func TestSignRefuses(t *testing.T) {
	one := []signer.Secret{secret(t, vectorSecret)}
	many := slices.Repeat(one, 17)
	key := keyOf(1)
	standard, v1a, dual := signer.StandardWebhooks(), signer.Ed25519(key), signer.StandardWebhooksDual(key)
	stripe, github := signer.Stripe(), signer.GitHub()
	id := func(id string) signer.Message { m := vectorMessage(); m.ID = id; return m }
	when := func(tm time.Time) signer.Message { m := vectorMessage(); m.Time = tm; return m }
	for _, tt := range []struct {
		name   string
		signer signer.Signer
		nilMap bool
		msg    signer.Message
		active []signer.Secret
		field  string
	}{
		{"standard, empty id", standard, false, id(""), one, "message id"},
		{"ed25519, id with dot", v1a, false, id("a.b"), one, "message id"},
		{"dual, id with space", dual, false, id("a b"), one, "message id"},
		{"standard, zero time", standard, false, when(time.Time{}), one, "message time"},
		{"standard, before 1970", standard, false, when(time.Unix(0, -1)), one, "message time"},
		{"stripe, year 10000", stripe, false, when(time.Unix(253402300800, 0)), one, "message time"},
		{"ed25519, zero time", v1a, false, when(time.Time{}), nil, "message time"},
		{"standard, nil map", standard, true, vectorMessage(), one, "header"},
		{"stripe, nil map", stripe, true, vectorMessage(), one, "header"},
		{"github, nil map", github, true, vectorMessage(), one, "header"},
		{"ed25519, nil map", v1a, true, vectorMessage(), one, "header"},
		{"dual, nil map", dual, true, vectorMessage(), one, "header"},
		{"standard, no secret", standard, false, vectorMessage(), nil, "active"},
		{"stripe, no secret", stripe, false, vectorMessage(), nil, "active"},
		{"github, no secret", github, false, vectorMessage(), nil, "active"},
		{"dual, no secret", dual, false, vectorMessage(), nil, "active"},
		{"standard, zero secret", standard, false, vectorMessage(), make([]signer.Secret, 1), "active[0]"},
		{"stripe, zero secret", stripe, false, vectorMessage(), make([]signer.Secret, 1), "active[0]"},
		{"github, zero secret", github, false, vectorMessage(), make([]signer.Secret, 1), "active[0]"},
		{"standard, 17 secrets", standard, false, vectorMessage(), many, "active"},
		{"stripe, 17 secrets", stripe, false, vectorMessage(), many, "active"},
		{"dual, 16 secrets and a key", dual, false, vectorMessage(), many[:16], "active"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			if tt.nilMap {
				h = nil
			}
			err := tt.signer.Sign(context.Background(), h, tt.msg, tt.active, nil)
			var field *signer.FieldError
			if !errors.As(err, &field) || field.Field != tt.field {
				t.Errorf("got %v, want a FieldError for %q", err, tt.field)
			}
			if len(h) != 0 {
				t.Errorf("headers were set: %v", h)
			}
			if noSecret := strings.HasSuffix(tt.name, "no secret") || strings.HasSuffix(tt.name, "zero secret"); errors.Is(err, signer.ErrNoSecret) != noSecret {
				t.Errorf("errors.Is(%v, ErrNoSecret) = %v", err, !noSecret)
			}
		})
	}
}

// TestSixteenSecrets: what Sign writes at its limit, Verify reads.
func TestSixteenSecrets(t *testing.T) {
	var secrets []signer.Secret
	for range 16 {
		secrets = append(secrets, signer.GenerateSecret())
	}
	for _, s := range []signer.Scheme{signer.StandardWebhooks(at(vectorUnix)), signer.Stripe(at(vectorUnix))} {
		h := sign(t, s, vectorMessage(), secrets[:8], secrets[8:])
		for i, one := range secrets {
			if _, err := s.Verify(h, []byte(vectorBody), one); err != nil {
				t.Errorf("%v, secret %d: %v", s, i, err)
			}
		}
	}
}

// TestSpelling: Sign replaces what is there in any spelling, on its own names
// only, and Verify finds them again in any spelling.
func TestSpelling(t *testing.T) {
	one := []signer.Secret{secret(t, vectorSecret)}
	key := keyOf(1)
	for _, tt := range []struct {
		signer signer.Signer
		verify signer.Verifier
	}{
		{signer.StandardWebhooks(), signer.StandardWebhooks(at(vectorUnix))},
		{signer.Ed25519(key), signer.Ed25519Verifier(publicOf(key), at(vectorUnix))},
		{signer.Stripe(), signer.Stripe(at(vectorUnix))},
		{signer.GitHub(), signer.GitHub()},
		{signer.HMAC("x-bitVAULT-signature", signer.Hex), signer.HMAC("X-Bitvault-Signature", signer.Hex)},
	} {
		h := http.Header{"X-Other": {"kept"}, "webhook-idx": {"kept"}}
		for _, name := range tt.signer.Headers() {
			h[name] = []string{"old", "older"}
			h[strings.ToUpper(name)] = []string{"old"}
			h[http.CanonicalHeaderKey(name)] = []string{"old"}
		}
		if err := tt.signer.Sign(context.Background(), h, vectorMessage(), one, nil); err != nil {
			t.Fatal(err)
		}
		if len(h) != 2+len(tt.signer.Headers()) {
			t.Errorf("%v: headers %v", tt.signer, h)
		}
		for _, spell := range []func(string) string{strings.ToUpper, strings.ToLower, http.CanonicalHeaderKey} {
			received := http.Header{}
			for name, values := range h {
				received[spell(name)] = values
			}
			if _, err := tt.verify.Verify(received, []byte(vectorBody), one...); err != nil {
				t.Errorf("%v: %v", tt.signer, err)
			}
		}
	}
}

// TestMessage: Verify returns what the signature covers and nothing else.
func TestMessage(t *testing.T) {
	one := []signer.Secret{secret(t, vectorSecret)}
	key := keyOf(1)
	sent := vectorMessage()
	sent.Time = sent.Time.Add(900 * time.Millisecond) // whole seconds on the wire
	whole := time.Unix(vectorUnix, 0).UTC()
	for _, tt := range []struct {
		signer signer.Signer
		verify signer.Verifier
		want   signer.Message
	}{
		{signer.StandardWebhooks(), signer.StandardWebhooks(at(vectorUnix)), signer.Message{ID: vectorID, Time: whole}},
		{signer.Ed25519(key), signer.Ed25519Verifier(publicOf(key), at(vectorUnix)), signer.Message{ID: vectorID, Time: whole}},
		{signer.Stripe(), signer.Stripe(at(vectorUnix)), signer.Message{Time: whole}},
		{signer.GitHub(), signer.GitHub(), signer.Message{}},
		{signer.HMAC("x", signer.Hex), signer.HMAC("x", signer.Hex), signer.Message{}},
	} {
		for _, body := range []string{vectorBody, "", "\x00\xff"} {
			sent.Body = []byte(body)
			h := sign(t, tt.signer, sent, one, nil)
			got, err := tt.verify.Verify(h, []byte(body), one...)
			if err != nil {
				t.Fatalf("%v: %v", tt.signer, err)
			}
			if got.ID != tt.want.ID || got.Time != tt.want.Time || string(got.Body) != body {
				t.Errorf("%v: got %+v, want %+v", tt.signer, got, tt.want)
			}
		}
	}
}
