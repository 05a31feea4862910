package memstore

import (
	"context"
	"fmt"
	"sync"

	"github.com/postrider/postrider/store"
)

// Settle implements [store.Queue]. It refuses an outcome without a valid State.
//
// It never fails for lack of room: it evicts ended events, and if that does not
// help, the attempts are stored without headers and response bodies.
func (s *Store) Settle(ctx context.Context, outcomes []store.Outcome) (store.SettleResult, error) {
	if err := ctx.Err(); err != nil {
		return store.SettleResult{}, err
	}
	for i := range outcomes {
		if st := outcomes[i].State; st < store.StatePending || st > store.StateCancelled {
			return store.SettleResult{}, fmt.Errorf("memstore: settle: outcome %d, delivery %q: invalid State %d", i, outcomes[i].DeliveryID, st)
		}
	}
	if len(outcomes) == 0 {
		return store.SettleResult{}, nil
	}
	// Encoding is most of the work, and is done before the lock is taken, even
	// for outcomes that will turn out to be lost.
	e := encodings.Get().(*encoding)
	defer e.release()
	total := e.encode(outcomes)

	if err := s.lock(ctx); err != nil {
		return store.SettleResult{}, err
	}
	defer s.mu.Unlock()
	var result store.SettleResult
	now := s.now()
	// Room is made before anything ends, so none of this batch is evicted for it.
	bare := total > 0 && !s.room(0, total)
	for i := range outcomes {
		o := &outcomes[i]
		n := s.number(o.DeliveryID)
		r := s.rows.get(n)
		switch {
		case r == nil:
			result.Lost = append(result.Lost, o.DeliveryID)
		case s.rows.isSettled(n, r, o.Token):
			// A repetition.
		case r.state != store.StatePending || r.token != o.Token:
			result.Lost = append(result.Lost, o.DeliveryID)
		default:
			s.settle(n, r, o, e.records[i], bare, now)
		}
	}
	return result, nil
}

// settle applies an outcome to the delivery that it is about.
func (s *Store) settle(n uint64, r *row, o *store.Outcome, record []byte, bare bool, now int64) {
	s.rows.setSettled(n, r, o.Token)
	if o.Attempt != nil {
		if bare {
			record = appendAttempt(nil, o.Attempt, true)
		}
		s.record(n, r, record)
		r.status = int32(o.Attempt.Status)
		r.expiries = 0
		if !o.Free {
			r.tries++
		}
	}
	if o.Reason != "" {
		s.rows.setReason(r, o.Reason)
	}
	if o.State == store.StateDelivered && r.delivered == 0 {
		r.delivered = now
	}
	l := s.lanes.slots[r.lane]
	// The row is in the queue all the time, at the end of its lease.
	if o.State != store.StatePending {
		s.end(l, r, o.State, now)
		return
	}
	r.claimed, r.updated = false, now
	s.lease(l, n, r, after(now, o.Delay))
}

// record adds an encoded attempt to a row.
func (s *Store) record(n uint64, r *row, record []byte) {
	e := s.events.at(r.event)
	r.attempts++
	if r.attempts == 1 {
		*s.rows.logs.take(n) = record
		s.grow(e, int64(cap(record))+logCost)
		return
	}
	// The log grows as slices do, into memory of its own: the first record fills
	// its part of the shared piece, so to append cannot reach its neighbour.
	log := s.rows.logs.at(n)
	before := cap(*log)
	*log = append(*log, record...)
	s.grow(e, int64(cap(*log)-before))
}

// encoding holds the encoded attempts of a batch.
type encoding struct {
	// scratch holds all records, one after another; ends are where each of them
	// ends, one for each outcome.
	scratch []byte
	ends    []int
	// records are the copies that the store keeps.
	records [][]byte
}

var encodings = sync.Pool{New: func() any { return new(encoding) }}

// encode encodes the attempts of the outcomes and returns what they will cost.
// Records share pieces of memory, as the bodies of a claim do: what is settled
// together is evicted or purged together.
func (e *encoding) encode(outcomes []store.Outcome) (total int64) {
	for i := range outcomes {
		if a := outcomes[i].Attempt; a != nil {
			e.scratch = appendAttempt(e.scratch, a, false)
			total += logCost
		}
		e.ends = append(e.ends, len(e.scratch))
	}
	total += int64(len(e.scratch))
	for begin, i := 0, 0; i < len(e.ends); {
		// The records that fit into one piece, at least one.
		last := i
		for last+1 < len(e.ends) && e.ends[last+1]-begin <= pieceSize {
			last++
		}
		piece := append([]byte(nil), e.scratch[begin:e.ends[last]]...)
		for from := begin; i <= last; i++ {
			e.records = append(e.records, piece[from-begin:e.ends[i]-begin:e.ends[i]-begin])
			from = e.ends[i]
		}
		begin = e.ends[last]
	}
	return total
}

// release keeps the room of an encoding for another, unless it is very large.
func (e *encoding) release() {
	if cap(e.scratch) > 1<<20 {
		e.scratch = nil
	}
	clear(e.records)
	e.scratch, e.ends, e.records = e.scratch[:0], e.ends[:0], e.records[:0]
	encodings.Put(e)
}
