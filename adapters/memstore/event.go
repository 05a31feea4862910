package memstore

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
)

// event is an event as it is kept: few pointers first, and strings, which are
// never written again, so that what they hold may be copied without the lock.
type event struct {
	kind *kind
	// head is the id, the digest, and the encoded header if there is one.
	head string
	body string
	// extra holds the deliveries that Requeue made, by lane; nil if none.
	extra map[uint32]uint64

	time, at, until moment
	created         int64
	// ended is when the last pending delivery ended, 0 while one is pending.
	ended int64
	// size is what the event costs with its deliveries and their attempts.
	size int64
	// The deliveries that Insert made are first, first+1 … first+n-1.
	first uint64
	// prev and next link the ended events.
	prev, next uint64
	// sibling is the next event with the same hash.
	sibling uint64

	n       uint32
	pending uint32
	// claim is the event's place in the batch that is being claimed.
	claim    uint32
	noBody   bool
	noDigest bool
	pinned   bool
	// How much of head is the id, and the digest.
	idLen, digestLen uint8
}

func (e *event) id() string     { return e.head[:e.idLen] }
func (e *event) digest() string { return e.head[e.idLen : e.idLen+e.digestLen] }

func (e *event) header() []store.Header {
	encoded := e.head[e.idLen+e.digestLen:]
	if encoded == "" {
		return nil
	}
	r := logReader{rest: encoded}
	return r.header()
}

// units is what the event counts for in the bound of deliveries.
func (e *event) units() int64 { return max(1, int64(e.n)+int64(len(e.extra))) }

// record makes what is returned, all but the Body.
func (e *event) record() store.Event {
	r := store.Event{
		ID: e.id(), Tenant: e.kind.tenant.name, Type: e.kind.eventType, ContentType: e.kind.contentType, Header: e.header(),
		Time: e.time.time(), At: e.at.time(), Until: e.until.time(), CreatedAt: timeOf(e.created),
	}
	if !e.noDigest {
		r.Digest = []byte(e.digest())
	}
	return r
}

// full makes the whole record.
func (e *event) full() store.Event {
	r := e.record()
	if !e.noBody {
		r.Body = append([]byte{}, e.body...)
	}
	return r
}

// rowNumbers returns the numbers of all deliveries of the event, ascending.
func (e *event) rowNumbers() []uint64 {
	numbers := make([]uint64, 0, int(e.n)+len(e.extra))
	for i := range uint64(e.n) {
		numbers = append(numbers, e.first+i)
	}
	for _, n := range e.extra {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers[e.n:]) // they were made later than the others
	return numbers
}

// kind is what many events of a tenant have in common.
type kind struct {
	tenant      *tenant
	eventType   string
	contentType string
	events      int
}

type kindKey struct{ eventType, contentType string }

// eventTable holds the events by their numbers, which start at 1 and rise in
// the order of insertion.
type eventTable struct {
	slab[event]
	end uint64
	// index leads from the hash of (tenant, id) to the first event with it. A
	// map without strings is nothing to the collector.
	index map[uint64]uint64
}

func (t *eventTable) init() { t.index = make(map[uint64]uint64) }

// get returns the event n, nil if there is none.
func (t *eventTable) get(n uint64) *event {
	if e := t.at(n); e != nil && e.kind != nil {
		return e
	}
	return nil
}

func hashOf(seed maphash.Seed, tenant, id string) uint64 {
	return maphash.String(seed, id) + 0x9e3779b97f4a7c15*maphash.String(seed, tenant)
}

// find returns the number of an event, 0 if the tenant has none by that id.
func (t *eventTable) find(hash uint64, tenant, id string) (uint64, *event) {
	for n := t.index[hash]; n != 0; {
		e := t.at(n)
		if e.id() == id && e.kind.tenant.name == tenant {
			return n, e
		}
		n = e.sibling
	}
	return 0, nil
}

func (s *Store) findEvent(tenant, id string) (uint64, *event) {
	return s.events.find(hashOf(s.seed, tenant, id), tenant, id)
}

// link makes an event findable.
func (t *eventTable) link(hash, n uint64, e *event) {
	e.sibling = t.index[hash]
	t.index[hash] = n
}

func (t *eventTable) unlink(hash, n uint64, e *event) {
	first := t.index[hash]
	switch {
	case first == n && e.sibling == 0:
		delete(t.index, hash)
	case first == n:
		t.index[hash] = e.sibling
	default:
		for p := t.at(first); ; p = t.at(p.sibling) {
			if p.sibling == n {
				p.sibling = e.sibling
				return
			}
		}
	}
}

// kindOf returns the tenant's kind of such events and counts one more.
func (t *tenant) kindOf(eventType, contentType string) *kind {
	k := t.kinds[kindKey{eventType, contentType}]
	if k == nil {
		k = &kind{tenant: t, eventType: strings.Clone(eventType), contentType: strings.Clone(contentType)}
		t.kinds[kindKey{k.eventType, k.contentType}] = k
	}
	k.events++
	return k
}

func (t *tenant) releaseKind(k *kind) {
	if k.events--; k.events == 0 {
		delete(t.kinds, kindKey{k.eventType, k.contentType})
	}
}
