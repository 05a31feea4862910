package redisstore

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// An endpoint's record begins with what the scripts write: created, updated and
// deleted in 7 bytes each, revision in 6, status in one. The rest is for Go
// alone. Its version, kept apart so that every claim can read it, is created,
// revision and status.
const (
	versionLen = 14
	// statusDeleted marks a tombstone in a version and a record.
	statusDeleted = 9
)

func isPaused(version string) bool {
	return len(version) == versionLen && version[versionLen-1] == byte(store.EndpointPaused)
}

// versionOf is the version that a record was read with, without the status.
func versionOf(e *store.Endpoint) string {
	var b [versionLen - 1]byte
	putNumber(b[:], e.CreatedAt.UnixMicro())
	n := e.Revision
	for i := versionLen - 2; i >= numberLen; i-- {
		b[i] = byte(n) // #nosec G115 -- the lowest byte
		n >>= 8
	}
	return string(b[:])
}

// appendEndpoint encodes what is for Go alone.
func appendEndpoint(b []byte, e *store.Endpoint) []byte {
	for _, text := range []string{e.Tenant, e.Name, e.URL, e.Description, string(e.StatusReason)} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Patterns)))
	for _, p := range e.Patterns {
		b = appendText(b, p)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Secrets)))
	for i := range e.Secrets {
		s := &e.Secrets[i]
		b = binary.AppendVarint(b, int64(s.Version))
		b = appendBytes(b, s.Sealed)
		b = append(b, byte(s.Phase))
		b = appendTime(b, s.CreatedAt)
		b = appendTime(b, s.ExpiresAt)
	}
	b = appendBytes(b, e.Headers)
	b = binary.AppendUvarint(b, uint64(len(e.Metadata)))
	for _, k := range slices.Sorted(maps.Keys(e.Metadata)) {
		b = appendText(b, k)
		b = appendText(b, e.Metadata[k])
	}
	if e.Retry == nil {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(len(e.Retry))+1)
		for _, d := range e.Retry {
			b = binary.AppendVarint(b, int64(d))
		}
	}
	return binary.AppendVarint(b, int64(e.MaxInFlight))
}

func decodeEndpoint(id, text string) (*store.Endpoint, error) {
	r := reader{rest: text}
	e := &store.Endpoint{ID: id}
	e.CreatedAt, e.UpdatedAt, e.DeletedAt = timeOf(r.fixed(7)), timeOf(r.fixed(7)), timeOf(r.fixed(7))
	e.Revision = r.fixed(6)
	if status := r.fixed(1); status != statusDeleted {
		e.Status = store.EndpointStatus(status) // #nosec G115 -- one byte
	} else {
		e.Status = store.EndpointDisabled
	}
	e.Tenant, e.Name, e.URL, e.Description = r.text(), r.text(), r.text(), r.text()
	e.StatusReason = store.Code(r.text())
	for range min(r.uvarint(), uint64(len(r.rest))) {
		e.Patterns = append(e.Patterns, r.text())
	}
	for range min(r.uvarint(), uint64(len(r.rest))) {
		s := store.SealedSecret{Version: int(r.varint()), Sealed: r.bytes()}
		s.Phase = store.SecretPhase(r.fixed(1)) // #nosec G115 -- one byte
		s.CreatedAt, s.ExpiresAt = r.time(), r.time()
		e.Secrets = append(e.Secrets, s)
	}
	e.Headers = r.bytes()
	for range min(r.uvarint(), uint64(len(r.rest))) {
		if e.Metadata == nil {
			e.Metadata = make(map[string]string)
		}
		k := r.text()
		e.Metadata[k] = r.text()
	}
	if n, some := r.count(); some {
		e.Retry = make([]time.Duration, n)
		for i := range e.Retry {
			e.Retry[i] = time.Duration(r.varint())
		}
	}
	e.MaxInFlight = int(r.varint())
	return e, r.err()
}

// clone copies an endpoint with all that it refers to.
func clone(e *store.Endpoint) store.Endpoint {
	c := *e
	c.Patterns = slices.Clone(e.Patterns)
	c.Secrets = slices.Clone(e.Secrets)
	for i := range c.Secrets {
		c.Secrets[i].Sealed = slices.Clone(c.Secrets[i].Sealed)
	}
	c.Headers = slices.Clone(e.Headers)
	c.Metadata = maps.Clone(e.Metadata)
	c.Retry = slices.Clone(e.Retry)
	return c
}

// cachedEndpoints bounds what a handle remembers of endpoints.
const cachedEndpoints = 8192

// endpointCache remembers endpoints as they were decoded, so that a claim reads
// their versions only. A record is used only if its version is still the stored
// one, so it is never out of date.
type endpointCache struct {
	mu    sync.Mutex
	known map[string]*store.Endpoint
}

// get returns the endpoint with a version, nil if it is not known.
func (c *endpointCache) get(id, version string) *store.Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[id]
	if e == nil || len(version) != versionLen || versionOf(e) != version[:versionLen-1] {
		return nil
	}
	return e
}

func (c *endpointCache) put(e *store.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[string]*store.Endpoint)
	}
	if old := c.known[e.ID]; old != nil && cmp.Or(old.CreatedAt.Compare(e.CreatedAt), cmp.Compare(old.Revision, e.Revision)) > 0 {
		return
	}
	if len(c.known) >= cachedEndpoints {
		for id := range c.known { // any one
			delete(c.known, id)
			break
		}
	}
	c.known[e.ID] = e
}
