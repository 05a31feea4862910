package dispatcher

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// picked is what to claim next.
type picked struct {
	class class
	lanes []*lane
	ask   []store.Lane
	max   int
}

const (
	// maxPick bounds the lanes of one claim.
	maxPick = 256
	// slowBatch bounds the deliveries of a claim of slow lanes, of which there is
	// one in every batchPatience.
	slowBatch = 4
)

// pick returns the lanes to claim from now, marked as being claimed; claimed or
// unclaimed must follow. It returns nil if there is nothing to do.
func (s *lanes) pick(c class, now time.Time) *picked {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	free := s.free(c)
	if free <= 0 || s.ready[c].len() == 0 {
		return nil
	}
	p := &picked{class: c, max: min(free, maxClaim)}
	if c == slow {
		if now.Before(s.slowNext) {
			return nil
		}
		s.slowNext = now.Add(batchPatience)
		p.max = min(free, slowBatch)
	}
	for len(p.lanes) < min(maxPick, 2*p.max) && s.ready[c].len() > 0 {
		l := s.ready[c].pop()
		if l.place != placeReady || l.queued != c {
			continue // it has left this queue
		}
		l.place = placeNone
		if l.class != c || l.next.IsZero() || l.next.After(now) || !l.worthwhile() {
			s.put(l, now)
			continue
		}
		l.place, l.took = placeClaiming, 0
		p.lanes = append(p.lanes, l)
		p.ask = append(p.ask, store.Lane{ID: l.id, N: min(l.limit-l.flying, p.max)})
	}
	if len(p.lanes) == 0 {
		return nil
	}
	return p
}

// claimed takes in the answer to a claim and returns a flight for each delivery
// of the batch, in its order.
func (s *lanes) claimed(p *picked, b *store.Batch, now time.Time) []flight {
	flights := make([]flight, len(b.Deliveries))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Deliveries {
		d := &b.Deliveries[i]
		l := s.byID[d.Delivery.EndpointID]
		if l == nil { // a store that returned what it was not asked for
			l = s.add(d.Delivery.EndpointID)
		}
		f := &flights[i]
		f.lane, f.class, f.start, f.quick = l, p.class, now, p.class != slow && l.quick()
		l.flying++
		l.took++
		s.flying[p.class]++
		if p.class != slow {
			s.flight[p.class].add(f)
		}
	}
	for i := range b.Endpoints {
		ep := &b.Endpoints[i]
		if l := s.byID[ep.ID]; l != nil {
			l.cap = s.defaultCap
			if ep.MaxInFlight > 0 {
				l.cap = ep.MaxInFlight
			}
			l.limit = min(l.limit, l.cap)
			if !ep.DeletedAt.IsZero() || ep.Status == EndpointDisabled {
				l.limit = l.cap // they are cancelled: no answer would raise it
			}
		}
	}
	asked := 0
	for i := range b.Visited {
		v := &b.Visited[i]
		// Stores visit lanes in the order in which they were named, so that each is
		// found at once; whatever else one may do is found too.
		l := p.named(v.ID, &asked)
		if l == nil || l.place != placeClaiming {
			continue
		}
		next := v.Next
		if !next.IsZero() {
			next = now.Add(next.Sub(b.Now))
		}
		if l.took == 0 && !next.IsZero() && !next.After(now) {
			// Due, and yet not to be had: another process is at it.
			next = now.Add(contendedDelay)
		}
		l.next = next
		s.release(l, now)
	}
	s.unreached(p, now)
	return flights
}

// named returns the lane of that id among those asked for, nil if it is not,
// and looks at the one at *from first, which it moves on.
func (p *picked) named(id string, from *int) *lane {
	for n := range p.lanes {
		i := (*from + n) % len(p.lanes)
		if p.lanes[i].id == id {
			*from = i + 1
			return p.lanes[i]
		}
	}
	return nil
}

// contendedDelay is how long to leave a lane whose due work others hold.
const contendedDelay = 10 * time.Millisecond

// unclaimed puts the lanes back after a claim that failed.
func (s *lanes) unclaimed(p *picked, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreached(p, now)
}

// unreached puts the lanes back that the claim did not get to. They were first
// in the queue and stay so, or others would overtake them for ever.
func (s *lanes) unreached(p *picked, now time.Time) {
	for _, l := range slices.Backward(p.lanes) {
		if l.place != placeClaiming {
			continue
		}
		l.settleWoken()
		if l.class == p.class && l.worthwhile() {
			l.place, l.queued = placeReady, l.class
			s.ready[l.class].pushFront(l)
			continue
		}
		l.place = placeNone
		s.put(l, now)
	}
}

func (s *lanes) release(l *lane, now time.Time) {
	l.settleWoken()
	l.place = placeNone
	s.put(l, now)
}

// settleWoken takes in what was noted while the lane was being claimed.
func (l *lane) settleWoken() {
	if !l.woken.IsZero() && (l.next.IsZero() || l.woken.Before(l.next)) {
		l.next = l.woken
	}
	l.woken = time.Time{}
}
