package redisstore

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Cancel implements [store.Recovery]. It refuses a reason of more than 255 bytes.
func (s *Store) Cancel(ctx context.Context, tenant string, ids []string, reason store.Code) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkReason(reason); err != nil {
		return nil, fmt.Errorf("redisstore: cancel: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	which := make([][]int, len(s.shards))
	args := make([][]any, len(s.shards))
	for i, id := range ids {
		if p, ok := parseID(id, len(s.shards)); ok {
			which[p.shard] = append(which[p.shard], i)
			args[p.shard] = append(args[p.shard], p.field())
		}
	}
	var requests []request
	var of [][]int
	for shard, k := range s.shards {
		if len(which[shard]) > 0 {
			of = append(of, which[shard])
			requests = append(requests, request{
				cancelScript,
				[]string{k.meta, k.rows, k.timed, k.held, k.leases, k.counts, k.lanes, k.tenants, k.open, k.ended},
				append([]any{tenant, string(reason)}, args[shard]...),
			})
		}
	}
	cancelled := make([]bool, len(ids))
	if len(requests) == 0 {
		return cancelled, nil
	}
	replies, err := s.doTogether(ctx, requests)
	if err != nil {
		return nil, err
	}
	for r, reply := range replies {
		fates := asText(reply)
		for j, i := range of[r] {
			cancelled[i] = j < len(fates) && fates[j] == 1
		}
	}
	return cancelled, nil
}

// Requeue implements [store.Recovery]. Items of one event or one delivery are
// taken in their order, as if each was a call of its own. It refuses to make a
// delivery for an EndpointID that is empty, has more than 64 bytes or a NUL.
//
// It is one script in each shard concerned; see [Store.Settle] for what an error
// means.
func (s *Store) Requeue(ctx context.Context, p store.RequeueParams) ([]store.Requeued, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(p.Items) == 0 {
		return nil, nil
	}
	results := make([]store.Requeued, len(p.Items))
	places, err := s.targets(ctx, p.Items)
	if err != nil {
		return nil, err
	}
	dry := 0
	if p.DryRun {
		dry = 1
	}
	requests := make([]request, len(s.shards))
	which := make([][]int, len(s.shards))
	for i := range p.Items {
		item := &p.Items[i]
		results[i].Result = store.RequeueNotFound
		to := places[i]
		if to == nil {
			continue
		}
		k, r := s.shards[to.shard], &requests[to.shard]
		if r.script == nil {
			*r = request{requeueScript, []string{
				k.meta, k.rows, k.timed, k.held, k.leases, k.counts, k.lanes, k.tenants, k.open, k.heads, k.bodies, k.order, k.attempts,
			}, []any{dry}}
		}
		only := 0
		for _, state := range item.If {
			only |= 1 << (state & 7)
		}
		lane := ""
		if item.DeliveryID == "" {
			if err := checkEndpointID(item.EndpointID); err != nil {
				return nil, fmt.Errorf("redisstore: requeue: item %d: %w", i, err)
			}
			lane = item.EndpointID
			r.keys = append(r.keys, k.tenantOrder(item.Tenant), k.history(lane))
		}
		r.args = append(r.args, to.name, item.Tenant, only, lane)
		which[to.shard] = append(which[to.shard], i)
	}
	var run []request
	var of []int
	for shard := range requests {
		if requests[shard].script != nil {
			of = append(of, shard)
			run = append(run, requests[shard])
		}
	}
	if len(run) == 0 {
		return results, nil
	}
	replies, err := s.doTogether(ctx, run)
	if err != nil {
		return nil, err
	}
	for r, reply := range replies {
		list := asList(reply)
		for j, i := range which[of[r]] {
			fate := requeued(of[r], list, 4*j)
			if fate.Result == 0 {
				return nil, errMissing
			}
			results[i] = fate
		}
	}
	return results, nil
}

// requeued reads the fate of an item.
func requeued(shard int, list []any, from int) store.Requeued {
	r := store.Requeued{
		Result:     store.RequeueResult(asInt(at(list, from))), // #nosec G115 -- a small number
		EndpointID: asText(at(list, from+2)),
		Was:        store.State(asInt(at(list, from+3))), // #nosec G115 -- a small number
	}
	if field := asText(at(list, from+1)); len(field) == fieldLen {
		r.DeliveryID = placeOf(shard, field).id()
	}
	return r
}

// target is a delivery, or an event that is to have one.
type target struct {
	shard int
	name  string // field, or number
}

// targets finds what the items name, aligned; nil for what does not exist. That
// it is the tenant's is for the script to see.
func (s *Store) targets(ctx context.Context, items []store.RequeueItem) ([]*target, error) {
	found := make([]*target, len(items))
	var names []string
	var homes, which []int
	for i := range items {
		item := &items[i]
		if item.DeliveryID != "" {
			if p, ok := parseID(item.DeliveryID, len(s.shards)); ok {
				found[i] = &target{p.shard, p.field()}
			}
			continue
		}
		if item.EventID != "" {
			names = append(names, idKey(item.Tenant, item.EventID))
			homes = append(homes, s.home(item.Tenant, item.EventID))
			which = append(which, i)
		}
	}
	events, err := s.locate(ctx, names, homes, false)
	if err != nil {
		return nil, err
	}
	for j, e := range events {
		if e != nil {
			found[which[j]] = &target{e.shard, numberText(e.number)}
		}
	}
	return found, nil
}
