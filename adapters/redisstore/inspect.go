package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

// located is where an event is.
type located struct {
	shard  int
	number int64
	head   string
	body   any
}

// locate finds events by tenant and id, aligned; nil for one that does not exist.
func (s *Store) locate(ctx context.Context, names []string, homes []int, body bool) ([]*located, error) {
	want := 0
	if body {
		want = 1
	}
	found := make([]*located, len(names))
	left := make([]int, len(names))
	at2 := slices.Clone(homes)
	for i := range left {
		left[i] = i
	}
	// At home, and where a pointer leads to.
	for range 2 {
		if len(left) == 0 {
			break
		}
		requests := make([]request, len(left))
		for j, i := range left {
			k := s.shards[at2[i]]
			requests[j] = request{eventScript, []string{k.ids, k.heads, k.bodies}, []any{names[i], want}}
		}
		replies, err := s.doAll(ctx, requests)
		if err != nil {
			return nil, err
		}
		var again []int
		for j, i := range left {
			if list := asList(replies[j]); len(list) >= 2 && !isNil(list[1]) {
				found[i] = &located{at2[i], asInt(list[0]), asText(list[1]), at(list, 2)}
			} else if pointer := asText(replies[j]); len(pointer) == 10 {
				if at2[i] = int(binary.BigEndian.Uint16([]byte(pointer))); at2[i] < len(s.shards) {
					again = append(again, i)
				}
			}
		}
		left = again
	}
	return found, nil
}

// Event implements [store.Inspector].
func (s *Store) Event(ctx context.Context, tenant, id string) (store.Event, error) {
	found, err := s.locate(ctx, []string{idKey(tenant, id)}, []int{s.home(tenant, id)}, true)
	if err != nil {
		return store.Event{}, err
	}
	if found[0] == nil {
		return store.Event{}, fmt.Errorf("redisstore: event %q: %w", id, store.ErrNotFound)
	}
	h, err := decodeHead(found[0].number, found[0].head)
	if err != nil {
		return store.Event{}, err
	}
	if !isNil(found[0].body) {
		h.event.Body = []byte(asText(found[0].body))
	}
	return h.event, nil
}

// bounds are the times of a list in microseconds: from <= created < to.
func bounds(from, to time.Time) (low, high int64) {
	high = maxMicros
	if !from.IsZero() {
		low = microsUp(from)
	}
	if !to.IsZero() {
		high = microsUp(to)
	}
	return low, high
}

// Events implements [store.Inspector]. It refuses a Limit below 1.
func (s *Store) Events(ctx context.Context, q store.EventQuery) (store.Page[store.Event], error) {
	if q.Scope.All {
		q.Scope.Tenant = "" // it is ignored, so it is no part of the query
	}
	from, to := bounds(q.From, q.To)
	l := listing[store.Event]{
		Store: s, query: s.query('e', q.Scope.All, q.Scope.Tenant, q.Type, from, to), cursor: q.Cursor, limit: q.Limit,
	}
	// Events of one time in several shards are told apart by their ids.
	l.begin = func(_ int, after position) (int64, int64) { return after.created + 1, 0 }
	l.piece = func(of *stream[store.Event], n int) request {
		k := s.shards[of.shard]
		order := k.order
		if !q.Scope.All {
			order = k.tenantOrder(q.Scope.Tenant)
		}
		return request{eventsScript, []string{order, k.heads, k.bodies}, []any{min(of.before, to), from, n, q.Type}}
	}
	l.read = func(of *stream[store.Event], list []any) error {
		of.before = asInt(at(list, 0))
		of.done = of.before == 0
		for i := 1; i+2 < len(list); i += 3 {
			h, err := decodeHead(asInt(list[i]), asText(list[i+1]))
			if err != nil {
				return err
			}
			if !isNil(list[i+2]) {
				h.event.Body = []byte(asText(list[i+2]))
			}
			of.items = append(of.items, listed[store.Event]{position{asInt(list[i]), h.event.ID, h.event.Tenant}, h.event})
		}
		return nil
	}
	items, next, err := l.page(ctx)
	return store.Page[store.Event]{Items: items, Next: next}, err
}

func noDelivery(id string) error {
	return fmt.Errorf("redisstore: delivery %q: %w", id, store.ErrNotFound)
}

