// Package receiver runs receiver code that products publish, by the language's
// own runtime, as a server on the loopback address.
package receiver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/signer"
)

// ErrMissing means that a runtime is not installed.
var ErrMissing = errors.New("not found on this machine")

// Bounds on how long a runtime may take to listen, and to end.
const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second
)

// Receiver is a running snippet.
type Receiver struct {
	// Addr is where it listens.
	Addr string

	cmd     *exec.Cmd
	stdin   io.Closer
	folder  string
	printed sync.WaitGroup

	mu   sync.Mutex
	said []string
}

// Start runs a snippet until Stop is called or ctx ends. The snippet verifies
// with secret, which it finds in the environment as WEBHOOK_SECRET. The error
// wraps ErrMissing if the runtime is not installed.
func Start(ctx context.Context, s Snippet, secret signer.Secret) (*Receiver, error) {
	path, err := exec.LookPath(s.Host.Runtime)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Host.Runtime, ErrMissing)
	}
	folder, err := os.MkdirTemp("", "receiver-")
	if err != nil {
		return nil, err
	}
	r := &Receiver{folder: folder}
	if err := r.start(ctx, path, s, secret); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return r, nil
}

func (r *Receiver) start(ctx context.Context, path string, s Snippet, secret signer.Secret) error {
	if err := s.write(r.folder); err != nil {
		return err
	}
	r.cmd = exec.CommandContext(ctx, path, s.Host.args...)
	r.cmd.Dir = r.folder
	r.cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret.Reveal())
	var err error
	// Hosts end when their standard input does, also if this program is killed.
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return err
	}
	r.cmd.Cancel = r.stdin.Close
	r.cmd.WaitDelay = stopTimeout
	output, err := r.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	r.cmd.Stderr = r.cmd.Stdout
	if err := r.cmd.Start(); err != nil {
		return err
	}
	listening := make(chan string, 1)
	r.printed.Go(func() { r.read(output, s.Host.noise, listening) })
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	var ok bool
	select {
	case r.Addr, ok = <-listening:
		if !ok {
			err = fmt.Errorf("%s ended: %s", s.Host.Runtime, strings.Join(r.Said(), "\n"))
		}
	case <-timeout.C:
		err = fmt.Errorf("%s did not listen within %v", s.Host.Runtime, startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		r.end()
	}
	return err
}

// write puts host and snippet into the folder.
func (s Snippet) write(folder string) error {
	source, err := s.Source()
	if err != nil {
		return err
	}
	files, err := fs.Sub(hosts, "hosts")
	if err != nil {
		return err
	}
	if err := os.CopyFS(folder, files); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, s.Host.snippet), []byte(source), 0o600)
}

var (
	address = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)
	// stamp is what PHP puts before each line.
	stamp = regexp.MustCompile(`^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] `)
)

// read keeps what is printed. The first address in it is where the host listens.
func (r *Receiver) read(output io.Reader, noise *regexp.Regexp, listening chan<- string) {
	defer close(listening)
	found := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := stamp.ReplaceAllString(lines.Text(), "")
		if m := address.FindStringSubmatch(line); m != nil && !found {
			found = true
			listening <- m[1]
			continue
		}
		if noise != nil && noise.MatchString(line) {
			continue
		}
		r.mu.Lock()
		r.said = append(r.said, line)
		r.mu.Unlock()
	}
}

// Said returns the lines that the snippet has printed so far.
func (r *Receiver) Said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.said...)
}

// Stop ends the process and removes its files. All that it printed is in Said
// then.
func (r *Receiver) Stop() error {
	r.end()
	return os.RemoveAll(r.folder)
}

func (r *Receiver) end() {
	_ = r.stdin.Close()
	overdue := time.AfterFunc(stopTimeout, func() { _ = r.cmd.Process.Kill() })
	defer overdue.Stop()
	r.printed.Wait() // until its output ends, as Wait must not come before
	_ = r.cmd.Wait() // how it ended is no news
}

// Version returns what a runtime says of its version, in a few words.
func Version(ctx context.Context, runtime string) (string, error) {
	path, err := exec.LookPath(runtime)
	if err != nil {
		return "", fmt.Errorf("%s: %w", runtime, ErrMissing)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", runtime, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	line, _, _ = strings.Cut(line, " (")
	if strings.HasPrefix(line, "v") { // node says its number alone
		line = runtime + " " + line
	}
	return line, nil
}
