// Command orders is a small order service with webhooks: a customer's endpoint
// hears of an order if, and only if, the order is committed. Its README says how
// to run it.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var c config
	listen := flag.String("listen", "127.0.0.1:8080", "where to serve the API")
	flag.StringVar(&c.database, "db", os.Getenv("DATABASE_URL"), "postgres://…, or the path of a SQLite file (default: $DATABASE_URL, or orders.db)")
	flag.BoolVar(&c.local, "local", false, "let webhooks go to plain http and to private addresses: for trying out only")
	flag.Parse()

	var err error
	if c.key, err = base64.StdEncoding.DecodeString(os.Getenv("WEBHOOK_KEY")); err != nil || len(c.key) != 32 {
		err = errors.New("WEBHOOK_KEY, which seals the endpoints' secrets, must be 32 random bytes in base64: openssl rand -base64 32")
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, c, *listen, func(address string) { slog.Info("serving", "address", address) })
		stop()
	}
	if err != nil {
		slog.Error("orders", "error", err)
		os.Exit(1)
	}
}

// run serves and delivers until ctx ends, and then shuts down.
func run(ctx context.Context, c config, listen string, ready func(address string)) error {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}

	// Neither ends with ctx, so that requests and attempts can finish.
	background := context.WithoutCancel(ctx)
	go func() { _ = s.hooks.Run(background) }() // Stop returns what it returns
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	ready(listener.Addr().String())

	var failed error
	select {
	case <-ctx.Done():
	case err := <-serving:
		failed = fmt.Errorf("serving: %w", err)
	}
	// In this order: no more orders, no more attempts, no more database. An
	// attempt that is cut off by the deadline costs its delivery no retry: this
	// process, or another one, makes it again.
	last, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	return errors.Join(failed, server.Shutdown(last), s.hooks.Stop(last))
}

// routes are the API. Webhooks are managed by the customers whose they are.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /orders", handler(s.createOrder))
	mux.Handle("GET /orders", handler(s.listOrders))

	mux.Handle("POST /webhooks", handler(s.registerWebhook))
	mux.Handle("GET /webhooks", handler(s.listWebhooks))
	mux.Handle("PATCH /webhooks/{id}", handler(s.updateWebhook))
	mux.Handle("DELETE /webhooks/{id}", handler(s.deleteWebhook))
	mux.Handle("POST /webhooks/{id}/secret", handler(s.rotateSecret))
	mux.Handle("POST /webhooks/{id}/test", handler(s.testWebhook))

	mux.Handle("GET /webhooks/deliveries", handler(s.listDeliveries))
	mux.Handle("GET /webhooks/deliveries/{id}", handler(s.showDelivery))
	mux.Handle("POST /webhooks/deliveries/{id}/resend", handler(s.resendDelivery))
	return mux
}
