package dispatcher

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// outcome is what became of a job.
type outcome struct {
	state   State
	delay   time.Duration
	reason  Code
	attempt *store.Attempt
	// free: the attempt uses up no retry.
	free bool
}

// unsaved is an outcome that the store does not have yet.
type unsaved struct {
	delivery *store.Delivery // as it was claimed
	token    int64
	outcome
	// written is the token of the last call.
	written int64
	// done: the store has it after all; the call that stored it said otherwise.
	done bool
}

// settler stores outcomes in batches: a full one at once, any other after
// flushDelay. It keeps what could not be stored and tries again for as long as
// the run lasts.
type settler struct {
	e *Engine

	mu      sync.Mutex
	pending []*unsaved
	// byID finds outcomes that are not stored, those being written included: a
	// delivery that is claimed again meanwhile is settled without sending.
	byID map[string]*unsaved
	// failing: the last call failed. What is sent now could not be stored, and
	// would be sent again: claiming pauses.
	failing bool
	// room is closed and made anew when claiming may go on.
	room chan struct{}

	// ready has capacity 1: outcomes are there, and full: a batch of them.
	ready, full chan struct{}
}

const (
	flushDelay = 5 * time.Millisecond
	settleMax  = 256
	// settleBacklog is how many outcomes may wait before claiming pauses.
	settleBacklog = 4 * settleMax
)

func newSettler(e *Engine) *settler {
	return &settler{
		e: e, byID: make(map[string]*unsaved),
		room: make(chan struct{}), ready: make(chan struct{}, 1), full: make(chan struct{}, 1),
	}
}

func (s *settler) add(j *job, o outcome) {
	u := &j.unsaved
	u.delivery, u.token, u.outcome = j.delivery, j.delivery.Token, o
	s.mu.Lock()
	s.pending = append(s.pending, u)
	s.byID[u.delivery.ID] = u
	n := len(s.pending)
	s.mu.Unlock()
	if n == 1 {
		notify(s.ready)
	}
	if n >= settleMax {
		notify(s.full)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reclaimed tells whether the outcome of a delivery that was claimed again is
// here and not in the store. It is then stored under the new token, and nothing
// must be sent.
func (s *settler) reclaimed(d *store.Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.byID[d.ID]
	switch {
	case u == nil:
		return false
	case u.attempt == nil, d.Attempts > u.delivery.Attempts:
		// A release has nothing to store. And if the attempt counts already, the
		// call that stored it has failed on its way back.
		u.done = true
		delete(s.byID, d.ID)
		return false
	case d.Expiries == 0:
		// No lease ran out: it was requeued, and is to be sent again. The outcome is
		// lost, as if it had been stored too late.
		return false
	}
	u.token = d.Token
	return true
}

// backlogged returns nil if outcomes can be taken, or a channel that closes when
// that may be so again.
func (s *settler) backlogged() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) < settleBacklog && !s.failing {
		return nil
	}
	return s.room
}

