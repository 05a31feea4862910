package jsonform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 1, "of the random documents")

// A control is a line for a judge, and what its answer must begin with.
type control struct{ line, want string }

// The forms promise what other languages make of a document, so these
// languages are the judges. Each script states its own, independent check.
func TestAgainstRuntimes(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	for _, judge := range []struct {
		form            Form
		runtime, script string
		controls        []control // that show that the judge is awake
		losses          []string  // each must occur among the refusals
		accepted        float64   // least share, as is refused
		refused         float64
	}{
		{
			form: JavaScript, runtime: "node", script: "testdata/javascript.js",
			controls: []control{
				{"A " + encode([]byte(`{"a":1.50}`)) + " " + encode([]byte(`{"a":1.5}`)), "ok"},
				{"A " + encode([]byte(`{"a":1.50}`)) + " " + encode([]byte(`{"a":1.50}`)), "bad JSON.stringify changes"},
				{"A " + encode([]byte(`{"b":1,"0":2}`)) + " " + encode([]byte(`{"b":1,"0":2}`)), "bad JSON.stringify changes"},
				{"A " + encode([]byte(`{"a":1,"b":2}`)) + " " + encode([]byte(`{"b":2,"a":1}`)), "bad JSON.stringify of the source"},
				{"A " + encode([]byte(`9007199254740993`)) + " " + encode([]byte(`9007199254740992`)), "bad accepted what loses: number"},
				{"A " + encode([]byte(`{"a":1,"a":2}`)) + " " + encode([]byte(`{"a":2}`)), "bad accepted what loses: key"},
				{"R " + encode([]byte(`[1.0,"\ud800",{"a":1,"b":1}]`)), "bad nothing is lost"},
				{"R " + encode([]byte(`9007199254740993`)), "lost number"},
				{"R " + encode([]byte(`{"a":1,"\u0061":1}`)), "lost key"},
			},
			losses:   []string{"number", "key", "syntax", "encoding", "depth"},
			accepted: 0.6, refused: 0.2,
		},
		{
			form: ASCII, runtime: "python3", script: "testdata/ascii.py",
			controls: []control{
				{"A " + encode([]byte(`["é"]`)) + " " + encode([]byte(`["\u00e9"]`)), "ok"},
				{"A " + encode([]byte(`["é"]`)) + " " + encode([]byte(`["é"]`)), "bad UnicodeDecodeError"},
				{"A " + encode([]byte(`["é"]`)) + " " + encode([]byte(`["\u00ea"]`)), "bad another value"},
				{"A " + encode([]byte(`[1.0]`)) + " " + encode([]byte(`[1.00]`)), "bad another value"},
				{"A " + encode([]byte(`{"a":1,"a":2}`)) + " " + encode([]byte(`{"a":2}`)), "bad another value"},
				{"R " + encode([]byte(`["\ud800", 123456789012345678901234567890, 1e999]`)), "bad nothing is lost"},
				{"R " + encode([]byte(`[NaN]`)), "lost syntax"},
			},
			losses:   []string{"syntax", "encoding", "depth"},
			accepted: 0.8, refused: 0.08,
		},
	} {
		t.Run(judge.form.String(), func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(judge.runtime)
			if err != nil {
				if os.Getenv("POSTRIDER_REQUIRE_RUNTIMES") == "1" {
					t.Fatalf("POSTRIDER_REQUIRE_RUNTIMES=1, but %s is missing: %v", judge.runtime, err)
				}
				t.Skipf("%s is missing, so the %v form is not checked against it: %v", judge.runtime, judge.form, err)
			}
			total := uint64(100_000)
			if testing.Short() {
				total = 5_000
			}

			lines := func(yield func(string) bool) {
				for _, c := range judge.controls {
					if !yield(c.line) {
						return
					}
				}
				for i := range total {
					source := generate(*seedFlag, i)
					line := "R " + encode(source)
					if out, err := Append(nil, source, judge.form); err == nil {
						line = "A " + encode(source) + " " + encode(out)
					}
					if !yield(line) {
						return
					}
				}
			}
			answers := 0
			accepted, bad := uint64(0), uint64(0)
			lost := map[string]int{}
			ask(t, path, judge.script, lines, func(answer string) {
				answers++
				if answers <= len(judge.controls) {
					if c := judge.controls[answers-1]; !strings.HasPrefix(answer, c.want) {
						t.Errorf("control %q of %s: got %q, want %q", c.line, judge.script, answer, c.want)
					}
					return
				}
				if answer == "ok" {
					accepted++
				} else if loss, ok := strings.CutPrefix(answer, "lost "); ok {
					for what := range strings.SplitSeq(loss, ",") {
						lost[what]++
					}
				} else if bad++; bad <= 10 {
					number := uint64(answers - len(judge.controls) - 1)
					source := generate(*seedFlag, number)
					out, err := Append(nil, source, judge.form)
					t.Errorf("document %d of seed %d: %s\nsource %q\nresult %q, error %v", number, *seedFlag, answer, source, out, err)
				}
			})
			if got, want := uint64(answers), uint64(len(judge.controls))+total; got != want {
				t.Fatalf("%d answers to %d lines", got, want)
			}
			refusals := total - accepted - bad
			t.Logf("%d documents against %s: %d accepted, %d refused (of which each lost %v), %d mismatches",
				total, judge.runtime, accepted, refusals, lost, bad)
			if share := float64(accepted) / float64(total); share < judge.accepted {
				t.Errorf("only %.2f of the documents were accepted", share)
			}
			if share := float64(refusals) / float64(total); share < judge.refused {
				t.Errorf("only %.2f of the documents were refused", share)
			}
			for _, what := range judge.losses {
				if lost[what] == 0 {
					t.Errorf("no document was refused for its %s", what)
				}
			}
		})
	}
}

// ask runs a script, gives it lines, and passes on its answers, one per line.
func ask(t *testing.T, path, script string, lines iter.Seq[string], answer func(string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(in, 64<<10)
		for line := range lines {
			if _, err := w.WriteString(line + "\n"); err != nil {
				break // Flush returns it again
			}
		}
		written <- errors.Join(w.Flush(), in.Close())
	}()
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		answer(scanner.Text())
	}
	// The script's output has ended, so a blocked writer gets an error.
	if err := errors.Join(scanner.Err(), <-written, cmd.Wait()); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.Bytes())
	}
}
