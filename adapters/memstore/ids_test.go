package memstore

import (
	"sort"
	"strings"
	"testing"
)

// The order of ids is that of the numbers, and the number is found again.
func TestDeliveryIDs(t *testing.T) {
	s := New()
	var ids []string
	for _, n := range []uint64{1, 2, 9, 10, 31, 32, 33, 1023, 1024, 1 << 20, 1<<32 - 1, 1 << 32, 1<<50 - 1} {
		id := s.deliveryID(n)
		if got := s.number(id); got != n {
			t.Errorf("number(%q) = %d, want %d", id, got, n)
		}
		if len(id) != idLen || strings.Trim(id[len(idScheme):], alphabet) != "" {
			t.Errorf("%q is not %d bytes of the alphabet", id, idLen)
		}
		ids = append(ids, id)
	}
	if !sort.StringsAreSorted(ids) {
		t.Errorf("%q is not in the order of insertion", ids)
	}
}

// What this store did not make is no delivery.
func TestForeignDeliveryIDs(t *testing.T) {
	s, other := New(), New()
	id := s.deliveryID(1)
	for name, bad := range map[string]string{
		"empty":          "",
		"short":          id[:len(id)-1],
		"long":           id + "0",
		"another store":  other.deliveryID(1),
		"another scheme": "evt_" + id[len(idScheme):],
		"upper case":     strings.ToUpper(id),
		"no digit":       id[:len(id)-1] + "u",
		"a byte":         id[:len(id)-1] + "\xff",
	} {
		if n := s.number(bad); n != 0 {
			t.Errorf("%s: number(%q) = %d, want 0", name, bad, n)
		}
	}
}

func TestIDBatch(t *testing.T) {
	s := New()
	b := idBatch{store: s}
	b.expect(3)
	for n := range uint64(3) {
		b.add(n + 7)
	}
	for n := range uint64(3) {
		if got, want := b.next(), s.deliveryID(n+7); got != want {
			t.Errorf("id %d of the batch is %q, want %q", n, got, want)
		}
	}
}
