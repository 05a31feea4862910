package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestWaitingWrites has calls wait for SQLite's writer, so that they are carried
// out together, and among them one that fails and one whose caller gives up.
func TestWaitingWrites(t *testing.T) {
	for _, d := range []database{sqlitePure, sqliteCgo} {
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, d)
			db := h.open(t, 4)
			s := h.store(t, db)
			newEndpoint(t, s, "ep")
			stale, err := s.Endpoint(t.Context(), "", "ep")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.UpdateEndpoint(t.Context(), stale); err != nil {
				t.Fatal(err)
			}

			tx := db.Begin() // it holds the writer
			defer tx.Rollback()
			insert(t, s.Tx(tx), newEvent("of the host", "ep"))
			const writers = 50
			var wait, begun sync.WaitGroup
			errs := make([]error, writers)
			for i := range errs {
				begun.Add(1)
				wait.Go(func() {
					begun.Done()
					_, errs[i] = s.Insert(t.Context(), []store.NewEvent{newEvent(fmt.Sprint("waiting ", i), "ep")})
				})
			}
			var conflict, left error
			giveUp, cancel := context.WithCancel(t.Context())
			defer cancel()
			begun.Add(2)
			wait.Go(func() {
				begun.Done()
				_, conflict = s.UpdateEndpoint(t.Context(), stale)
			})
			gone := make(chan struct{})
			wait.Go(func() {
				defer close(gone)
				begun.Done()
				_, left = s.Insert(giveUp, []store.NewEvent{newEvent("given up", "ep")})
			})
			begun.Wait()
			cancel()
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Fatal("a call whose context has ended goes on waiting")
			}
			if err := tx.Commit().Error; err != nil {
				t.Fatal(err)
			}
			wait.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("insert %d: %v", i, err)
				}
			}
			if !errors.Is(conflict, store.ErrConflict) {
				t.Errorf("the update of an old revision: %v, want a conflict", conflict)
			}
			if !errors.Is(left, context.Canceled) {
				t.Errorf("the call that was given up: %v", left)
			}
			wantCount(t, s, writers+1, writers+1)
			if n := len(claim(t, s, "ep")); n != writers+1 {
				t.Errorf("claimed %d, want %d", n, writers+1)
			}
		})
	}
}
