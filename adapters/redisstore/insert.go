package redisstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// Insert implements [store.Writer]. Beside [store.ErrFull] and, with [WithWait],
// [ErrNotReplicated], it refuses a batch with an event that has an empty ID or
// EndpointID, a NUL in these or in the Tenant, more bytes than [store.Event]
// allows, an endpoint twice, or more than 65,535 deliveries. A nil Body is kept as
// an empty one, for nil means that the payload was purged.
//
// A batch is stored by one script in one shard, so it is atomic whatever happens.
// Ids of events that are at home in other shards point to that one; these
// pointers are written before, and lead to nothing until the events are there.
func (s *Store) Insert(ctx context.Context, events []store.NewEvent) ([]store.Inserted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	in := insertion{Store: s, events: events, tag: nonce()}
	if err := in.prepare(); err != nil {
		return nil, err
	}
	if err := in.run(ctx); err != nil {
		if isFull(err) {
			return nil, fmt.Errorf("redisstore: insert of %d events: %w: %w", len(events), store.ErrFull, err)
		}
		return nil, err
	}
	return in.results(), nil
}

func nonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return string(b[:])
}

// insertion is an Insert while it is under way.
type insertion struct {
	*Store
	events []store.NewEvent
	// tag marks the events of this call, see appendHead.
	tag  string
	fate []fate
}

// fate is what became of an event of an insertion.
type fate struct {
	// same is the index of the first event of the batch with the same tenant and
	// id; its own if it is the first.
	same int
	home int
	// known tells that the event is stored: by this call, or before.
	known bool
	// original is what was found; nil if this call stored the event.
	original *original
	shard    int
	number   int64
	// pointer is what this call has put where the id is at home, if the event is
	// stored elsewhere.
	pointer string
}

// original is an event that was stored before.
type original struct {
	digest []byte
	refs   []store.DeliveryRef
	// mine: this very call stored it, and it was sent twice on its way.
	mine bool
}

func (in *insertion) prepare() error {
	in.fate = make([]fate, len(in.events))
	var seen map[string]int
	if len(in.events) > 1 {
		seen = make(map[string]int, len(in.events))
	}
	for i := range in.events {
		e := &in.events[i].Event
		if err := checkEvent(&in.events[i]); err != nil {
			return fmt.Errorf("redisstore: event %d of the batch: %w", i, err)
		}
		in.fate[i].same = i
		in.fate[i].home = in.home(e.Tenant, e.ID)
		if seen != nil {
			k := idKey(e.Tenant, e.ID)
			if first, ok := seen[k]; ok {
				in.fate[i].same = first
			} else {
				seen[k] = i
			}
		}
	}
	return in.checkLanes()
}

// checkLanes refuses a batch with more endpoints than two bytes can number.
func (in *insertion) checkLanes() error {
	total := 0
	for i := range in.events {
		total += len(in.events[i].Deliveries)
	}
	if total <= maxFanOut {
		return nil
	}
	lanes := make(map[string]struct{})
	for i := range in.events {
		for _, d := range in.events[i].Deliveries {
			lanes[d.EndpointID] = struct{}{}
		}
	}
	if len(lanes) > maxFanOut {
		return fmt.Errorf("redisstore: the batch goes to %d endpoints, more than %d", len(lanes), maxFanOut)
	}
	return nil
}

// remaining returns the events of which it is not known yet what became of them,
// and the shard in which most of them are at home.
func (in *insertion) remaining() (left []int, target int) {
	votes := make([]int, len(in.shards))
	for i := range in.fate {
		if f := &in.fate[i]; f.same == i && !f.known {
			left = append(left, i)
			votes[f.home]++
			if votes[f.home] > votes[target] {
				target = f.home
			}
		}
	}
	return left, target
}

// errContended: others insert the same ids, or die while they do.
var errContended = errors.New("redisstore: insert: the ids are being inserted by others")

// contention is how long an insert waits for others that hold its ids.
const contention = 10 * time.Second

func (in *insertion) run(ctx context.Context) error {
	waiting := time.Now()
	for try := 0; ; try++ {
		left, target := in.remaining()
		if len(left) == 0 {
			return in.confirm(ctx)
		}
		again, err := in.attempt(ctx, left, target)
		switch {
		case err != nil:
			return err
		case !again: // something was found out
			try, waiting = 0, time.Now()
		case time.Since(waiting) > contention:
			return errContended
		case !rest(ctx, min(try, 3)):
			return ctx.Err()
		}
	}
}

