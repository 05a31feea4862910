package dispatcher

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/internal/egress"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// target is an endpoint made ready for sending: its URL parsed, its secrets
// opened. It is made once for each revision of the endpoint.
type target struct {
	revision int64
	url      *url.URL
	// shown is the URL as it is recorded: without its query.
	shown    string
	active   []signer.Secret
	retiring []retiringSecret
	// custom are the endpoint's own headers and the User-Agent; recorded are the
	// same as they are recorded, without the endpoint's values.
	custom   []store.Header
	recorded []store.Header
	echoes   echoes
	retry    RetryPolicy
	remote   remoteText
	// err says why nothing can be sent; it holds until the endpoint changes.
	err error
}

type retiringSecret struct {
	signer.Secret
	until time.Time
}

// remoteText is the address that was reached last, as text: to format it costs as
// much as several other steps of an attempt together, and it seldom changes.
type remoteText struct {
	last atomic.Pointer[remoteAddr]
}

type remoteAddr struct {
	netip.AddrPort
	shown string
}

func (r *remoteText) text(a netip.AddrPort) string {
	if last := r.last.Load(); last != nil && last.AddrPort == a {
		return last.shown
	}
	now := &remoteAddr{a, a.String()}
	r.last.Store(now)
	return now.shown
}

// targetCacheSize bounds the cache; past it, it starts afresh.
const targetCacheSize = 10_000

type targetCache struct {
	mu   sync.RWMutex
	byID map[string]*target
}

// target returns the endpoint made ready. A failure of the keyring is an error,
// and is not remembered; anything else that is wrong is in target.err.
func (e *Engine) target(ctx context.Context, ep *store.Endpoint) (*target, error) {
	c := &e.targets
	c.mu.RLock()
	t := c.byID[ep.ID]
	c.mu.RUnlock()
	if t != nil && t.revision == ep.Revision {
		return t, nil
	}
	opening, cancel := context.WithTimeout(ctx, e.keyTimeout())
	t, err := e.makeTarget(opening, ep)
	cancel()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil || len(c.byID) >= targetCacheSize {
		c.byID = make(map[string]*target)
	}
	c.byID[ep.ID] = t
	return t, nil
}

func (e *Engine) makeTarget(ctx context.Context, ep *store.Endpoint) (*target, error) {
	t := &target{revision: ep.Revision, retry: e.cfg.retry}
	if ep.Retry != nil {
		t.retry = schedule(ep.Retry)
	}
	headers, err := e.openHeaders(ctx, ep)
	if err != nil {
		return nil, err
	}
	ownAgent := false
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		key := http.CanonicalHeaderKey(name)
		t.custom = append(t.custom, store.Header{Name: key, Value: headers[name]})
		t.recorded = append(t.recorded, store.Header{Name: key, Value: redacted})
		ownAgent = ownAgent || key == userAgent
	}
	t.echoes = newEchoes(t.custom)
	if !ownAgent {
		agent := store.Header{Name: userAgent, Value: e.cfg.userAgent}
		t.custom, t.recorded = append(t.custom, agent), append(t.recorded, agent)
	}
	for _, s := range ep.Secrets {
		if s.Phase == SecretPrepared || s.Phase == SecretRetiring && !time.Now().Before(s.ExpiresAt) {
			continue // it does not sign, and the key to open it may be gone
		}
		plain, err := e.vault.open(ctx, s.Sealed, ep.Tenant, ep.ID, kindSecret, s.Version)
		if err != nil {
			return nil, err
		}
		secret, err := signer.NewSecret(string(plain))
		switch {
		case err != nil:
			t.err = err
		case s.Phase == SecretActive:
			t.active = append(t.active, secret)
		default:
			t.retiring = append(t.retiring, retiringSecret{secret, s.ExpiresAt})
		}
	}
	u, err := egress.CheckURL(ep.URL, e.cfg.plainHTTP)
	if err != nil {
		t.err = invalid("url", "%s", reasonOf(err))
		return t, nil
	}
	t.url = u
	t.shown = u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		t.shown += "?" + redacted
	}
	return t, nil
}

// signing returns the retiring secrets that have not ended.
func (t *target) signing(now time.Time) []signer.Secret {
	var live []signer.Secret
	for _, s := range t.retiring {
		if now.Before(s.until) {
			live = append(live, s.Secret)
		}
	}
	return live
}
