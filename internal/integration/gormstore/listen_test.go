package gormstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/postrider/postrider/adapters/gormstore"
	"github.com/postrider/postrider/internal/integration/servers"
	"github.com/postrider/postrider/store"
)

// ear is a store that listens.
type ear struct {
	woken chan []string // the lanes that were named
	ended chan error
	stop  context.CancelFunc
}

func listen(tb testing.TB, s *gormstore.Store) *ear {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context())
	e := &ear{woken: make(chan []string, 1000), ended: make(chan error, 1), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.ended <- s.Listen(ctx, func(lanes ...string) { e.woken <- lanes })
	}()
	tb.Cleanup(func() {
		stop()
		<-done
	})
	return e
}

// wakes tells whether a notice comes within d.
func (e *ear) wakes(tb testing.TB, d time.Duration) bool {
	tb.Helper()
	select {
	case <-e.woken:
		return true
	case err := <-e.ended:
		tb.Fatalf("Listen ended: %v", err)
	case <-time.After(d):
	}
	return false
}

// heed publishes through s until a notice comes.
func (e *ear) heed(tb testing.TB, publish func(i int)) {
	tb.Helper()
	for i := range 20 {
		publish(i)
		if e.wakes(tb, 500*time.Millisecond) {
			return
		}
	}
	tb.Fatal("no notice after 20 inserts by another process")
}

// listeners returns how many connections of the server listen to anything.
const listeners = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%postrider%'"

// TestListenPostgres holds that inserts of others wake, and what else does.
func TestListenPostgres(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 8)
	s := h.store(t, db)
	other := h.bare(t, h.open(t, 8))
	e := listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("other", i), "l")) })
	for e.wakes(t, 50*time.Millisecond) { // the last trailing ones
	}

	insert(t, s, newEvent("own", "l"))
	if e.wakes(t, 100*time.Millisecond) {
		t.Error("an insert of its own woke it")
	}
	tx := db.Begin()
	insert(t, s.Tx(tx), newEvent("rolled back", "l"))
	tx.Rollback()
	if e.wakes(t, 100*time.Millisecond) {
		t.Error("a transaction that was rolled back woke it")
	}
	tx = db.Begin()
	insert(t, s.Tx(tx), newEvent("committed", "l"))
	if e.wakes(t, 100*time.Millisecond) {
		t.Error("a transaction woke it before it was committed")
	}
	if err := tx.Commit().Error; err != nil {
		t.Fatal(err)
	}
	if !e.wakes(t, 5*time.Second) {
		t.Error("a transaction of the host did not wake it")
	}
	insert(t, other, newEvent("no deliveries"))
	if e.wakes(t, 100*time.Millisecond) {
		t.Error("an event without deliveries woke it")
	}
}

