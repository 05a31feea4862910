// Package show prints what becomes of a product's example payloads.
package show

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/trial"
	"github.com/postrider/postrider/examples/profiles/internal/wire"
)

// timeout bounds a program.
const timeout = time.Minute

// Main is the main function of a program that does f.
func Main(f func(ctx context.Context, w io.Writer) error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	// Also when nobody reads on, the receivers are to be stopped.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := f(ctx, os.Stdout)
	stop()
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Profile publishes the example payloads of a product's page, has them verified
// by the receivers of the same page, and prints what was seen. It is an error if
// a receiver does not accept them, or accepts something else.
func Profile(ctx context.Context, w io.Writer, p profile.Profile) error {
	t, err := trial.Start(ctx, p)
	if err != nil {
		return err
	}
	err = conduct(ctx, w, p, t)
	if err := errors.Join(err, t.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	for i, s := range t.Stands {
		for _, line := range s.Receiver.Said() {
			fmt.Fprintf(w, "Receiver %d printed: %s\n", i+1, line)
		}
	}
	return nil
}

func conduct(ctx context.Context, w io.Writer, p profile.Profile, t *trial.Trial) error {
	fmt.Fprintf(w, "%s: %d event types, configured by %s\n", p.Product, len(p.EventTypes), p.Package)
	for _, s := range t.Missing {
		fmt.Fprintf(w, "\n%s was not found, so its receiver is left out.\n", s.Host.Runtime)
	}
	if len(t.Stands) == 0 {
		return fmt.Errorf("no receiver of %s can run: %w", p.Product, receiver.ErrMissing)
	}
	for i, s := range t.Stands {
		if err := describe(ctx, w, i+1, s.Snippet); err != nil {
			return err
		}
	}
	for _, example := range p.Examples {
		event, err := p.Parse([]byte(example.Code))
		if err != nil {
			return err
		}
		if err := deliver(ctx, w, t, event); err != nil {
			return err
		}
	}
	return nil
}

// describe prints what a receiver consists of.
func describe(ctx context.Context, w io.Writer, number int, s receiver.Snippet) error {
	version, err := receiver.Version(ctx, s.Host.Runtime)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nReceiver %d: the page's own code, run by %s\n", number, version)
	fmt.Fprintf(w, "  around it  %s\n", s.Host.Provides)
	if len(s.Insertions) == 0 {
		fmt.Fprintf(w, "  put in     nothing\n")
	}
	for _, in := range s.Insertions {
		where := "at the top"
		if in.Anchor != "" {
			where = fmt.Sprintf("at %q", in.Anchor)
		}
		fmt.Fprintf(w, "  put in     %s %s, because %s\n", inserted(in), where, in.Why)
	}
	return nil
}

func inserted(in receiver.Insertion) string {
	var parts []string
	for _, text := range []string{in.Before, in.After} {
		if text = strings.TrimSpace(text); text != "" {
			parts = append(parts, strings.ReplaceAll(text, "\n", "; "))
		}
	}
	return strings.Join(parts, " … ")
}

// deliver publishes one event and prints its way to the receivers.
func deliver(ctx context.Context, w io.Writer, t *trial.Trial, e dispatcher.Event) error {
	deliveries, err := t.Deliver(ctx, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nPublished %s %s, with the page's example payload\n", e.ID, e.Type)
	for i, s := range t.Stands {
		requests, err := s.Tap.Requests()
		if err != nil {
			return err
		}
		sent := requests[len(requests)-1]
		if i == 0 {
			printRequest(w, sent)
		}
		attempts, err := t.Hooks.Attempts(ctx, deliveries[i].ID)
		if err != nil {
			return err
		}
		a := attempts[len(attempts)-1]
		fmt.Fprintf(w, "  receiver %d  %s: %s\n", i+1, deliveries[i].State, answered(a.Status, string(a.ResponseBody)))

		tampered, err := sent.Tampered(e.ID, e.ID[:len(e.ID)-1]+"?")
		if err != nil {
			return err
		}
		status, answer, err := tampered.Send(ctx, s.Receiver.Addr)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "              and with one character of the body changed: %s\n", answered(status, answer))
		if deliveries[i].State != dispatcher.StateDelivered || status < 400 {
			return fmt.Errorf("receiver %d did not tell right from wrong", i+1)
		}
	}
	return nil
}

func answered(status int, body string) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, body))
}

// printRequest prints a request, its lines broken after 100 characters.
func printRequest(w io.Writer, r wire.Request) {
	lines := []string{r.Line}
	for _, f := range r.Fields {
		lines = append(lines, f.Name+": "+f.Value)
	}
	lines = append(lines, "")
	for part := range slices.Chunk([]rune(string(r.Body)), 100) {
		lines = append(lines, string(part))
	}
	for _, line := range lines {
		fmt.Fprintln(w, strings.TrimRight("  | "+line, " "))
	}
}
