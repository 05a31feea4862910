package redisstore_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// The figures of the package comment, in bytes beside the payload. A test may find
// less; more would make the comment wrong.
const (
	perEvent     = 700
	perPending   = 130
	perDelivered = 550
)

func used(t *testing.T, client *redis.Client) int {
	t.Helper()
	text, err := client.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory_dataset:"); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("INFO does not tell used_memory_dataset")
	return 0
}

func TestMemory(t *testing.T) {
	const n = 20_000
	fill := func(fanout int) (client *redis.Client, s store.Store, begin, pending int) {
		client = standalone(t, servers.Redis(t, "7.0", durable...).Addr())
		s = open(t, client)
		endpoints(t, s)
		inserted(t, s, "warm", 100)
		begin = used(t, client)
		for i := 0; i < n; i += 500 {
			var batch []store.NewEvent
			for j := i; j < i+500; j++ {
				var eps []string
				for k := range fanout {
					eps = append(eps, fmt.Sprint("endpoint_0123456789_", (j+k)%benchLanes))
				}
				batch = append(batch, newEvent(fmt.Sprintf("0123456789abcdef%010d", j), eps...))
			}
			if _, err := s.Insert(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		return client, s, begin, used(t, client)
	}
	_, _, begin, pending := fill(0)
	event := (pending - begin) / n
	client, s, begin, pending := fill(5)
	delivery := ((pending-begin)/n - event) / 5
	p := store.ClaimParams{Max: 500, Lease: 1 << 40}
	for k := range benchLanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("endpoint_0123456789_", k), N: 50})
	}
	for {
		b, err := s.Claim(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Deliveries) == 0 {
			break
		}
		outcomes := make([]store.Outcome, len(b.Deliveries))
		for i, c := range b.Deliveries {
			outcomes[i] = drained(c)
		}
		if _, err := s.Settle(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
	}
	done := ((used(t, client)-begin)/n - event) / 5
	event -= 1024
	t.Logf("beside the payload: %d bytes per event, %d per pending delivery, %d per delivered one", event, delivery, done)
	for name, c := range map[string]struct{ got, want int }{
		"an event": {event, perEvent}, "a pending delivery": {delivery, perPending}, "a delivered delivery": {done, perDelivered},
	} {
		if c.got > c.want {
			t.Errorf("%s takes %d bytes, the package comment says %d", name, c.got, c.want)
		}
	}
}
