package ids

import (
	"strings"
	"testing"
	"time"
)

func TestRandomHasPrefixLengthAndAlphabet(t *testing.T) {
	seen := map[string]bool{}
	for range 10000 {
		id := Random("whk_", 16)
		if !strings.HasPrefix(id, "whk_") || len(id) != 20 || strings.Trim(id[4:], base62) != "" {
			t.Fatalf("Random = %q", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestRandomUsesTheWholeAlphabetEvenly(t *testing.T) {
	var count [256]int
	const n = 200000
	for _, c := range []byte(Random("", n)) {
		count[c]++
	}
	for _, c := range []byte(base62) {
		if got, want := count[c], n/62; got < want*9/10 || got > want*11/10 {
			t.Errorf("%q came %d times, want about %d", c, got, want)
		}
	}
}

func TestDerivedFollowsFromTheKeyAlone(t *testing.T) {
	a, b := Derived("", 40, "order-1"), Derived("", 40, "order-2")
	if a != Derived("", 40, "order-1") || a == b || len(a) != 40 {
		t.Fatalf("Derived = %q and %q", a, b)
	}
	if SortableDerived("p_", "k") != SortableDerived("p_", "k") || SortableDerived("p_", "k") == SortableDerived("p_", "l") {
		t.Fatal("SortableDerived does not follow from the key alone")
	}
}

func TestSortableSortsByTime(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	last := ""
	for i := range 5000 {
		id := Sortable("msg_", at.Add(time.Duration(i)*time.Millisecond))
		if len(id) != 4+SortableLen || id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
}

func TestSortableHoldsAllBits(t *testing.T) {
	// 2^48-1 milliseconds and all random bits set: 128 one-bits.
	got := sortable("", time.UnixMilli(1<<48-1), [10]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	if want := "7" + strings.Repeat("z", 25); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	got = sortable("", time.UnixMilli(1), [10]byte{9: 1})
	if want := "0000000001" + strings.Repeat("0", 15) + "1"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}
