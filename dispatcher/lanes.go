package dispatcher

import (
	"container/heap"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// lanes is what the engine knows of the queues of endpoints: which have work,
// when, and how many deliveries of each may be under way. It decides what to
// claim; it does no I/O and starts no goroutine. All times are of the process's
// clock.
//
// Attempts are of three classes. Fast ones and fresh ones, to endpoints that
// have not answered yet, share maxActive places, of which fresh ones take half
// at most. One that has been under way for slowAfter, or a tenth of it if it is
// fresh, gives its place back and becomes a slow one, of which there may be
// maxSlow; and the deliveries of its endpoint are claimed as slow ones until one
// of them is quick. So endpoints that hang fill the slow places and no others.
type lanes struct {
	maxActive  int
	maxSlow    int
	defaultCap int
	slowAfter  time.Duration

	// signal tells the claiming goroutine that pick may have something.
	signal chan struct{}

	mu sync.Mutex
	// idle: nobody claims. What is noted meanwhile would be kept for nothing: a run
	// begins with a look at all lanes.
	idle  bool
	byID  map[string]*lane
	timed laneHeap
	// By class: the lanes with due work and room, how many attempts are under
	// way, and, but for slow ones, those attempts in order of their start.
	ready  [classes]ring[*lane]
	flying [classes]int
	flight [classes]flightList
	// slowNext is when slow lanes are claimed next: a few at a time, because
	// attempts that time out together would otherwise begin and dial together
	// for ever after.
	slowNext time.Time
}

type class uint8

const (
	fast class = iota
	fresh
	slow
	classes = 3
)

// slowFactor is how many slow attempts there may be for each fast one.
const slowFactor = 8

// firstLimit is how many deliveries of a lane may be under way before it has
// shown that it answers.
const firstLimit = 1

// freshFactor is how much sooner a fresh attempt counts as slow.
const freshFactor = 10

// laneMemory is how many lanes are remembered before idle ones are forgotten;
// slowMemory is the same for slow ones, which would come back as fresh ones.
const (
	laneMemory = 10_000
	slowMemory = 10 * laneMemory
)

// lane is the queue of one endpoint as the engine sees it.
type lane struct {
	id string
	// next is when there is work; zero means that none is known of.
	next time.Time
	// woken is the earliest wake-up while the lane was being claimed.
	woken time.Time
	place lanePlace
	heap  int // index in timed
	class class
	// queued is the class among whose ready lanes it stands. It may stand among
	// others, too, which it has left.
	queued class
	// limit is how many may be under way now, cap how many ever.
	limit, cap int
	flying     int
	// took is what the claim under way has brought.
	took int
	// least is how long its quickest attempts of late took, 0 if it has not
	// answered or did not the last time.
	least time.Duration
}

type lanePlace uint8

const (
	placeNone lanePlace = iota // no work, or no room
	placeReady
	placeTimed
	placeClaiming
)

func newLanes(maxActive, defaultCap int, slowAfter time.Duration) *lanes {
	return &lanes{
		maxActive: maxActive, maxSlow: maxActive * slowFactor, defaultCap: defaultCap, slowAfter: slowAfter,
		signal: make(chan struct{}, 1),
		byID:   make(map[string]*lane),
	}
}

// open begins a time in which lanes are claimed from.
func (s *lanes) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = false
}

// close ends it and forgets all lanes. Nothing is under way.
func (s *lanes) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = true
	clear(s.byID)
	s.timed, s.ready, s.flight, s.flying = nil, [classes]ring[*lane]{}, [classes]flightList{}, [classes]int{}
}

func (s *lanes) notify() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// wake notes that a lane has work at a time.
func (s *lanes) wake(id string, at time.Time) {
	s.mu.Lock()
	s.note(id, at, time.Now())
	s.mu.Unlock()
	s.notify()
}

func (s *lanes) wakeAll(refs []store.DeliveryRef, at time.Time) {
	if len(refs) == 0 {
		return
	}
	s.mu.Lock()
	now := time.Now()
	for i := range refs {
		s.note(refs[i].EndpointID, at, now)
	}
	s.mu.Unlock()
	s.notify()
}

// seen notes what the store said of lanes; storeNow is the store's time then.
func (s *lanes) seen(found []store.LaneAt, storeNow time.Time) {
	if len(found) == 0 {
		return
	}
	s.mu.Lock()
	now := time.Now()
	for _, f := range found {
		if !f.Next.IsZero() {
			s.note(f.ID, now.Add(f.Next.Sub(storeNow)), now)
		}
	}
	s.mu.Unlock()
	s.notify()
}

func (s *lanes) note(id string, at, now time.Time) {
	if s.idle {
		return
	}
	l := s.byID[id]
	if l == nil {
		l = s.add(id)
	}
	if l.place == placeClaiming {
		if l.woken.IsZero() || at.Before(l.woken) {
			l.woken = at
		}
		return
	}
	if l.next.IsZero() || at.Before(l.next) {
		l.next = at
		s.put(l, now)
	}
}

func (s *lanes) add(id string) *lane {
	l := &lane{id: id, class: fresh, limit: firstLimit, cap: s.defaultCap}
	s.byID[id] = l
	return l
}

// put files a lane where it belongs. It is not being claimed.
func (s *lanes) put(l *lane, now time.Time) {
	switch l.place {
	case placeReady:
		return // pick looks again when its turn comes
	case placeTimed:
		heap.Remove(&s.timed, l.heap)
	}
	l.place = placeNone
	due := !l.next.IsZero() && !l.next.After(now)
	switch {
	case l.next.IsZero():
		if known := len(s.byID); l.flying == 0 && (known > slowMemory || known > laneMemory && l.class != slow) {
			delete(s.byID, l.id)
		}
	case !due:
		l.place = placeTimed
		heap.Push(&s.timed, l)
	case l.worthwhile():
		l.place, l.queued = placeReady, l.class
		s.ready[l.class].push(l)
	}
}

