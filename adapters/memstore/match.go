package memstore

import (
	"context"
	"slices"

	"github.com/postrider/postrider/store"
)

// Match implements [store.Writer]. The endpoints of a list stand in the order
// of their creation for each pattern, the widest pattern first.
func (s *Store) Match(ctx context.Context, tenant string, types []string) ([][]store.Endpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	patterns := make([][]string, len(types))
	for i, t := range types {
		patterns[i] = store.MatchingPatterns(t)
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	// Endpoints are replaced by writers, never changed, so it is enough to note
	// which they are; they are copied without the lock.
	found := make([][]*store.Endpoint, len(types))
	if t := s.tenants.byName[tenant]; t != nil {
		for i := range patterns {
			found[i] = t.match(patterns[i])
		}
	}
	s.mu.Unlock()

	matches := make([][]store.Endpoint, len(types))
	for i, endpoints := range found {
		matches[i] = make([]store.Endpoint, len(endpoints))
		for j, e := range endpoints {
			matches[i][j] = clone(e)
		}
	}
	return matches, nil
}

// match returns the endpoints with one of the patterns, each once.
func (t *tenant) match(patterns []string) []*store.Endpoint {
	var found []*store.Endpoint
	for i, p := range patterns {
		for _, l := range t.patterns[p] {
			if l.endpoint.Status == store.EndpointDisabled {
				continue
			}
			// It was found before if it has one of the patterns before.
			if i > 0 && len(l.endpoint.Patterns) > 1 && slices.ContainsFunc(patterns[:i], func(p string) bool {
				return slices.Contains(l.endpoint.Patterns, p)
			}) {
				continue
			}
			found = append(found, l.endpoint)
		}
	}
	return found
}

// subscribe enters an endpoint into the index of patterns.
func (t *tenant) subscribe(l *lane) {
	for _, p := range l.endpoint.Patterns {
		list := t.patterns[p]
		i, found := slices.BinarySearchFunc(list, l.number, byNumber)
		if !found {
			t.patterns[p] = slices.Insert(list, i, l)
		}
	}
}

// unsubscribe takes an endpoint out of the index of patterns.
func (t *tenant) unsubscribe(l *lane) {
	for _, p := range l.endpoint.Patterns {
		list := t.patterns[p]
		i, found := slices.BinarySearchFunc(list, l.number, byNumber)
		switch {
		case !found: // the pattern stands in the endpoint twice
		case len(list) == 1:
			delete(t.patterns, p)
		default:
			t.patterns[p] = slices.Delete(list, i, i+1)
		}
	}
}

func byNumber(l *lane, number uint64) int {
	switch {
	case l.number < number:
		return -1
	case l.number > number:
		return 1
	}
	return 0
}
