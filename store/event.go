package store

import (
	"strings"
	"time"
)

// Event is something that happened in the host, published once.
type Event struct {
	// ID is unique within the tenant, at most 64 bytes of [A-Za-z0-9_-],
	// compared byte by byte.
	ID     string
	Tenant string
	// Type is dotted, such as "invoice.paid", at most 128 bytes.
	Type string
	// Body holds the exact bytes that every attempt signs and sends. It is nil
	// once the payload was purged.
	Body        []byte
	ContentType string
	// Header holds further fields of the request that belong to the event, in
	// their order; nil if there are none.
	Header []Header
	// Digest identifies what the host published. An insert with the id of a
	// stored event and an equal digest is a duplicate, with another one a
	// conflict. At most 32 bytes.
	Digest []byte
	// Time is when it happened, by the host's word.
	Time time.Time
	// At is the earliest time of the first attempt; zero means at once.
	At time.Time
	// Until is when the event stops being of use; zero means never.
	Until time.Time
	// CreatedAt is set by the store.
	CreatedAt time.Time
}

// MatchingPatterns returns every pattern that matches eventType, the widest
// first: "*", then each dotted prefix with ".*", then the type itself. For
// "invoice.item.added": "*", "invoice.*", "invoice.item.*" and the type. There
// are finitely many, so stores match by index look-ups, never by a scan.
// "invoice.*" does not match "invoice".
func MatchingPatterns(eventType string) []string {
	patterns := make([]string, 1, 3+strings.Count(eventType, "."))
	patterns[0] = "*"
	for i := range len(eventType) {
		if eventType[i] == '.' {
			patterns = append(patterns, eventType[:i]+".*")
		}
	}
	return append(patterns, eventType)
}
