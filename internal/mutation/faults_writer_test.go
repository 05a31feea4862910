package mutation

const unsafeImport = `	"math"
	"unsafe"
`

var writerFaults = []fault{
	{"conflict taken for duplicate", []edit{{"writer.go", `in.duplicate = stored.digest() == string(e.Digest)`, `in.duplicate = true`}}},
	{"duplicate taken for conflict", []edit{{"writer.go", `in.duplicate = stored.digest() == string(e.Digest)`, `in.duplicate = false`}}},
	{"digests compared by their first half", []edit{{"writer.go",
		`in.duplicate = stored.digest() == string(e.Digest)`, `in.duplicate = len(stored.digest()) == len(e.Digest) && stored.digest()[:len(e.Digest)/2] == string(e.Digest[:len(e.Digest)/2])`}}},
	{"duplicate within a batch stored twice", []edit{
		{"writer.go", `				batch[i].same = at
				continue
`, `				_ = at
`}}},
	{"conflict within a batch taken for duplicate", []edit{{"writer.go",
		`in.duplicate = string(events[in.same].Event.Digest) == string(e.Digest)`, `in.duplicate = true`}}},
	{"the rest of a batch stops at a conflict", []edit{{"writer.go", `	for i := range batch {
		if batch[i].isNew() {`, `	for i := range batch {
		if batch[i].conflict {
			break
		}
		if batch[i].isNew() {`}}},
	{"duplicate names no deliveries", []edit{{"writer.go", `				in.refs = s.refs(stored)
`, `				in.refs = []ref{}
`}}},
	{"insert into a full store not atomic", []edit{{"writer.go", `	if units > 0 && !s.room(units, bytes) {
`, `	if units > 0 && !s.room(units, bytes) {
		if batch[0].isNew() {
			s.store(&events[0], &batch[0])
		}
`}}},
	{"insert stores what stands before a bad event", []edit{
		{"writer.go", `			return nil, fmt.Errorf("memstore: event %d of the batch: %w", i, err)
`, `			return batch[:i], fmt.Errorf("memstore: event %d of the batch: %w", i, err)
`},
		{"writer.go", `	if err != nil {
		return nil, err
	}
	if err := s.lock(ctx); err != nil {`, `	if err != nil {
		s.mu.Lock()
		s.insert(events[:len(batch)], batch)
		s.mu.Unlock()
		return nil, err
	}
	if err := s.lock(ctx); err != nil {`}}},
	{"At ignored", []edit{{"writer.go", `visible = max(now, nanos(given.Event.At))`, `visible = now`}}},
	{"At in the past taken as it is", []edit{{"writer.go", `visible = max(now, nanos(given.Event.At))`, `visible = nanos(given.Event.At)`}}},
	{"Until lost", []edit{{"writer.go", `until: momentOf(given.Event.Until)`, `until: momentOf(given.Event.At)`}}},
	{"ContentType lost", []edit{{"event.go", `ContentType: e.kind.contentType,`, ``}}},
	{"body shared by reference on the way in", []edit{
		{"writer.go", `batch[i].body = string(e.Body)`, `batch[i].body = unsafe.String(unsafe.SliceData(e.Body), len(e.Body))`},
		{"writer.go", `	"math"
`, unsafeImport}}},
	{"body shared by reference on the way out", []edit{
		{"event.go", `r.Body = append([]byte{}, e.body...)`, `r.Body = unsafe.Slice(unsafe.StringData(e.body+"."), len(e.body)+1)[:len(e.body)]
		if len(e.body) > 0 {
			r.Body = unsafe.Slice(unsafe.StringData(e.body), len(e.body))
		}`},
		{"event.go", `	"strings"
`, `	"strings"
	"unsafe"
`}}},
	{"an empty body taken for a purged one", []edit{{"event.go", `	if !e.noBody {
		r.Body`, `	if !e.noBody && e.body != "" {
		r.Body`}}},
	{"events without deliveries not kept", []edit{{"writer.go", `	if e.pending == 0 {
		s.ended(number, e, now)
	}`, `	if e.pending == 0 {
		s.ended(number, e, now)
		s.removeEvent(number, e)
	}`}}},
	{"ids compared without case", []edit{
		{"event.go", `if e.id() == id && e.kind.tenant.name == tenant {`, `if strings.EqualFold(e.id(), id) && e.kind.tenant.name == tenant {`},
		{"event.go", `maphash.String(seed, id) +`, `maphash.String(seed, strings.ToLower(id)) +`}}},
	{"type matched by every prefix", []edit{{"match.go", `patterns[i] = store.MatchingPatterns(t)`, `patterns[i] = append(store.MatchingPatterns(t), t+".*")`}}},
	{"deep prefixes not matched", []edit{
		{"match.go", `patterns[i] = store.MatchingPatterns(t)`, `patterns[i] = store.MatchingPatterns(t)
		if p := patterns[i]; len(p) > 3 {
			patterns[i] = []string{p[0], p[1], p[len(p)-1]}
		}`}}},
	{"an endpoint matched once for each pattern", []edit{{"match.go", `if i > 0 && len(l.endpoint.Patterns) > 1 &&`, `if i > 99 &&`}}},
	{"an endpoint entered twice for a pattern it names twice", []edit{{"match.go", `		if !found {
`, `		if !found || len(list) > 0 {
`}}},
	{"disabled endpoint matched", []edit{{"match.go", `l.endpoint.Status == store.EndpointDisabled {`, `l.endpoint.Status > store.EndpointDisabled {`}}},
	{"paused endpoint not matched", []edit{{"match.go", `l.endpoint.Status == store.EndpointDisabled {`, `l.endpoint.Status != store.EndpointActive {`}}},
	{"deleted endpoint still matched", []edit{{"endpoints.go", `	l.tenant.unsubscribe(l)
	l.tenant.endpoints.remove(l.number)`, `	l.tenant.endpoints.remove(l.number)`}}},
	{"old patterns still matched", []edit{{"endpoints.go", `		l.tenant.unsubscribe(l)
		l.endpoint = &e`, `		l.endpoint = &e`}}},
}
