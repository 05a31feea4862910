package signer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/signer"
)

// TestKeys: what is written is read again, and each kind of key only as itself.
func TestKeys(t *testing.T) {
	key := privateKey(t, vectorKey)
	written, err := signer.FormatPrivateKey(key)
	if err != nil || written.Reveal() != vectorKey {
		t.Errorf("FormatPrivateKey: %q, %v", written.Reveal(), err)
	}
	public, err := signer.FormatPublicKey(publicOf(key)[0])
	if err != nil || public != "whpk_1SiA4o9hyqTCpIqC5V9HUakiieACeqfZTInDBbOir4I="[:len(public)] && !strings.HasPrefix(public, "whpk_") {
		t.Errorf("FormatPublicKey: %q, %v", public, err)
	}
	read, err := signer.ParsePublicKey(public)
	if err != nil || !read.Equal(key.Public()) {
		t.Errorf("ParsePublicKey: %v", err)
	}
	seed, err := signer.ParsePrivateKey("whsk_" + base64.StdEncoding.EncodeToString(key.Seed()))
	if err != nil || !seed.Equal(key) {
		t.Errorf("the seed alone: %v", err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	swapped := append(ed25519.PrivateKey(nil), keyOf(1)...)
	copy(swapped[32:], keyOf(2)[32:])
	enc := base64.StdEncoding.EncodeToString
	private := func(s string) error { _, err := signer.ParsePrivateKey(s); return err }
	public := func(s string) error { _, err := signer.ParsePublicKey(s); return err }
	for _, tt := range []struct {
		name  string
		parse func(string) error
		text  string
	}{
		{"empty private", private, ""},
		{"private without prefix", private, strings.TrimPrefix(vectorKey, "whsk_")},
		{"public as private", private, "whpk_" + enc(keyOf(1)[32:])},
		{"symmetric as private", private, vectorSecret},
		{"private of 31 bytes", private, "whsk_" + enc(make([]byte, 31))},
		{"private of 65 bytes", private, "whsk_" + enc(make([]byte, 65))},
		{"private with foreign public half", private, "whsk_" + enc(swapped)},
		{"private unpadded", private, strings.TrimRight(vectorKey, "=")},
		{"private with a line break", private, vectorKey + "\n"},
		{"private with trailing bits", private, strings.Replace(vectorKey, "vg==", "vh==", 1)},
		{"empty public", public, ""},
		{"private as public", public, vectorKey},
		{"public without prefix", public, enc(keyOf(1)[32:])},
		{"public of 31 bytes", public, "whpk_" + enc(make([]byte, 31))},
		{"public of 33 bytes", public, "whpk_" + enc(make([]byte, 33))},
		{"public zero", public, "whpk_" + enc(make([]byte, 32))},
		{"public with a line break inside", public, "whpk_" + enc(keyOf(1)[32:])[:20] + "\n" + enc(keyOf(1)[32:])[20:]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.parse(tt.text)
			var field *signer.FieldError
			if !errors.As(err, &field) {
				t.Fatalf("got %v, want a FieldError", err)
			}
			if _, bare, _ := strings.Cut(tt.text, "_"); len(bare) > 8 && strings.Contains(err.Error(), bare[:8]) {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
	if _, err := signer.FormatPrivateKey(swapped); err == nil {
		t.Error("FormatPrivateKey takes a key with a foreign public half")
	}
	if _, err := signer.FormatPrivateKey(nil); err == nil {
		t.Error("FormatPrivateKey takes nil")
	}
	if _, err := signer.FormatPublicKey(make(ed25519.PublicKey, 32)); err == nil {
		t.Error("FormatPublicKey takes zero")
	}
}

// TestSmallOrder: for these public keys crypto/ed25519 accepts signatures that
// need no private key, and so this package refuses the keys.
func TestSmallOrder(t *testing.T) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		// With s = 0 and R the identity, the equation R = sB - kA holds as soon
		// as the order of A divides the hash k: once in eight messages or more.
		forged := append([]byte{1}, make([]byte, 63)...)
		found := false
		for i := uint32(0); i < 1000 && !found; i++ {
			found = ed25519.Verify(key, binary.BigEndian.AppendUint32(nil, i), forged)
		}
		if !found {
			t.Errorf("%s: no forgery found, so it need not be refused", text)
		}
		if err := signer.Validate(signer.Ed25519Verifier([]ed25519.PublicKey{key})); !errors.Is(err, signer.ErrNoSecret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// remoteKey stands for a key in a KMS: a crypto.Signer that is no
// ed25519.PrivateKey.
type remoteKey struct {
	crypto.Signer
	public crypto.PublicKey
	err    error
}

func (k *remoteKey) Public() crypto.PublicKey { return k.public }
func (k *remoteKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.Signer.Sign(r, digest, opts)
}

// contextKey is a remote key that can give up.
type contextKey struct{ remoteKey }

func (k *contextKey) SignContext(ctx context.Context, r io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	<-ctx.Done() // a KMS that never answers
	return nil, ctx.Err()
}

func TestRemoteKey(t *testing.T) {
	key := privateKey(t, vectorKey)
	public := key.Public()
	boom := errors.New("boom")
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := sign(t, signer.Ed25519(&remoteKey{key, public, nil}), vectorMessage(), nil, nil)
	if got := h["webhook-signature"][0]; got != vectorV1a {
		t.Errorf("signature %q", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		key  crypto.Signer
		ctx  context.Context
		want error // nil: any error
	}{
		{"fails", &remoteKey{key, public, boom}, t.Context(), boom},
		{"signs with another key", &remoteKey{keyOf(1), public, nil}, t.Context(), nil},
		{"panics", &remoteKey{nil, public, nil}, t.Context(), nil},
		{"context ended before", &remoteKey{key, public, nil}, ended, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := signer.Ed25519(tt.key)
			if err := signer.Validate(s); err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			err := s.Sign(tt.ctx, h, vectorMessage(), nil, nil)
			if err == nil || !errors.Is(err, tt.want) && tt.want != nil || len(h) != 0 {
				t.Errorf("got %v, headers %v", err, h)
			}
		})
	}
	for name, bad := range map[string]crypto.Signer{
		"other algorithm": ec, "short private key": key[:40], "nil private key": ed25519.PrivateKey(nil), "typed nil": (*remoteKey)(nil),
		"zero public key": &remoteKey{key, make(ed25519.PublicKey, 32), nil}, "no public key": &remoteKey{key, nil, nil},
	} {
		if err := signer.Validate(signer.Ed25519(bad)); !errors.Is(err, signer.ErrNoSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestContextSigner: a key that can give up does so when the attempt's time is
// over.
func TestContextSigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		key := keyOf(1)
		s := signer.Ed25519(&contextKey{remoteKey{key, key.Public(), nil}})
		start := time.Now()
		err := s.Sign(ctx, http.Header{}, vectorMessage(), nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// TestKeyRotation: while one key replaces another, a receiver with either
// verifies.
func TestKeyRotation(t *testing.T) {
	oldKey, newKey := keyOf(1), keyOf(2)
	h := sign(t, signer.Ed25519(newKey, oldKey), vectorMessage(), nil, nil)
	for name, keys := range map[string][]ed25519.PublicKey{
		"old": publicOf(oldKey), "new": publicOf(newKey), "both": publicOf(oldKey, newKey), "new and one to come": publicOf(keyOf(3), newKey),
	} {
		if _, err := signer.Ed25519Verifier(keys, at(vectorUnix)).Verify(h, []byte(vectorBody)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signer.Ed25519Verifier(publicOf(keyOf(3)), at(vectorUnix)).Verify(h, []byte(vectorBody)); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("neither: %v", err)
	}
}

// TestEd25519SchemeVerifies: the sending half verifies what it signs, with the
// clock and tolerance that receivers have by default.
func TestEd25519SchemeVerifies(t *testing.T) {
	s := signer.Ed25519(keyOf(1), keyOf(2))
	m := vectorMessage()
	h := sign(t, s, m, nil, nil)
	if _, err := s.Verify(h, m.Body); !errors.Is(err, signer.ErrStale) {
		t.Errorf("a request of 2021: %v", err)
	}
	if _, err := s.Verify(h, nil); !errors.Is(err, signer.ErrMismatch) {
		t.Errorf("another body: %v", err)
	}
}
