package gormstore

import (
	"context"
	"sync"
	"time"
)

const (
	// roomEvery is how often the server is asked whether it has room for notices.
	roomEvery = 10 * time.Second
	// roomMost is how full its queue of them may be.
	roomMost = 0.25
)

// noticeRoom keeps notices from filling the queue that Postgres has for those of all
// databases, 8 GB by default: it keeps them until every session that listens has
// read them, or ended, and when there is no more room, transactions that notify
// fail at their commit, those of hosts included. A process that stands still while
// others publish for days is enough. The zero value is ready.
type noticeRoom struct {
	mu    sync.Mutex
	asked time.Time
	full  bool
}

// left tells whether a notice can be sent. Where it cannot, other processes find
// the deliveries by polling.
func (r *noticeRoom) left(ctx context.Context, c conn) bool {
	r.mu.Lock()
	now, before := time.Now(), !r.full
	if now.Sub(r.asked) < roomEvery {
		r.mu.Unlock()
		return before
	}
	r.asked = now
	r.mu.Unlock()
	var used float64 // nobody waits for the answer but who asks
	if err := c.one(ctx, "SELECT pg_notification_queue_usage()", nil, &used); err != nil {
		return before
	}
	full := used > roomMost
	r.mu.Lock()
	changed := full != r.full
	r.full = full
	r.mu.Unlock()
	switch {
	case changed && full:
		c.s.cfg.logger.WarnContext(ctx, "gormstore: other processes are woken no more, because the server's queue of notices fills: a session that listens does not read, or is in a transaction", "used", used)
	case changed:
		c.s.cfg.logger.InfoContext(ctx, "gormstore: other processes are woken again", "used", used)
	}
	return !full
}
