package redisstore

import (
	"context"

	"github.com/postrider/postrider/store"
)

// maxRounds bounds how often a claim looks again because others were faster, or
// because many deliveries of a lane are in one shard.
const maxRounds = 8

// downPause is when to look again for what a shard has that did not answer, in
// microseconds.
const downPause = 1e6

// apart is how far the shards' clocks may be apart at one claim, in microseconds:
// masters differ a little, are asked one after another, and a shard's clock is
// ahead after many insertions at once. A shard shows what is visible to the one
// that is furthest ahead, but not by more than this.
const apart = 20_000

// acrossClaim is a claim over several shards while it is made.
type acrossClaim struct {
	builder
	params store.ClaimParams
	lanes  []acrossLane
	// now is the time of the claim, the latest of the shards' clocks, unless that
	// is too far apart from the earliest.
	now int64
	// measured tells that the sizes of bodies are needed.
	measured bool
	bytes    int64
	seen     map[eventPlace]bool
	// budget is what the bodies that this round takes have in each shard.
	budget []map[int64]int64
	full   bool
	// down are the shards that did not answer. The others go on without them.
	down    []bool
	reached int // lanes that were looked at
}

type acrossLane struct {
	id     string
	want   int
	paused bool
	// shards is what was seen of the lane in each shard.
	shards []peeked
	// plan is what this round is going to take from each shard.
	plan []planned
}

// peeked is what a shard showed of a lane.
type peeked struct {
	entries []entry
	// next is when there is work behind the entries, 0 if there is none.
	next int64
	// more: what is behind them is visible, too.
	more bool
}

// entry is a delivery that can be claimed.
type entry struct {
	visible, number int64
	index           int
	size            int64
	text            string
}

func (e *entry) before(other *entry) bool {
	switch {
	case e.visible != other.visible:
		return e.visible < other.visible
	case e.number != other.number:
		return e.number < other.number
	}
	return e.index < other.index
}

type planned struct {
	n   int
	cut string
}

func (s *Store) claimAcross(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	c := acrossClaim{builder: builder{Store: s}, params: p, seen: make(map[eventPlace]bool), down: make([]bool, len(s.shards))}
	for _, l := range p.Lanes {
		c.lanes = append(c.lanes, acrossLane{id: l.ID, want: max(l.N, 0), shards: make([]peeked, len(s.shards)), plan: make([]planned, len(s.shards))})
	}
	from := 0 // the first lane that is not done
	for round := 0; ; round++ {
		if err := c.peek(ctx, from, round); err != nil {
			if len(c.batch.Deliveries) > 0 {
				break // what is leased is handed over
			}
			return store.Batch{}, err
		}
		stopped := c.choose(from)
		again, err := c.take(ctx)
		if err != nil {
			return store.Batch{}, err
		}
		if again {
			stopped = from // something was not there: look at all of them again
		}
		if stopped == len(c.lanes) || c.full || len(c.batch.Deliveries) >= p.Max || round == maxRounds {
			break
		}
		from = stopped
	}
	c.visited()
	return c.finish(ctx, c.now)
}

// peek looks at the lanes from a certain one on, in all shards.
func (c *acrossClaim) peek(ctx context.Context, from, round int) error {
	left := c.params.Max - len(c.batch.Deliveries)
	shards := len(c.Store.shards)
	if round > 0 {
		shards = 1 // they are not spread evenly
	}
	for _, force := range []bool{c.measured, true} {
		requests := make([]request, len(c.Store.shards))
		for shard, k := range c.Store.shards {
			maxTaken := int64(c.params.Max)
			if force {
				maxTaken = 1 << 40
			}
			keys := []string{k.meta, k.rows, k.timed, k.held, k.leases, k.bodies, k.versions}
			args := []any{max(c.params.MaxBytes, 0), maxTaken, apart}
			for i := from; i < len(c.lanes); i++ {
				l := &c.lanes[i]
				keys = append(keys, k.fresh(l.id))
				args = append(args, l.id, share(min(l.want, left), shards))
			}
			requests[shard] = request{peekScript, keys, args}
		}
		replies, errs := c.doEach(ctx, requests)
		if errs[0] != nil { // without the endpoints' versions nothing may be taken
			return errs[0]
		}
		for shard, err := range errs {
			c.down[shard] = err != nil
		}
		mixed := c.seenBy(from, replies)
		if !mixed {
			return nil
		}
	}
	return nil
}

