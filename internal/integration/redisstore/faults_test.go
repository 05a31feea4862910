package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/adapters/redisstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

var durable = []string{"--appendonly", "yes", "--appendfsync", "everysec", "--save", ""}

// inserted inserts n events, each to one of ten lanes, and fails the test if any
// of them is refused.
func inserted(t *testing.T, s store.Store, name string, n int) {
	t.Helper()
	var batch []store.NewEvent
	for i := range n {
		batch = append(batch, newEvent(fmt.Sprint(name, i), fmt.Sprint("ep_", i%benchLanes)))
	}
	if _, err := s.Insert(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func claimed(t *testing.T, s store.Store, n int) []store.Claimed {
	t.Helper()
	return claimedFor(t, s, n, time.Hour)
}

func claimedFor(t *testing.T, s store.Store, n int, lease time.Duration) []store.Claimed {
	t.Helper()
	p := store.ClaimParams{Max: n, Lease: lease}
	for i := range benchLanes {
		p.Lanes = append(p.Lanes, store.Lane{ID: fmt.Sprint("ep_", i), N: n})
	}
	b, err := s.Claim(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return b.Deliveries
}

// delivered claims and settles everything, and returns how many there were.
func delivered(t *testing.T, s store.Store) (n int) {
	t.Helper()
	for {
		c := claimed(t, s, 500)
		if len(c) == 0 {
			return n
		}
		n += len(c)
		outcomes := make([]store.Outcome, len(c))
		for i := range c {
			outcomes[i] = drained(c[i])
		}
		r, err := s.Settle(t.Context(), outcomes)
		if err != nil || len(r.Lost) != 0 {
			t.Fatalf("settle: lost %d, %v", len(r.Lost), err)
		}
	}
}

// Redis forgets its scripts; the store sends them again.
func TestScriptFlush(t *testing.T) {
	for name, s := range map[string]*redisstore.Store{
		"alone":  open(t, standalone(t, servers.SharedRedis(t, "7.0").Addr())),
		"shards": open(t, standalone(t, servers.SharedRedis(t, "7.0").Addr()), redisstore.WithShards(4)),
	} {
		client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
		flush := func() {
			if err := client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		flush()
		inserted(t, s, "e", 40)
		flush()
		c := claimed(t, s, 40)
		flush()
		var outcomes []store.Outcome
		for i := range c {
			outcomes = append(outcomes, drained(c[i]))
		}
		r, err := s.Settle(t.Context(), outcomes)
		flush()
		stats, err2 := s.Stats(t.Context(), store.StatsQuery{})
		if err != nil || err2 != nil || len(r.Lost) > 0 || stats.Total != (store.Counts{Delivered: 40}) {
			t.Errorf("%s: %+v, lost %d; %v, %v", name, stats.Total, len(r.Lost), err, err2)
		}
	}
}

// A clean restart and a kill: what was acknowledged is there, under the same
// tokens, and the script cache is empty.
func TestRestart(t *testing.T) {
	server := servers.Redis(t, "7.0", "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	client := standalone(t, server.Addr())
	s := open(t, client)
	endpoints(t, s)
	inserted(t, s, "e", 100)
	c := claimed(t, s, 30)
	for name, restart := range map[string]func(context.Context) error{
		"restart": server.Restart,
		"kill": func(ctx context.Context) error {
			if err := server.Kill(ctx); err != nil {
				return err
			}
			return server.Start(ctx)
		},
	} {
		if err := restart(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inserted(t, s, name, 10)
		var outcomes []store.Outcome
		for i := range 10 {
			outcomes = append(outcomes, drained(c[i]))
		}
		c = c[10:]
		if r, err := s.Settle(t.Context(), outcomes); err != nil || len(r.Lost) != 0 {
			t.Fatalf("after a %s: lost %d, %v", name, len(r.Lost), err)
		}
	}
	if n := delivered(t, s); n != 90 {
		t.Errorf("after all %d were to be had, want the 90 that nobody held", n)
	}
}

// A Redis that loses what it acknowledged is refused.
func TestUnsafeServers(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no log":    {[]string{"--save", ""}, "appendonly"},
		"evicts":    {append([]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, durable...), "maxmemory-policy"},
		"no CONFIG": {append([]string{"--rename-command", "CONFIG", ""}, durable...), ""},
	} {
		client := standalone(t, servers.Redis(t, "7.0", c.args...).Addr())
		_, err := redisstore.New(client)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, redisstore.ErrUnsafe) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrUnsafe because of %s", name, err, c.want)
		}
		s, err := redisstore.New(client, redisstore.WithBestEffort())
		if err != nil {
			t.Errorf("%s, best effort: %v", name, err)
			continue
		}
		inserted(t, s, "e", 5)
	}
}

// Processes have to agree on the number of shards.
func TestShardsAreRecorded(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	prefix := redisstore.WithPrefix("shards" + t.Name())
	first, err := redisstore.New(client, prefix, redisstore.WithShards(5))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := redisstore.New(client, prefix, redisstore.WithShards(4)); !errors.Is(err, redisstore.ErrShards) {
		t.Errorf("another number: %v, want ErrShards", err)
	}
	for _, options := range [][]redisstore.Option{{prefix}, {prefix, redisstore.WithShards(5)}} {
		s, err := redisstore.New(client, options...)
		if err != nil || s.Info() != first.Info() {
			t.Errorf("the same number: %v, %v", s, err)
		}
	}
}

// A full Redis takes nothing in, and what is in it goes out.
func TestFullMemory(t *testing.T) {
	client := standalone(t, servers.Redis(t, "7.0", append([]string{"--maxmemory", "24mb", "--maxmemory-policy", "noeviction"}, durable...)...).Addr())
	s := open(t, client)
	endpoints(t, s)
	n := 0
	var err error
	for ; err == nil && n < 100_000; n++ {
		_, err = s.Insert(t.Context(), []store.NewEvent{newEvent(fmt.Sprint(n), "ep_0")})
	}
	n--
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d events: %v, want ErrFull", n, err)
	}
	// It is not full to the last byte.
	for i := 0; !errors.Is(err, store.ErrFull) || i == 0; i++ {
		if _, err = s.CreateEndpoint(t.Context(), store.Endpoint{ID: fmt.Sprint("new", i), Description: strings.Repeat("x", 2000), Status: store.EndpointActive}); i > 2000 {
			t.Fatalf("CreateEndpoint: %v, want ErrFull", err)
		}
	}
	c := claimed(t, s, 3)
	if len(c) != 3 {
		t.Fatalf("a full store gives %d deliveries, want 3", len(c))
	}
	if _, err := s.Cancel(t.Context(), "", []string{c[0].Delivery.ID}, "host"); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if r, err := s.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{{DeliveryID: c[0].Delivery.ID}}}); err != nil || r[0].Result != store.RequeueDone {
		t.Errorf("Requeue: %+v, %v", r, err)
	}
	if r, err := s.Settle(t.Context(), []store.Outcome{drained(c[1]), drained(c[2])}); err != nil || len(r.Lost) != 0 {
		t.Errorf("Settle: lost %d, %v", len(r.Lost), err)
	}
	if got := delivered(t, s); got != n-2 {
		t.Errorf("%d deliveries went out, want the %d that were left", got, n-2)
	}
	if err := s.DeleteEndpoint(t.Context(), "", "ep_1"); err != nil {
		t.Errorf("DeleteEndpoint: %v", err)
	}
	events := 0
	for {
		r, err := s.Purge(t.Context(), store.PurgeParams{Limit: 1000})
		if err != nil {
			t.Fatalf("Purge: %v", err)
		}
		if events += r.Events; !r.More {
			break
		}
	}
	if events != n {
		t.Errorf("purged %d events of %d", events, n)
	}
	inserted(t, s, "after", 10)
}

