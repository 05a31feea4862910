package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"
)

// task is what testdata/ed25519.js is asked to do.
type task struct {
	Op        string `json:"op"`
	Key       string `json:"key,omitempty"`
	ID        string `json:"id,omitempty"`
	Timestamp string `json:"timestamp,omitempty"`
	Signature string `json:"signature,omitempty"`
	Body      []byte `json:"body"` // base64 in JSON
}

// verifyTask asks whether a request carries a good v1a signature.
func verifyTask(r request, key string) task {
	return task{
		Op: "verify", Key: key, Body: r.Body,
		ID: r.Header.Get("webhook-id"), Timestamp: r.Header.Get("webhook-timestamp"), Signature: r.Header.Get("webhook-signature"),
	}
}

// needNode skips the test where node is missing, and fails it where all runtimes
// are required.
func needNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	switch {
	case err == nil:
	case os.Getenv("POSTRIDER_REQUIRE_RUNTIMES") == "1":
		t.Fatalf("POSTRIDER_REQUIRE_RUNTIMES=1, but node is missing: %v", err)
	default:
		t.Skipf("node is missing, so Ed25519 is not checked against its crypto: %v", err)
	}
}

// askNode returns the answers of one run of testdata/ed25519.js, in the order of
// tasks.
func askNode[T any](t *testing.T, tasks ...task) []T {
	t.Helper()
	input, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", "testdata/ed25519.js")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.Bytes())
	}
	var answers []T
	if err := json.Unmarshal(output, &answers); err != nil {
		t.Fatalf("node answered %q: %v", output, err)
	}
	if len(answers) != len(tasks) {
		t.Fatalf("node gave %d answers to %d tasks", len(answers), len(tasks))
	}
	return answers
}
