package gormstore_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/postrider/postrider/store"
)

// walPage is what a page takes in SQLite's log.
const walPage = 4096 + 24

// TestCheckpointsBesideTheWriters writes less to SQLite's log than SQLite waits
// for, until the file has grown: the store has copied the log by itself.
func TestCheckpointsBesideTheWriters(t *testing.T) {
	const most = 4000
	h, file := sqliteWith(t, most)
	s := h.store(t, h.open(t, 3))
	newEndpoint(t, s, "ep")
	ctx := within(t, time.Minute)
	begun := size(t, file)
	for n := 0; size(t, file) < begun+500*4096; n++ {
		if ctx.Err() != nil {
			t.Fatalf("the file has grown from %d to %d bytes only", begun, size(t, file))
		}
		if log := size(t, file+"-wal"); log < most*walPage*3/4 {
			writePages(t, s, n)
		}
	}
	if log := size(t, file+"-wal"); log >= most*walPage {
		t.Errorf("the log has %d bytes: SQLite has copied it within a commit", log)
	}
	works(t, s, "after")
}

// TestCheckpointsThatTheHostMakes writes a lot where the host has switched SQLite's
// checkpoints off, has one connection only, or lets the log become hardly long.
func TestCheckpointsThatTheHostMakes(t *testing.T) {
	for name, c := range map[string]struct{ most, connections int }{
		"switched off": {0, 3}, "one connection": {4000, 1}, "not long": {3999, 3},
	} {
		t.Run(name, func(t *testing.T) {
			h, file := sqliteWith(t, c.most)
			s := h.store(t, h.open(t, c.connections))
			newEndpoint(t, s, "ep")
			begun := size(t, file)
			for n := 0; size(t, file+"-wal") < 3800*walPage; n++ {
				writePages(t, s, n)
			}
			if now := size(t, file); now != begun {
				t.Errorf("the file has grown from %d to %d bytes", begun, now)
			}
		})
	}
}

// sqliteWith is a host whose SQLite copies the log when it has so many pages; and
// its file.
func sqliteWith(t *testing.T, most int) (*host, string) {
	t.Helper()
	h := newHost(t, sqlitePure)
	dsn := h.connect().(sqlite.Dialector).DSN + fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)", most)
	h.connect = func() gorm.Dialector { return sqlite.Dialector{DriverName: "sqlite", DSN: dsn} }
	file, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	return h, file
}

// writePages inserts ten events that fill some pages each.
func writePages(t *testing.T, s store.Store, n int) {
	t.Helper()
	var events []store.NewEvent
	for i := range 10 {
		e := newEvent(fmt.Sprintf("evt_%d_%d", n, i), "ep")
		e.Event.Body = bytes.Repeat([]byte("x"), 12_000)
		events = append(events, e)
	}
	insert(t, s, events...)
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
