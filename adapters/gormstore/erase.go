package gormstore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/postrider/postrider/store"
)

// eraseEndpoints is how many endpoints go in one transaction.
const eraseEndpoints = 200

// EraseTenant implements [store.Retention]. It refuses a limit below 1. The
// endpoints go first, so that nothing new is published to them; what is published
// all the same is found by the next call.
func (s *Store) EraseTenant(ctx context.Context, tenant string, limit int) (store.Purged, error) {
	doing := fmt.Sprintf("erasing tenant %q", tenant)
	if limit < 1 {
		return store.Purged{}, failed(doing, errors.New("the limit must be at least 1"))
	}
	if err := s.eraseEndpoints(ctx, doing, tenant); err != nil {
		return store.Purged{}, err
	}
	var purged store.Purged
	for {
		n, more, err := s.eraseEvents(ctx, doing, tenant, min(purgeTransaction, limit-purged.Events))
		if err != nil {
			return store.Purged{}, err
		}
		purged.Events += n
		if n > 0 {
			s.afterDelta(ctx)
		}
		if !more {
			break
		}
		if purged.Events == limit {
			purged.More = true
			return purged, nil
		}
	}
	if err := s.eraseCounts(ctx, doing, tenant); err != nil {
		return store.Purged{}, err
	}
	return purged, nil
}

func (s *Store) eraseEndpoints(ctx context.Context, doing, tenant string) error {
	for {
		var ids []string
		err := s.write(ctx, doing, idempotent, func(ctx context.Context, c conn) (err error) {
			// Whoever changes an endpoint locks it first, and may be entering patterns.
			ids, err = c.texts(ctx, "SELECT id FROM {endpoints} WHERE tenant = ? LIMIT ?"+s.forUpdate(), named(tenant), eraseEndpoints)
			if err != nil {
				return err
			}
			return inLists(ids, func(list string, args []any) error {
				if _, err := c.exec(ctx, "DELETE FROM {subscriptions} WHERE endpoint_id IN ("+list+")", args...); err != nil {
					return err
				}
				_, err := c.exec(ctx, "DELETE FROM {endpoints} WHERE id IN ("+list+")", args...)
				return err
			})
		})
		if err != nil || len(ids) < eraseEndpoints {
			return err
		}
	}
}

// eraseEvents erases up to n events with all that is theirs, in one transaction,
// fewer if they have many deliveries, and tells whether there may be more.
func (s *Store) eraseEvents(ctx context.Context, doing, tenant string, n int) (erased int, more bool, err error) {
	err = s.write(ctx, doing, idempotent, func(ctx context.Context, c conn) error {
		condition, order := s.dialect.between("e", "tenant", "seq")
		text := "SELECT e.seq, e.span FROM {events} e" + s.dialect.through("events_by_tenant") + " WHERE " + condition + " ORDER BY " + order + " LIMIT ?" + s.forUpdate()
		events, err := c.eventSpans(ctx, text, append(s.dialect.betweenArgs(named(tenant), math.MaxInt64, 0), n)...)
		if err != nil {
			return err
		}
		more = len(events) == n
		deliveries := int64(0)
		for i, e := range events {
			if deliveries += e.end - e.seq; deliveries >= purgeDeliveries && i+1 < len(events) {
				events, more = events[:i+1], true
				break
			}
		}
		erased = len(events)
		var h history
		for _, e := range events {
			h.events = append(h.events, e.seq)
		}
		// Deliveries that are under way may be settled until they are locked.
		if h.deliveries, err = s.lockHistory(ctx, c, events); err != nil {
			return err
		}
		return s.deleteHistory(ctx, c, h)
	})
	return erased, more, err
}

// eraseCounts removes the tenant's name from the counts.
func (s *Store) eraseCounts(ctx context.Context, doing, tenant string) error {
	s.compactor.run(ctx, s)
	return s.single(ctx, doing, idempotent, func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, "DELETE FROM {counts} WHERE tenant = ? AND pending = 0 AND delivered = 0 AND failed = 0 AND cancelled = 0", named(tenant))
		return err
	})
}
