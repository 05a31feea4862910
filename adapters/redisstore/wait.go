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
	return s.doAndWait(ctx, r, "")
}

// doAndWait runs a script and waits for the replicas. A script that may write
// nothing needs a hash of its slot to touch: WAIT is about what its connection
// wrote last, and all that was written before.
func (s *Store) doAndWait(ctx context.Context, r request, touch string) (any, error) {
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
		var touched *redis.IntCmd
		if touch != "" {
			touched = p.HSet(ctx, touch, "touched", 1)
		}
		wait := s.config.wait(ctx, p)
		_, _ = p.Exec(ctx) // each command has its own error
		reply, err := run.Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		if err == nil && touched != nil {
			err = touched.Err()
		}
		switch {
		case err == nil:
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
	cmd := redis.NewIntCmd(ctx, "wait", c.replicas, c.patience.Milliseconds())
	_ = p.Process(ctx, cmd) // it only queues
	return cmd
}

// confirm waits for the replicas of what the script that stores a batch has not
// waited for: the shards where events were found, which may have been stored by a
// call whose waiting failed, and those where ids are at home that point to another
// one. A pointer that is gone, because a master failed meanwhile, is put there
// again: without it, the event would not be found by its id, nor the next one of
// that id be a duplicate.
func (in *insertion) confirm(ctx context.Context) error {
	if in.config.replicas == 0 {
		return nil
	}
	type pointed struct {
		shard   int
		pointer string // "" where this call has put none
	}
	ids := make(map[pointed][]any)
	var order []pointed
	add := func(shard int, pointer string, id ...any) {
		p := pointed{shard, pointer}
		if _, known := ids[p]; !known {
			order = append(order, p)
		}
		ids[p] = append(ids[p], id...)
	}
	for i := range in.fate {
		f, e := &in.fate[i], &in.events[i].Event
		if f.same != i {
			continue
		}
		if f.original != nil {
			add(f.shard, "")
		}
		switch {
		case f.home == f.shard:
		case f.pointer == "":
			add(f.home, "")
		default:
			add(f.home, f.pointer, idKey(e.Tenant, e.ID))
		}
	}
	for _, p := range order {
		k := in.shards[p.shard]
		if _, err := in.doAndWait(ctx, k.reserve([]byte(p.pointer), ids[p]), k.meta); err != nil {
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
