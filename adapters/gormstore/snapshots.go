package gormstore

import (
	"sync"

	"github.com/postrider/postrider/store"
)

// A claim reads of each endpoint its revision, which rises with every write, and
// takes the rest from here if it is known. An id can be used again after its
// tenant was erased, so the time of creation belongs to the key.
type snapshotKey struct {
	id                string
	created, revision int64
}

// maxSnapshots bounds the endpoints that are remembered.
const maxSnapshots = 10_000

// snapshots remembers endpoints. The zero value is empty.
type snapshots struct {
	mu    sync.Mutex
	known map[string]snapshot
}

type snapshot struct {
	snapshotKey
	endpoint store.Endpoint
}

// get returns a copy of the endpoint, if this very revision is known.
func (s *snapshots) get(k snapshotKey) (store.Endpoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.known[k.id]
	if !ok || found.snapshotKey != k {
		return store.Endpoint{}, false
	}
	return copyEndpoint(found.endpoint), true
}

// forget forgets all endpoints.
func (s *snapshots) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
}

// put remembers an endpoint; what it takes is a copy.
func (s *snapshots) put(e store.Endpoint) {
	k := snapshotKey{id: e.ID, created: e.CreatedAt.UnixMicro(), revision: e.Revision}
	e = copyEndpoint(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxSnapshots {
		s.known = make(map[string]snapshot)
	}
	s.known[k.id] = snapshot{k, e}
}
