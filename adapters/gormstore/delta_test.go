package gormstore

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
)

func TestTally(t *testing.T) {
	a, b := place{"t", "a"}, place{`ü "\`, "b"}
	sums := tally{}
	sums.add(a, store.Counts{Pending: 2})
	sums.add(a, store.Counts{Pending: -1, Delivered: 1})
	sums.add(b, store.Counts{Failed: -7, Cancelled: 1 << 40})
	sums.add(place{"t", "nothing"}, store.Counts{})
	got := tally{}
	for range 2 {
		if err := got.addPayload(sums.payload()); err != nil {
			t.Fatal(err)
		}
	}
	want := tally{a: {Pending: 2, Delivered: 2}, b: {Failed: -14, Cancelled: 1 << 41}}
	if !maps.Equal(got, want) {
		t.Errorf("twice the payload %s is %+v, want %+v", sums.payload(), got, want)
	}
}

// Postgres writes JSON with spaces.
func TestTallyReads(t *testing.T) {
	got := tally{}
	if err := got.addPayload(`["t", "a", -1, 1, 0, 0], ["", "\u00fc\"", 0, 0, 3, 0]`); err != nil {
		t.Fatal(err)
	}
	want := tally{{"t", "a"}: {Pending: -1, Delivered: 1}, {"", `ü"`}: {Failed: 3}}
	if !maps.Equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

// A payload that is too long for a row becomes several, of whole elements.
func TestCutPayload(t *testing.T) {
	sums := tally{}
	for i := range 100 {
		sums.add(place{`],["` + strings.Repeat("x", i), strconv.Itoa(i)}, store.Counts{Pending: int64(i + 1)})
	}
	whole := sums.payload()
	for _, most := range []int{1, 50, 300, len(whole) - 1, len(whole)} {
		got := tally{}
		for rest := whole; rest != ""; {
			var part string
			part, rest = cutPayload(rest, most)
			if len(part) > most && most >= 150 {
				t.Errorf("a part has %d bytes, want %d at most", len(part), most)
			}
			if err := got.addPayload(part); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(got, sums) {
			t.Errorf("in parts of %d bytes the payload is another", most)
		}
	}
}

func FuzzTallyRefuses(f *testing.F) {
	for _, s := range []string{"", "[", `["a"]`, `["a","b",1,2,3]`, `["a","b",1,2,3,4`, `["a","b",1,2,3,4],`, `["a","b",1,2,3,4]x`, `["a","b",1,2,3,-]`, `["\`, `["a","\x",1,2,3,4]`} {
		f.Add(s)
		if (tally{}).addPayload(s) == nil {
			f.Errorf("%q was read as a delta", s)
		}
	}
	f.Fuzz(func(_ *testing.T, s string) { _ = (tally{}).addPayload(s) }) // it ends, and does not panic
}
