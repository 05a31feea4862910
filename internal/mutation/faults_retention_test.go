package mutation

var retentionFaults = []fault{
	{"purge takes an event with a pending delivery", []edit{
		{"backlog.go", `	if e.ended != 0 {
		s.unend(e)
	}
	e.pending++`, `	e.pending++`},
		{"backlog.go", `if e.pending--; e.pending == 0 {`, `if e.pending--; e.pending == 0 && e.ended == 0 {`}}},
	{"purge takes an event that changed lately", []edit{{"retention.go", `e.ended < before {`, `e.created < before {`}}},
	{"purge takes an event once its first delivery ended", []edit{
		{"backlog.go", `if e.pending--; e.pending == 0 {`, `if e.pending--; e.ended == 0 {`}}},
	{"purge does more than its limit", []edit{{"retention.go", `purged.More = purged.Events == p.Limit`, `purged.More = purged.Events == p.Limit+1`}}},
	{"purge does not say More", []edit{{"retention.go", `		purged.More = purged.Events == p.Limit
`, `		if purged.Events == p.Limit {
			break
		}
`}}},
	{"purge says More without end", []edit{{"retention.go", `			s.empty(n, e)
`, `			s.empty(n, e)
			purged.Events += 0
			s.purged.first, s.whole.first = s.whole.first, s.purged.first
`}}},
	{"a purge of bodies takes the events", []edit{{"retention.go", `		if p.BodiesOnly {
			s.empty(n, e)
		} else {
			s.removeEvent(n, e)
		}`, `		s.removeEvent(n, e)`}}},
	{"a purge of bodies leaves those of the attempts", []edit{{"attempts.go", `		a.ResponseBody = nil
`, ``}}},
	{"a purge of bodies empties but does not mark", []edit{{"retention.go", `	e.body, e.noBody = "", true
`, `	e.body = ""
`}}},
	{"tombstones kept forever", []edit{{"retention.go", `l != nil && !p.BodiesOnly; l = s.anyTomb() {`, `l != nil && p.Limit > 1e6; l = s.anyTomb() {`}}},
	{"tombstones taken while a delivery needs them", []edit{{"lane.go", `	if l.rows.n > 0 {
		return
	}
	if l.endpoint != nil {`, `	if l.rows.n > 0 && l.endpoint == nil {
		return
	}
	if l.endpoint != nil {`}}},
	{"tombstones taken though something was published to them", []edit{{"writer.go", `	delete(s.lanes.tombs, l)
`, ``}}},
	{"a lane that went is found again", []edit{{"lane.go", `		s.lanes.byID[l.id] = l.next
	} else {`, `	} else {`}}},
	{"purge takes what is ten minutes too young", []edit{{"retention.go", `e.ended < before {`, `e.ended < before+600e9 {`}}},
	{"purged attempts still read", []edit{{"bounds.go", `	s.rows.remove(n, r)
`, `	r.state = store.StateCancelled
`}, {"bounds.go", `package memstore
`, `package memstore

import "github.com/postrider/postrider/store"
`}}},
	{"the id of a purged event stays taken", []edit{{"bounds.go", `	s.events.unlink(hashOf(s.seed, t.name, e.id()), n, e)
	t.releaseKind(e.kind)
	t.events.remove(n)
	s.events.drop(n)
`, `	t.events.remove(n)
`}}},
	{"erasing leaves the endpoints", []edit{{"retention.go", `	for l := s.anyEndpoint(tenant); l != nil; l = s.anyEndpoint(tenant) {`, `	for l := s.anyEndpoint(tenant); l != nil && limit > 1e6; l = s.anyEndpoint(tenant) {`}}},
	{"erasing leaves events that wait", []edit{{"retention.go", `		if t == nil || t.events.n == 0 {
`, `		if t == nil || t.events.n == 0 || s.events.at(t.events.blocks[0][0]).pending > 0 {
`}}},
	{"erasing ignores its limit", []edit{{"retention.go", `purged.More = purged.Events == limit`, `purged.More = purged.Events == limit+2`}}},
	{"erasing says that it is done too early", []edit{{"retention.go", `		purged.More = purged.Events == limit
`, `		if purged.Events == limit {
			break
		}
`}}},
}
