package dispatcher

import (
	"context"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// matchTTL is how long a match may be out of date when another process changes
// endpoints. Changes through this engine are seen at once.
const matchTTL = time.Second

// matchCacheSize bounds the entries; past it the cache starts afresh.
const matchCacheSize = 10_000

// matchCache remembers which endpoints match a type, so that a Publish is one
// statement.
type matchCache struct {
	mu      sync.Mutex
	entries map[matchKey]matchEntry
	// generation rises with each change; a match that was read before it is not
	// kept.
	generation uint64
}

type matchKey struct{ tenant, eventType string }

type matchEntry struct {
	deliveries []store.NewDelivery
	readAt     time.Time
}

// match returns the deliveries to make, aligned with events. The slices are
// shared and must not be changed.
func (c *matchCache) match(ctx context.Context, w store.Writer, tenant string, events []store.Event) ([][]store.NewDelivery, error) {
	result := make([][]store.NewDelivery, len(events))
	now := time.Now()
	var missing []string
	var at map[string][]int

	c.mu.Lock()
	generation := c.generation
	for i := range events {
		key := matchKey{tenant, events[i].Type}
		if entry, ok := c.entries[key]; ok && now.Sub(entry.readAt) < matchTTL {
			result[i] = entry.deliveries
			continue
		}
		if at == nil {
			at = make(map[string][]int)
		}
		if at[key.eventType] == nil {
			missing = append(missing, key.eventType)
		}
		at[key.eventType] = append(at[key.eventType], i)
	}
	c.mu.Unlock()
	if len(missing) == 0 {
		return result, nil
	}

	matched, err := w.Match(ctx, tenant, missing)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) > matchCacheSize {
		c.entries = make(map[matchKey]matchEntry)
	}
	for i, eventType := range missing {
		deliveries := make([]store.NewDelivery, len(matched[i]))
		for j := range matched[i] {
			deliveries[j].EndpointID = matched[i][j].ID
		}
		for _, k := range at[eventType] {
			result[k] = deliveries
		}
		// A transaction may see endpoints that nobody else does yet.
		if _, inTx := w.(store.Tx); !inTx && generation == c.generation {
			c.entries[matchKey{tenant, eventType}] = matchEntry{deliveries, now}
		}
	}
	return result, nil
}

// forget drops what was read before an endpoint changed.
func (c *matchCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
}
