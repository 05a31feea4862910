package store

import (
	"context"
	"time"
)

// Announcer is an optional capability of a shared store: its processes tell each
// other how they are configured, so that a difference where they have to agree
// does not go unnoticed.
type Announcer interface {
	// Announce stores an announcement under its Process, in place of an earlier
	// one, for as long as life, and returns those of other processes that still
	// hold, ordered by Process. A life of 0 or less withdraws it.
	Announce(ctx context.Context, a Announcement, life time.Duration) ([]Announcement, error)
}

// Announcement is what a process tells of itself.
type Announcement struct {
	// Process identifies the process, at most 64 bytes of [A-Za-z0-9_-].
	Process string
	// Options are names and values, valid UTF-8 without NUL, of at most 16 KiB in
	// all. They hold no secrets.
	Options map[string]string
}
