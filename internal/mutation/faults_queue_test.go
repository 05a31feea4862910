package mutation

var queueFaults = []fault{
	{"order by insertion instead of VisibleAt", []edit{{"backlog.go",
		`return a.at < b.at || a.at == b.at && a.row < b.row`, `return a.row < b.row`}}},
	{"lanes in another order than named", []edit{{"queue.go",
		`	for _, lane := range p.Lanes {
		if c.full {`, `	for i := range p.Lanes {
		lane := p.Lanes[len(p.Lanes)-1-i]
		if c.full {`}}},
	{"N ignored", []edit{{"queue.go", `s.claimLane(c, first, lane.N)`, `s.claimLane(c, first, max(lane.N, 3))`}}},
	{"Max ignored", []edit{{"queue.go",
		`		if len(c.taken) >= c.params.Max {
			c.full = true
			return
		}`, ``}}},
	{"MaxBytes ignored", []edit{{"queue.go", `bound > 0 && len(c.taken) > 0 &&`, `bound < 0 && len(c.taken) > 0 &&`}}},
	{"the first delivery held to MaxBytes", []edit{{"queue.go", `bound > 0 && len(c.taken) > 0 &&`, `bound > 0 &&`}}},
	{"too large a body passed over for a smaller one", []edit{{"queue.go",
		`			c.full = true
			return
		}
	}
	c.full = `, `			s.lease(l, number, r, r.visible+1)
			continue
		}
	}
	c.full = `}}},
	{"not yet visible claimed", []edit{{"queue.go", `r == nil || r.visible > c.now {`, `r == nil || r.visible > c.now+int64(1e9) {`}}},
	{"visible one claimed too late", []edit{{"queue.go", `r == nil || r.visible > c.now {`, `r == nil || r.visible >= c.now-int64(5e6) && r.place == timed {`}}},
	{"paused endpoint claimed", []edit{{"queue.go",
		`	for l := first; l != nil; l = l.next {
		if l.paused {`, `	for l := first; l != nil; l = l.next {
		if false {`}}},
	{"lease from the caller's clock", []edit{
		{"queue.go", `c.until = after(c.now, p.Lease)`, `c.until = after(time.Now().UnixNano(), p.Lease)`},
		{"queue.go", `	"sync"
`, `	"sync"
	"time"
`}}},
	{"claimed by the caller's clock", []edit{
		{"queue.go", `	c.now = s.now()
`, `	c.now = time.Now().UnixNano()
`},
		{"queue.go", `	"sync"
`, `	"sync"
	"time"
`}}},
	{"token not raised by a claim", []edit{{"queue.go",
		`	r.token++
	r.claimed = true`, `	r.claimed = true`}}},
	{"token not raised by a claim after an expiry", []edit{{"queue.go",
		`	r.token++
	r.claimed = true`, `	if !expired {
		r.token++
	}
	r.claimed = true`}}},
	{"expiries not counted", []edit{{"queue.go",
		`		r.expiries++
		r.interrupted++`, `		r.interrupted++`}}},
	{"interruptions not counted", []edit{{"queue.go",
		`		r.expiries++
		r.interrupted++`, `		r.expiries++`}}},
	{"every claim an expiry", []edit{{"queue.go", `expired := r.claimed`, `expired := r.token > 1`}}},
	{"an event for each delivery of the batch", []edit{{"queue.go",
		`if i := int(e.claim); i >= len(c.events) || c.events[i].number != r.event {`, `if true {`}}},
	{"no tombstone for an endpoint that never was", []edit{{"queue.go",
		`Status: store.EndpointDisabled, DeletedAt: b.Now}`, `Status: store.EndpointDisabled}`}}},
	{"body shared by reference on the way out of Claim", []edit{
		{"queue.go", `b.Events[i].Body = bodies.cut(e.body)`, `b.Events[i].Body = unsafe.Slice(unsafe.StringData(e.body), len(e.body))
			_ = bodies`},
		{"queue.go", `	"sync"
`, `	"sync"
	"unsafe"
`}}},
	{"bodies of one batch overlap", []edit{{"queue.go", `c.piece[begin:len(c.piece):len(c.piece)]`, `c.piece[begin:len(c.piece)]`}}},
	{"Next too late", []edit{{"queue.go",
		`ID: lane.ID, Next: timeOf(s.next(first))}`, `ID: lane.ID, Next: timeOf(max(s.next(first), c.now))}`}}},
	{"Next is the end of the lease, though others are visible", []edit{{"queue.go",
		`ID: lane.ID, Next: timeOf(s.next(first))}`, `ID: lane.ID, Next: timeOf(func() int64 {
			if len(c.taken) > 0 {
				return c.until
			}
			return s.next(first)
		}())}`}}},
	{"Next zero though leased ones remain", []edit{{"queue.go",
		`r != nil && (earliest == 0`, `r != nil && !r.claimed && (earliest == 0`}}},
	{"Next of one tenant's deliveries in a lane that two use", []edit{{"queue.go",
		`r.visible < earliest`, `r.visible > earliest`}}},
	{"Next too early", []edit{{"queue.go",
		`ID: lane.ID, Next: timeOf(s.next(first))}`, `ID: lane.ID, Next: timeOf(min(s.next(first), c.now))}`}}},
	{"Next of a paused lane", []edit{{"queue.go",
		`	for ; l != nil; l = l.next {
		if l.paused {`, `	for ; l != nil; l = l.next {
		if false {`}}},
	{"a drained lane not visited", []edit{{"queue.go",
		`		visited = append(visited, store.LaneAt{`, `		if s.next(first) != 0 {
			visited = append(visited, store.LaneAt{`},
		{"queue.go", `Next: timeOf(s.next(first))})
	}`, `Next: timeOf(s.next(first))})
		}
	}`}}},
	{"every lane visited, whatever was looked at", []edit{{"queue.go",
		`		if c.full {
			break
		}`, `		if c.full {
			visited = append(visited, store.LaneAt{ID: lane.ID})
			continue
		}`}}},
	{"sweep misses a lane", []edit{{"due.go", `		at = slot + 1
`, `		at = slot + 2
`}}},
	{"sweep misses the lane at which a page ends", []edit{{"due.go",
		`uint64(begin)<<slotBits | uint64(slot)`, `uint64(begin)<<slotBits | uint64(slot+1)`}}},
	{"sweep wrapped too early", []edit{{"due.go",
		`			wrapped, at = true, 0
			continue`, `			d.Wrapped = true
			return nil`}}},
	{"sweep never wrapped when it begins at the first lane", []edit{{"due.go",
		`		case !ok && wrapped:
			d.Wrapped = true`, `		case !ok && wrapped:
			d.Wrapped = begin > 0`}}},
	{"sweep ignores the limit", []edit{{"due.go", `		limit--
		l := s.lanes.slots[slot]`, `		l := s.lanes.slots[slot]`}}},
	{"paused lanes reported", []edit{{"lane.go", `l.pending() > 0 && !l.paused {`, `l.pending() > 0 {`}}},
	{"disabled lanes not reported", []edit{{"lane.go", `l.pending() > 0 && !l.paused {`,
		`l.pending() > 0 && !l.paused && (l.endpoint == nil || l.endpoint.Status != store.EndpointDisabled) {`}}},
	{"tail stops short of older lanes", []edit{{"due.go",
		`for l.older != nil && l.older.latest > mark {`, `for l.older != nil && l.older.latest > mark+1 {`}}},
	{"tail never comes to an end", []edit{{"due.go", `		limit--
		mark = l.latest
`, `		limit--
`}, {"due.go", `			mark = l.latest
			continue`, `			continue`}}},
	{"sweep reports drained lanes", []edit{{"lane.go", `l.pending() > 0 && !l.paused {`, `!l.paused {`}}},
	{"a body that fills MaxBytes to the last byte left out", []edit{{"queue.go", `c.bytes+len(e.body) > bound {`, `c.bytes+len(e.body) >= bound {`}}},
	{"tail not behind when it is", []edit{{"due.go", `			d.Behind = true
			return mark`, `			return s.rows.end`}}},
	{"tail always behind", []edit{{"due.go", `	d.Mark = s.cursor('m', nil, mark)`, `	d.Behind = p.Mark != ""
	d.Mark = s.cursor('m', nil, mark)`}}},
	{"tail reports what was there before the mark", []edit{{"due.go",
		`l == nil || l.latest <= mark {`, `l == nil {`}, {"due.go",
		`l.older != nil && l.older.latest > mark {`, `l.older != nil {`}}},
	{"Due tells the caller's time", []edit{
		{"due.go", `d := store.DueLanes{Now: timeOf(s.now())}`, `d := store.DueLanes{Now: time.Now().UTC()}`},
		{"due.go", `	"math/rand/v2"
`, `	"math/rand/v2"
	"time"
`}}},
}
