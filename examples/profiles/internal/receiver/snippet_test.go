package receiver

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

func TestSource(t *testing.T) {
	for _, test := range []struct {
		name       string
		insertions []Insertion
		want       string // "" means an error
	}{
		{"nothing", nil, "a b c"},
		{"at the top", []Insertion{{Before: "x "}}, "x a b c"},
		{"around", []Insertion{{Anchor: "b", Before: "<", After: ">"}}, "a <b> c"},
		{"several", []Insertion{{Before: "b "}, {Anchor: "b c", After: "!"}}, "b a b c!"},
		{"no anchor", []Insertion{{Anchor: "d"}}, ""},
		{"two anchors", []Insertion{{Anchor: " "}}, ""},
	} {
		got, err := Snippet{Code: "a b c", Insertions: test.insertions}.Source()
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

// A runtime that is not there is told from one that does not start, of which the
// error says what it printed.
func TestStartErrors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	secret := signer.GenerateSecret()
	missing := NodeStatements
	missing.Runtime = "no-such-runtime"
	if _, err := Start(ctx, Snippet{Host: missing}, secret); !errors.Is(err, ErrMissing) {
		t.Errorf("%v, want ErrMissing", err)
	}
	if _, err := Version(ctx, "no-such-runtime"); !errors.Is(err, ErrMissing) {
		t.Errorf("%v, want ErrMissing", err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
	broken := Host{Runtime: "go", args: []string{"no-such-command"}, snippet: "snippet.go"}
	_, err := Start(ctx, Snippet{Host: broken}, secret)
	if err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("%v, want what go printed", err)
	}
	if err != nil && strings.Contains(err.Error(), secret.Reveal()) {
		t.Error("the error holds the secret")
	}
}
