package mutation

var endpointFaults = []fault{
	{"status revision not raised", []edit{{"endpoints.go", `		e.Revision++
		e.UpdatedAt = timeOf(s.now())
		l.endpoint = &e`, `		e.UpdatedAt = timeOf(s.now())
		l.endpoint = &e`}}},
	{"status revision raised without a change", []edit{{"endpoints.go", `if l.endpoint.Status != status || l.endpoint.StatusReason != reason {`, `if true {`}}},
	{"another reason is no change", []edit{{"endpoints.go", `if l.endpoint.Status != status || l.endpoint.StatusReason != reason {`, `if l.endpoint.Status != status {`}}},
	{"update ignores the revision", []edit{{"endpoints.go", `old.Revision != e.Revision {`, `old.Revision < e.Revision {`}}},
	{"update changes the status", []edit{{"endpoints.go", `	e.Status, e.StatusReason = old.Status, old.StatusReason
`, ``}}},
	{"update changes CreatedAt", []edit{{"endpoints.go", `e.CreatedAt, e.UpdatedAt, e.DeletedAt = old.CreatedAt, timeOf(s.now())`, `e.CreatedAt, e.UpdatedAt, e.DeletedAt = timeOf(s.now()), timeOf(s.now())`}}},
	{"an id free in another tenant", []edit{{"endpoints.go", `		if l.endpoint != nil {
			return store.Endpoint{}, fmt.Errorf("memstore: create`, `		if l.endpoint != nil && l.tenant.name == e.Tenant {
			return store.Endpoint{}, fmt.Errorf("memstore: create`}}},
	{"an id free once deleted", []edit{{"endpoints.go", `		if l.endpoint != nil {
			return store.Endpoint{}, fmt.Errorf("memstore: create`, `		if l.endpoint != nil && !l.deleted() {
			return store.Endpoint{}, fmt.Errorf("memstore: create`}}},
	{"deleted twice", []edit{
		{"endpoints.go", `	l := s.endpoint(tenant, id)
	if l == nil {
		return noEndpoint("delete", id)
	}`, `	l := s.endpoint(tenant, id)
	if l == nil && s.lanes.find(tenant, id) != nil {
		return nil
	}
	if l == nil {
		return noEndpoint("delete", id)
	}`}}},
	{"a deleted endpoint stays paused", []edit{{"endpoints.go", `l.paused = l.endpoint != nil && !l.deleted() && `, `l.paused = l.endpoint != nil && `}}},
	{"a deleted endpoint is listed", []edit{{"endpoints.go", `	l.tenant.endpoints.remove(l.number)
	s.lanes.live.remove(l.number)
	delete(s.lanes.byNumber, l.number)`, `	if !l.deleted() {
		return
	}
	s.lanes.live.remove(l.number)`}}},
	{"listing ignores the status", []edit{{"endpoints.go", `if q.Status != 0 && e.Status != q.Status {`, `if q.Status > 9 {`}}},
	{"metadata shared by reference", []edit{
		{"endpoints.go", `c.Metadata = maps.Clone(e.Metadata)`, `c.Metadata = e.Metadata`},
		{"endpoints.go", `	"maps"
`, ``}}},
	{"patterns shared by reference", []edit{{"endpoints.go", `c.Patterns = slices.Clone(e.Patterns)`, `c.Patterns = e.Patterns`}}},
	{"sealed secrets shared by reference", []edit{{"endpoints.go", `		secret.Sealed = slices.Clone(secret.Sealed)
`, ``}}},
	{"no retries taken for the dispatcher's policy", []edit{{"endpoints.go", `c.Retry = slices.Clone(e.Retry)`, `c.Retry = append([]time.Duration(nil), e.Retry...)`}}},
	{"MaxInFlight lost", []edit{{"endpoints.go", `	c := *e
	c.Patterns`, `	c := *e
	c.MaxInFlight = 0
	c.Patterns`}}},
}