// worthwhile tells whether there is enough room to claim for. A little patience
// makes batches; a slow lane has no time to lose.
func (l *lane) worthwhile() bool {
	room := l.limit - l.flying
	return room > 0 && (room*4 >= l.limit || l.class == slow)
}

func (s *lanes) free(c class) int {
	if c == slow {
		return s.maxSlow - s.flying[slow]
	}
	free := s.maxActive - s.flying[fast] - s.flying[fresh]
	if c == fresh {
		free = min(free, (s.maxActive+1)/2-s.flying[fresh])
	}
	return free
}

// slowAt is when a flight becomes slow.
func (s *lanes) slowAt(f *flight) time.Time {
	if f.class == fresh {
		return f.start.Add(s.slowAfter / freshFactor)
	}
	return f.start.Add(s.slowAfter)
}

// advance brings the book up to now: work that has become due, attempts that
// have become slow.
func (s *lanes) advance(now time.Time) {
	for len(s.timed) > 0 && !s.timed[0].next.After(now) {
		s.put(s.timed[0], now)
	}
	for _, c := range [...]class{fast, fresh} {
		list := &s.flight[c]
		for f := list.oldest; f != nil && !s.slowAt(f).After(now) && s.flying[slow] < s.maxSlow; f = list.oldest {
			list.remove(f)
			f.class, f.lane.class = slow, slow
			s.flying[c]--
			s.flying[slow]++
		}
	}
}

// landing says how an attempt went, as far as its lane is concerned.
type landing uint8

const (
	// landedUnsent: nothing was sent; it says nothing about the endpoint.
	landedUnsent landing = iota
	landedAnswered
	// landedSilent: the endpoint did not answer in time.
	landedSilent
)

// quickWithin is how soon a quick endpoint answers where nothing is in its way.
const quickWithin = 2 * paceStep

// leastMemory is how many attempts the least of their times is remembered for,
// roughly.
const leastMemory = 128

// quick tells whether the endpoint has been seen to answer within a moment.
func (l *lane) quick() bool { return l.least > 0 && l.least <= quickWithin }

// answered notes how long an attempt took.
func (l *lane) answered(took time.Duration) {
	if l.least == 0 || took < l.least {
		l.least = took
	} else {
		l.least += (took - l.least) / leastMemory
	}
}

// finish ends a flight.
func (s *lanes) finish(f *flight, how landing, now time.Time) {
	s.mu.Lock()
	l, could := f.lane, s.claimable()
	f.ended = true
	l.flying--
	s.flying[f.class]--
	if f.class != slow {
		s.flight[f.class].remove(f)
	}
	switch {
	case how == landedSilent:
		l.limit, l.least = 1, 0
	case how == landedAnswered && l.limit < l.cap:
		l.limit++ // one for each answer: doubles with every round
	}
	if how == landedAnswered {
		l.answered(f.took)
		if now.Sub(f.start) < s.slowAfter {
			l.class = fast
			if l.place == placeReady && l.queued == slow {
				l.place = placeNone // its turn among the slow ones may be far off
			}
		}
	}
	if l.place == placeNone {
		s.put(l, now)
	}
	// While there are few places, the claiming goroutine wakes by itself in a moment;
	// it sleeps until it is told only if there was nothing to claim or no place.
	worth := s.claimable() && (!could || s.free(fast)*2 >= s.maxActive) ||
		s.ready[fresh].len() > 0 && s.free(fresh) > 0 || s.ready[slow].len() > 0 && s.free(slow) > 0 ||
		l.place == placeTimed // the claiming goroutine must set its timer anew
	s.mu.Unlock()
	if worth {
		s.notify()
	}
}

// claimable tells whether there is work for a fast place, and such a place.
func (s *lanes) claimable() bool { return s.ready[fast].len() > 0 && s.free(fast) > 0 }

// wait returns how long the claiming goroutine may sleep: until work becomes
// due, an attempt becomes slow, or, where there is work and little room, for a
// moment in which more room may come. ok is false if only a signal can change
// anything.
func (s *lanes) wait(now time.Time) (d time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	consider := func(at time.Duration) {
		if at = max(at, 0); !ok || at < d {
			d, ok = at, true
		}
	}
	if len(s.timed) > 0 {
		consider(s.timed[0].next.Sub(now))
	}
	if s.ready[slow].len() > 0 && s.free(slow) > 0 {
		consider(s.slowNext.Sub(now))
	}
	for _, c := range [...]class{fast, fresh} {
		if s.ready[c].len() == 0 {
			continue
		}
		if s.free(c) > 0 {
			consider(batchPatience)
			continue
		}
		for i := range s.flight {
			if f := s.flight[i].oldest; f != nil && s.flying[slow] < s.maxSlow {
				consider(s.slowAt(f).Sub(now))
			}
		}
	}
	return d, ok
}

const (
	// batchPatience is how long to wait at least for more free places when there
	// are few.
	batchPatience = time.Millisecond
	// maxPatience bounds the same where claims take longer.
	maxPatience = 5 * time.Millisecond
)

// busy tells that so many attempts are under way, or so few places are free, that
// waiting for more to claim at once is worthwhile.
func (s *lanes) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.free(fast)
	return s.ready[fast].len() > 0 && free > 0 && (free*2 < s.maxActive || s.flying[fast] >= busyFrom)
}

// busyFrom is how many attempts under way make a process busy: less than that
// many would not be worth a claim of its own.
const busyFrom = 32
