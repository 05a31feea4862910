package signer_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

func benchSigners(b testing.TB) map[string]signer.Signer {
	return map[string]signer.Signer{
		"StandardWebhooks": signer.StandardWebhooks(),
		"Stripe":           signer.Stripe(),
		"GitHub":           signer.GitHub(),
		"HMACBase64":       signer.HMAC("x-signature", signer.Base64),
		"Ed25519":          signer.Ed25519(privateKey(b, vectorKey)),
	}
}

func benchMessage() signer.Message {
	return signer.Message{ID: vectorID, Time: time.Unix(vectorUnix, 0), Body: bytes.Repeat([]byte("x"), 1024)}
}

// header is that of a request before it is signed, as a dispatcher makes it.
func header() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Postrider"}, "X-A": {"a"}, "X-B": {"b"}}
}

// TestAllocations: signing with a secret that has signed before makes at most
// three allocations, none of them as large as a body.
func TestAllocations(t *testing.T) {
	one := []signer.Secret{secret(t, vectorSecret)}
	m, h := benchMessage(), header()
	for name, s := range benchSigners(t) {
		if name == "Ed25519" {
			continue // needs a copy of the body, and costs far more than allocating
		}
		if got := testing.AllocsPerRun(100, func() {
			if err := s.Sign(t.Context(), h, m, one, nil); err != nil {
				t.Fatal(err)
			}
		}); got > 3 {
			t.Errorf("%s: %v allocations per Sign, want at most 3", name, got)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	one, two := []signer.Secret{secret(b, vectorSecret)}, []signer.Secret{secret(b, secondSecret)}
	m := benchMessage()
	run := func(name string, s signer.Signer, retiring []signer.Secret) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h := header()
			for b.Loop() {
				if err := s.Sign(b.Context(), h, m, one, retiring); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, s := range benchSigners(b) {
		run(name, s, nil)
	}
	run("StandardWebhooksTwoSecrets", signer.StandardWebhooks(), two)
	b.Run("StandardWebhooksParallel", func(b *testing.B) {
		b.ReportAllocs()
		s := signer.StandardWebhooks()
		b.RunParallel(func(pb *testing.PB) {
			h := header()
			for pb.Next() {
				if err := s.Sign(b.Context(), h, m, one, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	// What a loop by hand does: key an HMAC and format the headers each time.
	b.Run("ByHand", func(b *testing.B) {
		b.ReportAllocs()
		key := []byte(vectorSecret)
		h := header()
		for b.Loop() {
			mac := hmac.New(sha256.New, key)
			fmt.Fprintf(mac, "%s.%d.", m.ID, m.Time.Unix())
			mac.Write(m.Body)
			h["webhook-id"] = []string{m.ID}
			h["webhook-timestamp"] = []string{fmt.Sprint(m.Time.Unix())}
			h["webhook-signature"] = []string{"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	one := secret(b, vectorSecret)
	m := benchMessage()
	key := privateKey(b, vectorKey)
	for name, v := range map[string]signer.Verifier{
		"StandardWebhooks": signer.StandardWebhooks(at(vectorUnix)), "Stripe": signer.Stripe(at(vectorUnix)), "GitHub": signer.GitHub(),
		"Ed25519": signer.Ed25519Verifier(publicOf(key), at(vectorUnix)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h := sign(b, benchSigners(b)[name], m, []signer.Secret{one}, nil)
			for b.Loop() {
				if _, err := v.Verify(h, m.Body, one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
