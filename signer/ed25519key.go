package signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Prefixes of serialized keys (Standard Webhooks, "Signature scheme"). They are
// required, unlike that of a symmetric secret: without them a private key could
// be taken for a public one and handed out.
const (
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// ParsePrivateKey reads an Ed25519 private key: "whsk_" and the standard base64
// of 64 bytes, seed and public key, or of the 32 bytes of the seed alone, which
// some libraries write. The error is a [*FieldError] without the value.
func ParsePrivateKey(s string) (ed25519.PrivateKey, error) {
	b, reason := decodeKey(s, privatePrefix)
	if reason == "" && len(b) != ed25519.SeedSize && len(b) != ed25519.PrivateKeySize {
		reason = "does not hold 32 or 64 bytes"
	}
	if reason != "" {
		return nil, &FieldError{Field: "private key", Reason: reason}
	}
	key := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	if len(b) == ed25519.PrivateKeySize && !bytes.Equal(key, b) {
		return nil, &FieldError{Field: "private key", Reason: "has a public half that does not belong to its seed"}
	}
	return key, nil
}

// ParsePublicKey reads an Ed25519 public key: "whpk_" and the standard base64
// of 32 bytes. It refuses the few keys for which anybody can forge signatures,
// 32 zero bytes among them. The error is a [*FieldError] without the value.
func ParsePublicKey(s string) (ed25519.PublicKey, error) {
	b, reason := decodeKey(s, publicPrefix)
	if reason == "" {
		reason = refusePublicKey(b)
	}
	if reason != "" {
		return nil, &FieldError{Field: "public key", Reason: reason}
	}
	return b, nil
}

// FormatPrivateKey is the inverse of [ParsePrivateKey]. It writes all 64 bytes
// and returns a [Secret], so that the key is not printed by accident.
func FormatPrivateKey(key ed25519.PrivateKey) (Secret, error) {
	if reason := refusePrivateKey(key); reason != "" {
		return Secret{}, &FieldError{Field: "private key", Reason: reason}
	}
	return NewSecret(privatePrefix + base64.StdEncoding.EncodeToString(key))
}

// FormatPublicKey is the inverse of [ParsePublicKey]: what a receiver is given.
func FormatPublicKey(key ed25519.PublicKey) (string, error) {
	if reason := refusePublicKey(key); reason != "" {
		return "", &FieldError{Field: "public key", Reason: reason}
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(key), nil
}

func decodeKey(s, prefix string) (b []byte, reason string) {
	text, found := strings.CutPrefix(s, prefix)
	if !found {
		return nil, "does not begin with " + prefix
	}
	// The decoder skips line breaks.
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, "is not standard base64 after " + prefix
	}
	return b, ""
}

func refusePrivateKey(key ed25519.PrivateKey) string {
	if len(key) != ed25519.PrivateKeySize {
		return "is not an Ed25519 key of 64 bytes"
	}
	// Signing with a foreign public half would give the private one away.
	if !bytes.Equal(key, ed25519.NewKeyFromSeed(key.Seed())) {
		return "has a public half that does not belong to its seed"
	}
	return ""
}

func refusePublicKey(key ed25519.PublicKey) string {
	if len(key) != ed25519.PublicKeySize {
		return "is not an Ed25519 key of 32 bytes"
	}
	y := bytes.Clone(key)
	y[31] &= 0x7f // the top bit is the sign of x
	for _, weak := range smallOrder {
		if bytes.Equal(y, weak[:]) {
			return "is of small order, so that anybody could forge signatures"
		}
	}
	return ""
}

// smallOrder holds the y coordinates, little-endian, of the points of edwards25519
// whose order divides 8, including the non-canonical encodings. RFC 8032 does not
// refuse them as public keys; with one, a signature can be found by a few tries.
var smallOrder = [...][32]byte{
	{},     // y = 0, order 4
	{0: 1}, // y = 1, the identity
	{ // order 8
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{ // order 8
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
	nearP(0xec), // y = p - 1, order 2
	nearP(0xed), // y = p, that is 0
	nearP(0xee), // y = p + 1, that is 1
}

// nearP returns the encoding that differs from p = 2^255 - 19 in its lowest byte.
func nearP(low byte) (y [32]byte) {
	for i := range y {
		y[i] = 0xff
	}
	y[0], y[31] = low, 0x7f
	return y
}

// signFunc returns the 64-byte signature of message. Keys are kept as closures,
// so that printing a Scheme cannot show one (see Secret).
type signFunc func(ctx context.Context, message []byte) ([]byte, error)

// openKey returns the public half of key and a function that signs with it, or
// why it cannot be used.
func openKey(key crypto.Signer) (pub ed25519.PublicKey, sign signFunc, reason string) {
	if key == nil {
		return nil, nil, "is nil"
	}
	if local, ok := key.(ed25519.PrivateKey); ok {
		if reason := refusePrivateKey(local); reason != "" {
			return nil, nil, reason
		}
		local = bytes.Clone(local)
		pub, _ = local.Public().(ed25519.PublicKey)
		return pub, func(_ context.Context, message []byte) ([]byte, error) {
			return ed25519.Sign(local, message), nil
		}, ""
	}
	defer func() {
		if recover() != nil { // a typed nil pointer, most likely
			pub, sign, reason = nil, nil, "has a Public method that panics"
		}
	}()
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, nil, "has a public key that is not an ed25519.PublicKey"
	}
	if reason := refusePublicKey(pub); reason != "" {
		return nil, nil, reason
	}
	return pub, func(ctx context.Context, message []byte) ([]byte, error) {
		return signRemote(ctx, key, pub, message)
	}, ""
}

// signRemote signs with a key of the host's. The answer is checked, because a key
// set up for another variant (Ed25519ph, say) would otherwise be noticed only by
// every receiver.
func signRemote(ctx context.Context, key crypto.Signer, pub ed25519.PublicKey, message []byte) (sig []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			sig, err = nil, errors.New("signer: the ed25519 key panicked while signing")
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("signer: ed25519 key: %w", err)
	}
	if remote, ok := key.(ContextSigner); ok {
		sig, err = remote.SignContext(ctx, rand.Reader, message, crypto.Hash(0))
	} else {
		sig, err = crypto.SignMessage(key, rand.Reader, message, crypto.Hash(0))
	}
	if err != nil {
		return nil, fmt.Errorf("signer: ed25519 key: %w", err)
	}
	if !ed25519.Verify(pub, message, sig) {
		return nil, errors.New("signer: the ed25519 key returned a signature that its public key does not verify")
	}
	return sig, nil
}
