package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// The test runs the program as it is, children included, by running itself.
func TestMain(m *testing.M) {
	if os.Getenv("POSTRIDER_REDISWORKERS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// redisURL returns that of a Redis to be used, "" if the program is to start
// one, and skips the test if neither is possible.
func redisURL(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("POSTRIDER_TEST_REDIS"); url != "" {
		return url
	}
	for _, program := range []string{"redis-server", "valkey-server"} {
		if _, err := exec.LookPath(program); err == nil {
			return ""
		}
	}
	t.Skip("POSTRIDER_TEST_REDIS is not set, and there is neither a redis-server nor a valkey-server")
	return ""
}

// What one process publishes another one delivers, all of it, and nothing is
// left behind in Redis.
func TestRedisWorkers(t *testing.T) {
	url := redisURL(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	cmd := exec.CommandContext(t.Context(), self, "-redis", url)
	cmd.Env = append(os.Environ(), "POSTRIDER_REDISWORKERS=1", "TMPDIR="+temporary)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`publisher +process \d+ has published 300 events`,
		`workers +process \d+ has delivered 300\n`,
		`receiver +has verified 300 events \(0 repeated, 0 refused\)`,
		`history +300 delivered, 0 pending, 0 failed`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s does not match\n%s", want, out)
		}
	}
	processes := regexp.MustCompile(`process (\d+)`).FindAllSubmatch(out, -1)
	if len(processes) == 2 && string(processes[0][1]) == string(processes[1][1]) {
		t.Error("one process is both")
	}
	if strings.Contains(string(out), "whsec_") {
		t.Error("a secret was printed")
	}

	if url == "" {
		if left, err := filepath.Glob(filepath.Join(temporary, "*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
		return
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if left, err := client.Keys(t.Context(), "*postrider-example-*").Result(); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}
