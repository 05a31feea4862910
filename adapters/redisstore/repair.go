package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	// repairEvery is how often a handle takes a step of looking after its store;
	// repairStep bounds what a step looks at.
	repairEvery = 500 * time.Millisecond
	repairStep  = 500
	// pointerAge is when a pointer that leads to nothing counts as left behind,
	// abortedAge when nobody can come back to an aborted reservation.
	pointerAge = time.Minute
	abortedAge = 10 * time.Minute
)

// repair looks after what scripts cannot keep in line by themselves: queues that
// lost entries because keys were removed from outside, and pointers between
// shards that were left behind by a process that died.
type repair struct {
	mu     sync.Mutex
	last   time.Time
	shards []repairShard
	next   int
}

// repairShard is how far the scans of a shard are.
type repairShard struct {
	counts, rows, ids uint64
	// damaged are lanes that lack entries; found those of the scan that comes.
	damaged, found map[string]bool
}

func (r *repair) init(shards int) { r.shards = make([]repairShard, shards) }

// maintain takes a step, if the last one is some time ago and nobody else of this
// process is at it.
func (s *Store) maintain(ctx context.Context) error {
	r := &s.repair
	if !r.mu.TryLock() {
		return nil
	}
	defer r.mu.Unlock()
	if time.Since(r.last) < repairEvery {
		return nil
	}
	r.last = time.Now()
	shard := r.next % len(s.shards)
	r.next++
	if err := s.audit(ctx, shard); err != nil {
		return err
	}
	if err := s.mend(ctx, shard); err != nil {
		return err
	}
	if len(s.shards) == 1 {
		return nil
	}
	return s.checkPointers(ctx, shard)
}

// audit looks at some lanes that have pending deliveries by their counts.
func (s *Store) audit(ctx context.Context, shard int) error {
	k, at := s.shards[shard], &s.repair.shards[shard]
	pairs, next, err := s.client.HScan(ctx, k.counts, at.counts, "1*", repairStep).Result()
	if err != nil {
		return fmt.Errorf("redisstore: audit: %w", err)
	}
	at.counts = next
	keys := []string{k.counts, k.lanes, k.timed, k.held, k.leases}
	var args []any
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i][1:]
		lane, _, _ := strings.Cut(name, "\x00")
		keys = append(keys, k.fresh(lane))
		args = append(args, name)
	}
	if len(args) == 0 {
		return nil
	}
	reply, err := s.do(ctx, request{auditScript, keys, args})
	if err != nil {
		return err
	}
	for _, lane := range asList(reply) {
		if at.found == nil {
			at.found = make(map[string]bool)
		}
		at.found[asText(lane)] = true
	}
	return nil
}

// mend walks over the rows, if there are lanes that
// lack entries, and puts these back.
func (s *Store) mend(ctx context.Context, shard int) error {
	k, at := s.shards[shard], &s.repair.shards[shard]
	if len(at.damaged) == 0 {
		if len(at.found) == 0 {
			return nil
		}
		at.damaged, at.found, at.rows = at.found, nil, 0
	}
	// What is lost delays deliveries, so this goes on faster than the audit.
	for range 20 {
		pairs, next, err := s.client.HScan(ctx, k.rows, at.rows, "", repairStep).Result()
		if err != nil {
			return fmt.Errorf("redisstore: mend: %w", err)
		}
		keys := []string{k.meta, k.rows, k.timed, k.held, k.leases}
		args := []any{len(at.damaged)}
		for lane := range at.damaged {
			keys = append(keys, k.fresh(lane))
			args = append(args, lane)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			if v := pairs[i+1]; v != "" && store.State(v[0]&7) == store.StatePending {
				args = append(args, pairs[i])
			}
		}
		if _, err := s.do(ctx, request{mendScript, keys, args}); err != nil {
			return err
		}
		if at.rows = next; next == 0 {
			at.damaged = nil
			return nil
		}
	}
	return nil
}

// checkPointers looks at some ids, and removes pointers that lead to nothing.
func (s *Store) checkPointers(ctx context.Context, shard int) error {
	k, at := s.shards[shard], &s.repair.shards[shard]
	now, err := s.now(ctx, k)
	if err != nil {
		return err
	}
	pairs, next, err := s.client.HScan(ctx, k.ids, at.ids, "", repairStep).Result()
	if err != nil {
		return fmt.Errorf("redisstore: check pointers: %w", err)
	}
	at.ids = next
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		if len(v) != 17 || now-numberOf(v[10:]) < pointerAge.Microseconds() {
			continue
		}
		to := int(binary.BigEndian.Uint16([]byte(v)))
		if to >= len(s.shards) {
			continue
		}
		t := s.shards[to]
		reply, err := s.do(ctx, request{resolveScript, []string{t.ids, t.heads, t.rows, t.aborted, t.meta}, []any{pairs[i], v[2:10], 1}})
		if err != nil {
			return err
		}
		if asList(reply) != nil {
			continue
		}
		if _, err := s.do(ctx, request{releaseScript, []string{k.ids}, []any{pairs[i], v[:10]}}); err != nil {
			return err
		}
	}
	return s.forgetAborted(ctx, k, now)
}

// forgetAborted removes reservations that nobody can come back to: insert
// refuses one that is a minute old.
func (s *Store) forgetAborted(ctx context.Context, k *keys, now int64) error {
	pairs, _, err := s.client.HScan(ctx, k.aborted, 0, "", repairStep).Result()
	if err != nil {
		return fmt.Errorf("redisstore: aborted reservations: %w", err)
	}
	var old []string
	for i := 0; i+1 < len(pairs); i += 2 {
		var made int64
		if _, err := fmt.Sscan(pairs[i+1], &made); err != nil || now-made > abortedAge.Microseconds() {
			old = append(old, pairs[i])
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := s.client.HDel(ctx, k.aborted, old...).Err(); err != nil {
		return fmt.Errorf("redisstore: aborted reservations: %w", err)
	}
	return nil
}

// now reads a shard's clock.
func (s *Store) now(ctx context.Context, k *keys) (int64, error) {
	node, err := s.nodeOf(ctx, k.meta)
	if err != nil {
		return 0, err
	}
	t, err := node.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("redisstore: time: %w", err)
	}
	return t.UnixMicro(), nil
}
