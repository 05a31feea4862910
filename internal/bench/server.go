package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// The kinds of servers. A file is one too: what is asked of servers, that a run
// begins on an empty one, is asked of it.
const (
	fileServer         = "file"
	postgresServer     = "postgres"
	mysqlServer        = "mysql"
	mariadbServer      = "mariadb"
	redisServer        = "redis"
	redisClusterServer = "redis-cluster"
)

// server is a database server, as parent and children see it.
type server struct {
	Kind string
	// DSN leads to the server, with the right to make databases in it.
	DSN string
	// PIDs are the processes whose CPU time, with their descendants', is the
	// server's; none if it is not known.
	PIDs []int
}

// given is a server that the user brought instead of having one started.
type given struct {
	DSN string
	// PID is the server's first process, if it runs on this machine.
	PID int
}

// givenKinds are the kinds of servers that can be given.
var givenKinds = []string{postgresServer, mysqlServer, mariadbServer, redisServer, redisClusterServer}

// givenVariable is the environment variable with the DSN of a server of that
// kind.
func givenVariable(kind string) string {
	return "POSTRIDER_BENCH_" + strings.ToUpper(strings.ReplaceAll(kind, "-", "_"))
}

func givenByEnvironment() map[string]*given {
	all := make(map[string]*given, len(givenKinds))
	for _, kind := range givenKinds {
		all[kind] = &given{DSN: os.Getenv(givenVariable(kind))}
	}
	return all
}

// servers starts each kind of server when it is first needed, and stops all of
// them.
type servers struct {
	exe     string
	config  config
	running map[string]server
	stops   []func()
}

func newServers(exe string, cfg config) *servers {
	return &servers{exe: exe, config: cfg, running: map[string]server{}}
}

// of returns the server of that kind, started if need be.
func (s *servers) of(ctx context.Context, kind string) (server, error) {
	if srv, ok := s.running[kind]; ok || kind == "" {
		return srv, nil
	}
	srv, stop, err := s.start(ctx, kind)
	if err != nil {
		return server{}, fmt.Errorf("start %s: %w", kind, err)
	}
	s.running[kind] = srv
	s.stops = append(s.stops, stop)
	return srv, nil
}

func (s *servers) start(ctx context.Context, kind string) (server, func(), error) {
	if kind == fileServer {
		return server{Kind: kind, DSN: s.config.Dir}, func() {}, nil
	}
	if g := s.config.Given[kind]; g != nil && g.DSN != "" {
		srv := server{Kind: kind, DSN: g.DSN}
		if g.PID > 0 {
			srv.PIDs = []int{g.PID}
		}
		return srv, func() {}, srv.checkGiven(ctx)
	}
	return startServer(ctx, s.exe, kind)
}

// stop ends every server that was started, the last one first.
func (s *servers) stop() {
	for _, stop := range slices.Backward(s.stops) {
		stop()
	}
}

// startTimeout is how long a server may take to start. The first start of a
// database on a slow disk takes a while.
const startTimeout = 2 * time.Minute

// startServer starts a server in containers, held by a process of its own that
// removes them when this process ends, however it does.
func startServer(ctx context.Context, exe, kind string) (server, func(), error) {
	cmd := exec.CommandContext(ctx, exe, roleServer, kind)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it has to clean up
	cmd.WaitDelay = 2 * waitDelay
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return server{}, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return server{}, nil, err
	}
	if err := cmd.Start(); err != nil {
		return server{}, nil, err
	}
	stop := func() {
		_ = stdin.Close()
		kill := time.AfterFunc(6*waitDelay, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait() // how it ended does not matter any more
	}
	var srv server
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &srv)
	}
	if err != nil {
		stop()
		return server{}, nil, fmt.Errorf("no address: %w", err)
	}
	return srv, stop, nil
}

// serveServer is the process that holds a server: it starts the containers,
// prints the server as JSON on a line of its own, and removes the containers
// when stdin ends, which is when the parent has ended.
func serveServer(ctx context.Context, kind string, stdin io.Reader, stdout io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	var containers []string
	defer func() {
		removeCtx, cancelRemove := context.WithTimeout(context.WithoutCancel(ctx), 4*waitDelay)
		defer cancelRemove()
		for _, id := range containers {
			err = errors.Join(err, removeContainer(removeCtx, id))
		}
	}()

	spec, ok := containerSpecs[kind]
	if !ok {
		return fmt.Errorf("unknown kind of server %q", kind)
	}
	srv := server{Kind: kind}
	var ports []int
	for range max(spec.nodes, 1) {
		port, err := freePort()
		if err != nil {
			return err
		}
		id, pid, err := runContainer(ctx, spec, port)
		if id != "" {
			containers = append(containers, id)
		}
		if err != nil {
			return err
		}
		ports = append(ports, port)
		srv.PIDs = append(srv.PIDs, pid)
	}
	srv.DSN = spec.dsn(ports)
	startCtx, cancelStart := context.WithTimeoutCause(ctx, startTimeout, errors.New("it does not answer"))
	defer cancelStart()
	startCtx, ended := context.WithCancelCause(startCtx)
	defer ended(nil)
	for _, id := range containers {
		go func() { ended(awaitExit(startCtx, id)) }()
	}
	if err := spec.ready(startCtx, srv.DSN); err != nil {
		for _, id := range containers {
			err = fmt.Errorf("%w\n%s", err, containerLog(context.WithoutCancel(ctx), id))
		}
		return err
	}
	if err := json.NewEncoder(stdout).Encode(srv); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
