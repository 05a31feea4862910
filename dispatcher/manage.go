package dispatcher

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/postrider/postrider/internal/ids"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// What the vault seals of an endpoint.
const (
	kindSecret  = "secret"
	kindHeaders = "headers"
)

func (t *tenant) Register(ctx context.Context, c EndpointConfig) (Endpoint, signer.Secret, error) {
	e := t.engine
	if err := t.check(); err != nil {
		return Endpoint{}, signer.Secret{}, err
	}
	if err := e.checkConfig(&c); err != nil {
		return Endpoint{}, signer.Secret{}, err
	}
	secret := c.Secret
	if secret.IsZero() {
		secret = signer.GenerateSecret()
	}
	if err := signer.CheckSecret(e.cfg.signer, secret); err != nil {
		return Endpoint{}, signer.Secret{}, invalid("secret", "%s", reasonOf(err))
	}
	ep := store.Endpoint{
		ID: ids.Random("ep_", 22), Tenant: t.id, Name: c.Name, URL: c.URL, Description: c.Description,
		Patterns: normalPatterns(c.Events), Status: EndpointActive, Metadata: c.Metadata,
		Retry: c.Retry, MaxInFlight: c.MaxInFlight,
	}
	if c.Disabled {
		ep.Status = EndpointDisabled
	}
	sealed, err := e.sealSecret(ctx, &ep, secret, SecretActive, nextVersion(&ep))
	if err != nil {
		return Endpoint{}, signer.Secret{}, err
	}
	ep.Secrets = []store.SealedSecret{sealed}
	if err := e.sealHeaders(ctx, &ep, c.Headers); err != nil {
		return Endpoint{}, signer.Secret{}, err
	}
	stored, err := e.store.CreateEndpoint(ctx, ep)
	if err != nil {
		return Endpoint{}, signer.Secret{}, err
	}
	e.matches.forget()
	view := viewEndpoint(stored, c.Headers)
	e.observers.endpointChanged(ctx, view, EndpointRegistered)
	return view, secret, nil
}

func (t *tenant) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	ep, err := t.engine.store.Endpoint(ctx, t.id, id)
	if err != nil {
		return Endpoint{}, err
	}
	return t.engine.view(ctx, ep)
}

func (t *tenant) Endpoints(ctx context.Context, f EndpointFilter) iter.Seq2[Endpoint, error] {
	return walk(func(cursor string) (Page[Endpoint], error) { return t.EndpointPage(ctx, f, cursor, 0) })
}

func (t *tenant) EndpointPage(ctx context.Context, f EndpointFilter, cursor string, limit int) (Page[Endpoint], error) {
	if err := f.check(); err != nil {
		return Page[Endpoint]{}, err
	}
	limit, err := pageLimit(limit)
	if err != nil {
		return Page[Endpoint]{}, err
	}
	p, err := t.engine.store.Endpoints(ctx, store.EndpointQuery{
		Scope: t.scope, Status: f.Status, Cursor: cursor, Limit: limit,
	})
	if err != nil {
		return Page[Endpoint]{}, err
	}
	views := Page[Endpoint]{Items: make([]Endpoint, len(p.Items)), Next: p.Next}
	for i, ep := range p.Items {
		if views.Items[i], err = t.engine.view(ctx, ep); err != nil {
			return Page[Endpoint]{}, err
		}
	}
	return views, nil
}

func (t *tenant) Update(ctx context.Context, id string, rev int64, u EndpointUpdate) (Endpoint, error) {
	e := t.engine
	if rev < 1 {
		return Endpoint{}, invalid("rev", "must be the Revision of the endpoint that the change was made for")
	}
	ep, err := e.store.Endpoint(ctx, t.id, id)
	if err != nil {
		return Endpoint{}, err
	}
	if ep.Revision != rev {
		return Endpoint{}, fmt.Errorf("endpoint %s has revision %d, not %d: %w", ep.ID, ep.Revision, rev, store.ErrConflict)
	}
	headers, err := e.openHeaders(ctx, &ep)
	if err != nil {
		return Endpoint{}, err
	}
	c := EndpointConfig{
		Name: or(u.Name, ep.Name), URL: or(u.URL, ep.URL), Description: or(u.Description, ep.Description),
		Events: ep.Patterns, Headers: headers, Metadata: ep.Metadata,
		Retry: or(u.Retry, ep.Retry), MaxInFlight: or(u.MaxInFlight, ep.MaxInFlight),
	}
	if u.Events != nil {
		c.Events = u.Events
	}
	if u.Headers != nil {
		c.Headers = u.Headers
	}
	if u.Metadata != nil {
		c.Metadata = u.Metadata
	}
	if err := e.checkConfig(&c); err != nil {
		return Endpoint{}, err
	}
	ep.Name, ep.URL, ep.Description = c.Name, c.URL, c.Description
	ep.Patterns, ep.Metadata, ep.Retry, ep.MaxInFlight = normalPatterns(c.Events), c.Metadata, c.Retry, c.MaxInFlight
	if u.Headers != nil {
		if err := e.sealHeaders(ctx, &ep, u.Headers); err != nil {
			return Endpoint{}, err
		}
	}
	return e.update(ctx, ep, c.Headers, EndpointUpdated)
}

