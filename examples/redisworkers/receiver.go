package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/signer"
)

// receiver is a customer's: it verifies what arrives, and counts it.
type receiver struct {
	url string
	// secret is known once the endpoint is registered.
	secret atomic.Pointer[signer.Secret]

	server *http.Server
	mu     sync.Mutex
	seen   map[string]bool
	// took is how long it was from Publish to the receipt, of each event.
	took    []time.Duration
	repeats int
	refused int
}

func startReceiver(ctx context.Context) (*receiver, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String(), seen: map[string]bool{}}
	verify := signer.Middleware(signer.StandardWebhooks(),
		func(*http.Request) ([]signer.Secret, error) { return []signer.Secret{*r.secret.Load()}, nil },
		signer.WithOnReject(func(*http.Request, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.refused++
		}))
	r.server = &http.Server{Handler: verify(http.HandlerFunc(r.receive)), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *receiver) stop() { _ = r.server.Close() }

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	m, _ := signer.MessageFromContext(req.Context())
	var body struct{ Data order }
	if err := json.Unmarshal(m.Body, &body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[m.ID] {
		r.repeats++ // the id tells what a receiver has had before
		return
	}
	r.seen[m.ID] = true
	r.took = append(r.took, now.Sub(body.Data.Published))
}

func (r *receiver) report() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("has verified %d events (%d repeated, %d refused)", len(r.took), r.repeats, r.refused)
	if n := len(r.took); n > 0 {
		slices.Sort(r.took)
		text += fmt.Sprintf("; from Publish to the receipt p50 %.1f ms, p99 %.1f ms", ms(r.took[n/2]), ms(r.took[n*99/100]))
	}
	return text
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
