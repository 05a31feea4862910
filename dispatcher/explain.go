package dispatcher

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// Explainer says what would happen.
type Explainer interface {
	// Explain says, without publishing, which endpoints would get the event and
	// why each other one would not, newest endpoint first. The event is checked
	// as Publish would check it.
	Explain(ctx context.Context, e Event) ([]Match, error)
}

// Match says whether an endpoint would get an event.
type Match struct {
	Endpoint Endpoint
	// Matches: a delivery would be made.
	Matches bool
	// Pattern is the one that matches, the widest if several do; empty if none.
	Pattern string
	// Reason says why no delivery would be made, or why it would wait.
	Reason MatchReason
}

// MatchReason says why an endpoint would not get an event, or not yet.
type MatchReason string

// The reasons of a [Match].
const (
	// MatchNow: the delivery would be sent at once.
	MatchNow MatchReason = ""
	// MatchNoPattern: none of the endpoint's patterns matches the type.
	MatchNoPattern MatchReason = "no_pattern"
	// MatchDisabled: the endpoint is disabled.
	MatchDisabled MatchReason = "endpoint_disabled"
	// MatchPaused: the delivery would be made, and wait until the endpoint is
	// resumed.
	MatchPaused MatchReason = "endpoint_paused"
	// MatchScheduled: the delivery would be made, and wait for the event's At.
	MatchScheduled MatchReason = "scheduled"
)

func (t *tenant) Explain(ctx context.Context, ev Event) ([]Match, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	now := time.Now()
	if _, err := t.engine.encode(t.id, ev, now); err != nil {
		return nil, err
	}
	patterns := store.MatchingPatterns(ev.Type)
	var matches []Match
	for ep, err := range t.storedEndpoints(ctx) {
		if err != nil {
			return nil, err
		}
		view, err := t.engine.view(ctx, ep)
		if err != nil {
			return nil, err
		}
		m := Match{Endpoint: view}
		if i := slices.IndexFunc(patterns, func(p string) bool { return slices.Contains(ep.Patterns, p) }); i >= 0 {
			m.Pattern = patterns[i]
		}
		switch {
		case m.Pattern == "":
			m.Reason = MatchNoPattern
		case ep.Status == EndpointDisabled:
			m.Reason = MatchDisabled
		case ep.Status == EndpointPaused:
			m.Matches, m.Reason = true, MatchPaused
		case ev.At.After(now):
			m.Matches, m.Reason = true, MatchScheduled
		default:
			m.Matches = true
		}
		matches = append(matches, m)
	}
	return matches, nil
}

// storedEndpoints walks over all endpoints of the tenant.
func (t *tenant) storedEndpoints(ctx context.Context) iter.Seq2[store.Endpoint, error] {
	return walk(func(cursor string) (Page[store.Endpoint], error) {
		return t.engine.store.Endpoints(ctx, store.EndpointQuery{Scope: store.Scope{Tenant: t.id}, Cursor: cursor, Limit: maxPage})
	})
}
