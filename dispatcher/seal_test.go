package dispatcher

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
)

func testKey(id string, fill byte) Key { return Key{ID: id, Bytes: bytes.Repeat([]byte{fill}, 32)} }

func keyring(t *testing.T, keys ...Key) Keyring {
	t.Helper()
	k, err := StaticKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVaultOpensOnlyWhereItWasSealed(t *testing.T) {
	ctx := context.Background()
	v := vault{keyring(t, testKey("k1", 1))}
	sealed, err := v.seal(ctx, []byte("hush"), "acme", "ep_1", kindSecret, 1)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("hush")) {
		t.Fatal("the plaintext is in what is sealed")
	}
	if got, err := v.open(ctx, sealed, "acme", "ep_1", kindSecret, 1); err != nil || string(got) != "hush" {
		t.Fatalf("open = %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"tenant":   func() ([]byte, error) { return v.open(ctx, sealed, "acm", "ep_1", kindSecret, 1) },
		"endpoint": func() ([]byte, error) { return v.open(ctx, sealed, "acme", "ep_2", kindSecret, 1) },
		"shifted":  func() ([]byte, error) { return v.open(ctx, sealed, "acmee", "p_1", kindSecret, 1) },
		"kind":     func() ([]byte, error) { return v.open(ctx, sealed, "acme", "ep_1", kindHeaders, 1) },
		"version":  func() ([]byte, error) { return v.open(ctx, sealed, "acme", "ep_1", kindSecret, 2) },
		"no keyring": func() ([]byte, error) {
			return vault{}.open(ctx, sealed, "acme", "ep_1", kindSecret, 1)
		},
	} {
		got, err := open()
		if err == nil {
			t.Errorf("another %s opened it: %q", name, got)
			continue
		}
		about := map[string]string{"endpoint": "secret of endpoint ep_2: ", "shifted": "secret of endpoint p_1: ", "kind": "headers of endpoint ep_1: "}
		if want := cmp.Or(about[name], "secret of endpoint ep_1: "); !strings.Contains(err.Error(), want) {
			t.Errorf("another %s: %v, which does not say %q", name, err, want)
		}
	}
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		if got, err := v.open(ctx, damaged, "acme", "ep_1", kindSecret, 1); err == nil && string(got) == "hush" && i > 0 {
			t.Errorf("a change of byte %d was not noticed", i)
		}
		if _, err := v.open(ctx, sealed[:i], "acme", "ep_1", kindSecret, 1); err == nil {
			t.Errorf("%d bytes of it opened", i)
		}
	}
}

func TestVaultMovesBetweenKeysAndFromPlaintext(t *testing.T) {
	ctx := context.Background()
	old := vault{keyring(t, testKey("k1", 1))}
	sealed, _ := old.seal(ctx, []byte("hush"), "", "ep", kindSecret, 1)
	plain, _ := vault{}.seal(ctx, []byte("open"), "", "ep", kindSecret, 1)
	moved := vault{keyring(t, testKey("k2", 2), testKey("k1", 1))}
	if got, err := moved.open(ctx, sealed, "", "ep", kindSecret, 1); err != nil || string(got) != "hush" {
		t.Errorf("the second key does not open: %q, %v", got, err)
	}
	if got, err := moved.open(ctx, plain, "", "ep", kindSecret, 1); err != nil || string(got) != "open" {
		t.Errorf("plaintext does not open: %q, %v", got, err)
	}
	renewed, _ := moved.seal(ctx, []byte("new"), "", "ep", kindSecret, 1)
	if _, err := old.open(ctx, renewed, "", "ep", kindSecret, 1); err == nil {
		t.Error("the first key does not seal")
	}
}

func TestStaticKeyringRefuses(t *testing.T) {
	for field, keys := range map[string][]Key{
		"keys":          nil,
		"keys[0].id":    {{Bytes: make([]byte, 32)}},
		"keys[1].id":    {testKey("a", 1), testKey("a", 2)},
		"keys[0].bytes": {{ID: "a", Bytes: make([]byte, 16)}},
	} {
		_, err := StaticKeyring(keys...)
		var v *ValidationError
		if !errors.As(err, &v) || v.Field != field {
			t.Errorf("got %v, want the field %s", err, field)
		}
	}
}
