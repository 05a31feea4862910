package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/postrider/postrider/store"
)

const (
	// removeStep bounds the events that one script removes, and removeLanes the
	// lanes whose keys it is given.
	removeStep  = 100
	removeLanes = 1000
	// tombStep bounds the tombstones that one Purge looks at.
	tombStep = 500
)

// Purge implements [store.Retention]. It refuses a Limit below 1; an OlderThan
// below 0 counts as 0. Events go in the order in which they ended, so that it
// never looks at what has to stay.
func (s *Store) Purge(ctx context.Context, p store.PurgeParams) (store.Purged, error) {
	if p.Limit < 1 {
		return store.Purged{}, errors.New("redisstore: purge: the Limit must be at least 1")
	}
	mode := "old"
	if p.BodiesOnly {
		mode = "bodies"
	}
	var purged store.Purged
	for shard := range s.shards {
		r := removal{Store: s, shard: shard, mode: mode, age: span(p.OlderThan)}
		n, err := r.run(ctx, p.Limit-purged.Events)
		if err != nil {
			return store.Purged{}, err
		}
		if purged.Events += n; purged.Events == p.Limit {
			purged.More = true
			return purged, nil
		}
	}
	if p.BodiesOnly {
		return purged, nil
	}
	ids, err := s.tombstones(ctx, s.home0().tombs, tombStep)
	if err != nil {
		return store.Purged{}, err
	}
	for _, id := range ids {
		if err := s.bury(ctx, id); err != nil {
			return store.Purged{}, err
		}
	}
	return purged, nil
}

// bury removes a tombstone that no delivery needs.
func (s *Store) bury(ctx context.Context, id string) error {
	e, err := s.record(ctx, id)
	if err != nil || e == nil {
		return err
	}
	by := make(map[string]*store.Counts)
	if err := s.countTenant(ctx, e.Tenant, id, by); err != nil {
		return fmt.Errorf("redisstore: purge: %w", err)
	}
	if c := by[id]; c != nil && *c != (store.Counts{}) {
		return nil
	}
	return s.forget(ctx, e.Tenant, id)
}

// EraseTenant implements [store.Retention]. It refuses a limit below 1. The
// endpoints go first, so that nothing new is published to them.
func (s *Store) EraseTenant(ctx context.Context, tenant string, limit int) (store.Purged, error) {
	if limit < 1 {
		return store.Purged{}, errors.New("redisstore: erase tenant: the limit must be at least 1")
	}
	if err := ctx.Err(); err != nil {
		return store.Purged{}, err
	}
	k := s.home0()
	for {
		ids, err := s.client.ZRange(ctx, k.tenantList(tenant), 0, tombStep-1).Result()
		if err != nil {
			return store.Purged{}, fmt.Errorf("redisstore: erase tenant: %w", err)
		}
		tombs, err := s.tombstones(ctx, k.tenantTombs(tenant), tombStep)
		if err != nil {
			return store.Purged{}, err
		}
		if len(ids)+len(tombs) == 0 {
			break
		}
		for _, id := range append(ids, tombs...) {
			if err := s.forget(ctx, tenant, id); err != nil {
				return store.Purged{}, err
			}
		}
	}
	var purged store.Purged
	for shard := range s.shards {
		r := removal{Store: s, shard: shard, mode: "all", tenant: tenant}
		n, err := r.run(ctx, limit-purged.Events)
		if err != nil {
			return store.Purged{}, err
		}
		if purged.Events += n; purged.Events == limit {
			purged.More = true
			return purged, nil
		}
	}
	return purged, nil
}

// removal removes events of a shard, some at a time.
type removal struct {
	*Store
	shard  int
	mode   string
	age    int64
	tenant string
}

