package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/store"
)

// slowWriter is a store whose inserts take until they are let go.
type slowWriter struct {
	store.Writer
	mu    sync.Mutex
	calls [][]string // the ids of each call
	room  chan struct{}
	// refuses is an id with which no insert succeeds.
	refuses string
	panics  bool
}

var errRefused = errors.New("refused")

func (w *slowWriter) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	var ids []string
	var in []store.Inserted
	for _, e := range events {
		ids = append(ids, e.Event.ID)
		in = append(in, store.Inserted{EventID: e.Event.ID})
	}
	w.mu.Lock()
	w.calls = append(w.calls, ids)
	w.mu.Unlock()
	<-w.room
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case w.refuses != "" && slices.Contains(ids, w.refuses):
		return nil, errRefused
	case w.panics && len(ids) > 1:
		panic("a bug")
	}
	return in, nil
}

// crowd publishes ids at once, each by a caller of its own, and lets the store go
// on when all of them wait for it or for each other.
func crowd(t *testing.T, w *slowWriter, ids ...string) (errs map[string]error) {
	t.Helper()
	errs = make(map[string]error)
	synctest.Test(t, func(t *testing.T) {
		w.room = make(chan struct{})
		g := &gather{Writer: w}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				var err error
				defer func() {
					if p := recover(); p != nil {
						err = fmt.Errorf("panicked: %v", p)
					}
					mu.Lock()
					defer mu.Unlock()
					errs[id] = err
				}()
				in, insertErr := g.Insert(t.Context(), []store.NewEvent{{Event: store.Event{ID: id}}})
				if err = insertErr; err == nil && (len(in) != 1 || in[0].EventID != id) {
					err = fmt.Errorf("the answer is that of %v", in)
				}
			})
			synctest.Wait()
		}
		done := make(chan struct{})
		go func() {
			wg.Wait()
			close(done)
		}()
		for going := true; going; synctest.Wait() {
			select {
			case w.room <- struct{}{}: // one call at a time
			case <-done:
				going = false
			}
		}
		if g.busy != 0 || len(g.waiting) != 0 {
			t.Errorf("at the end %d calls are under way and %d wait", g.busy, len(g.waiting))
		}
	})
	return errs
}

func TestGather(t *testing.T) {
	t.Run("Together", func(t *testing.T) {
		var w slowWriter
		for id, err := range crowd(t, &w, "a", "b", "c", "d", "e") {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if len(w.calls) != 3 || len(w.calls[2]) != 3 {
			t.Errorf("the calls are %v: want the first two alone, and the others together", w.calls)
		}
	})

	t.Run("OneIsRefused", func(t *testing.T) {
		w := slowWriter{refuses: "d"}
		for id, err := range crowd(t, &w, "a", "b", "c", "d", "e") {
			if refused := errors.Is(err, errRefused); refused != (id == "d") || err != nil && !refused {
				t.Errorf("%s: %v", id, err)
			}
		}
	})

	t.Run("Panic", func(t *testing.T) {
		w := slowWriter{panics: true}
		panicked := 0
		for id, err := range crowd(t, &w, "a", "b", "c", "d", "e") {
			if err != nil {
				panicked++
				if id != "c" {
					t.Errorf("%s: %v", id, err)
				}
			}
		}
		if panicked != 1 {
			t.Errorf("%d callers met the panic: want the one that made the call", panicked)
		}
	})

	// An id that was chosen may make the store wait for another transaction.
	t.Run("ChosenIDsKeepNobodyWaiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := slowWriter{room: make(chan struct{})}
			g := &gather{Writer: &w}
			var wg sync.WaitGroup
			insert := func(id string, digest []byte) {
				wg.Go(func() {
					if _, err := g.Insert(t.Context(), []store.NewEvent{{Event: store.Event{ID: id, Digest: digest}}}); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			for _, id := range []string{"a", "b", "c"} {
				insert(id, []byte("digest"))
			}
			insert("d", nil)
			insert("e", nil)
			insert("f", nil) // waits for d or e
			insert("g", []byte("digest"))
			if want := [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"g"}}; !reflect.DeepEqual(w.calls, want) {
				t.Errorf("under way are %v, want %v", w.calls, want)
			}
			close(w.room)
			wg.Wait()
		})
	})

	t.Run("ManyAtOnceGoAlone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := slowWriter{room: make(chan struct{})}
			g := &gather{Writer: &w}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if _, err := g.Insert(t.Context(), make([]store.NewEvent, gatherEvents/4)); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			if len(w.calls) != 4 {
				t.Errorf("%d of 4 large inserts are under way", len(w.calls))
			}
			close(w.room)
			wg.Wait()
		})
	})

	t.Run("ContextEnds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := slowWriter{room: make(chan struct{})}
			g := &gather{Writer: &w}
			var wg sync.WaitGroup
			insert := func(ctx context.Context, id string, want error) {
				wg.Go(func() {
					if _, err := g.Insert(ctx, []store.NewEvent{{Event: store.Event{ID: id}}}); !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", id, err, want)
					}
				})
				synctest.Wait()
			}
			insert(t.Context(), "a", nil)
			insert(t.Context(), "b", nil)
			ends, end := context.WithCancel(t.Context())
			insert(ends, "waits and leaves", context.Canceled)
			insert(t.Context(), "c", nil)
			endsLater, endLater := context.WithCancel(t.Context())
			insert(endsLater, "leaves while it is inserted", context.Canceled)
			insert(t.Context(), "d", nil)
			end()
			synctest.Wait()
			w.room <- struct{}{} // a or b; then c leads
			synctest.Wait()
			endLater()
			synctest.Wait()
			close(w.room)
			wg.Wait()
			if len(w.calls) != 3 || !slices.Equal(w.calls[2], []string{"c", "leaves while it is inserted", "d"}) {
				t.Errorf("the calls are %v", w.calls)
			}
		})
	})
}
