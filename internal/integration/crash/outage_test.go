//go:build unix

package crash

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/postrider/postrider/internal/integration/crash/history"
	"github.com/postrider/postrider/internal/integration/servers"
)

// outage is something that takes the store away for a while, and gives it back.
type outage struct {
	name  string
	times func(form) int
	brief bool
	// partial: who does not go through the proxy notices nothing.
	partial bool
	do      func(t *testing.T, f *fleet, proxy *servers.Proxy)
}

var outages = []outage{
	{"restarted", func(f form) int { return f.restarts }, false, false, func(t *testing.T, f *fleet, _ *servers.Proxy) {
		if err := f.place.server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}},
	{"killed", func(f form) int { return f.restarts }, false, false, func(t *testing.T, f *fleet, _ *servers.Proxy) {
		if err := f.place.server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.place.server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}},
	{"cut", func(f form) int { return f.cuts }, true, true, func(_ *testing.T, _ *fleet, proxy *servers.Proxy) { proxy.Cut() }},
	{"black-holed", func(form) int { return 1 }, false, true, func(_ *testing.T, f *fleet, proxy *servers.Proxy) {
		proxy.Blackhole(true)
		pause(f.form.blackhole)
		proxy.Blackhole(false)
	}},
	{"paused", func(form) int { return 1 }, false, false, func(t *testing.T, f *fleet, _ *servers.Proxy) {
		if err := f.place.server.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		pause(f.form.pause)
		if err := f.place.server.Unpause(t.Context()); err != nil {
			t.Fatal(err)
		}
	}},
	{"refused", func(form) int { return 1 }, false, true, func(t *testing.T, f *fleet, proxy *servers.Proxy) {
		if err := proxy.Refuse(true); err != nil {
			t.Fatal(err)
		}
		pause(f.form.pause)
		if err := proxy.Refuse(false); err != nil {
			t.Fatal(err)
		}
	}},
}

// The store is taken away in every way, and comes back: nothing is lost, its
// loops have not hammered it, and soon outcomes are stored again.
func testOutages(t *testing.T, p place) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			proxy := servers.NewProxy(t, p.server.Addr())
			f := newFleet(t, p)
			f.receiver.delay = 5 * time.Millisecond
			stop := f.keepPublishing(500)
			f.start(func(o *orders) { o.Site = f.site.through(p, proxy.Addr()) })
			if o.partial {
				f.start(nil) // another goes on meanwhile
			}
			f.reach(100, time.Minute)
			for range o.times(f.form) {
				f.during(o.brief, func() { o.do(t, f, proxy) })
				taken, _ := f.receiver.distinct()
				f.reach(taken+100, time.Minute)
				// It is taken from one that works, not from one that still looks for it.
				cut := f.processes[0].Name
				own, _ := f.receiver.takenFrom(cut)
				f.reachFrom(cut, own+1, time.Minute)
			}
			stop()
			f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
			f.check(o.name)
		})
	}
}

// during notes that the store is away while something is done.
func (f *fleet) during(brief bool, do func()) {
	from := time.Now()
	do()
	f.outages = append(f.outages, history.Outage{Span: history.Span{From: from, To: time.Now()}, Brief: brief})
}

// SQLite is away while another process holds its lock.
func testLocked(t *testing.T, p place) {
	f := newFleet(t, p)
	f.receiver.delay = 5 * time.Millisecond
	stop := f.keepPublishing(500)
	f.start(nil)
	f.reach(100, time.Minute)
	db, err := sql.Open("sqlite", f.site.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	f.during(false, func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tx, err := db.BeginTx(ctx, nil) // immediate, by the DSN
		if err != nil {
			t.Fatal(err)
		}
		pause(f.form.blackhole * 9 / 10)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	})
	taken, _ := f.receiver.distinct()
	f.reach(taken+100, time.Minute)
	stop()
	f.done(f.tuning.lease() + recoverWithin + 30*time.Second)
	f.check("locked")
}
