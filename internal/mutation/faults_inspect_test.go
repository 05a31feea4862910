package mutation

var inspectFaults = []fault{
	{"cursor skips a record", []edit{{"list.go", `			s.mu.Unlock()
			return "", err
		}
	}
	taken`, `			s.mu.Unlock()
			return "", err
		}
		before--
	}
	taken`}}},
	{"cursor repeats a record", []edit{{"list.go", `return s.cursor(l.kind, l.filter, last), nil`, `return s.cursor(l.kind, l.filter, last+1), nil`}}},
	{"cursor skips on equal times", []edit{
		{"inspect.go", `		v := between.judge(e.created)
`, `		v := between.judge(e.created)
		if last := s.events.at(cursorAt); last != nil && q.Cursor != "" && v == take && e.created/1e7 == last.created/1e7 {
			v = pass
		}
`},
		{"inspect.go", `	var found []event
`, `	var found []event
	cursorAt, _ := parseDigits(q.Cursor[:min(len(q.Cursor), cursorDigits)])
`}}},
	{"equal times not ordered by id", []edit{{"clock.go", `	s.lastTick = max(s.now(), s.lastTick+1)
`, `	s.lastTick = s.now() / 1e7 * 1e7
`}}},
	{"a page without the following one", []edit{{"list.go", `return s.cursor(l.kind, l.filter, last), nil`, `return s.cursor(l.kind, l.filter, last)[:0], nil`}}},
	{"a full page always has a following one", []edit{{"list.go", `if taken++; taken > l.limit {`, `last = before
					if taken++; taken >= l.limit {`}}},
	{"any cursor accepted", []edit{{"cursor.go", `if ok && ok2 && sum == s.checksum(kind, filter, n) {`, `if ok && ok2 || sum == s.checksum(kind, filter, n) {`}}},
	{"cursor of another filter accepted", []edit{{"cursor.go", `	if len(filter) > 0 {`, `	if len(filter) > 99 {`}}},
	{"From exclusive", []edit{{"list.go", `case created < s.from:`, `case created <= s.from:`}}},
	{"To inclusive", []edit{{"list.go", `case created >= s.to:`, `case created > s.to:`}}},
	{"the filter of states ignored", []edit{{"inspect.go", `if q.State != 0 && r.state != q.State {`, `if q.State > 9 {`}}},
	{"the filter of types ignored beside that of events", []edit{{"inspect.go",
		`(q.EventID == "" || e.id() == q.EventID) && (`, `q.EventID != "" && e.id() == q.EventID || q.EventID == "" && (`}}},
	{"the filter of endpoints ignored beside that of events", []edit{{"inspect.go",
		`if q.EndpointID != "" && s.lanes.slots[r.lane].id != q.EndpointID {`, `if q.EndpointID != "" && q.EventID == "" && s.lanes.slots[r.lane].id != q.EndpointID {`}}},
	{"events filtered by a prefix of the type", []edit{
		{"inspect.go", `q.Type != "" && e.kind.eventType != q.Type {`, `q.Type != "" && !strings.HasPrefix(e.kind.eventType, q.Type) {`},
		{"inspect.go", `	"slices"
`, `	"slices"
	"strings"
`}}},
	{"counts not ordered", []edit{{"stats.go", `return strings.Compare(a.EndpointID, b.EndpointID) })`, `return strings.Compare(b.EndpointID, a.EndpointID) })`}}},
	{"counts of endpoints without deliveries", []edit{{"stats.go", `		if l.rows.n == 0 {
			return
		}
`, ``}}},
	{"stats not decremented on purge", []edit{{"bounds.go", `	l.counts[r.state]--
	l.rows.remove(n)`, `	if r.state == store.StatePending {
		l.counts[r.state]--
	}
	stuck := l.rows.n == 1
	l.rows.remove(n)
	if stuck {
		l.counts = [1 + int(store.StateCancelled)]int64{}
	}`}, {"bounds.go", `package memstore
`, `package memstore

import "github.com/postrider/postrider/store"
`}}},
	{"stats not decremented on requeue", []edit{{"recovery.go", `	l.counts[r.state]--
	r.state = store.StatePending`, `	r.state = store.StatePending`}}},
	{"an ended context unheeded", []edit{{"store.go", `	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.init()`, `	if ctx.Err() != nil && s.rows.end == 0 {
		return ctx.Err()
	}
	s.mu.Lock()
	s.init()`}}},
}
