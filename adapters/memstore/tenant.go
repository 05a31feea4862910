package memstore

import "strings"

// tenant holds the indexes over what a tenant has.
type tenant struct {
	name string
	// kinds keeps each pair of type and content type once for all events.
	kinds map[kindKey]*kind
	// patterns leads from a pattern to the endpoints that subscribe to it, in
	// the order of their creation. Disabled ones stand in it too.
	patterns map[string][]*lane
	// lanes are all of the tenant's, with or without an endpoint.
	lanes map[*lane]struct{}
	// homes are the lanes that hold an endpoint or a tombstone.
	homes map[*lane]struct{}
	// The tenant's records, by number. Only endpoints that are not deleted are
	// among them.
	events, rows, endpoints ascending
}

// tenants holds those that have a record.
type tenants struct {
	byName map[string]*tenant
}

// get returns a tenant and makes it if need be. The name is copied: it may be a
// part of something large that the caller holds.
func (t *tenants) get(name string) *tenant {
	if found := t.byName[name]; found != nil {
		return found
	}
	name = strings.Clone(name)
	made := &tenant{
		name: name, kinds: make(map[kindKey]*kind), patterns: make(map[string][]*lane),
		lanes: make(map[*lane]struct{}), homes: make(map[*lane]struct{}),
	}
	t.byName[name] = made
	return made
}

// release forgets a tenant that has nothing left, so that names which are used
// once do not add up.
func (t *tenants) release(old *tenant) {
	if old.events.n == 0 && len(old.lanes) == 0 && t.byName[old.name] == old {
		delete(t.byName, old.name)
	}
}