func (t *tenant) Pause(ctx context.Context, id string) error {
	return t.setStatus(ctx, id, EndpointPaused, EndpointWasPaused)
}

func (t *tenant) Resume(ctx context.Context, id string) error {
	return t.setStatus(ctx, id, EndpointActive, EndpointWasResumed)
}

func (t *tenant) Disable(ctx context.Context, id string) error {
	return t.setStatus(ctx, id, EndpointDisabled, EndpointWasDisabled)
}

func (t *tenant) setStatus(ctx context.Context, id string, s EndpointStatus, change EndpointChange) error {
	return t.engine.setStatus(ctx, t.id, id, s, "", change)
}

func (e *Engine) setStatus(ctx context.Context, tenantID, id string, s EndpointStatus, reason Code, change EndpointChange) error {
	ep, err := e.store.SetEndpointStatus(ctx, tenantID, id, s, reason)
	if err != nil {
		return err
	}
	e.changed(ctx, ep, change)
	return nil
}

func (t *tenant) Delete(ctx context.Context, id string) error {
	e := t.engine
	ep, err := e.store.Endpoint(ctx, t.id, id)
	if err != nil {
		return err
	}
	if err := e.store.DeleteEndpoint(ctx, t.id, id); err != nil {
		return err
	}
	e.changed(ctx, ep, EndpointWasDeleted)
	return nil
}

// update stores an endpoint that was read, if nobody changed it since.
func (e *Engine) update(ctx context.Context, ep store.Endpoint, headers map[string]string, change EndpointChange) (Endpoint, error) {
	stored, err := e.store.UpdateEndpoint(ctx, ep)
	if err != nil {
		return Endpoint{}, err
	}
	e.matches.forget()
	e.lanes.wake(ep.ID, time.Now()) // its cap may have grown
	view := viewEndpoint(stored, headers)
	e.observers.endpointChanged(ctx, view, change)
	return view, nil
}

// changed makes this engine act on a change of status at once.
func (e *Engine) changed(ctx context.Context, ep store.Endpoint, change EndpointChange) {
	e.matches.forget()
	e.lanes.wake(ep.ID, time.Now())
	if view, err := e.view(ctx, ep); err == nil {
		e.observers.endpointChanged(ctx, view, change)
	}
}

func (e *Engine) view(ctx context.Context, ep store.Endpoint) (Endpoint, error) {
	headers, err := e.openHeaders(ctx, &ep)
	if err != nil {
		return Endpoint{}, err
	}
	return viewEndpoint(ep, headers), nil
}

// nextVersion is to be asked before any secret is dropped: a version is never
// used again.
func nextVersion(ep *store.Endpoint) int {
	version := 1
	for _, s := range ep.Secrets {
		version = max(version, s.Version+1)
	}
	return version
}

func (e *Engine) sealSecret(ctx context.Context, ep *store.Endpoint, s signer.Secret, phase SecretPhase, version int) (store.SealedSecret, error) {
	sealed, err := e.vault.seal(ctx, []byte(s.Reveal()), ep.Tenant, ep.ID, kindSecret, version)
	if err != nil {
		return store.SealedSecret{}, err
	}
	return store.SealedSecret{Version: version, Sealed: sealed, Phase: phase, CreatedAt: time.Now().UTC()}, nil
}

func (e *Engine) sealHeaders(ctx context.Context, ep *store.Endpoint, headers map[string]string) error {
	if len(headers) == 0 {
		ep.Headers = nil
		return nil
	}
	plain, err := encodeHeaders(headers)
	if err != nil {
		return err
	}
	ep.Headers, err = e.vault.seal(ctx, plain, ep.Tenant, ep.ID, kindHeaders, 0)
	return err
}

func (e *Engine) openHeaders(ctx context.Context, ep *store.Endpoint) (map[string]string, error) {
	if ep.Headers == nil {
		return nil, nil
	}
	plain, err := e.vault.open(ctx, ep.Headers, ep.Tenant, ep.ID, kindHeaders, 0)
	if err != nil {
		return nil, err
	}
	return decodeHeaders(plain)
}

func or[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}
