package signer_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// TestConcurrent: one secret shared by many goroutines, schemes and key
// derivations, from its first use on, signs and verifies right. Keyed state that
// two goroutines used at once would show as a mismatch, and under -race.
func TestConcurrent(t *testing.T) {
	key := keyOf(1)
	standard, stripe, github := signer.StandardWebhooks(at(vectorUnix)), signer.Stripe(at(vectorUnix)), signer.GitHub()
	v1a := signer.Ed25519Verifier(publicOf(key), at(vectorUnix))
	dual := signer.StandardWebhooksDual(key)
	all := signer.All(stripe, dual, github)
	secrets := []signer.Secret{secret(t, vectorSecret), secret(t, secondSecret)}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 100 {
				body := fmt.Appendf(nil, `{"goroutine":%d,"round":%d}`, g, i)
				m := signer.Message{ID: fmt.Sprint("msg_", g, "_", i), Time: time.Unix(vectorUnix, 0), Body: body}
				h := http.Header{}
				if err := all.Sign(t.Context(), h, m, secrets[i%2:i%2+1], nil); err != nil {
					t.Error(err)
				}
				for _, v := range []signer.Verifier{standard, stripe, github, v1a} {
					if _, err := v.Verify(h, body, secrets...); err != nil {
						t.Errorf("%v: %v", v, err)
					}
				}
			}
		})
	}
	wg.Wait()
}
