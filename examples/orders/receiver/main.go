// Command receiver is a customer's side of the order service: it verifies each
// webhook, and prints it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/postrider/postrider/signer"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "where to listen")
	flag.Parse()
	// What the service returned when the webhook was registered.
	secret, err := signer.NewSecret(os.Getenv("WEBHOOK_SECRET"))
	if err == nil && secret.IsZero() {
		err = errors.New("WEBHOOK_SECRET must be set")
	}
	if err == nil {
		server := &http.Server{Addr: *listen, Handler: receive(secret), ReadHeaderTimeout: 10 * time.Second}
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}

// receive takes each event once: the id tells the repetition, which at least
// once delivery cannot rule out. A real receiver keeps the ids where it keeps
// what it does with the events.
func receive(secret signer.Secret) http.Handler {
	var seen sync.Map
	verify := signer.Middleware(signer.StandardWebhooks(), signer.Secrets(secret))
	return verify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m, _ := signer.MessageFromContext(r.Context())
		if _, repeated := seen.LoadOrStore(m.ID, true); !repeated {
			fmt.Fprintf(os.Stdout, "%s %s\n", m.ID, m.Body)
		}
	}))
}
