package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// Claim implements [store.Queue]. It refuses a Max below 1 and a Lease of 0 or
// less.
//
// With one shard it is one script. With several, one script in each of them
// shows the first deliveries of the lanes, and another one takes those that are
// the earliest of all.
func (s *Store) Claim(ctx context.Context, p store.ClaimParams) (store.Batch, error) {
	switch {
	case p.Max < 1:
		return store.Batch{}, errors.New("redisstore: claim: Max must be at least 1")
	case p.Lease <= 0:
		return store.Batch{}, errors.New("redisstore: claim: Lease must be above 0")
	}
	if len(s.shards) > 1 {
		return s.claimAcross(ctx, p)
	}
	of := shardClaim{
		max: p.Max, maxBytes: max(p.MaxBytes, 0), first: true, lease: span(p.Lease),
		lanes: make([]laneClaim, len(p.Lanes)),
	}
	for i, l := range p.Lanes {
		of.lanes[i] = laneClaim{id: l.ID, n: max(l.N, 0)}
	}
	reply, err := s.do(ctx, s.claimRequest(&of))
	if err != nil {
		return store.Batch{}, err
	}
	b := builder{Store: s}
	answer, err := b.add(&of, reply)
	if err != nil {
		return store.Batch{}, err
	}
	for i, next := range answer.next {
		b.batch.Visited = append(b.batch.Visited, store.LaneAt{ID: p.Lanes[i].ID, Next: timeOf(next)})
	}
	return b.finish(ctx, answer.now)
}

// shardClaim is what to claim in one shard.
type shardClaim struct {
	shard         int
	max, maxBytes int
	first         bool
	lease         int64
	// until is the end of the leases; 0 leaves it to the shard's clock.
	until int64
	lanes []laneClaim
}

type laneClaim struct {
	id string
	n  int
	// cut is the last entry to take; "" does not bound.
	cut string
}

func (s *Store) claimRequest(of *shardClaim) request {
	k := s.shards[of.shard]
	keys := make([]string, 0, 8+len(of.lanes))
	keys = append(keys, k.meta, k.versions, k.rows, k.timed, k.heads, k.bodies, k.held, k.leases)
	first := 0
	if of.first {
		first = 1
	}
	args := make([]any, 0, 5+3*len(of.lanes))
	args = append(args, of.lease, of.max, of.maxBytes, first, of.until)
	for _, l := range of.lanes {
		keys = append(keys, k.fresh(l.id))
		args = append(args, l.id, l.n, l.cut)
	}
	return request{claimScript, keys, args}
}

// claimAnswer is what a claim in one shard said beside the deliveries.
type claimAnswer struct {
	now int64
	// next is the next time of each lane that was visited.
	next  []int64
	taken map[string]int
	// short: outdated entries stood in the way of some that may be there.
	short bool
}

// builder makes a Batch of the answers of shards.
type builder struct {
	*Store
	batch store.Batch
	// versions are those of the lanes' endpoints, as the claim found them.
	versions map[string]string
	// events and places are where events and endpoints stand in the batch.
	events map[eventPlace]int
	places map[endpointPlace]int
}

type eventPlace struct {
	shard  int
	number int64
}

type endpointPlace struct{ lane, tenant string }

func (b *builder) add(of *shardClaim, reply any) (claimAnswer, error) {
	list := asList(reply)
	if len(list) < 6 {
		return claimAnswer{}, errCorrupt
	}
	answer := claimAnswer{now: asInt(list[0]), short: asInt(list[5]) == 1, taken: make(map[string]int)}
	for _, next := range asList(list[3]) {
		answer.next = append(answer.next, asInt(next))
	}
	for i, version := range asList(list[4]) {
		if v := asText(version); v != "" && i < len(of.lanes) {
			b.version(of.lanes[i].id, v)
		}
	}
	if b.events == nil {
		b.events = make(map[eventPlace]int)
	}
	texts := asList(list[2])
	b.batch.Events = slices.Grow(b.batch.Events, len(texts)/3)
	for i := 0; i+2 < len(texts); i += 3 {
		number := asText(texts[i])
		if len(number) != numberLen || isNil(texts[i+1]) {
			continue // a row without its event; see below
		}
		event := eventPlace{of.shard, numberOf(number)}
		if _, ok := b.events[event]; ok {
			continue
		}
		h, err := decodeHead(numberOf(number), asText(texts[i+1]))
		if err != nil {
			return claimAnswer{}, err
		}
		if !isNil(texts[i+2]) {
			h.event.Body = []byte(asText(texts[i+2]))
		}
		b.events[event] = len(b.batch.Events)
		b.batch.Events = append(b.batch.Events, h.event)
	}
	err := b.deliveries(of, asText(list[1]), &answer)
	return answer, err
}

