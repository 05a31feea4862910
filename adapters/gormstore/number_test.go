package gormstore

import (
	"context"
	"testing"
)

// A batch has one millisecond, so all of its numbers have to differ below that,
// however many blocks it takes.
func TestLowsOfABatch(t *testing.T) {
	const events, deliveries = 500, 600 // a block for each
	var l lows
	seen := make(map[int64]bool)
	for range events {
		first, err := l.take(t.Context(), 1+deliveries, func(context.Context) (int64, error) { return l.byChance(), nil })
		if err != nil {
			t.Fatal(err)
		}
		for n := first; n <= first+deliveries; n++ {
			if n < 0 || n >= perMilli || seen[n] {
				t.Fatalf("the number %d comes twice, or is none", n)
			}
			seen[n] = true
		}
	}
}

// Who has met the numbers of others goes elsewhere.
func TestLowsAfterDrop(t *testing.T) {
	var l lows
	jumps := 0
	for range 50 {
		before := l.byChance()
		l.drop()
		if after := l.byChance(); after != (before+1)%blocks {
			jumps++
		}
	}
	if jumps == 0 {
		t.Error("the next block is always the one after that was dropped")
	}
}
