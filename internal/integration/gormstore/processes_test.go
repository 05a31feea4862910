package gormstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestAnnounceAtOnce announces one process several times at once, as an engine does
// that stops while it announces itself.
func TestAnnounceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		h := newHost(t, d)
		s := h.store(t, h.open(t, 8))
		const callers, rounds = 8, 30
		for round := range rounds {
			name := fmt.Sprint("p", round)
			errs := make([]error, callers)
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					life := time.Minute
					if i == 0 && round%2 == 0 {
						life = 0
					}
					_, errs[i] = s.Announce(t.Context(), store.Announcement{Process: name, Options: map[string]string{"round": name}}, life)
				})
			}
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		others, err := s.Announce(t.Context(), store.Announcement{Process: "another"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		known := make(map[string]bool)
		for _, o := range others {
			if known[o.Process] || o.Options["round"] != o.Process {
				t.Errorf("announced: %+v", o)
			}
			known[o.Process] = true
		}
		for round := 1; round < rounds; round += 2 {
			if !known[fmt.Sprint("p", round)] {
				t.Errorf("process p%d is not known", round)
			}
		}
	})
}
