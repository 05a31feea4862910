package memstore

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The index is compared with a sorted slice.
func TestAscendingLikeSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a ascending
	var model []uint64
	next := uint64(0)
	remove := func(i int) {
		a.remove(model[i])
		model = slices.Delete(model, i, i+1)
	}
	for round := range 200 {
		for range rng.IntN(600) {
			next += 1 + rng.Uint64N(5)
			a.add(next)
			model = append(model, next)
		}
		for range min(len(model), rng.IntN(600)) {
			switch round % 3 {
			case 0:
				remove(0)
			case 1:
				remove(rng.IntN(len(model)))
			case 2:
				remove(len(model) - 1)
			}
		}
		a.remove(next + 1) // absent
		if a.n != len(model) {
			t.Fatalf("n = %d, want %d", a.n, len(model))
		}
		var walked []uint64
		for before := ^uint64(0); ; {
			run := a.below(before)
			if len(run) == 0 {
				break
			}
			if run[len(run)-1] >= before {
				t.Fatalf("below(%d) ends with %d", before, run[len(run)-1])
			}
			before = run[0]
			for i := range run {
				walked = append(walked, run[len(run)-1-i])
			}
		}
		slices.Reverse(walked)
		if !slices.Equal(walked, model) {
			t.Fatalf("round %d: walking down passes %d numbers, want %d", round, len(walked), len(model))
		}
		for range 20 {
			from := rng.Uint64N(next + 2)
			to := from + rng.Uint64N(10)
			i, _ := slices.BinarySearch(model, from)
			found := i < len(model) && model[i] < to
			if n, ok := a.find(from, to); ok != found || ok && n != model[i] {
				t.Fatalf("find(%d, %d) = %d, %v, want %v", from, to, n, ok, found)
			}
		}
	}
}

// A few numbers that stay long do not hold the memory of the many that went.
func TestAscendingGivesRoomBack(t *testing.T) {
	var a ascending
	for n := range uint64(100_000) {
		a.add(n)
	}
	for n := range uint64(100_000) {
		if n%256 != 3 {
			a.remove(n)
		}
	}
	room := 0
	for _, b := range a.blocks {
		room += cap(b)
	}
	if room > 6*a.n+2*blockSize {
		t.Errorf("room for %d numbers is held for %d", room, a.n)
	}
}
