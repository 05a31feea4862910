package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// fakeTB records how a test ends.
type fakeTB struct {
	testing.TB
	failed, skipped string
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	panic(f)
}
func (f *fakeTB) Skipf(format string, args ...any) {
	f.skipped = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *fakeTB) run(test func()) {
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
	}()
	test()
}

// TestUnreachable holds that a test without its server is skipped by name, and fails where containers are required unless
// the server is done without.
func TestUnreachable(t *testing.T) {
	t.Setenv("POSTRIDER_IMAGE_REDIS_0", "localhost:1/none")
	t.Setenv("POSTRIDER_REQUIRE_CONTAINERS", "")
	if _, err := docker(); err != nil {
		giveUp(t, "docker", err)
	}
	unreached := filepath.Join(t.TempDir(), "unreached")
	t.Setenv(unreachedVariable, unreached)
	fake := &fakeTB{TB: t}
	fake.run(func() { Redis(fake, "0") })
	if text, err := os.ReadFile(unreached); err != nil || !strings.HasPrefix(string(text), "redis 0: not reachable: ") || strings.Count(string(text), "\n") != 1 {
		t.Errorf("noted %q, %v", text, err)
	}
	if want := "redis 0: not reachable: image localhost:1/none: "; !strings.HasPrefix(fake.skipped, want) {
		t.Errorf("skipped with %q (failed with %q), not %q…", fake.skipped, fake.failed, want)
	}
	t.Setenv("POSTRIDER_REQUIRE_CONTAINERS", "1")
	fake = &fakeTB{TB: t}
	fake.run(func() { Redis(fake, "0") })
	if want := "POSTRIDER_REQUIRE_CONTAINERS=1, but redis 0: not reachable: "; !strings.HasPrefix(fake.failed, want) {
		t.Errorf("failed with %q, not %q…", fake.failed, want)
	}
	t.Setenv("POSTRIDER_IMAGE_REDIS_0", "none")
	fake = &fakeTB{TB: t}
	fake.run(func() { Redis(fake, "0") })
	if want := "redis 0: there is to be none: POSTRIDER_IMAGE_REDIS_0=none"; fake.skipped != want {
		t.Errorf("skipped with %q (failed with %q), not %q", fake.skipped, fake.failed, want)
	}
}

// TestBrokenServer holds that a server that ends at once fails the test, with its own words.
func TestBrokenServer(t *testing.T) {
	t.Parallel()
	if _, err := findImage(t.Context(), "redis", "7.0"); err != nil {
		giveUp(t, "redis 7.0", err)
	}
	fake := &fakeTB{TB: t}
	fake.run(func() { Redis(fake, "7.0", "--no-such-setting", "1") })
	for _, want := range []string{"redis 7.0: ", "it ended with status 1", "no-such-setting"} {
		if !strings.Contains(fake.failed, want) {
			t.Errorf("failed with %q (skipped with %q), which lacks %q", fake.failed, fake.skipped, want)
		}
	}
}

// TestShareWithoutMain holds that a shared server is refused where nothing would end it.
func TestShareWithoutMain(t *testing.T) {
	// Not parallel: no other test that shares runs now.
	pool.Lock()
	pool.running = false
	pool.Unlock()
	defer func() {
		pool.Lock()
		pool.running = true
		pool.Unlock()
	}()
	fake := &fakeTB{TB: t}
	fake.run(func() { SharedRedis(fake, "7.0") })
	if !strings.Contains(fake.failed, "servers.Main") {
		t.Errorf("failed with %q", fake.failed)
	}
}

// TestSweep holds that the containers of processes that are gone are removed, and no others.
func TestSweep(t *testing.T) {
	t.Parallel()
	live := Redis(t, "7.0")
	image, err := findImage(t.Context(), "redis", "7.0")
	if err != nil {
		t.Fatal(err)
	}
	// This very test program, listing no tests: a process that has just ended.
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.list=^$")
	if err := process.Run(); err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(owner(), "/")
	dead, err := testcontainers.Run(t.Context(), image, testcontainers.WithCmd("sleep", "60"),
		testcontainers.WithLabels(map[string]string{ownerLabel: host + "/" + strconv.Itoa(process.Process.Pid)}))
	if err != nil {
		t.Fatal(err)
	}
	sweep(t.Context(), live.client)
	list, err := live.client.ContainerList(t.Context(), client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", ownerLabel),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, item := range list.Items {
		ids = append(ids, item.ID)
	}
	if slices.Contains(ids, dead.GetContainerID()) {
		t.Error("the container of a dead process is left")
		(&Server{container: dead, client: live.client}).terminate()
	}
	if !slices.Contains(ids, live.container.GetContainerID()) {
		t.Error("the container of this process is removed")
	}
}

// TestImages holds where images are looked for.
func TestImages(t *testing.T) {
	for _, tt := range []struct{ kind, version, want string }{
		{"postgres", "17", "postrider-test/postgres:17 postgres:17"},
		{"redis", "7.0", "postrider-test/redis:7.0 redis:7.0"},
		{"valkey", "8.1", "postrider-test/valkey:8.1 valkey/valkey:8.1"},
		{"mariadb", "10.11", "example.com/mariadb"},
	} {
		t.Setenv("POSTRIDER_IMAGE_POSTGRES_17", "")
		t.Setenv("POSTRIDER_IMAGE_REDIS_7_0", "")
		t.Setenv("POSTRIDER_IMAGE_VALKEY_8_1", "")
		t.Setenv("POSTRIDER_IMAGE_MARIADB_10_11", "example.com/mariadb")
		if got := strings.Join(images(tt.kind, tt.version), " "); got != tt.want {
			t.Errorf("%s %s: %s, not %s", tt.kind, tt.version, got, tt.want)
		}
	}
}

// TestFailedKeepsCause holds that errors of servers name them and keep their cause.
func TestFailedKeepsCause(t *testing.T) {
	cause := errors.New("cause")
	err := (&Server{Name: "redis 7.0"}).failed("stop", cause)
	if !errors.Is(err, cause) || err.Error() != "redis 7.0: stop: cause" {
		t.Errorf("%v", err)
	}
}