// Delivery implements [store.Inspector].
func (s *Store) Delivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	d, _, err := s.delivery(ctx, tenant, id, false)
	return d, err
}

// Attempts implements [store.Inspector].
func (s *Store) Attempts(ctx context.Context, tenant, deliveryID string) ([]store.Attempt, error) {
	_, texts, err := s.delivery(ctx, tenant, deliveryID, true)
	if err != nil {
		return nil, err
	}
	attempts := make([]store.Attempt, 0, len(texts))
	for i, text := range texts {
		if isNil(text) {
			continue
		}
		a, err := decodeAttempt(asText(text))
		if err != nil {
			return nil, err
		}
		a.Number, a.DeliveryID = i+1, deliveryID
		attempts = append(attempts, a)
	}
	return attempts, nil
}

func (s *Store) delivery(ctx context.Context, tenant, id string, attempts bool) (store.Delivery, []any, error) {
	if err := ctx.Err(); err != nil {
		return store.Delivery{}, nil, err
	}
	p, ok := parseID(id, len(s.shards))
	if !ok {
		return store.Delivery{}, nil, noDelivery(id)
	}
	with := 0
	if attempts {
		with = 1
	}
	k := s.shards[p.shard]
	reply, err := s.do(ctx, request{deliveryScript, []string{k.heads, k.rows, k.attempts}, []any{p.field(), with}})
	if err != nil {
		return store.Delivery{}, nil, err
	}
	list := asList(reply)
	if len(list) < 3 {
		return store.Delivery{}, nil, noDelivery(id)
	}
	h, err := decodeHead(p.number, asText(list[0]))
	if err != nil {
		return store.Delivery{}, nil, err
	}
	if h.event.Tenant != tenant {
		return store.Delivery{}, nil, noDelivery(id)
	}
	var d store.Delivery
	if err := fillRow(&d, p, asText(list[2])); err != nil {
		return store.Delivery{}, nil, err
	}
	d.Tenant, d.EventID, d.EventType = tenant, h.event.ID, h.event.Type
	return d, list[3:], nil
}

// Deliveries implements [store.Inspector]. It refuses a Limit below 1. Lists of
// an event, an endpoint or a tenant use an index; the other filters are applied
// to what these yield.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) (store.Page[store.Delivery], error) {
	if q.Scope.All {
		q.Scope.Tenant = ""
	}
	from, to := bounds(q.From, q.To)
	query := s.query('d', q.Scope.All, q.Scope.Tenant, q.EndpointID, q.EventID, q.EventType, uint8(q.State), from, to)
	if q.EventID != "" {
		return s.deliveriesOf(ctx, &q, query, from, to)
	}
	l := listing[store.Delivery]{Store: s, query: query, cursor: q.Cursor, limit: q.Limit}
	l.begin = func(shard int, after position) (int64, int64) {
		// Ids order by shard and then within it, see place.
		p, _ := parseID(after.id, len(s.shards))
		switch {
		case shard > p.shard:
			return after.created, 0
		case shard == p.shard:
			return after.created, int64(p.index)
		}
		return after.created + 1, 0
	}
	l.piece = func(of *stream[store.Delivery], n int) request {
		k := s.shards[of.shard]
		order := k.order
		oneTenant := 0
		switch {
		case q.EndpointID != "":
			order = k.history(q.EndpointID)
			if !q.Scope.All {
				oneTenant = 1
			}
		case !q.Scope.All:
			order = k.tenantOrder(q.Scope.Tenant)
		}
		before, index := of.before, of.index
		if before >= to {
			before, index = to, 0
		}
		return request{deliveriesScript, []string{order, k.heads, k.rows}, []any{before, index, from, n, int(q.State), q.EventType, oneTenant, q.Scope.Tenant}}
	}
	l.read = func(of *stream[store.Delivery], list []any) error {
		of.before, of.index = asInt(at(list, 0)), asInt(at(list, 1))
		of.done = of.before == 0
		for i := 2; i+4 < len(list); i += 5 {
			field := asText(list[i])
			if len(field) != fieldLen {
				return errCorrupt
			}
			var d store.Delivery
			if err := fillRow(&d, placeOf(of.shard, field), asText(list[i+1])); err != nil {
				return err
			}
			d.Tenant, d.EventID, d.EventType = asText(list[i+2]), asText(list[i+3]), asText(list[i+4])
			of.items = append(of.items, listed[store.Delivery]{position{d.CreatedAt.UnixMicro(), d.ID, ""}, d})
		}
		return nil
	}
	items, next, err := l.page(ctx)
	return store.Page[store.Delivery]{Items: items, Next: next}, err
}

