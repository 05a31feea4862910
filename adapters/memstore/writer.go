package memstore

import (
	"context"
	"fmt"
	"math"

	"github.com/postrider/postrider/store"
)

// Insert implements [store.Writer]. Beside [store.ErrFull] it refuses a batch
// with an event that has an empty ID or EndpointID, more bytes than [store.Event]
// allows, or an endpoint twice. A nil Body is kept as an empty one, for nil means
// that the payload was purged.
func (s *Store) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	batch, err := newInsertion(events)
	if err != nil {
		return nil, err
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	ok := s.insert(events, batch)
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("memstore: insert of %d events: %w", len(events), store.ErrFull)
	}
	return s.inserted(events, batch), nil
}

// insertion is an event of a batch, made ready without the lock, and then what
// became of it.
type insertion struct {
	// head and body are the copies that the store keeps, see [event].
	head, body string
	// same is the index of the event of the batch with the same tenant and id
	// that stands first; its own index if it is the first.
	same int
	hash uint64

	duplicate, conflict bool
	// What the event has in the store: first is the row of its first delivery,
	// refs are all of them, not nil, if it was stored before.
	first uint64
	refs  []ref
}

// ref is a [store.DeliveryRef] without its text.
type ref struct {
	row      uint64
	endpoint string
}

func newInsertion(events []store.NewEvent) ([]insertion, error) {
	batch := make([]insertion, len(events))
	type key struct{ tenant, id string }
	var seen map[key]int
	if len(events) > 1 {
		seen = make(map[key]int, len(events))
	}
	for i := range events {
		e := &events[i].Event
		if err := check(&events[i]); err != nil {
			return nil, fmt.Errorf("memstore: event %d of the batch: %w", i, err)
		}
		batch[i].same = i
		if seen != nil {
			k := key{e.Tenant, e.ID}
			if at, ok := seen[k]; ok {
				batch[i].same = at
				continue
			}
			seen[k] = i
		}
		batch[i].head = e.ID + string(e.Digest)
		if e.Header != nil {
			batch[i].head += string(appendHeader(nil, e.Header))
		}
		batch[i].body = string(e.Body)
	}
	return batch, nil
}

// check refuses what the contract excludes, as far as it would do harm here.
func check(n *store.NewEvent) error {
	e := &n.Event
	switch {
	case e.ID == "" || len(e.ID) > 64:
		return fmt.Errorf("the ID must have 1 to 64 bytes, it has %d", len(e.ID))
	case len(e.Type) > 128:
		return fmt.Errorf("the Type must have at most 128 bytes, it has %d", len(e.Type))
	case len(e.Digest) > 32:
		return fmt.Errorf("the Digest must have at most 32 bytes, it has %d", len(e.Digest))
	case len(n.Deliveries) > math.MaxInt32:
		return fmt.Errorf("%d deliveries are too many", len(n.Deliveries))
	}
	var seen map[string]struct{}
	if len(n.Deliveries) > 16 {
		seen = make(map[string]struct{}, len(n.Deliveries))
	}
	for i, d := range n.Deliveries {
		if err := checkEndpointID(d.EndpointID); err != nil {
			return fmt.Errorf("delivery %d: %w", i, err)
		}
		twice := false
		if seen != nil {
			_, twice = seen[d.EndpointID]
			seen[d.EndpointID] = struct{}{}
		} else {
			for _, other := range n.Deliveries[:i] {
				twice = twice || other.EndpointID == d.EndpointID
			}
		}
		if twice {
			return fmt.Errorf("delivery %d: the endpoint %q stands in it twice", i, d.EndpointID)
		}
	}
	return nil
}

func checkEndpointID(id string) error {
	if id == "" || len(id) > 64 {
		return fmt.Errorf("the EndpointID must have 1 to 64 bytes, it has %d", len(id))
	}
	return nil
}

// insert stores the batch, or returns false if there is no room for it. What is
// needed is summed up first, so that nothing has to be undone.
func (s *Store) insert(events []store.NewEvent, batch []insertion) bool {
	var units, bytes int64
	for i := range batch {
		in, e := &batch[i], &events[i].Event
		if first := &batch[in.same]; first != in && first.isNew() {
			in.duplicate = string(events[in.same].Event.Digest) == string(e.Digest)
			in.conflict = !in.duplicate
			continue
		}
		in.hash = hashOf(s.seed, e.Tenant, e.ID)
		if _, stored := s.events.find(in.hash, e.Tenant, e.ID); stored != nil {
			in.duplicate = stored.digest() == string(e.Digest)
			in.conflict = !in.duplicate
			if in.duplicate {
				in.refs = s.refs(stored)
			}
			continue
		}
		units += max(1, int64(len(events[i].Deliveries)))
		bytes += eventSize(in, len(events[i].Deliveries))
		for _, d := range events[i].Deliveries {
			if s.lanes.find(e.Tenant, d.EndpointID) == nil {
				bytes += laneCost
			}
		}
	}
	if units > 0 && !s.room(units, bytes) {
		return false
	}
	for i := range batch {
		if batch[i].isNew() {
			s.store(&events[i], &batch[i])
		}
	}
	return true
}

