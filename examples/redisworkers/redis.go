package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a Redis of this program's own, in a folder that goes with it.
type server struct {
	url    string
	folder string
	cmd    *exec.Cmd
}

// startRedis starts a server that listens on a socket in its folder, and keeps
// what it acknowledges, as the store demands: it writes a log and evicts nothing.
func startRedis(ctx context.Context) (*server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if program, err = exec.LookPath("valkey-server"); err != nil {
			return nil, errors.New("there is neither a redis-server nor a valkey-server: name one that runs by -redis or REDIS_URL")
		}
	}
	folder, err := os.MkdirTemp("", "redis-")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(folder, "s") // the path of a socket must be short
	s := &server{url: "unix://" + socket, folder: folder}
	// Not bound to ctx: the other processes need it until they have ended.
	s.cmd = exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", folder,
		"--appendonly", "yes", "--maxmemory-policy", "noeviction", "--save", "")
	if err := s.cmd.Start(); err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	if err := s.ready(ctx, socket); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return s, nil
}

// ready waits until the server answers.
func (s *server) ready(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer func() { _ = client.Close() }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.folder)
}
