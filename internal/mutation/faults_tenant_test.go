package mutation

var tenantFaults = []fault{
	{"Delivery, Cancel and Requeue by id not scoped", []edit{{"inspect.go",
		`r == nil || s.lanes.slots[r.lane].tenant.name != tenant {`, `r == nil {`}}},
	{`"" reads every tenant's delivery`, []edit{{"inspect.go",
		`r == nil || s.lanes.slots[r.lane].tenant.name != tenant {`, `r == nil || tenant != "" && s.lanes.slots[r.lane].tenant.name != tenant {`}}},
	{"events not scoped", []edit{
		{"event.go", `if e.id() == id && e.kind.tenant.name == tenant {`, `if e.id() == id {`},
		{"event.go", `return maphash.String(seed, id) + 0x9e3779b97f4a7c15*maphash.String(seed, tenant)`, `return maphash.String(seed, id)`}}},
	{"endpoints not scoped", []edit{{"lane.go", `for l != nil && l.tenant.name != tenant {`, `for false {`}}},
	{"a foreign endpoint handed out", []edit{
		{"queue.go", `takenLane{l, l.id, l.tenant.name, l.endpoint}`, `takenLane{l, l.id, l.tenant.name, func() *store.Endpoint {
			for l := s.lanes.byID[l.id]; l != nil; l = l.next {
				if l.endpoint != nil {
					return l.endpoint
				}
			}
			return nil
		}()}`}}},
	{"Match not scoped", []edit{{"match.go",
		`	if t := s.tenants.byName[tenant]; t != nil {
		for i := range patterns {
			found[i] = t.match(patterns[i])`, `	for _, t := range s.tenants.byName {
		for i := range patterns {
			found[i] = append(found[i], t.match(patterns[i])...)`}}},
	{`"" lists all events`, []edit{{"inspect.go", `	if q.Scope.All {
		list.below = `, `	if q.Scope.Tenant == "" {
		list.below = `}}},
	{`"" lists all deliveries`, []edit{{"inspect.go", `	case q.Scope.All:
		return `, `	case q.Scope.Tenant == "":
		return `}}},
	{`"" lists all endpoints`, []edit{{"endpoints.go", `		if q.Scope.All {
			return `, `		if q.Scope.All || q.Scope.Tenant == "" {
			return `}}},
	{`"" counts all`, []edit{{"stats.go", `	case q.Scope.All:
`, `	case q.Scope.All || q.Scope.Tenant == "":
`}}},
	{"counts of one endpoint not scoped", []edit{{"stats.go", `if q.Scope.Includes(l.tenant.name) {`, `if true {`}}},
	{"an endpoint's deliveries not scoped", []edit{{"inspect.go", `if !q.Scope.Includes(l.tenant.name) {`, `if false {`}}},
	{"All heeds the tenant", []edit{{"stats.go", `	case q.Scope.All:
`, `	case q.Scope.All && q.Scope.Tenant == "":
`}}},
	{`erasing "" takes the next tenant too`, []edit{{"retention.go", `		t := s.tenants.byName[tenant]
`, `		t := s.tenants.byName[tenant]
		for _, other := range s.tenants.byName {
			if tenant == "" && (t == nil || t.events.n == 0) {
				t = other
			}
		}
`}}},
}
