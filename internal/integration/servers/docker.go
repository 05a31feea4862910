package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// ownerLabel marks a container with the process that started it, as host/pid.
const ownerLabel = "org.postrider.owner"

// errUnreachable is wrapped by errors that mean that no container, or none of the kind, can be had here. Any other error
// is a failure of the test.
var errUnreachable = errors.New("not reachable")

// errNone means that a server is done without, even where containers are required.
var errNone = errors.New("there is to be none")

// docker returns the client of the Docker daemon. The first call removes what dead processes have left.
var docker = sync.OnceValues(func() (_ *testcontainers.DockerClient, err error) {
	// Resolving the daemon's socket panics where there is none.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: docker: %v", errUnreachable, r)
		}
	}()
	if os.Getenv("TESTCONTAINERS_RYUK_DISABLED") == "" {
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			return nil, err
		}
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: docker: %w", errUnreachable, err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, fmt.Errorf("%w: docker: %w", errUnreachable, err)
	}
	sweep(ctx, c)
	return c, nil
})

// owner names this process as containers are labelled.
func owner() string {
	host, _ := os.Hostname() // a host without a name is the same host as ever
	return host + "/" + strconv.Itoa(os.Getpid())
}

// sweep removes the containers of processes of this host that are gone. What cannot be removed is left to the next run.
func sweep(ctx context.Context, c *testcontainers.DockerClient) {
	if runtime.GOOS == "windows" {
		return // which has no way to ask for a process without touching it
	}
	list, err := c.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", ownerLabel),
	})
	if err != nil {
		return
	}
	self, _, _ := strings.Cut(owner(), "/")
	for _, item := range list.Items {
		host, pid, _ := strings.Cut(item.Labels[ownerLabel], "/")
		if host == self && gone(pid) {
			_, _ = c.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
}

// gone reports that there is no such process.
func gone(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 {
		return false
	}
	p, err := os.FindProcess(n)
	if err != nil {
		return true
	}
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

// giveUp ends the test for the lack of a server: it skips where that cannot be had here or is done without, and fails for
// any other reason, and where containers are required.
func giveUp(tb testing.TB, what string, err error) {
	tb.Helper()
	switch {
	case errors.Is(err, errNone):
		skip(tb, what, err)
	case !errors.Is(err, errUnreachable):
		tb.Fatalf("%s: %v", what, err)
	case os.Getenv("POSTRIDER_REQUIRE_CONTAINERS") == "1":
		tb.Fatalf("POSTRIDER_REQUIRE_CONTAINERS=1, but %s: %v", what, err)
	default:
		skip(tb, what, err)
	}
}

// unreachedVariable names a file that takes a line for each test that was skipped for the lack of a server. `make test`
// shows it: `go test` says nothing of skipped tests.
const unreachedVariable = "POSTRIDER_UNREACHED"

func skip(tb testing.TB, what string, err error) {
	tb.Helper()
	if name := os.Getenv(unreachedVariable); name != "" {
		line := strings.Join(strings.Fields(fmt.Sprintf("%s: %v", what, err)), " ") + "\n"
		if err := appendTo(name, line); err != nil {
			tb.Fatalf("%s: %v", unreachedVariable, err)
		}
	}
	tb.Skipf("%s: %v", what, err)
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 -- it is told to
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
