package memstore

import (
	"math/rand/v2"
	"testing"
)

// A slab is compared with a map over a life in which old and recent records go,
// some stay long, and whole pages come to be empty.
func TestSlabLikeMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s slab[uint64]
	model := make(map[uint64]uint64)
	next := uint64(1)
	check := func() {
		t.Helper()
		for n, want := range model {
			if got := s.at(n); got == nil || *got != want {
				t.Fatalf("record %d is %v, want %d", n, got, want)
			}
		}
		if got := s.at(next); got != nil && *got != 0 {
			t.Fatalf("record %d, which was never made, is %d", next, *got)
		}
		// Down the chunks, every record is passed, newest first.
		seen, before := 0, ^uint64(0)
		for {
			from, to, ok := s.below(before)
			if !ok {
				break
			}
			if to > before || from >= to {
				t.Fatalf("below(%d) = %d to %d", before, from, to)
			}
			for n := from; n < to; n++ {
				if _, ok := model[n]; ok {
					seen++
				}
			}
			before = from
		}
		if seen != len(model) {
			t.Fatalf("walking down passed %d records, want %d", seen, len(model))
		}
	}
	for round := range 60 {
		for range rng.IntN(20_000) {
			*s.take(next) = next * 3
			model[next] = next * 3
			next++
		}
		if round%7 == 0 {
			next += rng.Uint64N(100_000) // numbers that never come
		}
		keep := rng.IntN(3)
		for n := range model {
			if keep == 0 || n%uint64(5000*keep) != 0 {
				s.drop(n)
				delete(model, n)
			}
			if len(model) < 3000 {
				break
			}
		}
		check()
	}
	for n := range model {
		s.drop(n)
		delete(model, n)
	}
	if check(); len(s.pages) != 0 {
		t.Errorf("an empty slab holds %d pages", len(s.pages))
	}
	// Logs are taken in any order.
	for _, n := range []uint64{1 << 30, 5, 1 << 20, 6} {
		*s.take(n) = n
		model[n] = n
	}
	next = 7
	check()
}

// The memory of dropped records is given back, though one record stays.
func TestSlabFreesChunks(t *testing.T) {
	var s slab[[64]byte]
	const n = 200_000
	for i := range uint64(n) {
		s.take(i + 1)
	}
	for i := range uint64(n) {
		if i != 1000 {
			s.drop(i + 1)
		}
	}
	chunks := 0
	for _, p := range s.pages {
		if p == nil {
			continue
		}
		for _, c := range p.chunks {
			if c != nil {
				chunks++
			}
		}
	}
	if chunks != 1 {
		t.Errorf("%d chunks are held for one record", chunks)
	}
}
