package signer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// request is what reaches a receiver, with the receiver's own state.
type request struct {
	header   http.Header
	body     []byte
	secrets  []signer.Secret
	now      time.Time
	verifier func(...signer.VerifyOption) signer.Verifier
}

// tamper is one way to spoil a valid request, and the error it must get.
type tamper struct {
	name   string
	change func(r *request)
	want   error
}

// subject is a scheme under test.
type subject struct {
	name     string
	signer   signer.Signer
	verifier func(...signer.VerifyOption) signer.Verifier
	header   string // carries the signature
	mark     string // what stands before the encoded signature in it
	encoding signer.Encoding
	tampers  []tamper // those that only this scheme knows
}

var sentinels = []error{signer.ErrMalformed, signer.ErrMismatch, signer.ErrStale, signer.ErrNoSecret}

// TestTamperedRequests spoils a valid request of each scheme in at least 60 ways
// and holds Verify to the exact error for each, and to an error text that tells
// nothing secret.
func TestTamperedRequests(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			tampers := slices.Concat(bodyTampers(), signatureTampers(s), s.tampers)
			for _, name := range s.signer.Headers() {
				tampers = append(tampers, headerTampers(name)...)
			}
			names := map[string]bool{}
			for _, tt := range tampers {
				if names[tt.name] {
					t.Errorf("two tampers are named %q", tt.name)
				}
				names[tt.name] = true
				t.Run(tt.name, func(t *testing.T) { s.run(t, tt) })
			}
			if len(names) < 60 {
				t.Errorf("%d tampered requests, want at least 60", len(names))
			}
			t.Logf("%d tampered requests", len(names))
		})
	}
}

func (s subject) run(t *testing.T, tt tamper) {
	r := s.valid(t)
	if _, err := r.verify(); err != nil {
		t.Fatalf("the request before tampering: %v", err)
	}
	good := r.header.Clone()
	tt.change(&r)
	got, err := r.verify()
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) != (sentinel == tt.want) {
			t.Errorf("got %v, want %v", err, tt.want)
		}
	}
	if got.ID != "" || !got.Time.IsZero() || got.Body != nil {
		t.Errorf("a refused request returned %+v", got)
	}
	hidden := []string{vectorID, s.encoded(good)}
	for _, secret := range r.secrets {
		hidden = append(hidden, secret.Reveal())
	}
	for _, text := range hidden {
		if err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error tells %q: %v", text, err)
		}
	}
}

// valid makes the request that the tampers start from.
func (s subject) valid(t testing.TB) request {
	secrets := []signer.Secret{secret(t, vectorSecret)}
	return request{
		header:   sign(t, s.signer, vectorMessage(), secrets, nil),
		body:     []byte(vectorBody),
		secrets:  secrets,
		now:      time.Unix(vectorUnix, 0),
		verifier: s.verifier,
	}
}

func (r *request) verify() (signer.Message, error) {
	v := r.verifier(signer.WithClock(func() time.Time { return r.now }))
	return v.Verify(r.header, r.body, r.secrets...)
}

// encoded returns the encoded signature in h.
func (s subject) encoded(h http.Header) string {
	_, text, _ := strings.Cut(h[s.header][0], s.mark)
	return text
}

// replace puts another encoded signature in its place.
func (s subject) replace(r *request, text string) {
	before, _, _ := strings.Cut(r.header[s.header][0], s.mark)
	r.header[s.header] = []string{before + s.mark + text}
}

