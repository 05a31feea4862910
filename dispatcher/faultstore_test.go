package dispatcher_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

// claimNothing names no lane.
var claimNothing = store.ClaimParams{Max: 1, Lease: time.Second}

// countingStore counts the calls of an engine's loops.
type countingStore struct {
	store.Store
	calls atomic.Int64
}

func (s *countingStore) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	s.calls.Add(1)
	return s.Store.Due(ctx, p)
}

func (s *countingStore) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	s.calls.Add(1)
	return s.Store.Claim(ctx, p)
}

func (s *countingStore) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	s.calls.Add(1)
	return s.Store.Settle(ctx, o)
}

func (s *countingStore) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	s.calls.Add(1)
	return s.Store.Purge(ctx, p)
}

// faultStore is one process's connection to a store. It can fail: before a call
// reaches the store, or after, when nobody knows; or be dead, as a process is
// after kill -9, which never hears or says anything again.
type faultStore struct {
	store.Store

	mu sync.Mutex
	// fail is asked before each call: nothing, an error before, or one after.
	fail  func(op string) fault
	dead  bool
	calls map[string]int
}

type fault uint8

const (
	faultNone fault = iota
	faultBefore
	faultAfter
)

var errOutage = errors.New("connection lost")

// through calls f as the connection allows.
func through[T any](s *faultStore, op string, f func() (T, error)) (T, error) {
	var zero T
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[op]++
	kind := faultNone
	if s.fail != nil {
		kind = s.fail(op)
	}
	if s.dead {
		kind = faultBefore
	}
	s.mu.Unlock()
	if kind == faultBefore {
		return zero, errOutage
	}
	result, err := f()
	if kind == faultAfter {
		return zero, errOutage
	}
	return result, err
}

func (s *faultStore) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

func (s *faultStore) Match(ctx context.Context, tenant string, types []string) ([][]store.Endpoint, error) {
	return through(s, "match", func() ([][]store.Endpoint, error) { return s.Store.Match(ctx, tenant, types) })
}

func (s *faultStore) Insert(ctx context.Context, e []store.NewEvent) ([]store.Inserted, error) {
	return through(s, "insert", func() ([]store.Inserted, error) { return s.Store.Insert(ctx, e) })
}

func (s *faultStore) Due(ctx context.Context, p store.DueParams) (store.DueLanes, error) {
	return through(s, "due", func() (store.DueLanes, error) { return s.Store.Due(ctx, p) })
}

func (s *faultStore) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	return through(s, "claim", func() (store.Batch, error) { return s.Store.Claim(ctx, p) })
}

func (s *faultStore) Settle(ctx context.Context, o []store.Outcome) (store.SettleResult, error) {
	return through(s, "settle", func() (store.SettleResult, error) { return s.Store.Settle(ctx, o) })
}

func (s *faultStore) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	return through(s, "purge", func() (store.Purged, error) { return s.Store.Purge(ctx, p) })
}