// share is how many entries of a lane each shard shows, so that with an even
// spread, and a little more, one look is enough.
func share(n, shards int) int {
	if n == 0 || shards == 1 {
		return n
	}
	return min(n, n*3/(2*shards)+2)
}

// seenBy takes in what the shards showed. It returns true if only some of them
// told the sizes of bodies.
func (c *acrossClaim) seenBy(from int, replies []any) (mixed bool) {
	sizes, up := 0, 0
	latest, earliest := int64(0), int64(maxMicros)
	for shard, reply := range replies {
		list := asList(reply)
		if !c.down[shard] {
			up++
		}
		if now := asInt(at(list, 0)); now > 0 {
			latest, earliest = max(latest, now), min(earliest, now)
		}
		if asInt(at(list, 1)) == 1 {
			sizes++
		}
		for i := from; i < len(c.lanes); i++ {
			l := &c.lanes[i]
			if shard == 0 {
				if v := asText(at(asList(at(list, 2)), i-from)); v != "" {
					c.version(l.id, v)
					l.paused = isPaused(v)
				}
			}
			l.shards[shard] = decodePeeked(asList(at(list, 3+i-from)))
		}
	}
	if c.now == 0 {
		c.now = min(latest, earliest+apart)
	}
	c.measured = sizes > 0
	return sizes > 0 && sizes < up
}

func decodePeeked(list []any) peeked {
	p := peeked{next: asInt(at(list, 0)), more: asInt(at(list, 1)) == 1}
	text, sizes := asText(at(list, 2)), asList(at(list, 3))
	const entryLen = numberLen + fieldLen
	for i := 0; len(text) >= entryLen; i++ {
		e := entry{text: text[:entryLen]}
		e.visible = numberOf(e.text)
		where := placeOf(0, e.text[numberLen:])
		e.number, e.index = where.number, where.index
		e.size = asInt(at(sizes, i))
		p.entries = append(p.entries, e)
		text = text[entryLen:]
	}
	return p
}

// choose plans what to take, lane by lane, the earliest of all shards first. It
// returns the lane at which it stopped because a shard has to be looked at again.
func (c *acrossClaim) choose(from int) (stopped int) {
	left := c.params.Max - len(c.batch.Deliveries)
	c.budget = make([]map[int64]int64, len(c.Store.shards))
	for i := from; i < len(c.lanes); i++ {
		if c.full || left == 0 {
			return i
		}
		c.reached = max(c.reached, i+1)
		l := &c.lanes[i]
		if l.paused {
			continue
		}
		n, again := c.chooseLane(l, min(l.want, left))
		left -= n
		if again {
			return i
		}
	}
	return len(c.lanes)
}

func (c *acrossClaim) chooseLane(l *acrossLane, want int) (n int, again bool) {
	at := make([]int, len(l.shards))
	for ; n < want; n++ {
		best := -1
		for shard := range l.shards {
			p := &l.shards[shard]
			if at[shard] == len(p.entries) {
				if p.more && p.next <= c.now {
					// What follows there is not known, and may be the earliest.
					again = true
				}
				continue
			}
			e := &p.entries[at[shard]]
			if e.visible <= c.now && (best < 0 || e.before(&l.shards[best].entries[at[best]])) {
				best = shard
			}
		}
		if best < 0 {
			return n, again
		}
		if again && !c.knownEarliest(l, at, best) {
			return n, true
		}
		e := &l.shards[best].entries[at[best]]
		if c.measured && !c.fits(eventPlace{best, e.number}, e.size) {
			c.full = true
			return n, false
		}
		at[best]++
		l.plan[best].n++
		l.plan[best].cut = e.text
		again = false
	}
	return n, false
}

