package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/postrider/postrider/store"
)

// Requeue implements [store.Recovery]. Items are taken in their order, as if
// each was a call of its own. It refuses to make a delivery for an EndpointID
// that is empty or has more than 64 bytes.
//
// It locks the events first, so that no two calls make the same delivery, and no
// purge takes what is being sent again.
func (s *Store) Requeue(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
	if len(p.Items) == 0 {
		return nil, ctx.Err()
	}
	doing := fmt.Sprintf("requeueing %d deliveries", len(p.Items))
	var r *requeue
	plan := func(ctx context.Context, c conn) error {
		r = &requeue{Store: s, p: &p}
		return r.plan(ctx, c)
	}
	var err error
	if p.DryRun {
		err = s.read(ctx, doing, plan)
	} else {
		for range 4 {
			err = s.write(ctx, doing, once, func(ctx context.Context, c conn) error {
				if err := plan(ctx, c); err != nil {
					return err
				}
				return r.apply(ctx, c)
			})
			if !duplicateKey(err) {
				break
			}
			// Another process has used these numbers.
			s.lows.drop()
		}
	}
	if err != nil {
		return nil, err
	}
	if len(r.delta) > 0 && !p.DryRun {
		s.afterDelta(ctx)
	}
	if !p.DryRun {
		s.notices.trail(r.lanes(), s)
	}
	return r.results, nil
}

// requeue is one call of Requeue: what the database holds of it, and what is to
// become of it.
type requeue struct {
	*Store
	p *store.RequeueParams

	events     map[eventKey]*requeuedEvent
	bySeq      map[int64]*requeuedEvent
	deliveries map[int64]*requeuedDelivery

	results []store.Requeued
	// again are the deliveries to be made pending, made those to be made, with
	// the items that name them.
	again map[int64]bool
	made  []*requeuedDelivery
	delta tally
}

type requeuedEvent struct {
	eventSpan
	eventKey
	noBody bool
	size   int
	// to are the deliveries by endpoint, those that are to be made included.
	to map[string]*requeuedDelivery
}

type requeuedDelivery struct {
	// number is 0 until the delivery is made.
	number   int64
	event    *requeuedEvent
	endpoint string
	state    store.State
	// items are the results that wait for the number.
	items []int
}

// lanes are those that have got work.
func (r *requeue) lanes() (t lanesTold) {
	for i := range r.results {
		if result := r.results[i].Result; result == store.RequeueDone || result == store.RequeueCreated {
			t.add(clean(r.results[i].EndpointID))
		}
	}
	return t
}

