package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// request is one run of a script.
type request struct {
	*script
	keys []string
	args []any
}

const (
	// patience is how often a run is repeated that Redis did not begin, and
	// maxPause how long it rests between two of them at most.
	patience = 12
	maxPause = 250 * time.Millisecond
	// grace is how long a write to several shards may go on once its context has
	// ended, so that it does not stop half way.
	grace = 2 * time.Second
)

// do runs a script.
func (s *Store) do(ctx context.Context, r request) (any, error) {
	replies, err := s.doAll(ctx, []request{r})
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// doAll runs scripts in one trip and returns their answers, aligned, or the first
// error.
func (s *Store) doAll(ctx context.Context, requests []request) ([]any, error) {
	replies, errs := s.doEach(ctx, requests)
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// doEach runs scripts in one trip, on whatever nodes they belong to, and returns
// their answers and errors, aligned. What Redis did not begin is repeated: because
// it does not have the script, because the slot is moving, or because a node is
// loading or has lost its master.
func (s *Store) doEach(ctx context.Context, requests []request) ([]any, []error) {
	replies, errs := make([]any, len(requests)), make([]error, len(requests))
	if err := ctx.Err(); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return replies, errs
	}
	left := make([]int, len(requests))
	whole := make([]bool, len(requests)) // send the source, not its name
	for i := range left {
		left[i] = i
	}
	for try := 0; ; try++ {
		var again []int
		pause := false
		for j, cmd := range s.send(ctx, requests, left, whole) {
			i := left[j]
			reply, err := cmd.Result()
			replies[i], errs[i] = reply, nil
			switch {
			case err == nil, errors.Is(err, redis.Nil):
				continue
			case isReply(err, "NOSCRIPT"):
				whole[i] = true
				again = append(again, i)
			case notBegun(err):
				again = append(again, i)
				pause = true
				s.lookAround(ctx, err)
			default:
				s.lookAround(ctx, err)
			}
			replies[i], errs[i] = nil, fmt.Errorf("redisstore: %s: %w", requests[i].name, err)
		}
		if len(again) == 0 || try == patience || pause && !rest(ctx, try) {
			return replies, errs
		}
		left = again
	}
}

// rest waits a while that doubles with each try; false if the context ended.
func rest(ctx context.Context, try int) bool {
	d := min(5*time.Millisecond<<min(try, 10), maxPause)
	timer := time.NewTimer(d/2 + rand.N(d)) // #nosec G404 -- spreading
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) send(ctx context.Context, requests []request, which []int, whole []bool) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(which))
	run := func(c redis.Scripter, i int) *redis.Cmd {
		r := &requests[i]
		if whole[i] {
			return c.Eval(ctx, r.source, r.keys, r.args...)
		}
		return c.EvalSha(ctx, r.sha, r.keys, r.args...)
	}
	if len(which) == 1 {
		cmds[0] = run(s.client, which[0])
		return cmds
	}
	p := s.client.Pipeline()
	for j, i := range which {
		cmds[j] = run(p, i)
	}
	_, _ = p.Exec(ctx) // each command has its own error
	return cmds
}

// doTogether is doAll for writes to several shards. If the context ends while
// they are under way they are given a moment to end together.
func (s *Store) doTogether(ctx context.Context, requests []request) ([]any, error) {
	if len(requests) < 2 {
		return s.doAll(ctx, requests)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type answer struct {
		replies []any
		err     error
	}
	done := make(chan answer, 1)
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer cancel()
		replies, err := s.doAll(inner, requests)
		done <- answer{replies, err}
	}()
	select {
	case a := <-done:
		return a.replies, a.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case a := <-done:
		return a.replies, a.err
	case <-timer.C:
		cancel()
		return nil, ctx.Err()
	}
}

func isReply(err error, prefix string) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.HasPrefix(reply.Error(), prefix)
}

// lookAround lets the client ask a cluster anew who serves what, if a node did not
// answer. By itself it goes on to ask the node that is gone.
func (s *Store) lookAround(ctx context.Context, err error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok && (!isReply(err, "") || isReply(err, "READONLY")) {
		cluster.ReloadState(ctx)
	}
}

// notBegun tells whether Redis refused to run a script for a reason that passes,
// or was never asked.
func notBegun(err error) bool {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	for _, prefix := range [...]string{"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "BUSY ", "MOVED ", "ASK "} {
		if isReply(err, prefix) {
			return true
		}
	}
	return false
}

// isFull tells whether Redis refused to write because its memory is full.
func isFull(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.Contains(reply.Error(), "OOM command not allowed")
}

// The answers of the scripts have the form that they document; what has not is
// an error, not a panic.

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

func asInt(v any) int64 {
	n, _ := v.(int64)
	return n
}

func asText(v any) string {
	t, _ := v.(string)
	return t
}

func at(l []any, i int) any {
	if i < 0 || i >= len(l) {
		return nil
	}
	return l[i]
}

func isNil(v any) bool { return v == nil }
