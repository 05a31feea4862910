package main

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/postrider/postrider/signer"
)

// verified is a receiver as it should be: it looks at nothing before the
// signature is verified. One that acts on events would also keep m.ID, and do
// nothing if it has seen it before.
func verified(secret signer.Secret) http.Handler {
	verify := signer.Middleware(signer.StandardWebhooks(), signer.Secrets(secret))
	return verify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, _ := signer.MessageFromContext(r.Context())
		fmt.Fprintf(w, "verified %d bytes", len(m.Body))
	}))
}

// failTwice is a receiver in trouble: it is overloaded at the first request,
// hangs at the second, and works from then on.
func failTwice(next http.Handler) http.Handler {
	var requests atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
		case 2:
			// Until the sender gives up, which net/http sees once the body was read.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			next.ServeHTTP(w, r)
		}
	})
}