// headerTampers spoil any mandatory header. What HTTP lets through, but no sender
// writes, is malformed.
func headerTampers(name string) []tamper {
	set := func(label string, values func(v string) []string) tamper {
		return tamper{name + " " + label, func(r *request) { r.header[name] = values(r.header[name][0]) }, signer.ErrMalformed}
	}
	edit := func(label string, f func(v string) string) tamper {
		return set(label, func(v string) []string { return []string{f(v)} })
	}
	// beside adds the header again under another spelling of its name.
	beside := func(label, spelling string, value func(v string) string) tamper {
		return tamper{name + " " + label, func(r *request) { r.header[spelling] = []string{value(r.header[name][0])} }, signer.ErrMalformed}
	}
	same := func(v string) string { return v }
	return []tamper{
		{name + " deleted", func(r *request) { delete(r.header, name) }, signer.ErrMalformed},
		{name + " renamed", func(r *request) {
			r.header[name+"-"] = r.header[name]
			delete(r.header, name)
		}, signer.ErrMalformed},
		{name + " in all headers nil", func(r *request) { r.header = nil }, signer.ErrMalformed},
		set("without values", func(string) []string { return []string{} }),
		set("twice the same", func(v string) []string { return []string{v, v} }),
		set("then empty", func(v string) []string { return []string{v, ""} }),
		set("after garbage", func(v string) []string { return []string{"x", v} }),
		beside("in two spellings", strings.ToUpper(name), same),
		beside("in a third spelling, with another value", name[:1]+strings.ToUpper(name[1:]), func(string) string { return "x" }),
		beside("in two spellings, one empty", strings.ToUpper(name), func(string) string { return "" }),
		edit("empty", func(string) string { return "" }),
		edit("only a space", func(string) string { return " " }),
		edit("after a space", func(v string) string { return " " + v }),
		edit("before a space", func(v string) string { return v + " " }),
		edit("after a tab", func(v string) string { return "\t" + v }),
		edit("before a line break", func(v string) string { return v + "\r\n" }),
		edit("before a NUL", func(v string) string { return v + "\x00" }),
		edit("after a byte order mark", func(v string) string { return "\ufeff" + v }),
		edit("before a non-ASCII letter", func(v string) string { return v + "ä" }),
		edit("quoted", func(v string) string { return "\"" + v + "\"\x7f" }),
		edit("of 4097 bytes", func(v string) string { return v + strings.Repeat("0", 4097-len(v)) }),
		edit("of 1 MiB", func(v string) string { return strings.Repeat(v, 1<<20/len(v)) }),
	}
}

// bodyTampers change the body alone, which no signature survives.
func bodyTampers() []tamper {
	edit := func(label string, f func(b []byte) []byte) tamper {
		return tamper{"body " + label, func(r *request) { r.body = f(bytes.Clone(r.body)) }, signer.ErrMismatch}
	}
	flip := func(i int, mask byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] ^= mask; return b }
	}
	return []tamper{
		edit("nil", func([]byte) []byte { return nil }),
		edit("empty", func([]byte) []byte { return []byte{} }),
		edit("first bit flipped", flip(0, 0x80)),
		edit("last bit flipped", flip(len(vectorBody)-1, 1)),
		edit("number changed", flip(10, 1)),
		edit("first byte cut", func(b []byte) []byte { return b[1:] }),
		edit("last byte cut", func(b []byte) []byte { return b[:len(b)-1] }),
		edit("cut in half", func(b []byte) []byte { return b[:len(b)/2] }),
		edit("with a line break", func(b []byte) []byte { return append(b, '\n') }),
		edit("with a NUL", func(b []byte) []byte { return append(b, 0) }),
		edit("after a space", func(b []byte) []byte { return append([]byte(" "), b...) }),
		edit("after a byte order mark", func(b []byte) []byte { return append([]byte("\ufeff"), b...) }),
		edit("after a dot", func(b []byte) []byte { return append([]byte("."), b...) }),
		edit("twice", func(b []byte) []byte { return append(b, b...) }),
		edit("compacted", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" "), nil) }),
		edit("in upper case", bytes.ToUpper),
		edit("reversed", func(b []byte) []byte { slices.Reverse(b); return b }),
		edit("padded to a SHA-256 block", func(b []byte) []byte {
			return append(append(b, 0x80), make([]byte, 63-len(b)%64)...)
		}),
	}
}

