package signer

import (
	"context"
	"crypto"
	"net/http"
	"slices"
	"strconv"
)

// All returns a signer that signs each request with all of signers, for the
// time in which receivers move from one scheme to another. They sign with the
// same secrets, so each must be able to use them: see [CheckSecret].
//
// MultiSecret is true if it is true of all of them. Two that set the same
// header, in any spelling, are refused (by [Validate], and by Sign), as are nil
// and an empty list. For the two Standard Webhooks schemes, which share their
// headers, there is [StandardWebhooksDual].
func All(signers ...Signer) Signer {
	a := &all{signers: slices.Clone(signers)}
	a.err = a.check()
	return a
}

type all struct {
	signers []Signer
	err     error // what is wrong with them
}

func (a *all) check() error {
	if len(a.signers) == 0 {
		return &FieldError{Field: "signers", Reason: "is empty"}
	}
	taken := map[string]bool{}
	for i, s := range a.signers {
		if err := Validate(s); err != nil {
			return &FieldError{Field: "signers[" + strconv.Itoa(i) + "]", Reason: "is unusable: " + err.Error()}
		}
		for _, name := range s.Headers() {
			if name = lowerASCII(name); taken[name] {
				return &FieldError{Field: "signers[" + strconv.Itoa(i) + "]", Reason: "sets a header that is set already: " + name}
			}
			taken[name] = true
		}
	}
	return nil
}

func (a *all) Sign(ctx context.Context, h http.Header, m Message, active, retiring []Secret) error {
	if a.err != nil {
		return a.err
	}
	for _, s := range a.signers {
		if err := s.Sign(ctx, h, m, active, retiring); err != nil {
			return err
		}
	}
	return nil
}

func (a *all) MultiSecret() bool {
	return a.err == nil && !slices.ContainsFunc(a.signers, func(s Signer) bool { return !s.MultiSecret() })
}

func (a *all) UsesSecrets() bool { return slices.ContainsFunc(a.signers, UsesSecrets) }

func (a *all) Headers() (names []string) {
	if a.err != nil {
		return nil
	}
	for _, s := range a.signers {
		names = append(names, s.Headers()...)
	}
	return names
}

func (a *all) CheckSecret(secret Secret) error {
	if a.err != nil {
		return a.err
	}
	for _, s := range a.signers {
		if !UsesSecrets(s) {
			continue
		}
		if err := CheckSecret(s, secret); err != nil {
			return err
		}
	}
	return nil
}

func (a *all) Validate() error { return a.err }

// StandardWebhooksDual returns a signer that sends a v1 signature for each
// secret, as [StandardWebhooks], and a v1a signature for each of keys, as
// [Ed25519], in one list, while receivers move from one kind to the other. The
// specification allows both in one request. Receivers verify with
// StandardWebhooks or with [Ed25519Verifier]; each passes over the other's.
func StandardWebhooksDual(keys ...crypto.Signer) Signer {
	return &standardDual{v1a: newEd25519Signer(keys)}
}

type standardDual struct{ v1a *ed25519Signer }

func (d *standardDual) Sign(ctx context.Context, h http.Header, m Message, active, retiring []Secret) error {
	if d.v1a.err != nil {
		return d.v1a.err
	}
	if len(active)+len(retiring)+len(d.v1a.sign) > maxSignatures {
		return &FieldError{Field: "active", Reason: "and retiring and the keys are more than " + strconv.Itoa(maxSignatures)}
	}
	var array [384]byte
	out, err := beginStandard(array[:0], h, m)
	if err != nil {
		return err
	}
	n := len(out)
	ts := out[:n:n]
	if out, err = appendV1(out, ts, m, active, retiring); err != nil {
		return err
	}
	if out, err = d.v1a.appendV1a(ctx, append(out, ' '), ts, m); err != nil {
		return err
	}
	setStandard(h, m.ID, out, n)
	return nil
}

func (d *standardDual) MultiSecret() bool { return true }
func (d *standardDual) UsesSecrets() bool { return true }
func (d *standardDual) Headers() []string { return standardHeaders() }
func (d *standardDual) Validate() error   { return d.v1a.err }
func (d *standardDual) String() string    { return "StandardWebhooksDual" }
func (d *standardDual) CheckSecret(secret Secret) error {
	if d.v1a.err != nil {
		return d.v1a.err
	}
	return checkKey(secret, standardKey)
}
