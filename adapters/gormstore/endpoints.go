package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// CreateEndpoint implements [store.Endpoints]. It refuses an ID that is empty or
// has more than 64 bytes, a Tenant of more than 255 bytes, a pattern of more than
// 130 bytes and an invalid Status.
func (s *Store) CreateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	doing := fmt.Sprintf("creating endpoint %q", given.ID)
	if err := checkEndpoint(&given); err != nil {
		return store.Endpoint{}, failed(doing, err)
	}
	if err := checkStatus(given.Status); err != nil {
		return store.Endpoint{}, failed(doing, err)
	}
	e := copyEndpoint(given)
	values, err := endpointValues(&e)
	if err != nil {
		return store.Endpoint{}, failed(doing, err)
	}
	err = s.write(ctx, doing, once, func(ctx context.Context, c conn) error {
		now, err := c.now(ctx)
		if err != nil {
			return err
		}
		e.Revision, e.CreatedAt, e.UpdatedAt, e.DeletedAt = 1, micros(now), micros(now), time.Time{}
		args := append([]any{e.ID, e.Tenant, int(e.Status), clean(string(e.StatusReason)), e.Revision, now, now}, values...)
		_, err = c.exec(ctx, `INSERT INTO {endpoints} (id, tenant, status, status_reason, revision, created_at, updated_at, `+endpointSettings+`)
			VALUES (`+list(len(args))+`)`, args...)
		if duplicateKey(err) {
			return store.ErrExists
		}
		if err != nil {
			return err
		}
		return s.subscribe(ctx, c, &e)
	})
	if err != nil {
		return store.Endpoint{}, err
	}
	return s.asStored(e), nil
}

// Endpoint implements [store.Endpoints].
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (e store.Endpoint, err error) {
	err = s.read(ctx, fmt.Sprintf("reading endpoint %q", id), func(ctx context.Context, c conn) error {
		e, err = s.endpoint(ctx, c, tenant, id, "")
		return err
	})
	if err != nil {
		return store.Endpoint{}, err
	}
	return e, nil
}

// endpoint reads an endpoint of the tenant that is not deleted.
func (s *Store) endpoint(ctx context.Context, c conn, tenant, id, locking string) (store.Endpoint, error) {
	var r endpointRow
	err := c.one(ctx, "SELECT "+endpointColumns+" FROM {endpoints} e WHERE e.id = ? AND e.tenant = ? AND e.deleted_at IS NULL"+locking,
		[]any{named(id), named(tenant)}, r.dest()...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Endpoint{}, store.ErrNotFound
	}
	if err != nil {
		return store.Endpoint{}, err
	}
	return r.endpoint()
}

// forUpdate locks what a statement reads. On SQLite a writer is alone.
func (s *Store) forUpdate() string {
	if s.dialect == sqlite {
		return ""
	}
	return " FOR UPDATE"
}

// UpdateEndpoint implements [store.Endpoints]. It refuses what CreateEndpoint
// refuses, but for the Status, which it does not read.
func (s *Store) UpdateEndpoint(ctx context.Context, given store.Endpoint) (store.Endpoint, error) {
	doing := fmt.Sprintf("updating endpoint %q", given.ID)
	var e store.Endpoint
	values, err := endpointValues(&given)
	if err != nil {
		return store.Endpoint{}, failed(doing, err)
	}
	err = s.change(ctx, doing, given.Tenant, given.ID, func(ctx context.Context, c conn, old store.Endpoint, now int64) error {
		if old.Revision != given.Revision {
			return fmt.Errorf("it has revision %d, not %d: %w", old.Revision, given.Revision, store.ErrConflict)
		}
		if err := checkEndpoint(&given); err != nil {
			return err
		}
		// What an update must not change: the status has its own method, so that an
		// update which was under way does not undo a pause.
		e = copyEndpoint(given)
		e.Revision++
		e.Status, e.StatusReason = old.Status, old.StatusReason
		e.CreatedAt, e.UpdatedAt, e.DeletedAt = old.CreatedAt, micros(now), time.Time{}
		_, err := c.exec(ctx, `UPDATE {endpoints} SET name = ?, url = ?, description = ?, max_in_flight = ?, patterns = ?, secrets = ?, headers = ?,
			metadata = ?, retry = ?, revision = ?, updated_at = ? WHERE id = ?`, append(slices.Clone(values), e.Revision, now, e.ID)...)
		if err != nil || slices.Equal(old.Patterns, e.Patterns) {
			return err
		}
		if err := s.unsubscribe(ctx, c, e.ID); err != nil {
			return err
		}
		return s.subscribe(ctx, c, &e)
	})
	if err != nil {
		return store.Endpoint{}, err
	}
	return s.asStored(e), nil
}