// attempt stores what is left in the target shard. It returns true if it has to
// be done again after a moment.
func (in *insertion) attempt(ctx context.Context, left []int, target int) (again bool, err error) {
	reservations := make(map[int]string)
	pointer := binary.BigEndian.AppendUint16(nil, uint16(target)) // #nosec G115 -- below maxShards
	pointer = append(pointer, nonce()...)
	abroad := slices.DeleteFunc(slices.Clone(left), func(i int) bool { return in.fate[i].home == target })
	if len(abroad) > 0 {
		if again, err = in.reserve(ctx, abroad, pointer, reservations); err != nil || again {
			in.release(ctx, abroad, pointer)
			return again, err
		}
		left = slices.DeleteFunc(left, func(i int) bool { return in.fate[i].known })
		if len(left) == 0 {
			return false, nil
		}
	}
	reply, err := in.commit(ctx, in.storeRequest(left, target, reservations))
	if err != nil {
		if isFull(err) {
			in.release(ctx, abroad, pointer)
		}
		return false, err
	}
	list := asList(reply)
	switch asText(at(list, 0)) {
	case "stored":
		for j, i := range left {
			if err := in.note(i, target, at(list, 1+j)); err != nil {
				return false, err
			}
			if f := &in.fate[i]; reservations[i] != "" && (f.original == nil || f.original.mine) {
				f.pointer = string(pointer)
			}
		}
		return false, nil
	case "pointer":
		in.release(ctx, abroad, pointer)
		i := left[min(max(asInt(at(list, 1))-1, 0), int64(len(left))-1)]
		return in.follow(ctx, i, target, asText(at(list, 2)), asInt(at(list, 3)))
	}
	in.release(ctx, abroad, pointer) // it took too long, and another took the ids
	return true, nil
}

// storeRequest is the script that stores events in a shard.
func (in *insertion) storeRequest(which []int, target int, reservations map[int]string) request {
	k := in.shards[target]
	keys := []string{
		k.meta, k.ids, k.heads, k.bodies, k.open, k.rows, k.order, k.ended, k.lanes, k.tenants, k.counts, k.aborted, k.timed,
	}
	tenants, lanes := make(map[string]int), make(map[string]int)
	var tenantNames, laneNames []string
	index := func(known map[string]int, names *[]string, name string) int {
		n, ok := known[name]
		if !ok {
			*names = append(*names, name)
			n = len(*names)
			known[name] = n
		}
		return n
	}
	var perEvent []any
	for _, i := range which {
		given := &in.events[i]
		e := &given.Event
		indexes := make([]byte, 0, 2*len(given.Deliveries))
		for _, d := range given.Deliveries {
			indexes = binary.BigEndian.AppendUint16(indexes, uint16(index(lanes, &laneNames, d.EndpointID))) // #nosec G115 -- see checkLanes
		}
		var visible int64
		if !e.At.IsZero() {
			visible = micros(e.At)
		}
		size := 64 + len(e.Tenant) + len(e.ID) + len(e.Type) + len(e.ContentType) + len(e.Digest)
		perEvent = append(perEvent,
			index(tenants, &tenantNames, e.Tenant), e.Tenant, e.ID, reservations[i],
			appendHead(make([]byte, 0, size), e, len(given.Deliveries), in.tag), e.Body, visible, indexes)
	}
	for _, t := range tenantNames {
		keys = append(keys, k.tenantOrder(t))
	}
	channel, message := in.notice(laneNames)
	args := make([]any, 0, 4+len(laneNames)+len(perEvent))
	args = append(args, channel, message, len(tenantNames), len(laneNames))
	for _, l := range laneNames {
		keys = append(keys, k.fresh(l), k.history(l))
		args = append(args, l)
	}
	return request{insertScript, keys, append(args, perEvent...)}
}

// note takes in what a script says of an event: its number if it was stored, or
// what there was.
func (in *insertion) note(i, shard int, reply any) error {
	f := &in.fate[i]
	f.known, f.shard = true, shard
	list := asList(reply)
	if list == nil {
		f.number = asInt(reply)
		return nil
	}
	f.number = asInt(at(list, 0))
	h, err := decodeHead(f.number, asText(at(list, 1)))
	if err != nil {
		return err
	}
	o := &original{digest: h.event.Digest, mine: h.tag == in.tag}
	for j, lane := range asList(at(list, 2)) {
		o.refs = append(o.refs, store.DeliveryRef{ID: place{shard, f.number, j}.id(), EndpointID: asText(lane)})
	}
	f.original = o
	return nil
}

func (in *insertion) results() []store.Inserted {
	results := make([]store.Inserted, len(in.events))
	for i := range in.events {
		e := &in.events[i].Event
		r := &results[i]
		r.EventID = e.ID
		first := &in.fate[in.fate[i].same]
		switch o := first.original; {
		case o != nil && !o.mine:
			r.Duplicate = bytes.Equal(o.digest, e.Digest) && (o.digest == nil) == (e.Digest == nil)
			r.Conflict = !r.Duplicate
			if r.Duplicate {
				r.Deliveries = slices.Clone(o.refs)
			}
			continue
		case in.fate[i].same != i:
			digest := in.events[in.fate[i].same].Event.Digest
			r.Duplicate = bytes.Equal(digest, e.Digest) && (digest == nil) == (e.Digest == nil)
			r.Conflict = !r.Duplicate
			if r.Conflict {
				continue
			}
		}
		made := in.events[in.fate[i].same].Deliveries
		r.Deliveries = make([]store.DeliveryRef, len(made))
		for j := range made {
			r.Deliveries[j] = store.DeliveryRef{ID: place{first.shard, first.number, j}.id(), EndpointID: made[j].EndpointID}
		}
	}
	return results
}
