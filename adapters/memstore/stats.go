package memstore

import (
	"context"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

// Stats implements [store.Inspector]. Its cost grows with the number of
// endpoints in scope.
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) (store.Stats, error) {
	if err := s.lock(ctx); err != nil {
		return store.Stats{}, err
	}
	var stats store.Stats
	count := func(l *lane) {
		if l.rows.n == 0 {
			return
		}
		c := store.EndpointCounts{EndpointID: l.id, Counts: store.Counts{
			Pending:   l.counts[store.StatePending],
			Delivered: l.counts[store.StateDelivered],
			Failed:    l.counts[store.StateFailed],
			Cancelled: l.counts[store.StateCancelled],
		}}
		stats.Endpoints = append(stats.Endpoints, c)
		add(&stats.Total, c.Counts)
	}
	switch {
	case q.EndpointID != "":
		for l := s.lanes.byID[q.EndpointID]; l != nil; l = l.next {
			if q.Scope.Includes(l.tenant.name) {
				count(l)
			}
		}
	case q.Scope.All:
		for _, l := range s.lanes.slots {
			if l != nil {
				count(l)
			}
		}
	default:
		if t := s.tenants.byName[q.Scope.Tenant]; t != nil {
			for l := range t.lanes {
				count(l)
			}
		}
	}
	s.mu.Unlock()

	slices.SortFunc(stats.Endpoints, func(a, b store.EndpointCounts) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	// Tenants that use each other's ids are one line.
	merged := stats.Endpoints[:0]
	for _, c := range stats.Endpoints {
		if last := len(merged) - 1; last >= 0 && merged[last].EndpointID == c.EndpointID {
			add(&merged[last].Counts, c.Counts)
			continue
		}
		merged = append(merged, c)
	}
	stats.Endpoints = merged
	return stats, nil
}

func add(sum *store.Counts, c store.Counts) {
	sum.Pending += c.Pending
	sum.Delivered += c.Delivered
	sum.Failed += c.Failed
	sum.Cancelled += c.Cancelled
}
