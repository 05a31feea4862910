package dispatcher

import (
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// book drives lanes as an engine would, against a store that is a map.
type book struct {
	t     *testing.T
	lanes *lanes
	now   time.Time
	// due is how many deliveries each endpoint has due.
	due     map[string]int
	flights map[string][]*flight
}

func newBook(t *testing.T, concurrency, inFlight int) *book {
	return &book{
		t: t, lanes: newLanes(concurrency, inFlight, time.Second), now: time.Now(),
		due: map[string]int{}, flights: map[string][]*flight{},
	}
}

func (b *book) publish(endpoint string, n int) {
	b.due[endpoint] += n
	b.lanes.wake(endpoint, b.now)
}

// claim makes one claim of a class and returns how many deliveries it brought.
func (b *book) claim(c class) int {
	b.t.Helper()
	p := b.lanes.pick(c, b.now)
	if p == nil {
		return 0
	}
	batch := store.Batch{Now: b.now}
	for _, l := range p.ask {
		if len(batch.Deliveries) == p.max {
			break
		}
		if l.N < 1 {
			b.t.Fatalf("lane %s named with %d", l.ID, l.N)
		}
		n := min(l.N, b.due[l.ID], p.max-len(batch.Deliveries))
		b.due[l.ID] -= n
		for range n {
			batch.Deliveries = append(batch.Deliveries, store.Claimed{Delivery: store.Delivery{EndpointID: l.ID}})
		}
		at := store.LaneAt{ID: l.ID}
		if b.due[l.ID] > 0 {
			at.Next = b.now
		}
		batch.Visited = append(batch.Visited, at)
	}
	flights := b.lanes.claimed(p, &batch, b.now)
	for i := range flights {
		id := batch.Deliveries[i].Delivery.EndpointID
		b.flights[id] = append(b.flights[id], &flights[i])
	}
	return len(flights)
}

func (b *book) claimAll() (n int) {
	for {
		got := b.claim(fresh) + b.claim(fast) + b.claim(slow)
		n += got
		switch {
		case got > 0:
		case b.lanes.ready[slow].len() > 0 && b.lanes.free(slow) > 0 && b.now.Before(b.lanes.slowNext):
			b.now = b.lanes.slowNext
		default:
			return n
		}
	}
}

func (b *book) finish(endpoint string, how landing) {
	b.t.Helper()
	f := b.flights[endpoint]
	if len(f) == 0 {
		b.t.Fatalf("nothing of %s is under way", endpoint)
	}
	b.flights[endpoint] = f[1:]
	b.lanes.finish(f[0], how, b.now)
}

func (b *book) flying(endpoint string) int { return len(b.flights[endpoint]) }

func TestLanesClaimNoMoreThanThereArePlaces(t *testing.T) {
	b := newBook(t, 10, 4)
	for i := range 20 {
		b.publish(fmt.Sprint(i), 100)
	}
	if n := b.claimAll(); n != 5 {
		t.Fatalf("claimed %d fresh ones with 10 places, want half of them", n)
	}
	for i := range 5 {
		b.finish(fmt.Sprint(i), landedAnswered)
	}
	b.claimAll()
	if total := b.lanes.flying[fast] + b.lanes.flying[fresh]; total != 10 {
		t.Fatalf("%d under way with 10 places", total)
	}
	if n := b.claimAll(); n != 0 {
		t.Fatalf("claimed %d more with no place", n)
	}
}

func TestLanesRampUpToTheCapOfAnEndpoint(t *testing.T) {
	b := newBook(t, 100, 8)
	b.publish("a", 1000)
	if n := b.claimAll(); n != firstLimit {
		t.Fatalf("an unknown endpoint got %d at once, want %d", n, firstLimit)
	}
	for range 50 {
		b.finish("a", landedAnswered)
		b.claimAll()
		if b.flying("a") > 8 {
			t.Fatalf("%d under way to an endpoint capped at 8", b.flying("a"))
		}
	}
	if b.flying("a") < 7 { // room of less than a quarter is left to collect
		t.Fatalf("%d under way after 50 answers, want about 8", b.flying("a"))
	}
}

func TestLanesFallToOneAfterSilence(t *testing.T) {
	b := newBook(t, 100, 8)
	b.publish("a", 1000)
	b.claimAll()
	for range 30 {
		b.finish("a", landedAnswered)
		b.claimAll()
	}
	for b.flying("a") > 0 {
		b.finish("a", landedSilent)
	}
	if n := b.claimAll(); n != 1 {
		t.Fatalf("claimed %d of an endpoint that did not answer, want 1", n)
	}
}

// The invariant behind "no starving": endpoints that hang take fast places for
// slowAfter at most, and never come back to them until they are quick.
func TestLanesThatHangGiveTheirPlacesBack(t *testing.T) {
	b := newBook(t, 32, 8)
	b.publish("healthy", 1)
	b.claimAll()
	b.finish("healthy", landedAnswered)
	for i := range 100 {
		b.publish(fmt.Sprint("hang", i), 1000)
	}
	for range 200 {
		b.now = b.now.Add(13 * time.Millisecond)
		b.claimAll()
		b.publish("healthy", 1)
		b.claimAll()
		if b.flying("healthy") != 1 {
			t.Fatal("the healthy endpoint got no place")
		}
		b.finish("healthy", landedAnswered)
	}
	// One that nobody has heard of waits no longer than it takes to find out
	// that the others hang.
	b.publish("new", 1)
	b.claimAll()
	if b.flying("new") != 1 {
		t.Fatal("a new endpoint got no place")
	}
	hanging := 0
	for i := range 100 {
		hanging += b.flying(fmt.Sprint("hang", i))
	}
	if hanging > 32*slowFactor+32 {
		t.Fatalf("%d attempts hang, more than there are slow places", hanging)
	}
}

func TestSlowLaneBecomesFastByAQuickAnswer(t *testing.T) {
	b := newBook(t, 32, 8)
	b.publish("a", 1000)
	b.claimAll()
	b.now = b.now.Add(2 * time.Second)
	b.claimAll() // notices
	if got := b.lanes.byID["a"].class; got != slow {
		t.Fatal("the lane is not slow")
	}
	for b.flying("a") > 0 {
		b.finish("a", landedAnswered)
	}
	b.claimAll()
	b.finish("a", landedAnswered)
	if got := b.lanes.byID["a"].class; got != fast {
		t.Fatal("a quick answer did not make the lane fast")
	}
}

func TestLaneWokenWhileItIsClaimedIsNotForgotten(t *testing.T) {
	b := newBook(t, 32, 8)
	b.publish("a", 1)
	p := b.lanes.pick(fresh, b.now)
	b.lanes.wake("a", b.now) // a publish between the claim and its answer
	b.lanes.claimed(p, &store.Batch{Now: b.now, Visited: []store.LaneAt{{ID: "a"}}}, b.now)
	if p = b.lanes.pick(fresh, b.now); p == nil {
		t.Fatal("the wake-up was lost")
	}
}

func TestLanesAreTakenInTurn(t *testing.T) {
	b := newBook(t, 4, 2)
	for i := range 10 {
		b.publish(fmt.Sprint(i), 1000)
	}
	served := map[string]int{}
	for range 100 {
		b.claimAll()
		for id := range b.due {
			for b.flying(id) > 0 {
				b.finish(id, landedAnswered)
				served[id]++
			}
		}
	}
	for id := range b.due {
		if served[id] < 20 {
			t.Errorf("endpoint %s got %d of 400 turns", id, served[id])
		}
	}
}

func TestLanesWaitUntilWorkIsDue(t *testing.T) {
	b := newBook(t, 4, 2)
	if _, ok := b.lanes.wait(b.now); ok {
		t.Fatal("without work there is something to wait for")
	}
	b.due["a"] = 1
	b.lanes.wake("a", b.now.Add(time.Hour))
	if n := b.claimAll(); n != 0 {
		t.Fatalf("claimed %d before it was due", n)
	}
	if d, ok := b.lanes.wait(b.now); !ok || d != time.Hour {
		t.Fatalf("wait = %v, %v; want an hour", d, ok)
	}
	b.lanes.wake("a", b.now.Add(time.Minute))
	if d, _ := b.lanes.wait(b.now); d != time.Minute {
		t.Fatalf("wait = %v after an earlier wake-up, want a minute", d)
	}
	b.now = b.now.Add(time.Minute)
	if n := b.claimAll(); n != 1 {
		t.Fatalf("claimed %d when it was due, want 1", n)
	}
}

// Due work that is locked by another process must not make the engine spin.
func TestContendedLaneIsLeftForAMoment(t *testing.T) {
	b := newBook(t, 4, 2)
	b.publish("a", 1)
	p := b.lanes.pick(fresh, b.now)
	b.lanes.claimed(p, &store.Batch{Now: b.now, Visited: []store.LaneAt{{ID: "a", Next: b.now}}}, b.now)
	if b.lanes.pick(fresh, b.now) != nil {
		t.Fatal("a lane that gave nothing is asked again at once")
	}
	if d, ok := b.lanes.wait(b.now); !ok || d != contendedDelay {
		t.Fatalf("wait = %v, %v; want %v", d, ok, contendedDelay)
	}
}

func TestIdleLanesAreForgottenWhenThereAreMany(t *testing.T) {
	b := newBook(t, 4, 2)
	for i := range 3 * laneMemory {
		id := fmt.Sprint(i)
		b.publish(id, 1)
		b.claimAll()
		b.finish(id, landedAnswered)
	}
	if n := len(b.lanes.byID); n > laneMemory+1 {
		t.Fatalf("%d lanes remembered", n)
	}
}

// Slow ones are, too, if they are very many.
func TestIdleSlowLanesAreForgottenWhenThereAreVeryMany(t *testing.T) {
	b := newBook(t, 4, 2)
	for i := range slowMemory + laneMemory {
		id := fmt.Sprint(i)
		b.publish(id, 1)
		b.claimAll()
		b.now = b.now.Add(time.Second)
		b.claimAll()
		b.finish(id, landedSilent)
	}
	if n := len(b.lanes.byID); n > slowMemory+1 {
		t.Fatalf("%d lanes remembered", n)
	}
}

// Who only publishes keeps nothing about endpoints.
func TestLanesOfAnEngineThatDoesNotRun(t *testing.T) {
	b := newBook(t, 4, 2)
	b.publish("a", 1)
	b.claimAll()
	b.finish("a", landedAnswered)
	b.lanes.close()
	for i := range 100 {
		b.publish(fmt.Sprint(i), 1)
	}
	if n := len(b.lanes.byID) + len(b.lanes.timed) + b.lanes.ready[fresh].len(); n != 0 {
		t.Fatalf("%d lanes remembered", n)
	}
	b.lanes.open()
	b.publish("a", 1)
	if n := b.claimAll(); n != 1 {
		t.Fatalf("claimed %d of the next run, want 1", n)
	}
}

func TestLanesKnowWhoIsQuick(t *testing.T) {
	const slowNow = 20 * quickWithin
	b := newBook(t, 10, 4)
	answer := func(how landing, took time.Duration) (quick bool) {
		t.Helper()
		b.publish("a", 1)
		b.claimAll()
		f := b.flights["a"][0]
		f.took = took
		b.finish("a", how)
		return f.quick
	}
	if answer(landedAnswered, slowNow) {
		t.Error("an endpoint that has not answered counts as quick")
	}
	if answer(landedAnswered, quickWithin) {
		t.Error("an endpoint that took its time counts as quick")
	}
	if !answer(landedUnsent, 0) || !answer(landedSilent, slowNow) {
		t.Error("an endpoint that answered soon does not count as quick")
	}
	if answer(landedAnswered, quickWithin) {
		t.Error("an endpoint that did not answer counts as quick")
	}
	// It is forgotten after some hundred answers.
	n := 1
	for n < 1000 && answer(landedAnswered, slowNow) {
		n++
	}
	if n > leastMemory {
		t.Errorf("quick once, it still is after %d answers that took %v", n, slowNow)
	}
	// Among many that took their time, one in a while is enough.
	answer(landedAnswered, quickWithin/2)
	for n = range leastMemory {
		took := 2 * quickWithin
		if n%32 == 0 {
			took = quickWithin / 2
		}
		if !answer(landedAnswered, took) {
			t.Fatalf("not quick after %d answers, of which each 32nd was", n)
		}
	}
	// One that hangs is known as slow before an attempt has ended.
	b.publish("a", 1)
	b.claimAll()
	b.now = b.now.Add(2 * time.Second)
	b.publish("a", 1)
	b.claimAll()
	if f := b.flights["a"]; len(f) != 2 || !f[0].quick || f[1].quick {
		t.Errorf("%d attempts are under way to an endpoint that hangs, and the last counts as quick", len(f))
	}
}
