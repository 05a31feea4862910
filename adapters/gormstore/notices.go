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

const (
	// leastNoticeGap and mostNoticeGap bound the time between the starts of two
	// notices of a process.
	leastNoticeGap = time.Millisecond
	mostNoticeGap  = 20 * time.Millisecond
	// noticeShare is how many times as long as the last notice took that time is:
	// Postgres commits transactions with notices one after another, so that
	// processes that are in each other's way by them send fewer.
	noticeShare = 2
	// noticeLanes is how many lanes a notice names; one of more names none. What it
	// carries must be shorter than 8000 bytes.
	noticeLanes = 32
)

// notices wakes other processes, on Postgres, when this one has inserted, but not
// for each Insert. An Insert calls begin beforehand, and notifies in its own
// statement if it is told how; in the end it calls done, and if it has inserted
// without a notice, a timer notifies for all that did. A transaction of the host
// always notifies, because nobody tells when it commits. The zero value is ready.
type notices struct {
	mu sync.Mutex
	// last is when a notice last began, and gap how long after that the next may.
	last time.Time
	gap  time.Duration
	// owed are the lanes of what has committed without a notice since last. armed:
	// the timer runs.
	owed  lanesTold
	armed bool
	// own marks the notices of this process, which knows of its inserts anyhow.
	own string
	// latest are the highest numbers of deliveries of this process's latest inserts,
	// and inserts counts these.
	latest  [256]int64
	inserts int
	room    noticeRoom
	// deaf is done when it was said that notices cannot be received.
	deaf sync.Once
}

// lanesTold are the lanes that a notice tells of: if they are more than
// noticeLanes, all that there may be.
type lanesTold []string

func (t *lanesTold) add(lanes ...string) {
	for _, l := range lanes {
		if len(*t) > noticeLanes {
			return
		}
		if !slices.Contains(*t, l) {
			*t = append(*t, l)
		}
	}
}

// lanesOf are the lanes into which events go.
func lanesOf(events []store.NewEvent) (t lanesTold) {
	for i := range events {
		for j := range events[i].Deliveries {
			t.add(clean(events[i].Deliveries[j].EndpointID))
		}
	}
	return t
}

// message is what a notice carries: who tells, and the lanes, if they are few.
func (t lanesTold) message(teller string) string {
	var a array
	a.text(teller)
	if len(t) <= noticeLanes {
		for _, l := range t {
			a.text(l)
		}
	}
	return a.String()
}

// heard reads what a notice carries. One that cannot be read tells of no lanes,
// nor do those of versions that named nothing but the teller.
func heard(message string) (teller string, lanes []string) {
	r := arrayReader{rest: message}
	teller = r.text()
	for r.more() {
		lanes = append(lanes, r.text())
	}
	if r.failed {
		return message, nil
	}
	return teller, lanes
}

// telling is the part of an Insert in the notices.
type telling struct {
	// lanes are those of the Insert, and notice what its statement is to tell, ""
	// if another tells of it.
	lanes  lanesTold
	notice string
	began  time.Time
	// owed are the lanes of others of which the notice tells as well, late what tells
	// of them if the Insert takes long: it may wait for a connection, or for the end
	// of a transaction that inserts the same event.
	owed lanesTold
	late *time.Timer
}

// begin tells what an Insert into lanes that begins now should tell.
func (n *notices) begin(lanes lanesTold, s *Store) telling {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := telling{lanes: lanes, began: time.Now()}
	if len(lanes) == 0 || t.began.Sub(n.last) < n.gap {
		return t
	}
	// What is owed has been committed, so whoever is woken then sees it.
	t.owed = n.owed
	n.last, n.owed = t.began, nil
	told := slices.Clone(t.owed)
	told.add(lanes...)
	t.notice = told.message(n.mark())
	if len(t.owed) > 0 {
		owed := t.owed
		t.late = time.AfterFunc(mostNoticeGap, func() { n.trail(owed, s) })
	}
	return t
}

// done ends the part of an Insert, which has inserted deliveries or not.
func (n *notices) done(t telling, inserted bool, s *Store) {
	if t.late != nil {
		t.late.Stop()
	}
	if t.notice != "" && inserted {
		n.took(time.Since(t.began))
		return
	}
	owed := t.owed
	if inserted {
		owed.add(t.lanes...)
	}
	n.trail(owed, s)
}

// took notes how long a notice has taken.
func (n *notices) took(d time.Duration) {
	n.mu.Lock()
	n.gap = min(max(noticeShare*d, leastNoticeGap), mostNoticeGap)
	n.mu.Unlock()
}

// trail sees to a notice of lanes in which something was committed without one.
func (n *notices) trail(lanes lanesTold, s *Store) {
	if len(lanes) == 0 || !s.tells() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owed.add(lanes...)
	if !n.armed {
		n.armed = true
		time.AfterFunc(n.rest(), func() { n.send(s) })
	}
}

// rest is how long those that have not been told of wait for an insert that tells
// of them: where many insert, one begins soon after the gap, and a notice by itself
// costs a commit.
func (n *notices) rest() time.Duration { return n.gap*3/2 - time.Since(n.last) }

// send notifies for those that have not. If it fails, others find the
// deliveries by polling.
func (n *notices) send(s *Store) {
	n.mu.Lock()
	n.armed = false
	owed := n.owed
	if rest := n.rest(); len(owed) > 0 && rest > 0 {
		// An Insert has notified meanwhile, and one that it could not see has
		// committed after that.
		n.armed = true
		time.AfterFunc(rest, func() { n.send(s) })
		owed = nil
	}
	if len(owed) == 0 {
		n.mu.Unlock()
		return
	}
	began := time.Now()
	n.owed, n.last = nil, began
	message := owed.message(n.mark())
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), min(time.Second, s.cfg.timeout))
	defer cancel()
	if n.room.left(ctx, conn{s: s, pool: s.db}) {
		_ = s.notify(ctx, message)
	}
	n.took(time.Since(began))
}

func (s *Store) notify(ctx context.Context, message string) error {
	_, err := conn{s: s, pool: s.db}.exec(ctx, "SELECT pg_notify(?, ?)", s.channel(), message)
	return err
}

// tells reports whether this process notifies others.
func (s *Store) tells() bool { return s.dialect == postgres && s.cfg.notify }

// self returns what marks the notices of this process.
func (n *notices) self() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mark()
}

// mark is self for who holds the lock.
func (n *notices) mark() string {
	if n.own == "" {
		n.own = rand.Text()
	}
	return n.own
}

// inserted notes what this process inserts, for [Store.poll], and tells whether
// there are deliveries among it. Where transactions insert it is called before the
// commit, so that nobody sees what is not noted.
func (n *notices) inserted(in []store.Inserted) bool {
	newest := ""
	for i := range in {
		if refs := in[i].Deliveries; len(refs) > 0 && !in[i].Duplicate {
			newest = max(newest, refs[len(refs)-1].ID) // the order of ids is that of numbers
		}
	}
	if newest == "" {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest[n.inserts%len(n.latest)] = deliveryNumber(newest)
	n.inserts++
	return true
}

// isOwn tells whether one of the latest inserts of this process ended with a
// delivery of that number.
func (n *notices) isOwn(number int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.latest[:min(n.inserts, len(n.latest))], number)
}

// channel is the name of the channel of Postgres on which inserts are told: that of
// the tables, whatever search path or option leads to them.
func (s *Store) channel() string {
	sum := sha256.Sum256([]byte(s.tablesID()))
	return "postrider_" + hex.EncodeToString(sum[:10])
}