// TestListenLanes holds that notices name the lanes of what was inserted, each of
// them and no other, unless these are many.
func TestListenLanes(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 8)
	s := h.store(t, db)
	other := h.bare(t, h.open(t, 8))
	e := listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("first", i), "l")) })
	for e.wakes(t, 50*time.Millisecond) {
	}
	// named returns the lanes that notices name until they are as many.
	named := func(want int) []string {
		var all []string
		for len(all) < want {
			select {
			case lanes := <-e.woken:
				if len(lanes) == 0 {
					t.Fatalf("a notice names no lane, after %q", all)
				}
				for _, l := range lanes {
					if !slices.Contains(all, l) {
						all = append(all, l)
					}
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("only %q were named", all)
			}
		}
		slices.Sort(all)
		return all
	}
	equal := func(what string, want ...string) {
		t.Helper()
		if got := named(len(want)); !slices.Equal(got, want) {
			t.Errorf("%s: notices name %q, want %q", what, got, want)
		}
	}
	insert(t, other, newEvent("one", "a", "b"))
	equal("an insert", "a", "b")
	var want []string
	for i := range 30 { // too soon after each other for a notice of each
		want = append(want, fmt.Sprintf("lane%02d", i))
		insert(t, other, newEvent(fmt.Sprint("burst", i), want[i]))
	}
	equal("thirty inserts", want...)
	if err := db.Transaction(func(tx *gorm.DB) error {
		insert(t, s.Tx(tx), newEvent("of the host", "c"))
		insert(t, s.Tx(tx), newEvent("also", "d"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	equal("a transaction of the host", "c", "d")
	refs, err := other.Requeue(t.Context(), store.RequeueParams{Items: []store.RequeueItem{{EventID: "one", EndpointID: "b"}}})
	if err != nil || refs[0].Result != store.RequeueDone {
		t.Fatalf("requeued: %+v, %v", refs, err)
	}
	equal("a delivery that is sent again", "b")
	for e.wakes(t, 50*time.Millisecond) {
	}
	var forty []string
	for i := range 40 {
		forty = append(forty, fmt.Sprint("wide", i))
	}
	insert(t, other, newEvent("wide", forty...))
	select {
	case lanes := <-e.woken:
		if len(lanes) != 0 {
			t.Errorf("of 40 lanes the notice names %q", lanes)
		}
	case <-time.After(5 * time.Second):
		t.Error("no notice of an event to 40 endpoints")
	}
}

// TestListenThrottled inserts much at once: few notices, and one after the last
// commit.
func TestListenThrottled(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	s := h.store(t, h.open(t, 8))
	other := h.bare(t, h.open(t, 8))
	e := listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("first", i), "l")) })
	for e.wakes(t, 50*time.Millisecond) {
	}
	began := time.Now()
	const inserts = 400
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range inserts / 4 {
				insert(t, other, newEvent(fmt.Sprint("e", w, "-", i), "l"))
			}
		})
	}
	wg.Wait()
	ended := time.Now()
	var last time.Time
	notices := 0
	for e.wakes(t, 100*time.Millisecond) {
		notices++
		last = time.Now()
	}
	if notices == 0 {
		t.Errorf("no notice for %d inserts in %v", inserts, ended.Sub(began))
	}
	if most := int(last.Sub(began)/time.Millisecond) + 2; notices > most {
		t.Errorf("%d notices for %d inserts in %v, want at most %d", notices, inserts, last.Sub(began), most)
	}
	t.Logf("%d notices for %d inserts in %v, the last one %v after the end", notices, inserts, ended.Sub(began), last.Sub(ended))
}