// knownEarliest tells whether an entry comes before everything that the shards
// with more to show can have: what follows in them is not before next.
func (c *acrossClaim) knownEarliest(l *acrossLane, at []int, best int) bool {
	e := &l.shards[best].entries[at[best]]
	for shard := range l.shards {
		p := &l.shards[shard]
		if at[shard] == len(p.entries) && p.more && p.next <= e.visible {
			return false
		}
	}
	return true
}

func (c *acrossClaim) fits(event eventPlace, size int64) bool {
	if !c.seen[event] {
		if bound := int64(c.params.MaxBytes); bound > 0 && c.bytes+size > bound && len(c.seen) > 0 {
			return false
		}
		c.seen[event] = true
		c.bytes += size
	}
	if c.budget[event.shard] == nil {
		c.budget[event.shard] = make(map[int64]int64)
	}
	c.budget[event.shard][event.number] = size
	return true
}

// take takes what was planned. It returns true if something was not there.
func (c *acrossClaim) take(ctx context.Context) (again bool, err error) {
	var claims []*shardClaim
	var requests []request
	var of [][]int // the lanes of each claim
	for shard := range c.Store.shards {
		claim := &shardClaim{shard: shard, lease: span(c.params.Lease), until: min(c.now+span(c.params.Lease), maxMicros)}
		var which []int
		for i := range c.lanes {
			l := &c.lanes[i]
			if p := l.plan[shard]; p.n > 0 {
				claim.lanes = append(claim.lanes, laneClaim{id: l.id, n: p.n, cut: p.cut})
				claim.max += p.n
				which = append(which, i)
				l.plan[shard] = planned{}
			}
		}
		if claim.max == 0 {
			continue
		}
		if c.measured {
			for _, size := range c.budget[shard] {
				claim.maxBytes += int(size)
			}
			claim.maxBytes = max(claim.maxBytes, 1)
		}
		claims, of = append(claims, claim), append(of, which)
		requests = append(requests, c.claimRequest(claim))
	}
	if len(requests) == 0 {
		return false, nil
	}
	replies, errs := c.doEach(ctx, requests)
	for j, reply := range replies {
		if errs[j] != nil {
			c.down[claims[j].shard] = true
			err = errs[j]
			continue
		}
		answer, err := c.add(claims[j], reply)
		if err != nil {
			return false, err
		}
		missing := 0
		for n, i := range of[j] {
			l := &c.lanes[i]
			took := answer.taken[l.id]
			answer.taken[l.id] = 0 // a lane may be named twice
			l.want = max(l.want-took, 0)
			missing += claims[j].lanes[n].n - took
			if n < len(answer.next) {
				l.shards[claims[j].shard] = peeked{next: answer.next[n]}
			}
		}
		again = again || missing > 0
	}
	if len(c.batch.Deliveries) > 0 {
		err = nil // what the others leased is not given up for it
	}
	return again, err
}

// visited tells what remains in the lanes that were looked at.
func (c *acrossClaim) visited() {
	reached := c.reached
	if !c.full && len(c.batch.Deliveries) < c.params.Max {
		reached = len(c.lanes)
	}
	for i := range c.lanes[:reached] {
		l := &c.lanes[i]
		next := int64(0)
		for shard := range l.shards {
			p := &l.shards[shard]
			first := p.next
			if len(p.entries) > 0 {
				first = p.entries[0].visible
			}
			if c.down[shard] {
				first = c.now + downPause
			}
			if first > 0 && !l.paused && (next == 0 || first < next) {
				next = first
			}
		}
		c.batch.Visited = append(c.batch.Visited, store.LaneAt{ID: l.id, Next: timeOf(next)})
	}
}