func (in *insertion) isNew() bool { return !in.duplicate && !in.conflict }

func eventSize(in *insertion, deliveries int) int64 {
	return eventCost + int64(len(in.head)+len(in.body)) + rowCost*int64(deliveries)
}

// store stores one new event.
func (s *Store) store(given *store.NewEvent, in *insertion) {
	now := s.tick()
	t := s.tenants.get(given.Event.Tenant)
	s.events.end++
	number := s.events.end
	e := s.events.take(number)
	// The kind, the tenant and the lanes are looked up now and not before: to make
	// room may have removed them.
	*e = event{
		kind: t.kindOf(given.Event.Type, given.Event.ContentType),
		head: in.head, body: in.body,
		time: momentOf(given.Event.Time), at: momentOf(given.Event.At), until: momentOf(given.Event.Until),
		created: now, first: s.rows.end + 1, n: uint32(len(given.Deliveries)),
		size: eventSize(in, len(given.Deliveries)), idLen: uint8(len(given.Event.ID)), digestLen: uint8(len(given.Event.Digest)), noDigest: given.Event.Digest == nil,
	}
	s.events.link(in.hash, number, e)
	t.events.add(number)
	s.units += e.units()
	s.bytes += e.size
	in.first = e.first

	visible := now
	if !given.Event.At.IsZero() {
		visible = max(now, nanos(given.Event.At))
	}
	for _, d := range given.Deliveries {
		s.addRow(number, e, s.lane(t, d.EndpointID), now, visible)
	}
	if e.pending == 0 {
		s.ended(number, e, now)
	}
}

// addRow makes a pending delivery, and returns its number.
func (s *Store) addRow(number uint64, e *event, l *lane, now, visible int64) uint64 {
	s.rows.end++
	n := s.rows.end
	r := s.rows.take(n)
	// Tokens begin at 1, so that an outcome without one is never taken for that
	// of a delivery nobody has claimed.
	*r = row{
		event: number, lane: l.slot, state: store.StatePending, token: 1,
		created: now, updated: now, visible: visible,
	}
	l.rows.add(n)
	l.tenant.rows.add(n)
	delete(s.lanes.tombs, l)
	if visible <= now {
		s.pushFresh(l, n, r)
	} else {
		s.pushTimed(l, n, r)
	}
	s.enter(l, e)
	s.lanes.inserted(l, n)
	return n
}

// refs names the deliveries of a stored event.
func (s *Store) refs(e *event) []ref {
	refs := make([]ref, 0, int(e.n)+len(e.extra))
	for _, n := range e.rowNumbers() {
		refs = append(refs, ref{n, s.lanes.slots[s.rows.at(n).lane].id})
	}
	return refs
}

// inserted writes the results, without the lock.
func (s *Store) inserted(events []store.NewEvent, batch []insertion) []store.Inserted {
	// The deliveries that a result names are those of a new event, of the new
	// event that it repeats, or those found in the store.
	source := func(i int) (*insertion, []store.NewDelivery) {
		if in := &batch[i]; in.conflict || in.refs != nil {
			return in, nil
		}
		return &batch[batch[i].same], events[batch[i].same].Deliveries
	}
	total := 0
	for i := range batch {
		in, made := source(i)
		total += len(in.refs) + len(made)
	}
	ids := idBatch{store: s}
	ids.expect(total)
	for i := range batch {
		in, made := source(i)
		for _, r := range in.refs {
			ids.add(r.row)
		}
		for j := range made {
			ids.add(in.first + uint64(j))
		}
	}
	refs := make([]store.DeliveryRef, 0, total)
	results := make([]store.Inserted, len(batch))
	for i := range batch {
		in, made := source(i)
		begin := len(refs)
		for _, r := range in.refs {
			refs = append(refs, store.DeliveryRef{ID: ids.next(), EndpointID: r.endpoint})
		}
		for _, d := range made {
			refs = append(refs, store.DeliveryRef{ID: ids.next(), EndpointID: d.EndpointID})
		}
		results[i] = store.Inserted{
			EventID: events[i].Event.ID, Duplicate: batch[i].duplicate, Conflict: batch[i].conflict,
			Deliveries: refs[begin:len(refs):len(refs)],
		}
	}
	return results
}
