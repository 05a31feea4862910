package memstore

import "strings"

// tenant holds the indexes over what a tenant has.
type tenant struct {
	name  string
	kinds map[kindKey]*kind
	// patterns leads from a pattern to the endpoints that subscribe to it, in
	// the order of their creation. Disabled ones stand in it too.
	patterns map[string][]*lane
	lanes    map[*lane]struct{}
	// homes are the lanes that hold an endpoint or a tombstone.
	homes map[*lane]struct{}
	// The tenant's records, by number.
	events, rows, endpoints ascending
}

// tenants holds those that have a record.
type tenants struct {
	byName map[string]*tenant
}

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

// release forgets a tenant that has nothing left.
func (t *tenants) release(old *tenant) {
	if old.events.n == 0 && len(old.lanes) == 0 && t.byName[old.name] == old {
		delete(t.byName, old.name)
	}
}
