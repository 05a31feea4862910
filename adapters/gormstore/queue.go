package gormstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

// mostAsked is what a number counts as that is larger, as that of a caller who
// wants no bound: databases add to it, and multiply it, in 32 bits.
const mostAsked = 1 << 24

// Due implements [store.Queue].
func (s *Store) Due(ctx context.Context, p store.DueParams) (due store.DueLanes, err error) {
	p.Limit = min(max(p.Limit, 1), mostAsked)
	err = s.read(ctx, "looking for work", func(ctx context.Context, c conn) error {
		due, err = s.queue.due(ctx, c, p)
		return err
	})
	return due, err
}

// Claim implements [store.Queue].
func (s *Store) Claim(ctx context.Context, p store.ClaimParams) (batch store.Batch, err error) {
	if p.Lease <= 0 {
		return batch, fmt.Errorf("gormstore: claiming: Lease is %v: must be above 0", p.Lease)
	}
	p.Max = min(max(p.Max, 1), mostAsked)
	p.Lanes = distinct(p.Lanes)
	claim := func(ctx context.Context, c conn) (err error) {
		batch, err = s.queue.claim(ctx, c, p)
		return err
	}
	if s.dialect == postgres {
		err = s.single(ctx, "claiming", idempotent, claim)
	} else {
		err = s.write(ctx, "claiming", idempotent, claim)
	}
	if err != nil {
		return store.Batch{}, err
	}
	return batch, nil
}

// distinct adds up the numbers of lanes that are named twice, makes those below 0
// none, and bounds them.
func distinct(lanes []store.Lane) []store.Lane {
	place := make(map[string]int, len(lanes))
	out := make([]store.Lane, 0, len(lanes))
	for _, l := range lanes {
		l.N = min(max(l.N, 0), mostAsked)
		if i, again := place[l.ID]; again {
			out[i].N = min(out[i].N+l.N, mostAsked)
			continue
		}
		place[l.ID] = len(out)
		out = append(out, l)
	}
	return out
}

// Settle implements [store.Queue]. It refuses an outcome without a valid State.
func (s *Store) Settle(ctx context.Context, outcomes []store.Outcome) (result store.SettleResult, err error) {
	for i := range outcomes {
		if st := outcomes[i].State; st < store.StatePending || st > store.StateCancelled {
			return result, fmt.Errorf("gormstore: settling: outcome %d, delivery %q: invalid State %d", i, outcomes[i].DeliveryID, st)
		}
	}
	if len(outcomes) == 0 {
		return result, ctx.Err()
	}
	settle := func(ctx context.Context, c conn) (err error) {
		result, err = s.queue.settle(ctx, c, outcomes)
		return err
	}
	if s.dialect == postgres && !twice(outcomes) {
		err = s.single(ctx, "settling", idempotent, settle)
	} else {
		err = s.write(ctx, "settling", idempotent, settle)
	}
	if err != nil {
		return store.SettleResult{}, err
	}
	s.afterDelta(ctx)
	return result, nil
}

// settlement sorts out a batch of outcomes before the database sees it.
type settlement struct {
	// The outcomes to apply are todo, each (delivery, token) once, by rising
	// number, so that two batches lock in one order.
	todo []*numbered
	of   map[numberToken]*numbered
}

type numbered struct {
	*store.Outcome
	number int64
	// applied: it took effect. repeated: it was settled before.
	applied, repeated bool
}

type numberToken struct{ number, token int64 }

func newSettlement(outcomes []store.Outcome) *settlement {
	b := &settlement{of: make(map[numberToken]*numbered, len(outcomes)), todo: make([]*numbered, 0, len(outcomes))}
	all := make([]numbered, 0, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		n := deliveryNumber(o.DeliveryID)
		k := numberToken{n, o.Token}
		// A delivery that was never claimed has the token 0, which nobody holds.
		if n == 0 || o.Token < 1 || b.of[k] != nil {
			continue
		}
		all = append(all, numbered{Outcome: o, number: n})
		b.of[k] = &all[len(all)-1]
		b.todo = append(b.todo, &all[len(all)-1])
	}
	slices.SortFunc(b.todo, func(x, y *numbered) int { return int(min(max(x.number-y.number, -1), 1)) })
	return b
}

// twice tells whether two outcomes are about one delivery.
func twice(outcomes []store.Outcome) bool {
	seen := make(map[string]struct{}, len(outcomes))
	for i := range outcomes {
		seen[outcomes[i].DeliveryID] = struct{}{}
	}
	return len(seen) < len(outcomes)
}

// distinct cuts the outcomes into batches none of which names a delivery twice.
func (b *settlement) distinct() (batches [][]*numbered) {
	nth := 0
	for i, o := range b.todo {
		if nth++; i == 0 || b.todo[i-1].number != o.number {
			nth = 1
		}
		if nth > len(batches) {
			batches = append(batches, make([]*numbered, 0, len(b.todo)))
		}
		batches[nth-1] = append(batches[nth-1], o)
	}
	return batches
}

// result names what was lost.
func (b *settlement) result(outcomes []store.Outcome) (r store.SettleResult) {
	for i := range outcomes {
		o := &outcomes[i]
		n := b.of[numberToken{deliveryNumber(o.DeliveryID), o.Token}]
		if n == nil || !n.applied && !n.repeated {
			r.Lost = append(r.Lost, o.DeliveryID)
		}
	}
	return r
}

// wasSettled tells whether a token of a delivery was settled, from what its row
// holds.
func wasSettled(asked, token int64, hold int, lostTokens string) bool {
	switch {
	case asked == token:
		return hold == holdSettled
	case asked < 1 || asked > token:
		return false
	}
	return !strings.Contains(lostTokens, fmt.Sprintf(",%d,", asked))
}
