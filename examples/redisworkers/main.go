// Command redisworkers divides the work between processes that share nothing but
// a Redis: one publishes, and one delivers. It starts both, as children of
// itself, and a Redis as well if it is given none, has a receiver count what
// arrives, prints what happened, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

const events = 300

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	err := run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	// The children are this program with a word behind it; in production they are
	// two programs, or many of each.
	url := flag.String("redis", os.Getenv("REDIS_URL"), "redis://…; without one a redis-server is started (default: $REDIS_URL)")
	flag.Parse()
	switch role := flag.Arg(0); role {
	case "":
		return conduct(ctx, os.Stdout, *url)
	case "publisher":
		return publisher(whileOpen(ctx, os.Stdin), os.Stdout)
	case "workers":
		return workers(whileOpen(ctx, os.Stdin), os.Stdout)
	default:
		return fmt.Errorf("%q is neither publisher nor workers", role)
	}
}

// conduct starts everything, waits until all is delivered, and reports.
func conduct(ctx context.Context, w io.Writer, url string) (err error) {
	own := url == ""
	if own {
		server, err := startRedis(ctx)
		if err != nil {
			return err
		}
		defer server.stop()
		url = server.url
	}
	fmt.Fprintf(w, "redis      %s\n", withoutPassword(url))
	s := newSetup(url)
	hooks, client, err := s.open()
	if err != nil {
		return err
	}
	defer func() {
		if !own {
			err = errors.Join(err, s.erase(context.WithoutCancel(ctx), client))
		}
		_ = client.Close()
	}()

	r, err := startReceiver(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	_, secret, err := hooks.Register(ctx, dispatcher.EndpointConfig{Name: "Receiver", URL: r.url, Events: []string{"order.*"}})
	if err != nil {
		return err
	}
	r.secret.Store(&secret)

	working, err := s.start(ctx, w, "workers")
	if err != nil {
		return err
	}
	defer func() { _ = working.end() }() // if it comes to this, something else has failed
	publishing, err := s.start(ctx, w, "publisher")
	if err != nil {
		return err
	}
	if err := publishing.Wait(); err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	if err := settled(ctx, hooks); err != nil {
		return err
	}
	if err := working.end(); err != nil {
		return fmt.Errorf("workers: %w", err)
	}
	fmt.Fprintf(w, "receiver   %s\n", r.report())
	stats, err := hooks.Stats(ctx, dispatcher.StatsFilter{})
	if err != nil {
		return err
	}
	c := stats.Total
	fmt.Fprintf(w, "history    %d delivered, %d pending, %d failed\n", c.Delivered, c.Pending, c.Failed)
	return nil
}

// settled waits until nothing is pending.
func settled(ctx context.Context, hooks dispatcher.Inspector) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		stats, err := hooks.Stats(ctx, dispatcher.StatsFilter{})
		if err != nil || stats.Total.Pending == 0 {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries have not ended: %w", stats.Total.Pending, ctx.Err())
		}
	}
}

// child is a process that ends when its standard input does, and so not later
// than this one.
type child struct {
	*exec.Cmd
	stdin io.Closer
	ended bool
}

// start starts this program in a role.
func (s setup) start(ctx context.Context, w io.Writer, role string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{Cmd: exec.CommandContext(ctx, self, role)}
	c.Env = append(os.Environ(), s.environment()...)
	c.Stdout, c.Stderr = w, os.Stderr
	if c.stdin, err = c.StdinPipe(); err != nil {
		return nil, err
	}
	c.Cancel, c.WaitDelay = c.stdin.Close, 10*time.Second
	if err := c.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// whileOpen returns a context that ends when the input does.
func whileOpen(ctx context.Context, input io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, input)
		cancel()
	}()
	return ctx
}

// end lets the process finish what it has begun.
func (c *child) end() error {
	if c.ended {
		return nil
	}
	c.ended = true
	_ = c.stdin.Close()
	return c.Wait()
}