// run removes up to limit events.
func (r *removal) run(ctx context.Context, limit int) (events int, err error) {
	touched := make(map[string]bool)
	step := removeStep
	for events < limit {
		tenants, lanes, err := r.plan(ctx, min(step, limit-events))
		if err != nil {
			return events, err
		}
		n, more, err := r.remove(ctx, min(step, limit-events), tenants, lanes)
		if err != nil {
			return events, err
		}
		events += n
		for _, list := range r.lists(tenants, lanes) {
			touched[list] = true
		}
		if n == 0 && !more {
			break
		}
		if n == 0 {
			// Others removed what was planned for, or the front is outdated.
			step = max(step/2, 1)
		}
	}
	if r.mode == "bodies" || events == 0 {
		return events, nil
	}
	return events, r.compact(ctx, touched)
}

// plan returns the tenants and lanes of the events that are first in the row.
func (r *removal) plan(ctx context.Context, n int) (tenants, lanes []string, err error) {
	k := r.shards[r.shard]
	keys := []string{k.heads, k.rows}
	switch r.mode {
	case "all":
		keys = append(keys, k.tenantOrder(r.tenant))
	case "old":
		keys = append(keys, k.ended, k.bare)
	default:
		keys = append(keys, k.ended)
	}
	reply, err := r.do(ctx, request{removableScript, keys, []any{n, removeLanes}})
	if err != nil {
		return nil, nil, err
	}
	list := asList(reply)
	count := int(asInt(at(list, 0)))
	for i := 1; i < len(list); i++ {
		if i <= count {
			tenants = append(tenants, asText(list[i]))
		} else {
			lanes = append(lanes, asText(list[i]))
		}
	}
	if r.mode == "all" {
		tenants = []string{r.tenant}
	}
	return tenants, lanes, nil
}

func (r *removal) remove(ctx context.Context, limit int, tenants, lanes []string) (events int, more bool, err error) {
	k := r.shards[r.shard]
	keys := []string{
		k.meta, k.rows, k.timed, k.counts, k.lanes, k.tenants, k.open, k.heads, k.bodies, k.order, k.ids, k.attempts, k.ended, k.bare,
		k.held, k.leases,
	}
	args := []any{r.mode, r.age, limit, len(tenants)}
	for _, t := range tenants {
		keys = append(keys, k.tenantOrder(t))
		args = append(args, t)
	}
	for _, l := range lanes {
		keys = append(keys, k.fresh(l), k.history(l))
		args = append(args, l)
	}
	reply, err := r.do(ctx, request{removeScript, keys, args})
	if err != nil {
		return 0, false, err
	}
	list := asList(reply)
	events, more = int(asInt(at(list, 0))), asInt(at(list, 1)) == 1
	return events, more, r.releasePointers(ctx, list)
}

// releasePointers removes what leads from other shards to events that are gone.
func (r *removal) releasePointers(ctx context.Context, list []any) error {
	byHome := make(map[int][]any)
	for i := 2; i+1 < len(list); i += 2 {
		name := asText(list[i])
		home := r.home(splitID(name))
		byHome[home] = append(byHome[home], name, string([]byte{byte(r.shard >> 8), byte(r.shard)})+asText(list[i+1])) // #nosec G115 -- two bytes
	}
	var requests []request
	for home, args := range byHome {
		requests = append(requests, request{releaseScript, []string{r.shards[home].ids}, args})
	}
	if len(requests) == 0 {
		return nil
	}
	_, err := r.doTogether(ctx, requests)
	return err
}

func (r *removal) lists(tenants, lanes []string) []string {
	k := r.shards[r.shard]
	lists := []string{k.order}
	for _, t := range tenants {
		lists = append(lists, k.tenantOrder(t))
	}
	for _, l := range lanes {
		lists = append(lists, k.history(l))
	}
	return lists
}

// compact lets lists that lead to much that is gone be rewritten, a step each.
func (r *removal) compact(ctx context.Context, lists map[string]bool) error {
	k := r.shards[r.shard]
	var requests []request
	for list := range lists {
		requests = append(requests, request{compactScript, []string{list, compacted(list), k.heads, k.rows, k.meta}, nil})
	}
	_, err := r.doAll(ctx, requests)
	return err
}