// TestListenEnds holds that the connection is not given back to others, and that
// losing it is an error.
func TestListenEnds(t *testing.T) {
	h := newHost(t, postgresOf("17"))
	db := h.open(t, 3)
	s := h.store(t, db)
	other := h.bare(t, h.open(t, 3))
	e := listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("e", i), "l")) })

	var n int
	kill := strings.Replace(listeners, "COUNT(*)", "COUNT(pg_terminate_backend(pid))", 1)
	if err := db.Raw(kill).Scan(&n).Error; err != nil || n == 0 {
		t.Fatalf("ended %d connections that listen, %v", n, err)
	}
	select {
	case err := <-e.ended:
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("Listen on a lost connection: %v, want an error", err)
		}
		e.ended <- err
	case <-time.After(10 * time.Second):
		t.Fatal("Listen goes on without its connection")
	}
	for i := range 6 {
		if err := db.Exec("SELECT 1").Error; err != nil {
			t.Errorf("statement %d after the connection was lost: %v", i, err)
		}
	}

	e = listen(t, s)
	e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("f", i), "l")) })
	e.stop()
	if err := <-e.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Listen after the end of its context: %v", err)
	}
	e.ended <- nil
	for range 100 {
		if err := db.Raw(listeners).Scan(&n).Error; err != nil || n == 0 {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	if n != 0 {
		t.Errorf("%d connections listen after the end", n)
	}
	if used := poolOf(t, db).Stats().InUse; used != 0 {
		t.Errorf("%d connections are in use", used)
	}
}

// TestListenPolls holds that others are found where nobody tells: through a
// pooler, with a small pool, without notices, and on other databases.
func TestListenPolls(t *testing.T) {
	cases := map[string]struct {
		database
		connections int
		option      gormstore.Option
		said        string
	}{
		"pooler":   {pgBouncer(t), 8, gormstore.WithTimeout(30 * time.Second), "by polling"},
		"two":      {postgresOf("17"), 2, gormstore.WithTimeout(30 * time.Second), ""},
		"silenced": {postgresOf("17"), 8, gormstore.WithoutNotify(), ""},
		"sqlite":   {sqlitePure, 8, gormstore.WithTimeout(30 * time.Second), ""},
		"mysql":    {mysqlOf("9"), 8, gormstore.WithTimeout(30 * time.Second), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var log safeBuffer
			h := newHost(t, c.database)
			db := h.open(t, c.connections)
			s := h.store(t, db, c.option, gormstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			other := h.bare(t, h.open(t, c.connections), c.option)
			e := listen(t, s)
			e.heed(t, func(i int) { insert(t, other, newEvent(fmt.Sprint("e", i), "l")) })
			for e.wakes(t, 50*time.Millisecond) {
			}
			err := db.Transaction(func(tx *gorm.DB) error {
				insert(t, s.Tx(tx), newEvent("of the host", "l"))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !e.wakes(t, 5*time.Second) {
				t.Error("a transaction of the host did not wake it")
			}
			if c.is("sqlite") || c.is("mysql") { // Postgres commits an insert before its numbers are known here
				var inserts sync.WaitGroup
				for i := range 4 {
					inserts.Go(func() {
						for j := range 50 {
							if _, err := s.Insert(t.Context(), []store.NewEvent{newEvent(fmt.Sprint("own", i, "-", j), "l")}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				inserts.Wait()
				if e.wakes(t, 200*time.Millisecond) {
					t.Error("inserts of its own woke it")
				}
			}
			if got := strings.Count(log.String(), "by polling"); c.said != "" && got != 1 || c.said == "" && got != 0 {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestNoticeRoom holds that a session which reads no notices does not stop inserts,
// nor transactions of the host: before the server's queue is full, nobody is woken.
func TestNoticeRoom(t *testing.T) {
	server := servers.Postgres(t, "17", "-c", "max_notify_queue_pages=64", "-c", "fsync=off")
	h := newHost(t, database{name: "postgres-17", fresh: func(testing.TB) func() gorm.Dialector {
		return func() gorm.Dialector { return postgres.Open(server.DSN) }
	}})
	db := h.open(t, 8)
	h.store(t, db)
	deaf := db.Begin() // within a transaction nothing is read
	for _, text := range []string{"LISTEN anything", "COMMIT", "BEGIN", "SELECT 1"} {
		if err := deaf.Exec(text).Error; err != nil {
			t.Fatal(err)
		}
	}
	fill := func(pages int) {
		t.Helper()
		for range pages {
			if err := db.Exec("SELECT pg_notify('anything', repeat('x', 7900))").Error; err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(8)
	var log safeBuffer
	logged := gormstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	e := listen(t, h.store(t, db, logged))
	e.heed(t, func(i int) { insert(t, h.bare(t, h.open(t, 2), logged), newEvent(fmt.Sprint("room", i), "l")) })
	for e.wakes(t, 50*time.Millisecond) {
	}
	if said := log.String(); said != "" {
		t.Errorf("with room left the log says %q", said)
	}
	fill(16)
	other := h.bare(t, h.open(t, 4), logged)
	insert(t, other, newEvent("full", "l"))
	tx := db.Begin()
	insert(t, other.Tx(tx), newEvent("of the host", "l"))
	if err := tx.Commit().Error; err != nil {
		t.Fatal(err)
	}
	if e.wakes(t, 200*time.Millisecond) {
		t.Error("a notice was sent, though there is little room")
	}
	if said := log.String(); strings.Count(said, "queue of notices fills") != 1 {
		t.Errorf("the log says %q", said)
	}
	if err := deaf.Exec("ROLLBACK").Error; err != nil {
		t.Fatal(err)
	}
	fill(1) // the server looks who has read only now and then
	fill(8)
	e.heed(t, func(i int) { insert(t, h.bare(t, h.open(t, 2)), newEvent(fmt.Sprint("again", i), "l")) })
}