// deliveriesOf lists the deliveries of the events with an id: one event, or with
// all tenants in scope one of each.
func (s *Store) deliveriesOf(ctx context.Context, q *store.DeliveryQuery, query query, from, to int64) (store.Page[store.Delivery], error) {
	var page store.Page[store.Delivery]
	if q.Limit < 1 {
		return page, errLimit
	}
	after := position{created: maxMicros + 1}
	if q.Cursor != "" {
		var err error
		if after, err = query.position(q.Cursor); err != nil {
			return page, err
		}
	}
	tenants := []string{q.Scope.Tenant}
	if q.Scope.All {
		var err error
		if tenants, err = s.allTenants(ctx); err != nil {
			return page, err
		}
	}
	var names []string
	var homes []int
	for _, t := range tenants {
		names, homes = append(names, idKey(t, q.EventID)), append(homes, s.home(t, q.EventID))
	}
	found, err := s.locate(ctx, names, homes, false)
	if err != nil {
		return page, err
	}
	var all []store.Delivery
	for _, e := range found {
		if e == nil {
			continue
		}
		if all, err = s.rowsOf(ctx, all, e); err != nil {
			return page, err
		}
	}
	all = slices.DeleteFunc(all, func(d store.Delivery) bool {
		created := d.CreatedAt.UnixMicro()
		return created < from || created >= to || !after.before(position{created, d.ID, ""}) ||
			q.State != 0 && d.State != q.State || q.EndpointID != "" && d.EndpointID != q.EndpointID ||
			q.EventType != "" && d.EventType != q.EventType
	})
	slices.SortFunc(all, func(a, b store.Delivery) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	if len(all) > q.Limit {
		all = all[:q.Limit:q.Limit]
		last := all[len(all)-1]
		page.Next = query.cursor(position{last.CreatedAt.UnixMicro(), last.ID, ""})
	}
	page.Items = all
	return page, nil
}

// rowsOf reads all deliveries of an event.
func (s *Store) rowsOf(ctx context.Context, all []store.Delivery, e *located) ([]store.Delivery, error) {
	k := s.shards[e.shard]
	reply, err := s.do(ctx, request{deliveryScript, []string{k.heads, k.rows, k.attempts}, []any{numberText(e.number), 0}})
	if err != nil {
		return nil, err
	}
	h, err := decodeHead(e.number, e.head)
	if err != nil {
		return nil, err
	}
	list := asList(reply)
	for i := 1; i+1 < len(list); i += 2 {
		field := asText(list[i])
		if len(field) != fieldLen {
			return nil, errCorrupt
		}
		var d store.Delivery
		if err := fillRow(&d, placeOf(e.shard, field), asText(list[i+1])); err != nil {
			return nil, err
		}
		d.Tenant, d.EventID, d.EventType = h.event.Tenant, h.event.ID, h.event.Type
		all = append(all, d)
	}
	return all, nil
}

// allTenants returns the tenants that have deliveries, by skipping from one to the
// next in the index of their lanes.
func (s *Store) allTenants(ctx context.Context) ([]string, error) {
	seen := make(map[string]bool)
	for _, k := range s.shards {
		from := "-"
		for {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			reply, err := s.do(ctx, request{lanesScript, []string{k.tenants}, []any{from, "+", 1}})
			if err != nil {
				return nil, err
			}
			member := asText(at(asList(reply), 0))
			tenant, _, ok := strings.Cut(member, "\x00")
			if !ok {
				break
			}
			seen[tenant] = true
			from = "[" + tenant + "\x01"
		}
	}
	tenants := make([]string, 0, len(seen))
	for t := range seen {
		tenants = append(tenants, t)
	}
	return tenants, nil
}

var errMissing = errors.New("redisstore: Redis did not answer as documented")