func (b *builder) version(lane, v string) {
	if b.versions == nil {
		b.versions = make(map[string]string)
	}
	b.versions[lane] = v
}

// claimExpired is set in the length of a row whose lease had run out.
const claimExpired = 1 << 15

// records counts what deliveries reads.
func records(text string) (n int) {
	for r := (reader{rest: text}); r.rest != "" && !r.bad; n++ {
		r.take(fieldLen)
		r.take(uint64(r.fixed(2) &^ claimExpired)) // #nosec G115 -- never negative
	}
	return n
}

// deliveries reads field, length and row, one after another.
func (b *builder) deliveries(of *shardClaim, text string, answer *claimAnswer) error {
	b.batch.Deliveries = slices.Grow(b.batch.Deliveries, records(text))
	r := reader{rest: text}
	for r.rest != "" && !r.bad {
		field := r.take(fieldLen)
		size := r.fixed(2)
		row := r.take(uint64(size &^ claimExpired)) // #nosec G115 -- never negative
		if r.bad {
			break
		}
		p := placeOf(of.shard, field)
		event, ok := b.events[eventPlace{of.shard, p.number}]
		if !ok {
			// The event is missing, which nothing here brings about. The lease
			// holds the row back.
			continue
		}
		var c store.Claimed
		c.Expired = size&claimExpired != 0
		if err := fillRow(&c.Delivery, p, row); err != nil {
			return err
		}
		e := &b.batch.Events[event]
		d := &c.Delivery
		d.Tenant, d.EventID, d.EventType = e.Tenant, e.ID, e.Type
		c.Event = event
		c.Endpoint = b.endpoint(d.EndpointID, d.Tenant)
		answer.taken[d.EndpointID]++
		b.batch.Deliveries = append(b.batch.Deliveries, c)
	}
	return r.err()
}

// endpoint returns the place of an endpoint in the batch. What stands there is
// read at the end.
func (b *builder) endpoint(lane, tenant string) int {
	if b.places == nil {
		b.places = make(map[endpointPlace]int)
	}
	k := endpointPlace{lane, tenant}
	i, ok := b.places[k]
	if !ok {
		i = len(b.batch.Endpoints)
		b.places[k] = i
		b.batch.Endpoints = append(b.batch.Endpoints, store.Endpoint{ID: lane, Tenant: tenant})
	}
	return i
}

// finish puts the endpoints in and returns the batch.
func (b *builder) finish(ctx context.Context, now int64) (store.Batch, error) {
	b.batch.Now = timeOf(now)
	if len(b.batch.Endpoints) == 0 {
		return b.batch, nil
	}
	var ids []string
	for _, e := range b.batch.Endpoints {
		ids = append(ids, e.ID)
	}
	// What is leased must be handed over, even if the context ends now.
	inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	found, err := b.readEndpoints(inner, ids, b.versions)
	if err != nil {
		return store.Batch{}, fmt.Errorf("redisstore: claim: endpoints: %w", err)
	}
	for i := range b.batch.Endpoints {
		e := &b.batch.Endpoints[i]
		r := found[e.ID]
		if r == nil || r.Tenant != e.Tenant {
			// There is none, or it is another tenant's, which is none here.
			e.Status, e.DeletedAt = store.EndpointDisabled, b.batch.Now
			continue
		}
		*e = clone(r)
		if e.Status == store.EndpointPaused && e.DeletedAt.IsZero() {
			e.Status = store.EndpointActive // it was paused after the claim
		}
	}
	return b.batch, nil
}