// loop stores until stop closes and everything is stored, or ctx ends.
func (s *settler) loop(ctx context.Context, stop <-chan struct{}) {
	retry := newStoreBackoff()
	size := settleMax
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.ready:
			timer.Reset(flushDelay)
			select {
			case <-s.full:
			case <-timer.C:
			case <-stop:
			case <-ctx.Done():
				return
			}
		case <-stop:
			if s.left() == 0 {
				return
			}
		case <-ctx.Done():
			return
		}
		for {
			left, err := s.flush(ctx, size)
			if err == nil {
				retry.Reset()
				size = min(2*size, settleMax)
				if left >= size {
					continue
				}
				if left > 0 {
					// A call costs the same for one as for many: these wait for others.
					notify(s.ready)
				}
				break
			}
			if ctx.Err() != nil {
				return
			}
			// One outcome that the store cannot take must not keep the others
			// back for ever: batches shrink, and what failed goes to the end.
			size = max(size/2, 1)
			timer.Reset(s.e.storeFailed(ctx, "settle", err, retry))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// left counts the outcomes that are not stored.
func (s *settler) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// flush stores up to limit outcomes and returns how many are left.
func (s *settler) flush(ctx context.Context, limit int) (left int, err error) {
	s.mu.Lock()
	select {
	case <-s.full: // of those that are taken now
	default:
	}
	n := min(len(s.pending), limit)
	if n == 0 {
		s.mu.Unlock()
		return 0, nil
	}
	batch := s.pending[:n:n]
	if s.pending = s.pending[n:]; len(s.pending) == 0 {
		s.pending = nil
	}
	batch = s.holdLater(batch)
	outcomes := make([]store.Outcome, 0, n)
	for _, u := range batch {
		if !u.done {
			u.written = u.token
			outcomes = append(outcomes, store.Outcome{
				DeliveryID: u.delivery.ID, Token: u.token, State: u.state, Delay: u.delay,
				Reason: u.reason, Attempt: u.attempt, Free: u.free,
			})
		}
	}
	s.mu.Unlock()

	callCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	result, err := s.e.store.Settle(callCtx, outcomes)
	cancel()
	if err != nil {
		s.mu.Lock()
		s.pending = append(s.pending, batch...)
		s.failing = true
		s.mu.Unlock()
		return 0, err
	}
	s.stored(ctx, batch, result.Lost)
	return s.left(), nil
}

// holdLater gives back to pending the later of two outcomes of one delivery, as
// there are when it was requeued in flight and claimed again here: the store
// tells what was lost by the delivery's id. It may reorder batch. mu must be held.
func (s *settler) holdLater(batch []*unsaved) []*unsaved {
	var earlier []string
	for _, u := range batch {
		if s.byID[u.delivery.ID] != u && !u.done {
			earlier = append(earlier, u.delivery.ID)
		}
	}
	if earlier == nil {
		return batch
	}
	kept := batch[:0]
	for _, u := range batch {
		if s.byID[u.delivery.ID] == u && slices.Contains(earlier, u.delivery.ID) {
			s.pending = append(s.pending, u)
			continue
		}
		kept = append(kept, u)
	}
	return kept
}

// stored forgets what the store has and tells what became of it. It takes care
// of deliveries that were claimed again, under a newer token, while their
// outcome was being written.
func (s *settler) stored(ctx context.Context, batch []*unsaved, lost []string) {
	var lostIDs map[string]bool
	if len(lost) > 0 {
		lostIDs = make(map[string]bool, len(lost))
		for _, id := range lost {
			lostIDs[id] = true
		}
	}
	s.mu.Lock()
	for i, u := range batch {
		if !u.done && u.token != u.written && lostIDs[u.delivery.ID] {
			// Claimed again in the meantime: it is written once more.
			batch[i] = nil
			s.pending = append(s.pending, u)
		} else if s.byID[u.delivery.ID] == u {
			delete(s.byID, u.delivery.ID)
		}
	}
	s.failing = false
	if len(s.byID) < settleBacklog {
		close(s.room)
		s.room = make(chan struct{})
	}
	s.mu.Unlock()

	now := time.Now()
	isLost := func(u *unsaved) bool { return lostIDs[u.delivery.ID] && !u.done }
	for _, u := range batch {
		switch {
		case u == nil:
		case isLost(u):
			s.e.cfg.logger.WarnContext(ctx, "outcome lost", "delivery", u.delivery.ID, "state", u.state.String())
		case u.state == StatePending:
			s.e.lanes.wake(u.delivery.EndpointID, now.Add(u.delay))
		}
	}
	s.e.observers.apart(len(batch), func(one observers, i int) {
		switch u := batch[i]; {
		case u == nil:
		case isLost(u):
			one.outcomeLost(ctx, *u.delivery)
		default:
			one.settled(ctx, u.after(now))
		}
	})
}

// after is the delivery as it stands in the store now.
func (u *unsaved) after(now time.Time) store.Delivery {
	d := *u.delivery
	d.State, d.Claimed, d.UpdatedAt = u.state, false, now.UTC()
	if u.reason != "" {
		d.Reason = u.reason
	}
	if u.state == StatePending {
		d.VisibleAt = now.Add(u.delay).UTC()
	}
	if u.attempt != nil {
		d.Attempts++
		if !u.free {
			d.Tries++
		}
		d.Expiries = 0
		d.LastStatus = u.attempt.Status
	}
	if u.state == StateDelivered && d.DeliveredAt.IsZero() {
		d.DeliveredAt = now.UTC()
	}
	return d
}
