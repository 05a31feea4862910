package show_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/show"
	"github.com/postrider/postrider/examples/profiles/internal/vatly"
)

// A program tells what every receiver said, and which it could not find.
func TestProfile(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := vatly.Profile()
	if err != nil {
		t.Fatal(err)
	}
	extinct := p.Receivers[0]
	extinct.Host.Runtime = "no-such-runtime"
	p.Receivers = append(p.Receivers, extinct)

	var out strings.Builder
	err = show.Profile(ctx, &out, p)
	if errors.Is(err, receiver.ErrMissing) && os.Getenv("POSTRIDER_REQUIRE_RUNTIMES") != "1" {
		t.Skipf("no runtime is there: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Vatly: 15 event types",
		"no-such-runtime was not found",
		"| x-protocol-signature: ",
		"delivered: 200 verified",
		"changed: 401 refused",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	p.Receivers = []receiver.Snippet{extinct}
	if err := show.Profile(ctx, &out, p); !errors.Is(err, receiver.ErrMissing) {
		t.Errorf("without any runtime: %v, want ErrMissing", err)
	}
	// What a receiver gets wrong is an error.
	wrong := profile.Profile{Product: "Wrong", Options: p.Options, EventTypes: p.EventTypes, Examples: p.Examples, Parse: p.Parse}
	wrong.Receivers = []receiver.Snippet{{Code: "verified()", Host: receiver.NodeStatements}}
	err = show.Profile(ctx, &out, wrong)
	if err == nil || !errors.Is(err, receiver.ErrMissing) && !strings.Contains(err.Error(), "right from wrong") {
		t.Errorf("a receiver that accepts everything: %v", err)
	}
}
