package dispatcher

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// Keyring seals secrets before a store sees them, and opens them again. It must
// be safe for concurrent use, and give up when ctx ends. data is authenticated but
// not part of the result: what was sealed for one tenant, endpoint and version does
// not open for another. While Open fails, the deliveries that need it wait, and use
// up no retry.
type Keyring interface {
	Seal(ctx context.Context, plaintext, data []byte) ([]byte, error)
	Open(ctx context.Context, sealed, data []byte) ([]byte, error)
}

// Key is a key of a [StaticKeyring].
type Key struct {
	// ID names the key in what it seals; 1 to 32 letters, digits, '_' and '-'.
	ID string
	// Bytes is the AES-256 key: 32 random bytes.
	Bytes []byte
}

// StaticKeyring returns a keyring of AES-256-GCM keys. The first key seals, and
// all of them open: to change the key, put the new one first and keep the old
// one for as long as something may be sealed with it. An endpoint's secret is sealed
// anew when it is rotated, and its headers when they are replaced; an old secret is
// not opened any more when its grace has passed.
func StaticKeyring(keys ...Key) (Keyring, error) {
	if len(keys) == 0 {
		return nil, invalid("keys", "must not be empty")
	}
	k := &staticKeyring{first: keys[0].ID, aeads: make(map[string]cipher.AEAD, len(keys))}
	for i, key := range keys {
		path := fmt.Sprintf("keys[%d]", i)
		if err := checkID("id", key.ID); err != nil {
			return nil, within(path, err)
		}
		if len(key.ID) > 32 {
			return nil, invalid(path+".id", "must be at most 32 bytes")
		}
		if _, taken := k.aeads[key.ID]; taken {
			return nil, invalid(path+".id", "repeats %q", key.ID)
		}
		if len(key.Bytes) != 32 {
			return nil, invalid(path+".bytes", "must be 32 bytes, has %d", len(key.Bytes))
		}
		block, err := aes.NewCipher(key.Bytes)
		if err != nil {
			return nil, fmt.Errorf("dispatcher: %s: %w", path, err)
		}
		// A random nonce of 96 bits serves 2^32 messages of one key (NIST SP
		// 800-38D, 8.3), more secrets than anybody has.
		if k.aeads[key.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("dispatcher: %s: %w", path, err)
		}
	}
	return k, nil
}

type staticKeyring struct {
	first string
	aeads map[string]cipher.AEAD
}

// Sealed form: length of the key's id, the id, then nonce and ciphertext.
func (k *staticKeyring) Seal(_ context.Context, plaintext, data []byte) ([]byte, error) {
	out := append([]byte{byte(len(k.first))}, k.first...)
	return k.aeads[k.first].Seal(out, nil, plaintext, data), nil
}

func (k *staticKeyring) Open(_ context.Context, sealed, data []byte) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return nil, errors.New("dispatcher: sealed data is cut short")
	}
	id := string(sealed[1 : 1+sealed[0]])
	aead, ok := k.aeads[id]
	if !ok {
		return nil, fmt.Errorf("dispatcher: keyring has no key %q", id)
	}
	plaintext, err := aead.Open(nil, nil, sealed[1+len(id):], data)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: sealed data does not open with key %q: it was changed or belongs elsewhere", id)
	}
	return plaintext, nil
}

// processKeyring serves stores that do not outlive the process: several engines
// may share one.
var processKeyring = sync.OnceValues(func() (Keyring, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return StaticKeyring(Key{ID: "process", Bytes: key})
})

// vault seals and opens what belongs to an endpoint. The first byte of what it
// stores tells sealed from plain, so that a host can move from one to the other.
type vault struct{ keyring Keyring } // nil: plaintext

const (
	vaultPlain  = 0
	vaultSealed = 1
)

func (v vault) seal(ctx context.Context, plaintext []byte, tenant, endpoint, kind string, version int) ([]byte, error) {
	if v.keyring == nil {
		return append([]byte{vaultPlain}, plaintext...), nil
	}
	sealed, err := contained(func() ([]byte, error) {
		return v.keyring.Seal(ctx, plaintext, sealingContext(tenant, endpoint, kind, version))
	})
	if err != nil {
		return nil, fmt.Errorf("dispatcher: seal %s: %w", kind, err)
	}
	return append([]byte{vaultSealed}, sealed...), nil
}

// open names the endpoint in its error: a list of many fails for one of them.
func (v vault) open(ctx context.Context, stored []byte, tenant, endpoint, kind string, version int) ([]byte, error) {
	plaintext, err := v.plaintext(ctx, stored, sealingContext(tenant, endpoint, kind, version))
	if err != nil {
		return nil, fmt.Errorf("dispatcher: %s of endpoint %s: %w", kind, endpoint, err)
	}
	return plaintext, nil
}

func (v vault) plaintext(ctx context.Context, stored, data []byte) ([]byte, error) {
	if len(stored) == 0 {
		return nil, errors.New("nothing is stored")
	}
	switch stored[0] {
	case vaultPlain:
		return stored[1:], nil
	case vaultSealed:
		if v.keyring == nil {
			return nil, errors.New("sealed, and there is no keyring")
		}
		return contained(func() ([]byte, error) { return v.keyring.Open(ctx, stored[1:], data) })
	}
	return nil, fmt.Errorf("stored in an unknown form %d; a newer version wrote it", stored[0])
}

// contained makes an error of a panic of the host's keyring: a delivery that cannot be
// opened rests, where one whose attempt panics would be taken for what ends the process.
func contained(call func() ([]byte, error)) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("keyring panicked: %v", p)
		}
	}()
	return call()
}

// sealingContext joins its parts unambiguously: each is preceded by its length.
func sealingContext(tenant, endpoint, kind string, version int) []byte {
	b := []byte("postrider 1")
	for _, part := range []string{tenant, endpoint, kind} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return binary.AppendUvarint(b, uint64(version)) // #nosec G115 -- versions start at 0
}