// signatureTampers change the signature: to another well-formed one, which is a
// mismatch, or to something that is none, which is malformed.
func signatureTampers(s subject) []tamper {
	edit := func(label string, want error, f func(v string) string) tamper {
		return tamper{"signature " + label, func(r *request) { s.replace(r, f(s.encoded(r.header))) }, want}
	}
	decoded := func(label string, f func(sig []byte) []byte, want error) tamper {
		return edit(label, want, func(v string) string { return s.encode(f(s.decode(v))) })
	}
	tampers := []tamper{
		decoded("all zero", func(b []byte) []byte { return make([]byte, len(b)) }, signer.ErrMismatch),
		decoded("all ones", func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) }, signer.ErrMismatch),
		decoded("reversed", func(b []byte) []byte { slices.Reverse(b); return b }, signer.ErrMismatch),
		decoded("rotated", func(b []byte) []byte { return append(b[1:], b[0]) }, signer.ErrMismatch),
		decoded("one byte short", func(b []byte) []byte { return b[:len(b)-1] }, signer.ErrMalformed),
		decoded("cut in half", func(b []byte) []byte { return b[:len(b)/2] }, signer.ErrMalformed),
		decoded("one byte long", func(b []byte) []byte { return append(b, 0) }, signer.ErrMalformed),
		decoded("twice as long", func(b []byte) []byte { return append(b, b...) }, signer.ErrMalformed),
		edit("empty", signer.ErrMalformed, func(string) string { return "" }),
		edit("one character short", signer.ErrMalformed, func(v string) string { return v[:len(v)-1] }),
		edit("without its first character", signer.ErrMalformed, func(v string) string { return v[1:] }),
		edit("one character long", signer.ErrMalformed, func(v string) string { return v + "0" }),
		edit("with a foreign character", signer.ErrMalformed, func(v string) string { return "-" + v[1:] }),
		edit("with a line break inside", signer.ErrMalformed, func(v string) string { return v[:8] + "\n" + v[9:] }),
		edit("with four line breaks", signer.ErrMalformed, func(v string) string { return v[:8] + "\r\n\r\n" + v[12:] }),
		edit("with a space inside", signer.ErrMalformed, func(v string) string { return v[:8] + " " + v[9:] }),
		edit("percent-encoded", signer.ErrMalformed, func(v string) string { return "%" + hex.EncodeToString([]byte(v[:1])) + v[1:] }),
	}
	for _, i := range []int{0, 7, 15, 31} {
		tampers = append(tampers, decoded(fmt.Sprintf("byte %d flipped", i), func(b []byte) []byte { b[i] ^= 1; return b }, signer.ErrMismatch))
	}
	if s.encoding == signer.Hex {
		return append(tampers,
			edit("in upper case", signer.ErrMalformed, strings.ToUpper),
			edit("with 0x", signer.ErrMalformed, func(v string) string { return "0x" + v }),
			edit("with 0x, of the right length", signer.ErrMalformed, func(v string) string { return "0x" + v[2:] }),
			edit("in base64", signer.ErrMalformed, func(v string) string { return base64.StdEncoding.EncodeToString(s.decode(v)) }),
		)
	}
	return append(tampers,
		edit("without padding", signer.ErrMalformed, func(v string) string { return strings.TrimRight(v, "=") }),
		edit("with more padding", signer.ErrMalformed, func(v string) string { return v + "=" }),
		edit("with letters for padding", signer.ErrMalformed, func(v string) string { return strings.ReplaceAll(v, "=", "A") }),
		edit("with trailing bits set", signer.ErrMalformed, func(v string) string {
			n := len(strings.TrimRight(v, "=")) - 1
			return v[:n] + string(v[n]+1) + v[n+1:] // the next letter of the alphabet, one bit on
		}),
		edit("in the URL alphabet", signer.ErrMalformed, func(v string) string { return "_" + v[1:] }),
		edit("in hexadecimal", signer.ErrMalformed, func(v string) string { return hex.EncodeToString(s.decode(v)) }),
	)
}

func (s subject) encode(b []byte) string {
	if s.encoding == signer.Hex {
		return hex.EncodeToString(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (s subject) decode(v string) []byte {
	if b, err := hex.DecodeString(v); err == nil {
		return b
	}
	b, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		panic(err)
	}
	return b
}
