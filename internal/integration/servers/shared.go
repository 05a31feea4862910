package servers

import (
	"context"
	"sync"
	"testing"
)

// pool holds the servers that the tests of a package share.
var pool = struct {
	sync.Mutex
	running bool // Main is running
	entries map[string]*entry
}{entries: map[string]*entry{}}

// entry is one shared resource, or the reason why it could not be started.
type entry struct {
	once     sync.Once
	resource resource
	err      error
}

// Main runs the tests of a package that shares servers, and then ends those. TestMain calls it and returns.
func Main(m *testing.M) {
	pool.Lock()
	pool.running = true
	pool.Unlock()
	defer endShared()
	m.Run()
}

// endShared ends the shared resources.
func endShared() {
	pool.Lock()
	defer pool.Unlock()
	pool.running = false
	var wg sync.WaitGroup
	for _, e := range pool.entries {
		if e.resource != nil {
			wg.Go(e.resource.terminate)
		}
	}
	wg.Wait()
	clear(pool.entries)
}

// shared returns a resource that the first caller starts. R is a pointer.
func shared[R resource](tb testing.TB, what string, start func(ctx context.Context) (R, error)) R {
	tb.Helper()
	pool.Lock()
	running := pool.running
	e := pool.entries[what]
	if e == nil {
		e = &entry{}
		pool.entries[what] = e
	}
	pool.Unlock()
	if !running {
		tb.Fatalf("%s is shared, but TestMain does not call servers.Main, which ends it", what)
	}
	e.once.Do(func() {
		// Not the test's context: the server outlives it.
		r, err := start(context.Background())
		if err != nil {
			e.err = err
			return
		}
		if k, ok := any(r).(interface{ keep() }); ok {
			k.keep()
		}
		e.resource = r
	})
	if e.err != nil {
		giveUp(tb, what, e.err)
	}
	return e.resource.(R)
}
