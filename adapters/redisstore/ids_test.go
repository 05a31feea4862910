package redisstore

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestIDRoundTrip(t *testing.T) {
	for _, p := range []place{{0, 1, 0}, {1023, maxMicros, maxFanOut}, {7, 1_700_000_000_000_000, 12}} {
		id := p.id()
		if len(id) != idLen || strings.Trim(id, alphabet+"l_") != "" {
			t.Errorf("%+v is %q", p, id)
		}
		if got, ok := parseID(id, maxShards); !ok || got != p {
			t.Errorf("%q reads as %+v, %v; want %+v", id, got, ok, p)
		}
		if f := p.field(); len(f) != fieldLen || placeOf(p.shard, f) != p {
			t.Errorf("field %x reads as %+v, want %+v", f, placeOf(p.shard, f), p)
		}
	}
}

// Lists are ordered by ids where times are equal, and cut by places: the two
// orders are one.
func TestIDOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	some := func() place { return place{rng.IntN(3), int64(rng.IntN(3)) + 1<<50, rng.IntN(40)} }
	for range 2000 {
		a, b := some(), some()
		less := a.shard < b.shard || a.shard == b.shard && (a.number < b.number || a.number == b.number && a.index < b.index)
		if got := a.id() < b.id(); got != less {
			t.Fatalf("%+v before %+v: %v by id, %v by place", a, b, got, less)
		}
	}
}

func TestForeignIDs(t *testing.T) {
	good := place{3, 1_700_000_000_000_000, 1}.id()
	for _, id := range []string{
		"", "unknown", good[1:], good + "0", strings.ToUpper(good), strings.Replace(good, "dlv_", "evt_", 1),
		good[:len(good)-1] + "u", // no digit
		"dlv_" + strings.Repeat("z", idLen-4),
		place{4, 1, 0}.id(), // of a store with more shards
		strings.Repeat("u", 64),
	} {
		if p, ok := parseID(id, 4); ok {
			t.Errorf("%q reads as %+v", id, p)
		}
	}
}
