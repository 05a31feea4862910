package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The tests run the program as it is, by running themselves.
func TestMain(m *testing.M) {
	if os.Getenv("POSTRIDER_DEMO") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// demo runs the program on a file, and returns what it printed. It is killed as
// soon as it prints a line that contains last, unless that is empty.
func demo(t *testing.T, file, last string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-db", file)
	cmd.Env = append(os.Environ(), "POSTRIDER_DEMO=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	killed := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if last != "" && !killed && strings.Contains(lines.Text(), last) {
			killed = true
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	switch {
	case last != "" && !killed:
		t.Fatalf("it never printed %q (%v)\n%s%s", last, err, out.String(), stderr.String())
	case last == "" && (err != nil || stderr.Len() > 0):
		t.Fatalf("%v\n%s%s", err, out.String(), stderr.String())
	case time.Since(begun) > 20*time.Second:
		t.Errorf("it took %v", time.Since(begun))
	}
	return out.String()
}

// The demonstration ends well, soon, and shows what it is there for; the next
// one begins anew.
func TestDemo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a folder", "50%?.db")
	out := demo(t, file, "")
	for _, want := range []string{
		`invoice\.paid +msg_\w+  to (Billing and Audit|Audit and Billing)\n`,
		`invoice\.paid +msg_\w+  again, under the same key`,
		`customer\.joined +msg_\w+  to Audit\n`,
		`1 +[\d:.]+ +503 +http_status .* overloaded +[2-9]\.\d s later`,
		`2 +[\d:.]+ +- +timeout .* no response within 1.5s +\d\.\d s later`,
		`3 +[\d:.]+ +200 +ok .* verified \d+ bytes`,
		`Audit +0 +2 +0 +0`,
		`all +0 +3 +0 +0`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s does not match\n%s", want, out)
		}
	}
	if strings.Contains(out, "whsec_") {
		t.Error("a secret was printed")
	}
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(stored, []byte("invoice.paid")) {
		t.Error("the database holds no event")
	}
	if bytes.Contains(stored, []byte("whsec_")) {
		t.Error("a secret is in the database as it is")
	}

	again := demo(t, file, "Published")
	if strings.Contains(again, "going on") || endpoints(again)[0] == endpoints(out)[0] {
		t.Errorf("after one that ended, it does not start over\n%s", again)
	}
}

// Killed at whichever point, it goes on when it is run again: with the same
// endpoints, events and deliveries, each of which is delivered.
func TestKilledAndRunAgain(t *testing.T) {
	for name, last := range map[string]string{
		"BetweenTheEndpoints":   "Billing  ep_",
		"BeforeAnyEvent":        "Published",
		"BetweenAttempts":       "not accepted (http_status)",
		"WithAnAttemptInFlight": "hangs",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "demo.db")
			first := demo(t, file, last)
			second := demo(t, file, "")

			if !strings.Contains(second, "going on where it was") {
				t.Errorf("it does not say that it goes on\n%s", second)
			}
			for i, e := range endpoints(first) {
				if endpoints(second)[i] != e {
					t.Errorf("endpoint %s is not there any more\n%s", e, second)
				}
			}
			events := regexp.MustCompile(`msg_\w+`)
			for _, id := range events.FindAllString(first, -1) {
				if !strings.Contains(second, id) {
					t.Errorf("event %s is not there any more\n%s", id, second)
				}
			}
			if !regexp.MustCompile(`all +0 +3 +0 +0`).MatchString(second) {
				t.Errorf("not all is delivered\n%s", second)
			}
			// The history of both: the receiver fails twice, and then accepts.
			if !regexp.MustCompile(`1 +[\d:.]+ +503 .*\n +2 +[\d:.]+ +- +timeout .*\n +3 +[\d:.]+ +200 `).MatchString(second) {
				t.Errorf("the history is not whole\n%s", second)
			}
			now := between(second, "Delivering", "History")
			if strings.Contains(first, "(http_status)") && strings.Contains(now, "(http_status)") {
				t.Errorf("what was answered by the time of the kill is tried as if it had not been\n%s", second)
			}
			if strings.Contains(first, "hangs") && !strings.Contains(first, "(timeout)") && !strings.Contains(now, "was being sent when the last run ended") {
				t.Errorf("nothing is said of the attempt in flight\n%s", second)
			}
		})
	}
}

// endpoints returns the ids in the order of the output.
func endpoints(out string) []string { return regexp.MustCompile(`ep_\w+`).FindAllString(out, -1) }

// between returns what is between two titles.
func between(out, from, to string) string {
	_, out, _ = strings.Cut(out, "\n"+from)
	out, _, _ = strings.Cut(out, "\n"+to)
	return out
}
