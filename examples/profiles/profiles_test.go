// Package profiles_test holds the five profiles to the pages of their products:
// what is sent is what the page describes, and the page's own receivers, run by
// their own runtimes, verify it.
package profiles_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/examples/profiles/internal/digivault"
	"github.com/postrider/postrider/examples/profiles/internal/notifly"
	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/protocol"
	"github.com/postrider/postrider/examples/profiles/internal/protocolapi"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/trial"
	"github.com/postrider/postrider/examples/profiles/internal/vatly"
)

type product struct {
	name    string
	profile func() (profile.Profile, error)
	// receivers are the runtimes of the snippets on the page.
	receivers []string
}

var products = []product{
	{"vatly", vatly.Profile, []string{"node", "python3", "php"}},
	{"notifly", notifly.Profile, []string{"node"}},
	{"protocol", protocol.Profile, []string{"node"}},
	{"protocolapi", protocolapi.Profile, []string{"node", "python3", "php"}},
	{"digivault", digivault.Profile, []string{"node", "python3", "php"}},
}

// each runs f for every product.
func each(t *testing.T, f func(t *testing.T, name string, p profile.Profile)) {
	for _, product := range products {
		t.Run(product.name, func(t *testing.T) {
			t.Parallel()
			p, err := product.profile()
			if err != nil {
				t.Fatal(err)
			}
			f(t, product.name, p)
		})
	}
}

// eachReceiver runs f for every receiver on every page.
func eachReceiver(t *testing.T, f func(t *testing.T, p profile.Profile, s receiver.Snippet)) {
	each(t, func(t *testing.T, _ string, p profile.Profile) {
		for _, s := range p.Receivers {
			t.Run(s.Host.Runtime, func(t *testing.T) {
				need(t, s.Host.Runtime)
				f(t, p, s)
			})
		}
	})
}

// need skips the test where a runtime is missing, and fails it where all of them
// are required.
func need(t *testing.T, runtime string) {
	t.Helper()
	_, err := exec.LookPath(runtime)
	switch {
	case err == nil:
	case os.Getenv("POSTRIDER_REQUIRE_RUNTIMES") == "1":
		t.Fatalf("POSTRIDER_REQUIRE_RUNTIMES=1, but %s is missing: %v", runtime, err)
	default:
		t.Skipf("%s is missing, so this receiver is not tried: %v", runtime, err)
	}
}

// bounded returns a context for real I/O.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// start starts a trial of one receiver.
func start(ctx context.Context, t *testing.T, p profile.Profile, s receiver.Snippet, more ...dispatcher.Option) (*trial.Trial, *trial.Stand) {
	t.Helper()
	p.Receivers = []receiver.Snippet{s}
	tr, err := trial.Start(ctx, p, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t.Context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := tr.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if len(tr.Stands) != 1 {
		t.Fatalf("%d receivers run, want 1", len(tr.Stands))
	}
	return tr, tr.Stands[0]
}

// examples returns the events behind a page's example payloads.
func examples(t *testing.T, p profile.Profile) []dispatcher.Event {
	t.Helper()
	if len(p.Examples) == 0 {
		t.Fatal("the page has no example")
	}
	events := make([]dispatcher.Event, len(p.Examples))
	for i, example := range p.Examples {
		var err error
		if events[i], err = p.Parse([]byte(example.Code)); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

// Every page's receivers are tried: none is lost on the way out of the page.
func TestReceiversOfThePages(t *testing.T) {
	for _, product := range products {
		p, err := product.profile()
		if err != nil {
			t.Fatal(err)
		}
		var runtimes []string
		for _, s := range p.Receivers {
			runtimes = append(runtimes, s.Host.Runtime)
		}
		if got, want := strings.Join(runtimes, " "), strings.Join(product.receivers, " "); got != want {
			t.Errorf("%s: the receivers run by %q, want %q", product.name, got, want)
		}
	}
}
