package mutation

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// memstore is the package that the faults are seeded into.
const memstore = "adapters/memstore"

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: TestConformance/(?:[a-z]+/)?([A-Z][A-Za-z0-9]+/[A-Z][A-Za-z0-9]+) `)

// conform runs the conformance test of the memory store. It returns the tests
// that failed by an assertion; an error if the run ended otherwise: a source
// that does not compile, a crash, a run that took too long.
func conform(ctx context.Context, root, overlay string) ([]string, error) {
	args := []string{"test", "-count=1", "-short", "-vet=off", "-failfast", "-timeout=150s", "-run=^TestConformance$"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+memstore)...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var tests []string
	for _, m := range failed.FindAllStringSubmatch(out.String(), -1) {
		tests = append(tests, m[1])
	}
	switch text := out.String(); {
	case err == nil && len(tests) == 0 && strings.HasPrefix(text, "ok "):
		return nil, nil
	case err == nil, len(tests) == 0,
		strings.Contains(text, "[build failed]"), strings.Contains(text, "panic: test timed out"), strings.Contains(text, "\ngoroutine "):
		return nil, fmt.Errorf("the run ended with %v and without a verdict:\n%s", err, text)
	}
	return tests, nil
}

// faults are all rows.
var faults = slices.Concat(queueFaults, settleFaults, writerFaults, tenantFaults, endpointFaults, inspectFaults, recoveryFaults, retentionFaults)

// TestFaultsApply tells at once, without a build, which rows the memory store's
// source has left behind.
func TestFaultsApply(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("..", "..", memstore))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, f := range faults {
		if names[f.name] {
			t.Errorf("two faults are named %q", f.name)
		}
		names[f.name] = true
		if _, err := overlay(t.TempDir(), folder, f.edits); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// sample is the share of the faults that is seeded unless POSTRIDER_FAULTS is
// "all", as in `make mutation`: one of so many.
const sample = 6

// TestSeededFaults requires the suite to pass on the store as it is and to fail
// for each fault.
func TestSeededFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the memory store once for each fault")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if tests, err := conform(t.Context(), root, ""); err != nil || len(tests) > 0 {
		t.Fatalf("without a fault the suite fails: %q, %v", tests, err)
	}
	turns := make(chan struct{}, 2) // two builds at a time
	all := os.Getenv("POSTRIDER_FAULTS") == "all"
	for i, f := range faults {
		if !all && i%sample != 0 {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			path, err := overlay(t.TempDir(), filepath.Join(root, memstore), f.edits)
			if err != nil {
				t.Fatal(err)
			}
			turns <- struct{}{}
			defer func() { <-turns }()
			begin := time.Now()
			tests, err := conform(t.Context(), root, path)
			switch {
			case err != nil:
				t.Error(err)
			case len(tests) == 0:
				t.Errorf("the suite passes")
			default:
				t.Logf("found in %v by %s", time.Since(begin).Round(time.Millisecond), strings.Join(tests, ", "))
			}
		})
	}
}

// The edits have to be refused when the source has moved on: a fault that is
// not seeded would be found by nothing, or, worse, be taken for found.
func TestOverlayRefuses(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("..", "..", memstore))
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]edit{
		"no such piece": {"settle.go", "this stands nowhere", "x"},
		"many pieces":   {"settle.go", "return", "x"},
		"no change":     {"settle.go", "package memstore", "package memstore"},
		"no such file":  {"none.go", "package memstore", "x"},
	} {
		if path, err := overlay(t.TempDir(), folder, []edit{e}); err == nil {
			t.Errorf("%s: the overlay %s was made", name, path)
		}
	}
}
