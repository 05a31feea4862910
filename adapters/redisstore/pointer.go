package redisstore

import (
	"context"
	"encoding/binary"
	"time"
)

// The new events of one Insert go to one shard. For each id that is at home in
// another one, a pointer is put there first: a reservation. It leads to nothing
// until the script that stores the events has run, which is what makes the batch
// atomic. Whoever meets a pointer to nothing waits for a moment, and then takes
// the process that made it for dead: it bars the reservation in the shard that it
// points to, so that the script cannot store the event any more, and removes it.

// reserve lets the ids of events that are at home elsewhere point to the target.
func (in *insertion) reserve(ctx context.Context, abroad []int, pointer []byte, reservations map[int]string) (again bool, err error) {
	byHome := make(map[int][]int)
	for _, i := range abroad {
		byHome[in.fate[i].home] = append(byHome[in.fate[i].home], i)
	}
	var homes []int
	var requests []request
	for home, of := range byHome {
		ids := make([]any, len(of))
		for j, i := range of {
			ids[j] = idKey(in.events[i].Event.Tenant, in.events[i].Event.ID)
		}
		homes = append(homes, home)
		requests = append(requests, in.shards[home].reserve(pointer, ids))
	}
	replies, err := in.doAll(ctx, requests)
	if err != nil {
		return false, err
	}
	for r, home := range homes {
		list := asList(replies[r])
		made := numberText(asInt(at(list, 0)))
		for j, i := range byHome[home] {
			reply := at(list, 1+j)
			found := asList(reply)
			switch {
			case found == nil:
				reservations[i] = string(pointer[2:]) + made
			case len(found) == 2:
				wait, err := in.follow(ctx, i, home, asText(found[0]), asInt(found[1]))
				if err != nil {
					return false, err
				}
				// Found elsewhere, it is known; otherwise all begins again.
				again = again || wait || !in.fate[i].known
			default:
				if err := in.note(i, home, reply); err != nil {
					return false, err
				}
			}
		}
	}
	return again, nil
}

// reserve lets ids point elsewhere, where they do not yet.
func (k *keys) reserve(pointer []byte, ids []any) request {
	return request{reserveScript, []string{k.ids, k.heads, k.rows, k.meta}, append([]any{pointer}, ids...)}
}

// release takes pointers back that lead to nothing. What it leaves behind,
// others find out.
func (in *insertion) release(ctx context.Context, abroad []int, pointer []byte) {
	if len(abroad) == 0 {
		return
	}
	byHome := make(map[int][]any)
	for _, i := range abroad {
		e := &in.events[i].Event
		byHome[in.fate[i].home] = append(byHome[in.fate[i].home], idKey(e.Tenant, e.ID), pointer)
	}
	var requests []request
	for home, args := range byHome {
		requests = append(requests, request{releaseScript, []string{in.shards[home].ids}, args})
	}
	_, _ = in.doTogether(context.WithoutCancel(ctx), requests)
}

// deadAfter is how long an insert may be under way before others take its ids.
const deadAfter = 2 * time.Second

// follow finds out what a pointer that was found in a shard leads to: the event, an insert under way, or
// nothing, if the process that wrote it died. It returns true if the caller
// should try again after a moment.
func (in *insertion) follow(ctx context.Context, i, from int, pointer string, age int64) (again bool, err error) {
	e := &in.events[i].Event
	name := idKey(e.Tenant, e.ID)
	if len(pointer) != 10 {
		return false, errCorrupt
	}
	shard := int(binary.BigEndian.Uint16([]byte(pointer)))
	if shard >= len(in.shards) {
		return false, errCorrupt
	}
	dead := age > deadAfter.Microseconds()
	k := in.shards[shard]
	abort := 0
	if dead {
		abort = 1
	}
	reply, err := in.do(ctx, request{resolveScript, []string{k.ids, k.heads, k.rows, k.aborted, k.meta}, []any{name, pointer[2:], abort}})
	if err != nil {
		return false, err
	}
	if asList(reply) != nil {
		return false, in.note(i, shard, reply)
	}
	if !dead {
		return true, nil
	}
	_, err = in.do(ctx, request{releaseScript, []string{in.shards[from].ids}, []any{name, pointer}})
	return false, err
}
