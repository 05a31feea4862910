package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/postrider/postrider/store"
)

const (
	// gatherWidth is how many inserts may be under way at once before further ones
	// wait for each other.
	gatherWidth = 2
	// gatherEvents bounds the events that are inserted together; who has a quarter
	// of them inserts alone.
	gatherEvents = 256
)

// gather inserts what several callers publish at the same time in one call of the
// store, because a call costs a store far more than an event does. Nobody waits
// while few publish: gatherWidth calls go on as they come. Those that have to
// wait meanwhile go together, as soon as one of these has ended.
//
// Events whose ids the hosts have chosen never wait for others, nor others for
// them: an insert of such an id may have to wait until another transaction that
// has inserted it ends, and that can be one that a host keeps open while it
// publishes.
type gather struct {
	store.Writer

	mu      sync.Mutex
	busy    int // calls of the store under way
	waiting []*publication
}

// publication is what one caller has to insert, while it waits.
type publication struct {
	events []store.NewEvent
	// turn ends the wait: true makes the caller insert, for others as well, false
	// tells that inserted and err are the result.
	turn     chan bool
	inserted []store.Inserted
	err      error
}

// errAlone asks a caller to insert by itself: what it was inserted together with
// could not be.
var errAlone = errors.New("the events that were inserted together could not be")

// Insert implements [store.Writer].
func (g *gather) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if len(events) >= gatherEvents/4 || slices.ContainsFunc(events, chosen) {
		return g.Writer.Insert(ctx, events)
	}
	p := &publication{events: events}
	if g.begin(p) {
		defer g.end()
		return g.Writer.Insert(ctx, events)
	}
	lead, err := g.wait(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case !lead && p.err != errAlone: //nolint:errorlint // it is never wrapped
		return p.inserted, p.err
	case !lead:
		return g.Writer.Insert(ctx, events)
	}
	defer g.end()
	group := append([]*publication{p}, g.take(len(events))...)
	if len(group) == 1 {
		return g.Writer.Insert(ctx, events)
	}
	g.together(ctx, group)
	if p.err == errAlone { //nolint:errorlint // it is never wrapped
		return g.Writer.Insert(ctx, events)
	}
	return p.inserted, p.err
}

// chosen tells whether an event's id is the host's or follows from a key: only then
// it has a digest.
func chosen(e store.NewEvent) bool { return len(e.Event.Digest) > 0 }

// begin tells whether a caller may insert at once, and queues it otherwise.
func (g *gather) begin(p *publication) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy < gatherWidth {
		g.busy++
		return true
	}
	p.turn = make(chan bool, 1)
	g.waiting = append(g.waiting, p)
	return false
}

// wait waits for the caller's turn, or for its result.
func (g *gather) wait(ctx context.Context, p *publication) (lead bool, err error) {
	select {
	case lead := <-p.turn:
		return lead, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	for i, other := range g.waiting {
		if other == p {
			g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
			g.mu.Unlock()
			return false, ctx.Err()
		}
	}
	g.mu.Unlock()
	// It leads, or it is under way with others: then, as after any call that was
	// given up, it is not known whether it was stored.
	select {
	case lead := <-p.turn:
		return lead, nil
	default:
		return false, ctx.Err()
	}
}

// take takes those that go together with a caller of so many events.
func (g *gather) take(events int) []*publication {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.waiting) && events+len(g.waiting[n].events) <= gatherEvents {
		events += len(g.waiting[n].events)
		n++
	}
	taken := g.waiting[:n:n]
	g.waiting = append([]*publication(nil), g.waiting[n:]...)
	return taken
}

// end lets the caller insert that has waited longest.
func (g *gather) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.busy--
		return
	}
	g.waiting[0].turn <- true
	g.waiting = g.waiting[1:]
}

// together inserts the events of several callers, of which the first is the one
// that is here. If that fails each is to try alone: one of them may be the
// reason.
func (g *gather) together(ctx context.Context, group []*publication) {
	for _, p := range group {
		p.err = errAlone
	}
	defer func() { // even if the store panics
		for _, p := range group[1:] {
			p.turn <- false
		}
	}()
	var events []store.NewEvent
	for _, p := range group {
		events = append(events, p.events...)
	}
	// No caller's end ends the call of the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	inserted, err := g.Writer.Insert(ctx, events)
	if err != nil {
		return
	}
	if len(inserted) != len(events) {
		err = fmt.Errorf("the store answered %d events of %d", len(inserted), len(events))
	}
	for _, p := range group {
		if p.err = err; err == nil {
			n := len(p.events)
			p.inserted, inserted = inserted[:n:n], inserted[n:]
		}
	}
}
