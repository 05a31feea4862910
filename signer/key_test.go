package signer

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestKeyStates: however many states are in use at once, each is keyed right,
// and no more than the places there are is kept.
func TestKeyStates(t *testing.T) {
	s, err := NewSecret("a literal secret")
	if err != nil {
		t.Fatal(err)
	}
	k, reason := s.key(literalKey)
	if reason != "" {
		t.Fatal(reason)
	}
	mac := hmac.New(sha256.New, []byte("a literal secret"))
	mac.Write([]byte("body"))
	want := [sha256.Size]byte(mac.Sum(nil))
	for round := range 3 {
		var taken []*keyedHash
		for i := range 2 * len(k.idle) {
			state := k.take()
			for _, other := range taken {
				if state == other {
					t.Fatal("one state was taken twice")
				}
			}
			taken = append(taken, state)
			state.hash.Write([]byte("body"))
			if [sha256.Size]byte(state.hash.Sum(nil)) != want {
				t.Errorf("round %d, state %d is keyed wrongly", round, i)
			}
		}
		for _, state := range taken {
			k.put(state)
		}
		for i := range k.idle {
			if k.idle[i].Load() == nil {
				t.Errorf("place %d is empty", i)
			}
		}
		if got := k.digest("", nil, []byte("body")); got != want {
			t.Errorf("digest %x, want %x", got, want)
		}
	}
}

// TestLongKeys: RFC 2104 hashes keys above 64 bytes; a secret may be that long.
func TestLongKeys(t *testing.T) {
	for _, n := range []int{14, 63, 64, 65, 1024} {
		text := strings.Repeat("k", n)
		s, err := NewSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		k, reason := s.key(literalKey)
		if reason != "" {
			t.Fatal(reason)
		}
		mac := hmac.New(sha256.New, []byte(text))
		mac.Write([]byte("id.1.body"))
		if got := k.digest("id", []byte("1"), []byte("body")); !hmac.Equal(got[:], mac.Sum(nil)) {
			t.Errorf("%d bytes: wrong digest", n)
		}
	}
}

// TestFIPSOnly runs itself again in the mode in which crypto/hmac panics on a
// key below 112 bits: the secret is refused instead.
func TestFIPSOnly(t *testing.T) {
	const again = "SIGNER_TEST_FIPS_ONLY"
	if os.Getenv(again) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSOnly$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", again+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFIPSOnly") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	short, err := NewSecret("short")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time without keying anew
		if err := CheckSecret(GitHub(), short); !errors.Is(err, ErrNoSecret) {
			t.Errorf("short secret: %v", err)
		}
	}
	if err := CheckSecret(GitHub(), GenerateSecret()); err != nil {
		t.Error(err)
	}
}
