package dispatcher

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/postrider/postrider/store"
)

const (
	// purgeEvery is how often old events are looked for; purgeBatch how many go
	// at once, and purgeGap how long claims have the store to themselves then.
	purgeEvery = time.Hour
	purgeBatch = 500
	purgeGap   = 50 * time.Millisecond
)

// purgeLoop removes what is older than the retention.
func (r *run) purgeLoop(ctx context.Context) {
	e := r.e
	if e.cfg.retention == 0 {
		return
	}
	retry := newStoreBackoff()
	every := min(purgeEvery, e.cfg.retention)
	// Processes that start together should not purge together.
	wait := time.Duration(rand.Int64N(int64(every))) // #nosec G404 -- spreading
	for sleep(ctx, wait) {
		callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		purged, err := e.store.Purge(callCtx, store.PurgeParams{OlderThan: e.cfg.retention, Limit: purgeBatch})
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = e.storeFailed(ctx, "purge", err, retry)
		case purged.More:
			wait = purgeGap
		default:
			retry.Reset()
			wait = every
		}
	}
}
