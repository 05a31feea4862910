package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// listen returns a listener on the loopback address: on the port of the last
// run, if there was one and the port is free.
func listen(ctx context.Context, known map[string]dispatcher.Endpoint) (net.Listener, error) {
	var config net.ListenConfig
	for _, e := range known {
		if u, err := url.Parse(e.URL); err == nil {
			if l, err := config.Listen(ctx, "tcp", u.Host); err == nil {
				return l, nil
			}
		}
	}
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

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
// hangs at the second, and works from then on. It lives in the program that may
// be killed, so it is told how many requests there were before.
func failTwice(before int, news *narrator, next http.Handler) http.Handler {
	var requests atomic.Int64
	requests.Store(int64(before))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "2")
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
		case 2:
			news.tell("Billing has the request, and hangs")
			// Until the sender gives up, which net/http sees once the body was read.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			next.ServeHTTP(w, r)
		}
	})
}
