package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/postrider/postrider/store"
)

// Endpoints are in the first shard, all of them: their ids are unique over all
// tenants, and every claim looks at their versions.
func (s *Store) home0() *keys { return s.shards[0] }

// CreateEndpoint implements [store.Endpoints]. It refuses an ID that is empty,
// has more than 64 bytes or a NUL, and an invalid Status, and returns
// [store.ErrFull] if there is no room.
func (s *Store) CreateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	err := checkEndpointID(given.ID)
	err = errors.Join(err, checkTenant(given.Tenant), checkStatus(given.Status), checkPatterns(given.Patterns))
	if err != nil {
		return store.Endpoint{}, fmt.Errorf("redisstore: create endpoint %q: %w", given.ID, err)
	}
	e := normal(&given)
	k := s.home0()
	keys := []string{k.meta, k.endpoints, k.versions, k.list, k.tenantList(e.Tenant)}
	for _, p := range e.Patterns {
		keys = append(keys, k.pattern(e.Tenant, p))
	}
	reply, err := s.do(ctx, request{createEndpointScript, keys, []any{e.ID, int(e.Status), appendEndpoint(nil, &e)}})
	switch {
	case isFull(err):
		return store.Endpoint{}, fmt.Errorf("redisstore: create endpoint %q: %w: %w", e.ID, store.ErrFull, err)
	case err != nil:
		return store.Endpoint{}, err
	case asText(reply) == "":
		return store.Endpoint{}, fmt.Errorf("redisstore: create endpoint %q: %w", e.ID, store.ErrExists)
	}
	return s.written(e.ID, reply)
}

// written reads the record that a script wrote.
func (s *Store) written(id string, reply any) (store.Endpoint, error) {
	e, err := decodeEndpoint(id, asText(reply))
	if err != nil {
		return store.Endpoint{}, err
	}
	s.endpoints.put(e)
	return clone(e), nil
}

// normal copies an endpoint as it is kept.
func normal(e *store.Endpoint) store.Endpoint {
	c := clone(e)
	for i := range c.Secrets {
		secret := &c.Secrets[i]
		secret.CreatedAt, secret.ExpiresAt = wall(secret.CreatedAt), wall(secret.ExpiresAt)
	}
	return c
}

// Endpoint implements [store.Endpoints].
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	e, err := s.live(ctx, "read", tenant, id)
	if err != nil {
		return store.Endpoint{}, err
	}
	return clone(e), nil
}

// live reads an endpoint that is not deleted.
func (s *Store) live(ctx context.Context, doing, tenant, id string) (*store.Endpoint, error) {
	e, err := s.record(ctx, id)
	if err != nil {
		return nil, err
	}
	if e == nil || e.Tenant != tenant || !e.DeletedAt.IsZero() {
		return nil, fmt.Errorf("redisstore: %s endpoint %q: %w", doing, id, store.ErrNotFound)
	}
	return e, nil
}

// record reads the record of an endpoint, nil if there is none.
func (s *Store) record(ctx context.Context, id string) (*store.Endpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, err := s.client.HGet(ctx, s.home0().endpoints, id).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: read endpoint %q: %w", id, err)
	}
	e, err := decodeEndpoint(id, text)
	if err != nil {
		return nil, err
	}
	s.endpoints.put(e)
	return e, nil
}

// readEndpoints returns endpoints and tombstones by id. With the version that a
// script saw, one that is remembered need not be read again.
func (s *Store) readEndpoints(ctx context.Context, ids []string, versions map[string]string) (map[string]*store.Endpoint, error) {
	found := make(map[string]*store.Endpoint, len(ids))
	var missing []string
	for _, id := range ids {
		v, known := versions[id]
		switch {
		case versions != nil && !known:
			found[id] = nil
		case known:
			if found[id] = s.endpoints.get(id, v); found[id] == nil {
				missing = append(missing, id)
			}
		default:
			missing = append(missing, id)
		}
	}
	for part := range slices.Chunk(missing, 1000) {
		texts, err := s.client.HMGet(ctx, s.home0().endpoints, part...).Result()
		if err != nil {
			return nil, err
		}
		for i, text := range texts {
			if text == nil {
				continue
			}
			e, err := decodeEndpoint(part[i], asText(text))
			if err != nil {
				return nil, err
			}
			s.endpoints.put(e)
			found[part[i]] = e
		}
	}
	return found, nil
}

