package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

const (
	// readyTimeout bounds the wait for a server to answer: MySQL makes its files first.
	readyTimeout = 90 * time.Second
	// stopTimeout is what a server gets to stop by itself.
	stopTimeout = 10 * time.Second
	// removeTimeout bounds the removal of a container.
	removeTimeout = 30 * time.Second
)

// Server is a server in a container. Its methods may be called by any goroutine.
type Server struct {
	// Name is kind and version, such as "postgres 17".
	Name string
	// Host and Port are where it listens, for as long as it exists: stopping and starting does not change them.
	Host string
	Port int

	container *testcontainers.DockerContainer
	client    *testcontainers.DockerClient
	ready     func(ctx context.Context) error
}

// recipe says how a server is run.
type recipe struct {
	kind, version string
	env           map[string]string
	files         func(listen string, port int) []testcontainers.ContainerFile
	// command returns the container's command, by which the server listens on an address and port.
	command func(listen string, port int) []string
	// stopSignal is the signal that stops it soon and cleanly, where that is not SIGTERM.
	stopSignal string
	// ready fails until the server at the address answers.
	ready func(ctx context.Context, addr string) error
	// needsHostNetwork says that other containers must reach it.
	needsHostNetwork bool
	// publish publishes the port though the host's network could be used.
	publish bool
	// memory is a folder of files that are kept in memory, and gone once the server stops.
	memory string
}

// start starts a server and waits until it answers.
func start(ctx context.Context, r recipe) (*Server, error) {
	c, err := docker()
	if err != nil {
		return nil, err
	}
	hostNetwork := runtime.GOOS == "linux" && !r.publish
	if r.needsHostNetwork && !hostNetwork {
		return nil, fmt.Errorf("%w: it needs the host's network, which containers have on Linux alone", errUnreachable)
	}
	image, err := findImage(ctx, r.kind, r.version)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	listen := loopback
	if !hostNetwork {
		listen = "0.0.0.0"
	}
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithEnv(r.env),
		testcontainers.WithCmd(r.command(listen, port)...),
		testcontainers.WithLabels(map[string]string{ownerLabel: owner()}),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.StopSignal = r.stopSignal }),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
			if r.memory != "" {
				c.Tmpfs = map[string]string{r.memory: "rw"}
			}
			if hostNetwork {
				c.NetworkMode = "host"
				return
			}
			c.PortBindings = network.PortMap{
				network.MustParsePort(strconv.Itoa(port) + "/tcp"): {{HostIP: netip.MustParseAddr(loopback), HostPort: strconv.Itoa(port)}},
			}
		}),
	}
	if !hostNetwork {
		options = append(options, testcontainers.WithExposedPorts(strconv.Itoa(port)+"/tcp"))
	}
	if r.files != nil {
		options = append(options, testcontainers.WithFiles(r.files(listen, port)...))
	}
	ctr, err := testcontainers.Run(ctx, image, options...)
	s := &Server{Name: r.kind + " " + r.version, Host: loopback, Port: port, container: ctr, client: c}
	s.ready = func(ctx context.Context) error { return r.ready(ctx, s.Addr()) }
	if err == nil {
		err = s.waitReady(ctx)
	}
	if err != nil {
		if ctr != nil {
			s.terminate()
		}
		return nil, fmt.Errorf("image %s: %w", image, err)
	}
	return s, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return address(s.Port) }

// Stop stops the server the way its administrators do, within 10 s; after that it is killed.
func (s *Server) Stop(ctx context.Context) error {
	timeout := stopTimeout
	return s.failed("stop", s.container.Stop(ctx, &timeout))
}

// Start starts the server after [Server.Stop] or [Server.Kill] and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	if err := s.container.Start(ctx); err != nil {
		return s.failed("start", err)
	}
	return s.failed("start", s.waitReady(ctx))
}

// Restart is Stop and Start.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Kill ends the server's processes by SIGKILL and returns when they are gone.
func (s *Server) Kill(ctx context.Context) error {
	if _, err := s.client.ContainerKill(ctx, s.container.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return s.failed("kill", err)
	}
	wait := s.client.ContainerWait(ctx, s.container.GetContainerID(), client.ContainerWaitOptions{
		Condition: container.WaitConditionNotRunning,
	})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return s.failed("kill", err)
	}
}

// Pause freezes the server: connections stay open, new ones are accepted by the kernel, and nothing is answered. To freeze
// processes that are busy in the kernel can fail, which leaves them running; then it tries again.
func (s *Server) Pause(ctx context.Context) (err error) {
	for range 10 {
		if _, err = s.client.ContainerPause(ctx, s.container.GetContainerID(), client.ContainerPauseOptions{}); err == nil || !strings.Contains(err.Error(), "unable to freeze") {
			break
		}
	}
	return s.failed("pause", err)
}

// Unpause lets the server go on after [Server.Pause].
func (s *Server) Unpause(ctx context.Context) error {
	_, err := s.client.ContainerUnpause(ctx, s.container.GetContainerID(), client.ContainerUnpauseOptions{})
	return s.failed("unpause", err)
}

// Logs returns the last lines that the server has printed.
func (s *Server) Logs(ctx context.Context, lines int) (string, error) {
	logs, err := s.client.ContainerLogs(ctx, s.container.GetContainerID(), client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines),
	})
	if err != nil {
		return "", s.failed("logs", err)
	}
	defer logs.Close()
	var text strings.Builder
	if _, err := stdcopy.StdCopy(&text, &text, logs); err != nil && !errors.Is(err, io.EOF) {
		return "", s.failed("logs", err)
	}
	return text.String(), nil
}

// failed adds the server's name to an error, if it is one.
func (s *Server) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", s.Name, what, err)
}

// waitReady waits until the server answers, or has ended, in which case its last lines are the error.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var reason error
	for {
		attempt, stop := context.WithTimeout(ctx, 5*time.Second)
		err := s.ready(attempt)
		stop()
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil {
			reason = err
		}
		if state, stateErr := s.container.State(ctx); stateErr == nil && !state.Running {
			logs, _ := s.Logs(ctx, 20)
			return fmt.Errorf("it ended with status %d:\n%s", state.ExitCode, logs)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w (%w)", reason, ctx.Err())
		}
	}
}

// terminate removes the container with its data. A container that stays is removed by a later run's sweep.
func (s *Server) terminate() {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	_, _ = s.client.ContainerRemove(ctx, s.container.GetContainerID(), client.ContainerRemoveOptions{
		Force: true, RemoveVolumes: true,
	})
}

// resource is what ends with a test or with a package's tests.
type resource interface {
	terminate()
	// servers lists its containers.
	servers() []*Server
}

func (s *Server) servers() []*Server { return []*Server{s} }

// own starts a resource for one test. What its servers have printed last is logged when the test fails.
func own[R resource](tb testing.TB, what string, start func(ctx context.Context) (R, error)) R {
	tb.Helper()
	r, err := start(tb.Context())
	if err != nil {
		giveUp(tb, what, err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, s := range r.servers() {
				logs, _ := s.Logs(context.Background(), 15)
				tb.Logf("%s, last lines:\n%s", s.Name, logs)
			}
		}
		r.terminate()
	})
	return r
}