// plan reads what is named, and decides.
func (r *requeue) plan(ctx context.Context, c conn) error {
	lock := r.forUpdate()
	if r.p.DryRun {
		lock = ""
	}
	seqs, err := r.find(ctx, c)
	if err != nil {
		return err
	}
	if err := r.readEvents(ctx, c, seqs, lock); err != nil {
		return err
	}
	if err := r.readDeliveries(ctx, c, lock); err != nil {
		return err
	}
	r.results = make([]store.Requeued, len(r.p.Items))
	r.again, r.delta = make(map[int64]bool), make(tally)
	for i := range r.p.Items {
		if r.results[i], err = r.decide(i, &r.p.Items[i]); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// find returns the numbers of the events that the items are about.
func (r *requeue) find(ctx context.Context, c conn) ([]int64, error) {
	var numbers, seqs []int64
	names := make(map[string][]string) // event ids by tenant
	for _, item := range r.p.Items {
		if item.DeliveryID == "" {
			if clean(item.EventID) != item.EventID {
				continue // there is none, see [named]
			}
			names[item.Tenant] = append(names[item.Tenant], item.EventID)
		} else if n := deliveryNumber(item.DeliveryID); n != 0 {
			numbers = append(numbers, n)
		}
	}
	collect := func(text string, last ...any) func(list string, args []any) error {
		return func(list string, args []any) error {
			found, err := c.numbers(ctx, fmt.Sprintf(text, list), append(slices.Clone(last), args...)...)
			seqs = append(seqs, found...)
			return err
		}
	}
	if err := inLists(sortedSet(numbers), collect("SELECT event_seq FROM {deliveries}"+r.dialect.byNumber()+" WHERE id IN (%s)")); err != nil {
		return nil, err
	}
	for tenant, ids := range names {
		slices.Sort(ids)
		if err := inLists(slices.Compact(ids), collect("SELECT seq FROM {events} WHERE tenant = ? AND id IN (%s)", named(tenant))); err != nil {
			return nil, err
		}
	}
	return sortedSet(seqs), nil
}

func (r *requeue) readEvents(ctx context.Context, c conn, seqs []int64, lock string) error {
	r.events, r.bySeq = make(map[eventKey]*requeuedEvent), make(map[int64]*requeuedEvent)
	return inLists(seqs, func(list string, args []any) error {
		text := "SELECT seq, span, tenant, id, body_purged, COALESCE(LENGTH(body), 0) FROM {events}" + r.dialect.byNumber() + " WHERE seq IN (" + list + ") ORDER BY seq" + lock
		return c.query(ctx, text, args, func(rows *sql.Rows) error {
			e := &requeuedEvent{to: make(map[string]*requeuedDelivery)}
			var purged int
			if err := rows.Scan(&e.seq, &e.end, &e.tenant, &e.id, &purged, &e.size); err != nil {
				return err
			}
			e.end += e.seq
			e.noBody = purged != 0
			r.events[e.eventKey], r.bySeq[e.seq] = e, e
			return nil
		})
	})
}

// readDeliveries reads the deliveries of the events, and locks those that are
// named, by rising number.
func (r *requeue) readDeliveries(ctx context.Context, c conn, lock string) error {
	r.deliveries = make(map[int64]*requeuedDelivery)
	spans := make([]eventSpan, 0, len(r.bySeq))
	for _, seq := range keys(r.bySeq) {
		spans = append(spans, r.bySeq[seq].eventSpan)
	}
	err := r.deliveriesOf(ctx, c, "SELECT d.id, d.event_seq, d.endpoint_id, d.state FROM {deliveries} d{of}", nil, spans, func(rows *sql.Rows) error {
		var d requeuedDelivery
		var seq int64
		if err := rows.Scan(&d.number, &seq, &d.endpoint, &d.state); err != nil {
			return err
		}
		if d.event = r.bySeq[seq]; d.event != nil {
			r.deliveries[d.number] = &d
			d.event.to[d.endpoint] = &d
		}
		return nil
	})
	if err != nil || lock == "" {
		return err
	}
	named := make(map[int64]bool)
	for i := range r.p.Items {
		if d, _ := r.target(&r.p.Items[i]); d != nil {
			named[d.number] = true
		}
	}
	return inLists(keys(named), func(list string, args []any) error {
		text := "SELECT id, state FROM {deliveries}" + r.dialect.byNumber() + " WHERE id IN (" + list + ") ORDER BY id" + lock
		return c.query(ctx, text, args, func(rows *sql.Rows) error {
			var n int64
			var state store.State
			err := rows.Scan(&n, &state)
			r.deliveries[n].state = state
			return err
		})
	})
}

// target returns the delivery that an item names, if there is one, and its
// event, if there is one in the tenant.
func (r *requeue) target(item *store.RequeueItem) (*requeuedDelivery, *requeuedEvent) {
	if item.DeliveryID != "" {
		if d := r.deliveries[deliveryNumber(item.DeliveryID)]; d != nil && d.event.tenant == item.Tenant {
			return d, d.event
		}
		return nil, nil
	}
	e := r.events[eventKey{item.Tenant, item.EventID}]
	if e == nil {
		return nil, nil
	}
	return e.to[item.EndpointID], e
}

// decide tells what becomes of an item, after those before it.
func (r *requeue) decide(i int, item *store.RequeueItem) (store.Requeued, error) {
	d, e := r.target(item)
	switch {
	case e == nil:
		return store.Requeued{Result: store.RequeueNotFound}, nil
	case d == nil && e.noBody:
		return store.Requeued{Result: store.RequeueNoBody}, nil
	case d == nil:
		if n := len(item.EndpointID); n < 1 || n > maxID || clean(item.EndpointID) != item.EndpointID {
			return store.Requeued{}, fmt.Errorf("EndpointID has %d bytes: must be 1 to %d bytes of UTF-8 without NUL", n, maxID)
		}
		d = &requeuedDelivery{event: e, endpoint: item.EndpointID, state: store.StatePending, items: []int{i}}
		e.to[d.endpoint] = d
		r.made = append(r.made, d)
		r.delta.add(place{e.tenant, d.endpoint}, store.Counts{Pending: 1})
		return store.Requeued{Result: store.RequeueCreated, EndpointID: d.endpoint}, nil
	}
	result := store.Requeued{Result: store.RequeueDone, EndpointID: d.endpoint, Was: d.state}
	if d.number != 0 {
		result.DeliveryID = deliveryID(d.number)
	} else {
		d.items = append(d.items, i)
	}
	switch {
	case len(item.If) > 0 && !slices.Contains(item.If, d.state):
		result.Result = store.RequeueSkipped
	case e.noBody:
		result.Result = store.RequeueNoBody
	case d.number != 0:
		r.again[d.number] = true
		if d.state != store.StatePending {
			change := store.Counts{Pending: 1}
			*change.Of(d.state)--
			r.delta.add(place{e.tenant, d.endpoint}, change)
			d.state = store.StatePending
		}
	}
	return result, nil
}

// apply writes what was decided.
func (r *requeue) apply(ctx context.Context, c conn) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	err = inLists(keys(r.again), func(list string, args []any) error {
		_, err := c.exec(ctx, "UPDATE {deliveries}"+r.dialect.byNumber()+" SET "+r.raiseToken()+`, state = 1, reason = '', tries = 0, expiries = 0,
			`+r.dialect.release()+`visible_at = ?, updated_at = ? WHERE id IN (`+list+")", append([]any{now, now}, args...)...)
		return err
	})
	if err != nil {
		return err
	}
	err = insertMany(r.made, 8, func(part []*requeuedDelivery, values string) error {
		number, err := r.takeNumbers(ctx, c, len(part))
		if err != nil {
			return err
		}
		args := make([]any, 0, 8*len(part))
		for _, d := range part {
			args = append(args, number, d.event.seq, d.event.tenant, d.endpoint, now, now, d.event.size, d.event.seq)
			for _, i := range d.items {
				r.results[i].DeliveryID = deliveryID(number)
			}
			number++
		}
		_, err = c.exec(ctx, "INSERT INTO {deliveries} (id, event_seq, tenant, endpoint_id, visible_at, updated_at, size, apart) VALUES "+values, args...)
		return err
	})
	if err != nil {
		return err
	}
	return r.addDelta(ctx, c, r.delta.payload())
}

// sortedSet sorts numbers and leaves out those that come again.
func sortedSet(numbers []int64) []int64 {
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// keys returns the keys of a map, sorted.
func keys[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
