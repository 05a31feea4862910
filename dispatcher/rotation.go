package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// Rotation says how a secret is replaced. The zero value generates a secret
// and takes the defaults.
//
// If the dispatcher's signer can carry two signatures ([signer.Signer]
// MultiSecret), the new secret signs at once and the old one signs beside it
// until Grace has passed, so that receivers can change over in between. If it
// cannot, the new secret is only prepared: hand it to the receiver, let it
// accept both, and then call SwitchSecret. A prepared secret gives way to the
// next one, prepared or not.
type Rotation struct {
	// Secret is used instead of a generated one if it is set.
	Secret signer.Secret
	// Grace is how long the old secret goes on signing; default 24 h, at least 1 ms
	// and at most 90 days. [NoGrace] ends it at once, and those of earlier rotations. At most
	// 8 secrets of an endpoint sign at a time: one more is a [store.ErrConflict].
	Grace time.Duration
	// Prepare asks for preparing, and for SwitchSecret, with any signer. Grace plays
	// no part then.
	Prepare bool
}

// NoGrace, as the Grace of a [Rotation], ends all old secrets at once.
const NoGrace time.Duration = -1

const (
	defaultGrace = 24 * time.Hour
	maxConflicts = 10
	// maxSigning bounds the secrets that sign at a time. A list of signatures has
	// room for 16, those of a scheme's own keys included.
	maxSigning = 8
)

func (t *tenant) RotateSecret(ctx context.Context, id string, r Rotation) (signer.Secret, error) {
	e := t.engine
	if r.Grace != NoGrace {
		if err := checkDuration("grace", r.Grace, 0, maxDelay); err != nil {
			return signer.Secret{}, err
		}
	}
	secret := r.Secret
	if secret.IsZero() {
		secret = signer.GenerateSecret()
	}
	if err := signer.CheckSecret(e.cfg.signer, secret); err != nil {
		return signer.Secret{}, invalid("secret", "%s", reasonOf(err))
	}
	prepare := r.Prepare || r.Grace != NoGrace && !e.cfg.signer.MultiSecret()
	err := t.changeSecrets(ctx, id, func(ep *store.Endpoint) error {
		phase, version := SecretActive, nextVersion(ep)
		ep.Secrets = slices.DeleteFunc(ep.Secrets, func(s store.SealedSecret) bool { return s.Phase == SecretPrepared })
		if prepare {
			phase = SecretPrepared
		} else if err := retire(ep, r.Grace); err != nil {
			return err
		}
		sealed, err := e.sealSecret(ctx, ep, secret, phase, version)
		ep.Secrets = append(ep.Secrets, sealed)
		return err
	})
	if err != nil {
		return signer.Secret{}, err
	}
	return secret, nil
}

func (t *tenant) SwitchSecret(ctx context.Context, id string) error {
	return t.changeSecrets(ctx, id, func(ep *store.Endpoint) error {
		if !slices.ContainsFunc(ep.Secrets, func(s store.SealedSecret) bool { return s.Phase == SecretPrepared }) {
			return fmt.Errorf("endpoint %s has no prepared secret: %w", ep.ID, store.ErrConflict)
		}
		grace := NoGrace
		if t.engine.cfg.signer.MultiSecret() {
			grace = defaultGrace
		}
		if err := retire(ep, grace); err != nil {
			return err
		}
		for i := range ep.Secrets {
			if ep.Secrets[i].Phase == SecretPrepared {
				ep.Secrets[i].Phase = SecretActive
			}
		}
		return nil
	})
}

// changeSecrets reads, changes and stores an endpoint's secrets, again if
// somebody else changed the endpoint in between: a rotation has no revision
// for the caller to resolve a conflict by.
func (t *tenant) changeSecrets(ctx context.Context, id string, change func(*store.Endpoint) error) error {
	e := t.engine
	for tries := 0; ; tries++ {
		ep, err := e.store.Endpoint(ctx, t.id, id)
		if err != nil {
			return err
		}
		if err := change(&ep); err != nil {
			return err
		}
		headers, err := e.openHeaders(ctx, &ep)
		if err != nil {
			return err
		}
		_, err = e.update(ctx, ep, headers, EndpointSecretRotated)
		if tries == maxConflicts || !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// retire makes room for a secret that is to sign: it ends those that do after
// grace, and drops those that have ended.
func retire(ep *store.Endpoint, grace time.Duration) error {
	now := time.Now().UTC()
	if grace == 0 {
		grace = defaultGrace
	}
	retiring := 0
	ep.Secrets = slices.DeleteFunc(ep.Secrets, func(s store.SealedSecret) bool {
		return s.Phase != SecretPrepared && (grace == NoGrace || s.Phase == SecretRetiring && !s.ExpiresAt.After(now))
	})
	for i := range ep.Secrets {
		s := &ep.Secrets[i]
		switch s.Phase {
		case SecretActive:
			s.Phase = SecretRetiring
			s.ExpiresAt = now.Add(grace)
			retiring++
		case SecretRetiring:
			retiring++
		}
	}
	if retiring >= maxSigning {
		return fmt.Errorf("endpoint %s has %d secrets that still sign; wait until one has ended, or rotate with NoGrace: %w",
			ep.ID, retiring, store.ErrConflict)
	}
	return nil
}
