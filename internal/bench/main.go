// Command bench measures what a delivery costs, side by side with a plain
// net/http loop and with job queues, and prints tables in Markdown.
//
//	go run . -gate memory       # exit status 1 if a gate is missed
//	go run . -gate postgres     # starts its own database; needs Docker
//	go run . -short             # a smoke run; its ratios are rough
//	go run . -scenarios drain -rounds 3 -cpuprofile profiles
//
// The program starts itself again in several roles: one sink, a process that
// receives all the requests; a fresh child for each run of a contender, so that
// neither a heap nor a connection pool leaks from one run into the next; a
// publisher, where the sender must not be the one that publishes; and a keeper
// of each database server, which removes it whatever happens to the others.
// README.md says how the figures are taken and how to read them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses.
const (
	exitOK     = 0
	exitMissed = 1 // a gate was missed
	exitError  = 2 // a figure could not be taken, or the command line is wrong
)

// The roles in which the program starts itself.
const (
	roleSink      = "sink"
	roleChild     = "child"
	roleServer    = "server"    // holds a database server
	rolePublisher = "publisher" // publishes what a child receives
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if len(args) > 0 {
		switch args[0] {
		case roleSink:
			return report(serveSink(ctx, stdin, stdout), stderr)
		case roleChild:
			return report(serveJob(ctx, stdin, stdout), stderr)
		case rolePublisher:
			return report(servePublisher(ctx, stdin, stdout), stderr)
		case roleServer:
			if len(args) != 2 {
				return report(fmt.Errorf("usage: bench %s KIND", roleServer), stderr)
			}
			return report(serveServer(ctx, args[1], stdin, stdout), stderr)
		}
	}
	cfg, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return report(err, stderr)
	}
	return runBench(ctx, cfg, stdout, stderr)
}

// runBench takes the figures and prints them.
func runBench(ctx context.Context, cfg config, stdout, stderr io.Writer) int {
	results, err := measure(ctx, cfg, stderr)
	if err != nil {
		return report(err, stderr)
	}
	verdicts := judge(results)
	if err := writeReport(stdout, cfg, results, verdicts); err != nil {
		return report(err, stderr)
	}
	if cfg.Gate && missed(verdicts) {
		return exitMissed
	}
	return exitOK
}

// report turns an error into an exit status.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "bench:", err)
	return exitError
}
