package gormstore

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// SQLite copies its log back into the file within the commit by which the log
// becomes too long. That takes tenths of a second, most of it waiting for the
// disk, in which no other call of the store can write. So shortly before it is due
// a connection of the pool copies what there is beside the writers, as SQLite
// permits, and little is left to the commit. Nothing depends on it: where it comes
// too late or not at all, the commit copies what it finds.

const (
	// checkpointSpace is the least length of the log, in pages, that has room for
	// passes beside the writers. SQLite's default of 1000 is full in a moment.
	checkpointSpace = 4000
	// checkpointPasses bounds the passes that follow one another at once.
	checkpointPasses = 4
	// checkpointRows are at least written between two: others may write much more.
	checkpointRows = 16
	// checkpointTime bounds one of them.
	checkpointTime = 30 * time.Second
)

// checkpoints copy the log of SQLite. The zero value does nothing.
type checkpoints struct {
	// most is the length of the log, in pages, at which SQLite copies it within a
	// commit; 0 if there is nothing to do beside that.
	most int64
	// written counts the rows that this process has changed; from due on a pass is
	// due.
	written, due atomic.Int64

	// passing is held during a pass, and guards what follows.
	passing sync.Mutex
	// length was the log's at the last pass, in pages, when at rows were written.
	length, at int64
	// pages is how many a row takes, on an average.
	pages float64
}

// begin starts the count. How many pages a row takes is not known yet, so the first
// pass comes early.
func (k *checkpoints) begin(most int64) {
	k.most = most
	k.due.Store(most / 8)
}

// checkpointed finds out how long SQLite lets its log become: 0 if it has none, if
// the host has switched that off, or if it is too short for passes of ours.
func checkpointed(ctx context.Context, db *sql.DB) (most int64, err error) {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return 0, failed("asking SQLite for its journal mode", err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA wal_autocheckpoint").Scan(&most); err != nil {
		return 0, failed("asking SQLite when it checkpoints", err)
	}
	if !strings.EqualFold(mode, "wal") || most < checkpointSpace {
		return 0, nil
	}
	return most, nil
}

// committed is called when a transaction was committed, and begins a pass if one is
// due.
func (k *checkpoints) committed(db *sql.DB) {
	if k.most == 0 || k.written.Load() < k.due.Load() || !k.passing.TryLock() {
		return
	}
	if db.Stats().MaxOpenConnections == 1 { // the writers' own
		k.due.Store(k.written.Load() + k.most)
		k.passing.Unlock()
		return
	}
	go func() {
		defer k.passing.Unlock()
		defer func() {
			if recover() != nil { // a driver's panic must not end the host
				k.due.Store(k.written.Load() + k.most)
			}
		}()
		for range checkpointPasses {
			if k.pass(db); k.written.Load() < k.due.Load() {
				return
			}
		}
	}()
}

// pass copies what is in the log, and decides when to do so again.
func (k *checkpoints) pass(db *sql.DB) {
	ctx, cancel := context.WithTimeout(context.Background(), checkpointTime)
	defer cancel()
	written := k.written.Load()
	var busy, length, copied int64
	err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &length, &copied)
	if err != nil || busy != 0 { // somebody else is at it
		k.due.Store(k.written.Load() + k.most/4)
		return
	}
	grown := length - k.length
	if grown < 0 { // it was begun anew
		grown = max(k.most-k.length, 0) + length
	}
	pages := float64(grown) / float64(max(written-k.at, 1))
	if k.at > 0 {
		pages = k.pages + (pages-k.pages)/4
	}
	k.length, k.at, k.pages = length, written, max(pages, 0.01)
	k.due.Store(written + max(int64(float64(k.next())/k.pages), checkpointRows))
}

// next is by how many pages the log is to grow until the next pass: one when it is
// half full, one shortly before it is full.
func (k *checkpoints) next() int64 {
	half, nearly := k.most/2, k.most*9/10
	switch {
	case k.length < half:
		return half - k.length
	case k.length < nearly:
		return nearly - k.length
	}
	return max(k.most-k.length, 0) + half
}
