package redisstore

import (
	"errors"
	"testing"

	"github.com/postrider/postrider/store"
)

func TestCursor(t *testing.T) {
	s := &Store{info: store.Info{ID: "redis-a"}}
	q := s.query('d', true, "", "e", 7)
	p := position{created: 1 << 50, id: "dlv_x", tenant: "t"}
	c := q.cursor(p)
	if got, err := q.position(c); err != nil || got != p {
		t.Errorf("reads as %+v, %v; want %+v", got, err, p)
	}
	other := &Store{info: store.Info{ID: "redis-b"}}
	for name, wrong := range map[string]query{
		"another kind": s.query('e', true, "", "e", 7), "another filter": s.query('d', true, "", "e", 8), "another store": other.query('d', true, "", "e", 7),
	} {
		if _, err := wrong.position(c); !errors.Is(err, store.ErrInvalidCursor) {
			t.Errorf("%s: %v, want ErrInvalidCursor", name, err)
		}
	}
	for _, text := range []string{"", "x", c + "x", c[:len(c)-1], c + "\n", "A" + c[1:]} {
		if _, err := q.position(text); !errors.Is(err, store.ErrInvalidCursor) {
			t.Errorf("%q: %v, want ErrInvalidCursor", text, err)
		}
	}
}

func TestPositionOrder(t *testing.T) {
	newestFirst := []position{{9, "b", "z"}, {9, "b", "y"}, {9, "a", "z"}, {8, "z", ""}, {1, "", ""}}
	for i, p := range newestFirst {
		for j, q := range newestFirst {
			if got := p.before(q); got != (i < j) {
				t.Errorf("%+v before %+v: %v", p, q, got)
			}
		}
	}
}