// change is what put makes of an endpoint; the status 0 leaves it.
type change func(old *store.Endpoint) (store.Endpoint, byte)

// put writes a change of an endpoint, if nobody else does at the same time.
func (s *Store) put(ctx context.Context, old *store.Endpoint, to change) (e store.Endpoint, raced bool, err error) {
	e, status := to(old)
	k := s.home0()
	keys := []string{
		k.meta, k.endpoints, k.versions, k.list, k.tenantList(e.Tenant), k.tombs, k.tenantTombs(e.Tenant),
	}
	going := 0
	for _, p := range old.Patterns {
		if status == statusDeleted || !slices.Contains(e.Patterns, p) {
			keys = append(keys, k.pattern(e.Tenant, p))
			going++
		}
	}
	if status != statusDeleted {
		for _, p := range e.Patterns {
			keys = append(keys, k.pattern(e.Tenant, p))
		}
	}
	reply, err := s.do(ctx, request{putEndpointScript, keys, []any{e.ID, versionOf(old), int(status), going, appendEndpoint(nil, &e)}})
	if isFull(err) {
		err = fmt.Errorf("redisstore: write endpoint %q: %w: %w", e.ID, store.ErrFull, err)
	}
	if err != nil {
		return store.Endpoint{}, false, err
	}
	if asText(reply) == "" {
		return store.Endpoint{}, true, nil
	}
	e, err = s.written(e.ID, reply)
	return e, false, err
}

// UpdateEndpoint implements [store.Endpoints]. It returns [store.ErrFull] if there
// is no room.
func (s *Store) UpdateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	if err := checkPatterns(given.Patterns); err != nil {
		return store.Endpoint{}, fmt.Errorf("redisstore: update endpoint %q: %w", given.ID, err)
	}
	for {
		old, err := s.live(ctx, "update", given.Tenant, given.ID)
		if err != nil {
			return store.Endpoint{}, err
		}
		if old.Revision != given.Revision {
			return store.Endpoint{}, fmt.Errorf("redisstore: update endpoint %q: it has revision %d, not %d: %w", given.ID, old.Revision, given.Revision, store.ErrConflict)
		}
		e, raced, err := s.put(ctx, old, func(old *store.Endpoint) (store.Endpoint, byte) {
			e := normal(&given)
			e.StatusReason = old.StatusReason
			return e, byte(old.Status)
		})
		if err != nil || !raced {
			return e, err
		}
	}
}

// SetEndpointStatus implements [store.Endpoints]. It refuses an invalid status.
func (s *Store) SetEndpointStatus(ctx context.Context, tenant, id string, status store.EndpointStatus, reason store.Code) (store.Endpoint, error) {
	if err := errors.Join(checkStatus(status), checkReason(reason)); err != nil {
		return store.Endpoint{}, fmt.Errorf("redisstore: set status of endpoint %q: %w", id, err)
	}
	for {
		old, err := s.live(ctx, "set status of", tenant, id)
		if err != nil {
			return store.Endpoint{}, err
		}
		if old.Status == status && old.StatusReason == reason {
			return clone(old), nil
		}
		e, raced, err := s.put(ctx, old, func(old *store.Endpoint) (store.Endpoint, byte) {
			e := clone(old)
			e.StatusReason = reason
			return e, byte(status)
		})
		if err != nil || !raced {
			return e, err
		}
	}
}

// DeleteEndpoint implements [store.Endpoints]. The tombstone keeps neither
// Secrets nor Headers.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	for {
		old, err := s.live(ctx, "delete", tenant, id)
		if err != nil {
			return err
		}
		_, raced, err := s.put(ctx, old, func(old *store.Endpoint) (store.Endpoint, byte) {
			e := clone(old)
			e.Secrets, e.Headers = nil, nil
			return e, statusDeleted
		})
		if err != nil || !raced {
			return err
		}
	}
}