// SetEndpointStatus implements [store.Endpoints]. It refuses an invalid status.
func (s *Store) SetEndpointStatus(ctx context.Context, tenant, id string, status store.EndpointStatus, reason store.Code) (store.Endpoint, error) {
	doing := fmt.Sprintf("setting the status of endpoint %q", id)
	if err := checkStatus(status); err != nil {
		return store.Endpoint{}, failed(doing, err)
	}
	var e store.Endpoint
	err := s.change(ctx, doing, tenant, id, func(ctx context.Context, c conn, old store.Endpoint, now int64) error {
		e = old
		if old.Status == status && old.StatusReason == reason {
			return nil
		}
		e.Status, e.StatusReason = status, reason
		e.Revision++
		e.UpdatedAt = micros(now)
		_, err := c.exec(ctx, "UPDATE {endpoints} SET status = ?, status_reason = ?, revision = ?, updated_at = ? WHERE id = ?",
			int(status), clean(string(reason)), e.Revision, now, id)
		return err
	})
	if err != nil {
		return store.Endpoint{}, err
	}
	return e, nil
}

// DeleteEndpoint implements [store.Endpoints]. The tombstone keeps neither
// Secrets nor Headers: nobody signs or sends for it.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	return s.change(ctx, fmt.Sprintf("deleting endpoint %q", id), tenant, id, func(ctx context.Context, c conn, old store.Endpoint, now int64) error {
		_, err := c.exec(ctx, "UPDATE {endpoints} SET secrets = '[]', headers = NULL, revision = ?, updated_at = ?, deleted_at = ? WHERE id = ?",
			old.Revision+1, now, now, id)
		if err != nil {
			return err
		}
		return s.unsubscribe(ctx, c, id)
	})
}

// change runs f with an endpoint that nobody else changes meanwhile.
func (s *Store) change(ctx context.Context, doing, tenant, id string, f func(ctx context.Context, c conn, old store.Endpoint, now int64) error) error {
	return s.write(ctx, doing, once, func(ctx context.Context, c conn) error {
		old, err := s.endpoint(ctx, c, tenant, id, s.forUpdate())
		if err != nil {
			return err
		}
		now, err := c.now(ctx)
		if err != nil {
			return err
		}
		return f(ctx, c, old, now)
	})
}

// subscribe enters an endpoint's patterns into the index of patterns.
func (s *Store) subscribe(ctx context.Context, c conn, e *store.Endpoint) error {
	patterns := slices.Clone(e.Patterns)
	slices.Sort(patterns)
	return insertMany(slices.Compact(patterns), 3, func(part []string, values string) error {
		args := make([]any, 0, 3*len(part))
		for _, p := range part {
			args = append(args, e.Tenant, p, e.ID)
		}
		_, err := c.exec(ctx, "INSERT INTO {subscriptions} (tenant, pattern, endpoint_id) VALUES "+values, args...)
		return err
	})
}

func (s *Store) unsubscribe(ctx context.Context, c conn, id string) error {
	_, err := c.exec(ctx, "DELETE FROM {subscriptions} WHERE endpoint_id = ?", id)
	return err
}

// loadEndpoints reads endpoints of any tenant, tombstones too, and remembers
// them.
func (s *Store) loadEndpoints(ctx context.Context, c conn, ids []string) (map[string]store.Endpoint, error) {
	loaded := make(map[string]store.Endpoint, len(ids))
	err := inLists(ids, func(list string, args []any) error {
		return c.query(ctx, "SELECT "+endpointColumns+" FROM {endpoints} e WHERE e.id IN ("+list+")", args, func(rows *sql.Rows) error {
			var r endpointRow
			if err := rows.Scan(r.dest()...); err != nil {
				return err
			}
			e, err := r.endpoint()
			if err != nil {
				return err
			}
			s.snapshots.put(e)
			loaded[e.ID] = e
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// asStored returns an endpoint as it reads when it comes back.
func (s *Store) asStored(e store.Endpoint) store.Endpoint {
	e.Name, e.URL, e.Description = clean(e.Name), clean(e.URL), clean(e.Description)
	e.StatusReason = store.Code(clean(string(e.StatusReason)))
	for i := range e.Secrets {
		secret := &e.Secrets[i]
		secret.CreatedAt, secret.ExpiresAt = utc(secret.CreatedAt), utc(secret.ExpiresAt)
	}
	return e
}

// maxPattern is what the table of subscriptions has room for: an event type of
// 128 bytes, followed by ".*".
const maxPattern = maxEventType + len(".*")

// checkEndpoint refuses what the tables have no room for.
func checkEndpoint(e *store.Endpoint) error {
	switch {
	case e.ID == "" || len(e.ID) > maxID || clean(e.ID) != e.ID:
		return fmt.Errorf("the ID has %d bytes: must be 1 to %d bytes of UTF-8 without NUL", len(e.ID), maxID)
	case len(e.Tenant) > maxTenant || clean(e.Tenant) != e.Tenant:
		return fmt.Errorf("the Tenant has %d bytes: must be at most %d bytes of UTF-8 without NUL", len(e.Tenant), maxTenant)
	}
	for _, p := range e.Patterns {
		if len(p) > maxPattern || clean(p) != p {
			return fmt.Errorf("a pattern has %d bytes: must be at most %d bytes of UTF-8 without NUL", len(p), maxPattern)
		}
	}
	return nil
}

func checkStatus(status store.EndpointStatus) error {
	if status < store.EndpointActive || status > store.EndpointDisabled {
		return fmt.Errorf("invalid Status %d", status)
	}
	return nil
}
