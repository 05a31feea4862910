package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// requireDocker skips the test where containers cannot be had.
func requireDocker(t *testing.T) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "docker", "version").Run(); err != nil {
		if os.Getenv("POSTRIDER_REQUIRE_CONTAINERS") != "" {
			t.Fatalf("docker: %v", err)
		}
		noteUnreached(t, "the benchmark's servers: docker: "+err.Error())
		t.Skipf("docker: %v", err)
	}
}

// noteUnreached adds a line to the file that `make test` shows, if there is one.
func noteUnreached(t *testing.T, line string) {
	t.Helper()
	name := os.Getenv("POSTRIDER_UNREACHED")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestServers starts each kind of server, makes and removes databases in it,
// and looks whether the containers are gone at the end.
func TestServers(t *testing.T) {
	requireDocker(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range givenKinds {
		t.Run(kind, func(t *testing.T) {
			s := newServers(exe, defaults())
			defer s.stop()
			srv, err := s.of(t.Context(), kind)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := s.of(t.Context(), kind); err != nil || again.DSN != srv.DSN {
				t.Errorf("the second call returned %+v, %v", again, err)
			}
			cpu, err := treeCPU(srv.PIDs)
			if err != nil || cpu <= 0 {
				t.Errorf("the server has used %v of CPU, %v", cpu, err)
			}
			dsn, drop, err := srv.fresh(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if dsn == "" {
				t.Error("no DSN")
			}
			if err := drop(t.Context()); err != nil {
				t.Error(err)
			}
			s.stop()
			if _, err := treeCPU(srv.PIDs); err == nil {
				t.Errorf("processes %v are still there", srv.PIDs)
			}
		})
	}
}

// TestMeasureOnServers runs the contenders that work on servers through the
// scenarios that are theirs, with signatures checked.
func TestMeasureOnServers(t *testing.T) {
	requireDocker(t)
	cfg := tiny()
	cfg.Deliveries = 1000
	cfg.Contenders = []string{riverName, riverSmallName, asynqName, asynqServersName}
	for name := range openers {
		if name != memoryName {
			cfg.Contenders = append(cfg.Contenders, name)
		}
	}
	cfg.Scenarios = []string{scenarioDrain, scenarioPublish, scenarioBatch, scenarioRemote, scenarioStore, scenarioClaim}
	cfg.Timeout = 2 * time.Minute
	var progress bytes.Buffer
	all, err := measure(t.Context(), cfg, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.Bytes())
	}
	for _, name := range cfg.Contenders {
		if runs := all[key{scenarioDrain, variantWide, name}]; len(runs) != 1 {
			t.Fatalf("%s: %d runs", name, len(runs))
		}
		// A run of so few deliveries may take less than the system's unit of time.
		var cpu time.Duration
		for k, runs := range all {
			for _, r := range runs {
				if k.Contender == name {
					cpu += r.Usage.ServerCPU
				}
			}
		}
		if cpu <= 0 && !strings.HasPrefix(name, sqliteName) {
			t.Errorf("%s: the server used no CPU", name)
		}
		if l := all[key{scenarioRemote, "", name}][0].Latency; l.P50 <= 0 || l.Samples != 20 {
			t.Errorf("%s: latency from another process: %+v", name, l)
		}
	}
}
