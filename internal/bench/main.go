// Command bench measures what a delivery costs, side by side with a plain
// net/http loop, and prints a table in Markdown.
//
//	go run .                    # everything; takes several minutes
//	go run . -gate              # the same; exit status 1 if a gate is missed
//	go run . -short             # a smoke run in under a minute
//	go run . -scenarios drain -rounds 3 -cpuprofile profiles
//
// The program starts itself again in two roles: one sink, a process that
// receives all the requests, and a fresh child for each run of a contender, so
// that neither a heap nor a connection pool leaks from one run into the next.
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
	roleSink  = "sink"
	roleChild = "child"
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