// Endpoints implements [store.Endpoints]. It refuses a Limit below 1.
func (s *Store) Endpoints(ctx context.Context, q store.EndpointQuery) (store.Page[store.Endpoint], error) {
	if q.Limit < 1 {
		return store.Page[store.Endpoint]{}, errLimit
	}
	if q.Scope.All {
		q.Scope.Tenant = ""
	}
	query := s.query('p', q.Scope.All, q.Scope.Tenant, q.Status)
	before := position{created: maxMicros + 1}
	if q.Cursor != "" {
		var err error
		if before, err = query.position(q.Cursor); err != nil {
			return store.Page[store.Endpoint]{}, err
		}
	}
	k := s.home0()
	list := k.list
	if !q.Scope.All {
		list = k.tenantList(q.Scope.Tenant)
	}
	var page store.Page[store.Endpoint]
	for {
		if err := ctx.Err(); err != nil {
			return store.Page[store.Endpoint]{}, err
		}
		// One more than the page holds shows that there is a next one.
		size := min(max(q.Limit+1-len(page.Items), 100), 1000)
		entries, err := s.client.ZRevRangeByScoreWithScores(ctx, list, &redis.ZRangeBy{
			Min: "-inf", Max: "(" + strconv.FormatInt(before.created, 10), Count: int64(size),
		}).Result()
		if err != nil {
			return store.Page[store.Endpoint]{}, fmt.Errorf("redisstore: endpoints: %w", err)
		}
		if len(entries) == 0 {
			return page, nil
		}
		ids := make([]string, len(entries))
		for i := range entries {
			ids[i], _ = entries[i].Member.(string)
		}
		found, err := s.readEndpoints(ctx, ids, nil)
		if err != nil {
			return store.Page[store.Endpoint]{}, fmt.Errorf("redisstore: endpoints: %w", err)
		}
		for i, id := range ids {
			e := found[id]
			before.created = int64(entries[i].Score) // microseconds fit exactly
			if e == nil || !e.DeletedAt.IsZero() || e.CreatedAt.UnixMicro() != before.created {
				continue // deleted meanwhile, and perhaps another one made, be it of another tenant
			}
			if q.Status == 0 || e.Status == q.Status {
				if len(page.Items) == q.Limit {
					last := page.Items[len(page.Items)-1]
					page.Next = query.cursor(position{created: last.CreatedAt.UnixMicro()})
					return page, nil
				}
				page.Items = append(page.Items, clone(e))
			}
		}
		if len(ids) < size {
			return page, nil
		}
	}
}

// tombstones returns the ids of some deleted endpoints.
func (s *Store) tombstones(ctx context.Context, set string, count int64) ([]string, error) {
	ids, err := s.client.SRandMemberN(ctx, set, count).Result()
	if err != nil {
		return nil, fmt.Errorf("redisstore: tombstones: %w", err)
	}
	return ids, nil
}

// forget removes an endpoint or a tombstone. What was written to meanwhile stays.
func (s *Store) forget(ctx context.Context, tenant, id string) error {
	e, err := s.record(ctx, id)
	if err != nil {
		return err
	}
	if e == nil {
		e = &store.Endpoint{ID: id, Tenant: tenant, CreatedAt: time.Unix(0, 0)}
	}
	k := s.home0()
	keys := []string{k.endpoints, k.versions, k.list, k.tenantList(e.Tenant), k.tombs, k.tenantTombs(e.Tenant)}
	for _, p := range e.Patterns {
		keys = append(keys, k.pattern(e.Tenant, p))
	}
	_, err = s.do(ctx, request{forgetEndpointScript, keys, []any{id, versionOf(e)}})
	return err
}

func checkStatus(status store.EndpointStatus) error {
	if status < store.EndpointActive || status > store.EndpointDisabled {
		return fmt.Errorf("invalid Status %d", status)
	}
	return nil
}

func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if hasNUL(p) {
			return fmt.Errorf("the pattern %q must not have a NUL", p)
		}
	}
	return nil
}
