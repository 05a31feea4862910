package gormstore

import (
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// endpointColumns are what an endpointRow reads and writes, of endpoints e.
const endpointColumns = `e.id, e.tenant, e.name, e.url, e.description, e.status, e.status_reason, e.max_in_flight,
	e.patterns, e.secrets, e.headers, e.metadata, e.retry, e.revision, e.created_at, e.updated_at, e.deleted_at`

// endpointRow holds a row of endpointColumns while it is read.
type endpointRow struct {
	store.Endpoint
	status                             int
	reason                             string
	patterns, secrets, metadata, retry []byte
	headers                            sql.Null[[]byte]
	created, updated                   int64
	deleted                            sql.NullInt64
}

func (r *endpointRow) dest() []any {
	e := &r.Endpoint
	return []any{
		&e.ID, &e.Tenant, &e.Name, &e.URL, &e.Description, &r.status, &r.reason, &e.MaxInFlight,
		&r.patterns, &r.secrets, &r.headers, &r.metadata, &r.retry, &e.Revision, &r.created, &r.updated, &r.deleted,
	}
}

func (r *endpointRow) endpoint() (store.Endpoint, error) {
	e := r.Endpoint
	e.Status = store.EndpointStatus(r.status) // #nosec G115 -- written by this package
	e.StatusReason = store.Code(r.reason)
	e.CreatedAt, e.UpdatedAt, e.DeletedAt = micros(r.created), micros(r.updated), timeOf(r.deleted)
	// Some drivers return an empty value as nil, though not as NULL.
	if e.Headers = r.headers.V; r.headers.Valid && e.Headers == nil {
		e.Headers = []byte{}
	}
	var secrets []secretRow
	for _, f := range []struct {
		name string
		text []byte
		into any
	}{{"patterns", r.patterns, &e.Patterns}, {"secrets", r.secrets, &secrets}, {"metadata", r.metadata, &e.Metadata}, {"retry", r.retry, &e.Retry}} {
		if err := json.Unmarshal(f.text, f.into); err != nil {
			return e, failed("reading "+f.name+" of endpoint "+e.ID, err)
		}
	}
	if secrets != nil {
		e.Secrets = make([]store.SealedSecret, len(secrets))
		for i, secret := range secrets {
			e.Secrets[i] = store.SealedSecret{
				Version: secret.Version, Sealed: secret.Sealed, Phase: store.SecretPhase(secret.Phase),
				CreatedAt: utc(secret.CreatedAt), ExpiresAt: utc(secret.ExpiresAt),
			}
		}
	}
	return e, nil
}

// secretRow is one secret in the column secrets, sealed as it came.
type secretRow struct {
	Version   int       `json:"version"`
	Sealed    []byte    `json:"sealed"`
	Phase     uint8     `json:"phase"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// endpointSettings are the columns that an update may change, and
// endpointValues what goes into them.
const endpointSettings = "name, url, description, max_in_flight, patterns, secrets, headers, metadata, retry"

func endpointValues(e *store.Endpoint) ([]any, error) {
	secrets := make([]secretRow, len(e.Secrets))
	for i, secret := range e.Secrets {
		secrets[i] = secretRow{
			Version: secret.Version, Sealed: secret.Sealed, Phase: uint8(secret.Phase), CreatedAt: utc(secret.CreatedAt), ExpiresAt: utc(secret.ExpiresAt),
		}
	}
	values := []any{clean(e.Name), clean(e.URL), clean(e.Description), e.MaxInFlight}
	for i, f := range []any{e.Patterns, secrets, orEmpty(e.Headers), e.Metadata, e.Retry} {
		if i == 2 {
			values = append(values, f)
			continue
		}
		text, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		values = append(values, clean(string(text)))
	}
	return values, nil
}

// utc leaves out the zone and the reading of the process's clock.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// copyEndpoint copies an endpoint with all that it refers to. Nil stays nil, and
// empty stays empty.
func copyEndpoint(e store.Endpoint) store.Endpoint {
	e.Patterns = slices.Clone(e.Patterns)
	e.Secrets = slices.Clone(e.Secrets)
	for i := range e.Secrets {
		e.Secrets[i].Sealed = slices.Clone(e.Secrets[i].Sealed)
	}
	e.Headers = slices.Clone(e.Headers)
	e.Metadata = maps.Clone(e.Metadata)
	e.Retry = slices.Clone(e.Retry)
	return e
}
