//go:build unix

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// undoes is how long before a failover answers can have been given that the new
// master does not know of.
const undoes = 2 * time.Second

// A master of the cluster is killed, and its replica takes its place: what was
// acknowledged after a replica had it is not lost.
func testFailover(t *testing.T, p place) {
	f := failOver(t, p)
	f.check("failover")
}

// Without waiting for a replica, what was acknowledged shortly before may be
// lost. How much is noted, and all the rest must go on to its end; nothing else
// of the contract can hold for what a store has forgotten.
func testFailoverUnwaited(t *testing.T, p place) {
	fresh := p.fresh
	p.fresh = func(t *testing.T) site {
		s := fresh(t)
		s.Unwaited = true
		return s
	}
	f := failOver(t, p)
	h := f.history()
	r := history.Check(h)
	note(p.kind, "failover, not waiting", r)
	acknowledged := make(map[string]bool)
	for _, record := range h.Records {
		for _, event := range record.Inserted {
			for _, d := range event.Deliveries {
				acknowledged[d.ID] = true
			}
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged: the test proves nothing")
	}
	delivered := 0
	for _, d := range h.Final.Deliveries {
		if d.State == store.StateDelivered {
			delivered++
		}
	}
	t.Logf("%d deliveries were acknowledged, %d are there, %d of them delivered; broken: %v", len(acknowledged), len(h.Final.Deliveries), delivered, r.Broken())
	if delivered != len(h.Final.Deliveries) {
		t.Errorf("%d deliveries are there, and %d were delivered", len(h.Final.Deliveries), delivered)
	}
}

// failOver kills masters while deliveries go out, and waits for the end.
func failOver(t *testing.T, p place) *fleet {
	f := newFleet(t, p)
	f.receiver.delay = 5 * time.Millisecond
	stop := f.keepPublishing(500)
	f.start(nil)
	f.start(nil)
	f.reach(100, time.Minute)
	for range max(1, f.form.restarts) {
		masters := p.cluster.Masters(t.Context())
		victim := masters[rand.IntN(len(masters))]
		from := time.Now()
		if err := victim.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); len(p.cluster.Masters(t.Context())) < 3; {
			if time.Now().After(deadline) {
				t.Fatal("no replica has taken the place of the master")
			}
			pause(100 * time.Millisecond)
		}
		f.outages = append(f.outages, history.Outage{Span: history.Span{From: from, To: time.Now()}, Undoes: undoes})
		if err := victim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := p.cluster.WaitHealthy(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		taken, _ := f.receiver.distinct()
		f.reach(taken+300, time.Minute)
	}
	stop()
	f.done(time.Minute)
	return f
}

// Slots with everything in them move to other masters while deliveries go out.
func testReshard(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 5 * time.Millisecond
	stop := f.keepPublishing(500)
	f.start(nil)
	f.start(nil)
	f.reach(200, time.Minute)
	moved := 0
	f.during(true, func() {
		masters := p.cluster.Masters(t.Context())
		for i, from := range masters {
			n, err := moveSlots(t.Context(), masters, from, masters[(i+1)%len(masters)])
			if err != nil {
				t.Fatal(err)
			}
			moved += n
		}
	})
	taken, _ := f.receiver.distinct()
	f.reach(taken+300, time.Minute)
	stop()
	f.done(time.Minute)
	if moved == 0 {
		t.Error("no slot had keys: the test proves nothing")
	}
	f.check("reshard")
}

// moveSlots moves the slots that have keys from one master to another, as
// redis-cli does.
func moveSlots(ctx context.Context, masters []*servers.Server, from, to *servers.Server) (int, error) {
	client := func(s *servers.Server) *redis.Client { return redis.NewClient(&redis.Options{Addr: s.Addr()}) }
	src, dst := client(from), client(to)
	defer src.Close()
	defer dst.Close()
	srcID, err := src.ClusterMyID(ctx).Result()
	if err != nil {
		return 0, err
	}
	dstID, err := dst.ClusterMyID(ctx).Result()
	if err != nil {
		return 0, err
	}
	counts := make([]*redis.IntCmd, 16384)
	p := src.Pipeline()
	for slot := range counts {
		counts[slot] = p.ClusterCountKeysInSlot(ctx, slot)
	}
	if _, err := p.Exec(ctx); err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		return 0, err
	}
	moved := 0
	for slot, count := range counts {
		if count.Val() == 0 {
			continue
		}
		if err := dst.Do(ctx, "cluster", "setslot", slot, "importing", srcID).Err(); err != nil {
			return moved, err
		}
		if err := src.Do(ctx, "cluster", "setslot", slot, "migrating", dstID).Err(); err != nil {
			return moved, err
		}
		for {
			keys, err := src.ClusterGetKeysInSlot(ctx, slot, 50).Result()
			if err != nil {
				return moved, err
			}
			if len(keys) == 0 {
				break
			}
			args := []any{"migrate", host, port, "", 0, 5000, "keys"}
			for _, k := range keys {
				args = append(args, k)
			}
			if err := src.Do(ctx, args...).Err(); err != nil {
				return moved, fmt.Errorf("migrate slot %d: %w", slot, err)
			}
		}
		for _, s := range append([]*servers.Server{to, from}, masters...) {
			c := client(s)
			err := c.Do(ctx, "cluster", "setslot", slot, "node", dstID).Err()
			c.Close()
			if err != nil {
				return moved, err
			}
		}
		moved++
	}
	return moved, nil
}
