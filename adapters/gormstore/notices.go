package gormstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// noticeGap is the least time between two notices of a process: Postgres commits
// transactions with notices one after another.
const noticeGap = 5 * time.Millisecond

// notices wakes other processes, on Postgres, when this one has inserted, but not
// more often than every [noticeGap]. An Insert asks due beforehand, and notifies
// in its own statement if the answer is yes; otherwise it calls trail when it has
// committed, and a timer notifies for all that did. A transaction of the host
// always notifies, because nobody tells when it commits. The zero value is ready.
type notices struct {
	mu   sync.Mutex
	last time.Time
	// owed: somebody has committed without a notice since last. armed: the timer
	// runs.
	owed, armed bool
	// own marks the notices of this process, which knows of its inserts anyhow.
	own string
	// latest are the highest numbers of deliveries of this process's latest inserts,
	// and inserts counts these.
	latest  [256]int64
	inserts int
	// deaf is done when it was said that notices cannot be received.
	deaf sync.Once
}

// due tells whether an Insert that begins now should notify.
func (n *notices) due() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if now.Sub(n.last) < noticeGap {
		return false
	}
	n.last = now
	n.owed = false // those have committed, so whoever is woken now sees them
	return true
}

// trail is called when an Insert that due has told not to notify has committed.
func (n *notices) trail(s *Store) {
	if s.dialect != postgres || !s.cfg.notify {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owed = true
	if !n.armed {
		n.armed = true
		time.AfterFunc(noticeGap-time.Since(n.last), func() { n.send(s) })
	}
}

// send notifies for those that have not. If it fails, others find the
// deliveries by polling.
func (n *notices) send(s *Store) {
	n.mu.Lock()
	n.armed = false
	owed := n.owed
	if rest := noticeGap - time.Since(n.last); owed && rest > 0 {
		// An Insert has notified meanwhile, and one that it could not see has
		// committed after that.
		n.armed = true
		time.AfterFunc(rest, func() { n.send(s) })
		owed = false
	} else if owed {
		n.owed, n.last = false, time.Now()
	}
	n.mu.Unlock()
	if !owed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(time.Second, s.cfg.timeout))
	defer cancel()
	_ = s.notify(ctx, n.mark())
}

func (s *Store) notify(ctx context.Context, payload string) error {
	_, err := conn{s: s, pool: s.db}.exec(ctx, "SELECT pg_notify(?, ?)", s.channel(), payload)
	return err
}

// mark returns what the notices of this process carry.
func (n *notices) mark() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.own == "" {
		n.own = rand.Text()
	}
	return n.own
}

// inserted notes what this process inserts, for [Store.poll]. Where transactions
// insert it is called before the commit, so that nobody sees what is not noted.
func (n *notices) inserted(in []store.Inserted) {
	newest := ""
	for i := range in {
		if refs := in[i].Deliveries; len(refs) > 0 && !in[i].Duplicate {
			newest = max(newest, refs[len(refs)-1].ID) // the order of ids is that of numbers
		}
	}
	if newest == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest[n.inserts%len(n.latest)] = deliveryNumber(newest)
	n.inserts++
}

// isOwn tells whether one of the latest inserts of this process ended with a
// delivery of that number.
func (n *notices) isOwn(number int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.latest[:min(n.inserts, len(n.latest))], number)
}

// payload is what an insert's notice carries: nothing from a transaction of the
// host, which this process is not told of either.
func (s *Store) payload(c conn) string {
	if c.host {
		return ""
	}
	return s.notices.mark()
}

// channel is the name of the channel of Postgres on which inserts are told:
// that of the database, schema and prefix.
func (s *Store) channel() string {
	sum := sha256.Sum256([]byte(s.info.ID))
	return "postrider_" + hex.EncodeToString(sum[:10])
}
