package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// commit runs the script that stores a batch and, with WithWait, waits for the
// replicas on the same connection, which is what WAIT is about.
func (s *Store) commit(ctx context.Context, r request) (any, error) {
	if s.config.replicas == 0 {
		return s.do(ctx, r)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	whole := false
	for try := 0; ; try++ {
		node, err := s.nodeOf(ctx, r.keys[0])
		if err != nil {
			return nil, err
		}
		p := node.Pipeline()
		var run *redis.Cmd
		if whole {
			run = p.Eval(ctx, r.source, r.keys, r.args...)
		} else {
			run = p.EvalSha(ctx, r.sha, r.keys, r.args...)
		}
		wait := s.config.wait(ctx, p)
		_, _ = p.Exec(ctx) // each command has its own error
		reply, err := run.Result()
		switch {
		case err == nil, errors.Is(err, redis.Nil):
			return reply, s.acknowledged(wait)
		case isReply(err, "NOSCRIPT") && !whole:
			whole = true
			continue
		case notBegun(err) && try < patience:
			s.lookAround(ctx, err)
			if !rest(ctx, try) {
				return nil, ctx.Err()
			}
		default:
			s.lookAround(ctx, err)
			return nil, fmt.Errorf("redisstore: %s: %w", r.name, err)
		}
	}
}

// wait adds a WAIT to a pipeline.
func (c *config) wait(ctx context.Context, p redis.Pipeliner) *redis.IntCmd {
	cmd := redis.NewIntCmd(ctx, "wait", c.replicas, max(c.patience.Milliseconds(), 1))
	_ = p.Process(ctx, cmd) // it only queues
	return cmd
}

// confirm waits for the replicas in the shards where all events of a batch were
// found, for they may have been stored by a call whose waiting failed.
func (in *insertion) confirm(ctx context.Context) error {
	if in.config.replicas == 0 {
		return nil
	}
	seen := make(map[int]bool)
	for i := range in.fate {
		f := &in.fate[i]
		if f.original == nil || seen[f.shard] {
			continue
		}
		seen[f.shard] = true
		k := in.shards[f.shard]
		node, err := in.nodeOf(ctx, k.meta)
		if err != nil {
			return err
		}
		p := node.Pipeline()
		// WAIT is about what this connection wrote, and what was written before.
		touch := p.HSet(ctx, k.meta, "touched", 1)
		wait := in.config.wait(ctx, p)
		_, _ = p.Exec(ctx) // each command has its own error
		if err := touch.Err(); err != nil {
			return fmt.Errorf("redisstore: wait for replicas: %w", err)
		}
		if err := in.acknowledged(wait); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) nodeOf(ctx context.Context, key string) (redis.UniversalClient, error) {
	c, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.client, nil
	}
	node, err := c.MasterForKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("redisstore: the master of %s: %w", key, err)
	}
	return node, nil
}

func (s *Store) acknowledged(wait *redis.IntCmd) error {
	n, err := wait.Result()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReplicated, err)
	}
	if n < int64(s.config.replicas) {
		return fmt.Errorf("%w: %d of %d within %v", ErrNotReplicated, n, s.config.replicas, s.config.patience)
	}
	return nil
}
