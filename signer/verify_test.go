package signer_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// TestVerifyAccepts lists what is unusual but right: strictness must not refuse
// what a sender may write.
func TestVerifyAccepts(t *testing.T) {
	v1b := sign(t, signer.StandardWebhooks(), vectorMessage(), []signer.Secret{secret(t, secondSecret)}, nil)["webhook-signature"][0]
	standard := func(list string) http.Header {
		return http.Header{"webhook-id": {vectorID}, "webhook-timestamp": {"1614265330"}, "webhook-signature": {list}}
	}
	stripe := func(value string) http.Header { return http.Header{"Stripe-Signature": {value}} }
	const stripeV1 = "v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
	v1 := signer.StandardWebhooks(at(vectorUnix))
	v1a := signer.Ed25519Verifier(publicOf(keyOf(9), privateKey(t, vectorKey)), at(vectorUnix))
	for _, tt := range []struct {
		name   string
		verify signer.Verifier
		header http.Header
	}{
		{"v1 after an unknown version", v1, standard("v9,! " + vectorV1)},
		{"v1 before an unknown version", v1, standard(vectorV1 + " v2,a,b;c")},
		{"v1 beside v1a", v1, standard(vectorV1 + " " + vectorV1a)},
		{"v1a beside v1", v1a, standard(vectorV1 + " " + vectorV1a)},
		{"v1 after another secret's", v1, standard(v1b + " " + vectorV1)},
		{"v1 before another secret's", v1, standard(vectorV1 + " " + v1b)},
		{"v1 as the 16th", v1, standard(strings.Repeat("x,x ", 15) + vectorV1)},
		{"v1 twice", v1, standard(vectorV1 + " " + vectorV1)},
		{"v1a four times", v1a, standard(strings.Repeat(vectorV1a+" ", 3) + vectorV1a)},
		{"v1 in canonical spelling, as net/http reads it", v1, http.Header{
			"Webhook-Id": {vectorID}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {vectorV1}, "Other": {"a", "b"},
		}},
		{"v1 with a nil value in another spelling", v1, http.Header{
			"webhook-id": {vectorID}, "WEBHOOK-ID": nil, "webhook-timestamp": {"1614265330"}, "webhook-signature": {vectorV1},
		}},
		{"stripe with t last", signer.Stripe(at(vectorUnix)), stripe(stripeV1 + ",t=1614265330")},
		{"stripe with v0", signer.Stripe(at(vectorUnix)), stripe("t=1614265330," + stripeV1 + ",v0=ffff")},
		{"stripe with an = in an unknown element", signer.Stripe(at(vectorUnix)), stripe("t=1614265330,v3=a=b," + stripeV1)},
		{"exactly 5 m late", signer.StandardWebhooks(at(vectorUnix + 300)), standard(vectorV1)},
		{"exactly 5 m early", signer.StandardWebhooks(at(vectorUnix - 300)), standard(vectorV1)},
		{"wide tolerance", signer.Stripe(at(vectorUnix+86400), signer.WithTolerance(24*time.Hour)), stripe("t=1614265330," + stripeV1)},
		{"widest tolerance", signer.StandardWebhooks(signer.WithTolerance(1<<63 - 1)), standard(vectorV1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.verify.Verify(tt.header, []byte(vectorBody), secret(t, vectorSecret)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTolerance: exactly the tolerance passes, a nanosecond more does not, on
// both sides.
func TestTolerance(t *testing.T) {
	one := secret(t, vectorSecret)
	h := sign(t, signer.StandardWebhooks(), vectorMessage(), []signer.Secret{one}, nil)
	for _, tt := range []struct {
		age  time.Duration
		want error
	}{
		{10 * time.Second, nil}, {10*time.Second + 1, signer.ErrStale}, {-10 * time.Second, nil}, {-10*time.Second - 1, signer.ErrStale},
	} {
		v := signer.StandardWebhooks(signer.WithTolerance(10*time.Second), signer.WithClock(func() time.Time {
			return time.Unix(vectorUnix, 0).Add(tt.age)
		}))
		if _, err := v.Verify(h, []byte(vectorBody), one); !errors.Is(err, tt.want) {
			t.Errorf("age %v: %v, want %v", tt.age, err, tt.want)
		}
	}
}

// TestVerifyError: the error names class, header and reason.
func TestVerifyError(t *testing.T) {
	one := secret(t, vectorSecret)
	_, err := signer.StandardWebhooks().Verify(http.Header{}, nil, one)
	if got, want := err.Error(), "signer: malformed request: webhook-id: is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = signer.StandardWebhooks().Verify(http.Header{}, nil, one, secret(t, "?"))
	if got, want := err.Error(), "signer: no usable secret: secrets[1] is not standard base64 after an optional whsec_"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (&signer.VerifyError{}).Error(); got != "signer: request refused" {
		t.Errorf("zero VerifyError: %q", got)
	}
}

// TestValidate: what was built wrongly says so to Validate, and refuses to sign,
// to verify and to judge secrets with the same error.
func TestValidate(t *testing.T) {
	one := secret(t, vectorSecret)
	clock := signer.WithClock(nil)
	for _, tt := range []struct {
		name  string
		built any
		field string
	}{
		{"nil", nil, "signer"},
		{"no tolerance", signer.StandardWebhooks(signer.WithTolerance(0)), "tolerance"},
		{"negative tolerance", signer.Stripe(signer.WithTolerance(-time.Second)), "tolerance"},
		{"no clock", signer.StandardWebhooks(clock), "clock"},
		{"no clock for a key", signer.Ed25519Verifier(publicOf(keyOf(1)), clock), "clock"},
		{"nil option", signer.Stripe(nil), "option"},
		{"nil HMAC option", signer.HMAC("x", signer.Hex, nil), "option"},
		{"no header", signer.HMAC("", signer.Hex), "header"},
		{"header with a space", signer.HMAC("x signature", signer.Hex), "header"},
		{"header with a colon", signer.HMAC("x:", signer.Hex), "header"},
		{"header with a line break", signer.HMAC("x\r\ny", signer.Hex), "header"},
		{"header not ASCII", signer.HMAC("signatür", signer.Hex), "header"},
		{"header too long", signer.HMAC(strings.Repeat("x", 257), signer.Hex), "header"},
		{"header of HTTP", signer.HMAC("Content-LENGTH", signer.Hex), "header"},
		{"header that makes net/http repeat", signer.HMAC("x-idempotency-key", signer.Hex), "header"},
		{"no encoding", signer.HMAC("x", 0), "encoding"},
		{"unknown encoding", signer.HMAC("x", 3), "encoding"},
		{"prefix after a space", signer.HMAC("x", signer.Hex, signer.WithPrefix(" a")), "prefix"},
		{"prefix with a line break", signer.HMAC("x", signer.Hex, signer.WithPrefix("a\n")), "prefix"},
		{"prefix not ASCII", signer.HMAC("x", signer.Hex, signer.WithPrefix("ä")), "prefix"},
		{"prefix too long", signer.HMAC("x", signer.Hex, signer.WithPrefix(strings.Repeat("x", 65))), "prefix"},
		{"All of nothing", signer.All(), "signers"},
		{"All with nil", signer.All(signer.GitHub(), nil), "signers[1]"},
		{"All with one built wrongly", signer.All(signer.HMAC("", signer.Hex)), "signers[0]"},
		{"All with a header twice", signer.All(signer.HMAC("x-A", signer.Hex), signer.GitHub(), signer.HMAC("X-a", signer.Hex)), "signers[2]"},
		{"All within All with a header twice", signer.All(signer.GitHub(), signer.All(signer.Stripe(), signer.GitHub())), "signers[1]"},
		{"All of both Standard Webhooks", signer.All(signer.StandardWebhooks(), signer.Ed25519(keyOf(1))), "signers[1]"},
		{"no key", signer.Ed25519(), "keys"},
		{"nil key", signer.Ed25519(keyOf(1), nil), "keys[1]"},
		{"five keys", signer.Ed25519(keyOf(1), keyOf(2), keyOf(3), keyOf(4), keyOf(5)), "keys"},
		{"dual without key", signer.StandardWebhooksDual(), "keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := signer.Validate(tt.built)
			var field *signer.FieldError
			if !errors.As(err, &field) || field.Field != tt.field {
				t.Fatalf("got %v, want a FieldError for %q", err, tt.field)
			}
			if s, ok := tt.built.(signer.Signer); ok {
				h := http.Header{}
				if got := s.Sign(t.Context(), h, vectorMessage(), []signer.Secret{one}, nil); !errors.Is(got, err) || len(h) != 0 {
					t.Errorf("Sign: %v, headers %v", got, h)
				}
				if got := signer.CheckSecret(s, one); !errors.Is(got, err) {
					t.Errorf("CheckSecret: %v", got)
				}
			}
			if v, ok := tt.built.(signer.Verifier); ok {
				if _, got := v.Verify(http.Header{}, nil, one); !errors.Is(got, err) {
					t.Errorf("Verify: %v", got)
				}
			}
		})
	}
	for _, built := range []any{
		signer.StandardWebhooks(), signer.Ed25519(keyOf(1)), signer.Stripe(), signer.GitHub(), signer.HMAC("Authorization", signer.Base64, signer.WithPrefix("HMAC ")),
		signer.All(signer.Stripe(), signer.GitHub()), signer.StandardWebhooksDual(keyOf(1)), signer.Ed25519Verifier(publicOf(keyOf(1))), plainSigner{},
	} {
		if err := signer.Validate(built); err != nil {
			t.Errorf("%v: %v", built, err)
		}
	}
}

// TestCheckSecret: a scheme says beforehand which secrets Sign can use, and Sign
// agrees.
func TestCheckSecret(t *testing.T) {
	key := keyOf(1)
	standard, v1a, dual := signer.StandardWebhooks(), signer.Ed25519(key), signer.StandardWebhooksDual(key)
	mixed := signer.All(signer.GitHub(), standard)
	for _, tt := range []struct {
		text string
		base bool // usable as base64
	}{
		{vectorSecret, true},
		{strings.TrimPrefix(vectorSecret, "whsec_"), true},
		{"whsec_" + strings.Repeat("A", 86) + "==", true}, // 64 bytes
		{"whsec_" + strings.Repeat("A", 88), false},       // 66 bytes
		{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", false}, // 23 bytes
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx=", false},
		{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true},
		{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", false}, // trailing bits
		{"a literal secret", false},
		{"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false},
		{"", false}, // zero
	} {
		var s signer.Secret
		if tt.text != "" {
			s = secret(t, tt.text)
		}
		literal := tt.text != ""
		for _, c := range []struct {
			signer signer.Signer
			usable bool
		}{
			{standard, tt.base},
			{dual, tt.base},
			{mixed, tt.base},
			{signer.Stripe(), literal},
			{signer.GitHub(), literal},
			{signer.HMAC("x", signer.Hex), literal},
			{plainSigner{}, literal},
			{v1a, true},
			{signer.All(v1a, signer.GitHub()), literal},
		} {
			err := signer.CheckSecret(c.signer, s)
			if (err == nil) != c.usable {
				t.Errorf("%v, %q: %v", c.signer, tt.text, err)
			}
			if err != nil && (!errors.Is(err, signer.ErrNoSecret) || tt.text != "" && strings.Contains(err.Error(), tt.text)) {
				t.Errorf("%v, %q: %v", c.signer, tt.text, err)
			}
			if got := c.signer.Sign(t.Context(), http.Header{}, vectorMessage(), []signer.Secret{s}, nil); (got == nil) != c.usable && c.signer != (plainSigner{}) {
				t.Errorf("%v, %q: CheckSecret says %v, Sign %v", c.signer, tt.text, err, got)
			}
		}
	}
	if err := signer.CheckSecret(nil, secret(t, "x")); err == nil {
		t.Error("a nil signer takes a secret")
	}
}