// Queues are rebuilt from the rows if somebody removes them.
func TestMissingQueues(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	for _, shards := range []int{1, 3} {
		prefix := fmt.Sprint("missing", shards, t.Name())
		s, err := redisstore.New(client, redisstore.WithPrefix(prefix), redisstore.WithShards(shards))
		if err != nil {
			t.Fatal(err)
		}
		endpoints(t, s)
		const n = 300
		inserted(t, s, "e", n)
		for _, c := range claimed(t, s, 60) { // some are timed
			o := store.Outcome{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StatePending}
			if r, err := s.Settle(t.Context(), []store.Outcome{o}); err != nil || len(r.Lost) > 0 {
				t.Fatal(r, err)
			}
		}
		if c := claimedFor(t, s, 60, 100*time.Millisecond); len(c) != 60 { // some are leased, several of a lane
			t.Fatalf("claimed %d", len(c))
		}
		keys := keysOf(t, client, prefix)
		removed := 0
		for _, key := range keys {
			if strings.Contains(key, "}fresh:") || strings.HasSuffix(key, "}timed") || strings.HasSuffix(key, "}held") || strings.HasSuffix(key, "}lanes") {
				removed++
				if err := client.Del(t.Context(), key).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if removed < 10 {
			t.Fatalf("removed %d of the keys %q", removed, keys)
		}
		found := 0
		await(t, "all deliveries to be found again", func() bool {
			if _, err := s.Due(t.Context(), store.DueParams{Sweep: true, Limit: 100}); err != nil {
				t.Fatal(err)
			}
			found += delivered(t, s)
			return found == n
		})
	}
}

func keysOf(t *testing.T, client *redis.Client, prefix string) []string {
	t.Helper()
	var keys []string
	iter := client.Scan(t.Context(), 0, "{"+prefix+":*", 1000).Iterator()
	for iter.Next(t.Context()) {
		keys = append(keys, iter.Val())
	}
	if err := iter.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// No key is left over when all is purged, but for the clock, and what the store is.
func TestNoKeyIsLeft(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	for _, shards := range []int{1, 3} {
		prefix := fmt.Sprint("left", shards, t.Name())
		s, err := redisstore.New(client, redisstore.WithPrefix(prefix), redisstore.WithShards(shards))
		if err != nil {
			t.Fatal(err)
		}
		endpoints(t, s)
		for i := range 20 {
			inserted(t, s, fmt.Sprint("e", i, "-"), 30)
			for j, c := range claimed(t, s, 10) {
				o := drained(c)
				o.State = []store.State{store.StatePending, store.StateFailed}[j%2]
				if _, err := s.Settle(t.Context(), []store.Outcome{o}); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := s.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{{EventID: "evt_e1-0", EndpointID: "another"}}})
		if err != nil || r[0].Result != store.RequeueCreated {
			t.Fatal(r, err)
		}
		if _, err := s.Cancel(t.Context(), "", []string{r[0].DeliveryID}, ""); err != nil {
			t.Fatal(err)
		}
		delivered(t, s)
		for i := range benchLanes {
			if err := s.DeleteEndpoint(t.Context(), "", fmt.Sprint("ep_", i)); err != nil {
				t.Fatal(err)
			}
		}
		await(t, "everything to be purged", func() bool {
			p, err := s.Purge(t.Context(), store.PurgeParams{Limit: 70})
			if err != nil {
				t.Fatal(err)
			}
			return !p.More && p.Events == 0
		})
		for _, key := range keysOf(t, client, prefix) {
			if !strings.HasSuffix(key, "}meta") && !strings.HasSuffix(key, "}about") {
				t.Errorf("with %d shards %q is left", shards, key)
			}
		}
	}
}

// A process that dies between the steps of an insert leaves pointers to nothing.
// Others find that out and take the ids.
func TestDeadInsert(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	prefix := "dead" + t.Name()
	s, err := redisstore.New(client, redisstore.WithPrefix(prefix), redisstore.WithShards(3))
	if err != nil {
		t.Fatal(err)
	}
	// Pointers as a process leaves them that is stopped before its second step: a
	// proxy would have to cut the connection between the two.
	now, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for shard := range 3 {
		var stamp [7]byte
		for i, us := 6, now.UnixMicro(); i >= 0; i, us = i-1, us>>8 {
			stamp[i] = byte(us)
		}
		pointer := string([]byte{0, byte((shard + 1) % 3)}) + "deadbeef" + string(stamp[:])
		for i := range 30 {
			if err := client.HSet(t.Context(), fmt.Sprintf("{%s:%02d}ids", prefix, shard), "\x00evt_e"+fmt.Sprint(i), pointer).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	inserted(t, s, "e", 30)
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	if n := delivered(t, s); n != 30 {
		t.Errorf("%d deliveries, want 30", n)
	}
	stats, err := s.Stats(t.Context(), store.StatsQuery{})
	if err != nil || stats.Total != (store.Counts{Delivered: 30}) {
		t.Errorf("%+v, %v", stats.Total, err)
	}
}

// An old event that stays must not keep the entries of all that came after it and
// went.
func TestListsAreCompacted(t *testing.T) {
	client := standalone(t, servers.SharedRedis(t, "7.0").Addr())
	prefix := "compact" + t.Name()
	s, err := redisstore.New(client, redisstore.WithPrefix(prefix))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Insert(t.Context(), []store.NewEvent{newEvent("old", "ep_0", "stays")}); err != nil {
		t.Fatal(err)
	}
	// A tenant whose list could be taken for that of the tenant "", half compacted.
	other := newEvent("other", "stays")
	other.Event.Tenant = ":compacted"
	if _, err := s.Insert(t.Context(), []store.NewEvent{other}); err != nil {
		t.Fatal(err)
	}
	lists := []string{"order", "order:", "history:ep_0", "history:ep_1"}
	longest := func() (n int64) {
		for _, list := range lists {
			length, err := client.LLen(t.Context(), "{"+prefix+":00}"+list).Result()
			if err != nil {
				t.Fatal(err)
			}
			n = max(n, length)
		}
		return n
	}
	for round := range 12 {
		var batch []store.NewEvent
		for i := range 1000 {
			batch = append(batch, newEvent(fmt.Sprint(round, "-", i), "ep_0", "ep_1"))
		}
		if _, err := s.Insert(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		delivered(t, s)
		for {
			p, err := s.Purge(t.Context(), store.PurgeParams{Limit: 300})
			if err != nil {
				t.Fatal(err)
			}
			if !p.More {
				break
			}
		}
	}
	if n := longest(); n > 4000 {
		t.Errorf("a list has %d entries, of 12,000 that were made and are gone", n)
	}
	// What is left is listed, and what comes is listed with it.
	inserted(t, s, "new", 20)
	for _, c := range []struct {
		q    store.DeliveryQuery
		want int
	}{
		{store.DeliveryQuery{Limit: 5}, 22}, {store.DeliveryQuery{Limit: 5, Scope: store.Scope{All: true}}, 23},
		{store.DeliveryQuery{Limit: 2, EndpointID: "ep_0"}, 3}, {store.DeliveryQuery{Limit: 5, EndpointID: "stays"}, 1},
		{store.DeliveryQuery{Limit: 5, Scope: store.Scope{Tenant: other.Event.Tenant}}, 1},
	} {
		n := 0
		for {
			page, err := s.Deliveries(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			n += len(page.Items)
			if c.q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if n != c.want {
			t.Errorf("%+v lists %d deliveries, want %d", c.q, n, c.want)
		}
	}
}
