package integration

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// What the engine signs with Ed25519 verifies with node's crypto and with ours;
// altered in any of the parts that are signed, with neither.
func TestEd25519Delivery(t *testing.T) {
	public, private := newKey(t)
	s, _ := newSender(t, dispatcher.WithSigner(signer.Ed25519(private)))
	var c v1aCheck
	for name, payload := range payloads() {
		r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: payload})
		if n := v1aSignatures(r); n != 1 || len(strings.Fields(r.Header.Get("webhook-signature"))) != 1 {
			t.Errorf("%s: the signatures are %q, want one v1a", name, r.Header.Get("webhook-signature"))
		}
		c.add(t, name, r, public)
	}
	c.run(t)
}

// While one key replaces another, receivers verify with either.
func TestEd25519TwoKeys(t *testing.T) {
	oldPublic, oldPrivate := newKey(t)
	freshPublic, freshPrivate := newKey(t)
	s, _ := newSender(t, dispatcher.WithSigner(signer.Ed25519(freshPrivate, oldPrivate)))
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: 1})
	if n := v1aSignatures(r); n != 2 {
		t.Errorf("%d v1a signatures, want 2", n)
	}
	var c v1aCheck
	c.add(t, "the old key", r, oldPublic)
	c.add(t, "the new key", r, freshPublic)
	c.run(t)
}

// What node signs, with keys that it has made, verifies with ours, and as node's
// signatures ours are the same for the same key (RFC 8032 leaves no choice).
func TestEd25519Verify(t *testing.T) {
	needNode(t)
	bodies := []string{`{"test": 2432232314}`, "", "a.b.c", "I’m “here”\x00\xff", strings.Repeat("0123456789abcde\n", 4<<10)}
	type pair struct{ Private, Public string }
	pairs := askNode[pair](t, task{Op: "generate"}, task{Op: "generate"})
	public, err := signer.ParsePublicKey(pairs[0].Public)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := signer.ParsePublicKey(pairs[1].Public)
	if err != nil {
		t.Fatal(err)
	}
	private, err := signer.ParsePrivateKey(pairs[0].Private)
	if err != nil {
		t.Fatal(err)
	}

	now := time.Now()
	var tasks []task
	for _, sent := range []time.Time{now, now.Add(-time.Hour)} {
		for _, body := range bodies {
			tasks = append(tasks, task{
				Op: "sign", Key: pairs[0].Private, ID: "msg_1", Timestamp: strconv.FormatInt(sent.Unix(), 10), Body: []byte(body),
			})
		}
	}
	ours := signer.Ed25519Verifier([]ed25519.PublicKey{public})
	for i, signature := range askNode[string](t, tasks...) {
		body, ts := tasks[i].Body, tasks[i].Timestamp
		h := http.Header{}
		h.Set("webhook-id", "msg_1")
		h.Set("webhook-timestamp", ts)
		h.Set("webhook-signature", signature)
		m, err := ours.Verify(h, body)
		if i >= len(bodies) {
			if !errors.Is(err, signer.ErrStale) {
				t.Errorf("%.20q, an hour old: %v", body, err)
			}
			continue
		}
		if err != nil || m.ID != "msg_1" || m.Time.Unix() != now.Unix() {
			t.Errorf("%.20q: id %q, time %v, %v", body, m.ID, m.Time, err)
		}
		signed := http.Header{}
		if err := signer.Ed25519(private).Sign(t.Context(), signed, signer.Message{ID: "msg_1", Time: now, Body: body}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if got := signed["webhook-signature"]; len(got) != 1 || got[0] != signature {
			t.Errorf("%.20q: ours signs %q, node %q", body, got, signature)
		}
		if _, err := ours.Verify(h, append([]byte(" "), body...)); !errors.Is(err, signer.ErrMismatch) {
			t.Errorf("%.20q, altered: %v", body, err)
		}
		if _, err := signer.Ed25519Verifier([]ed25519.PublicKey{foreign}).Verify(h, body); !errors.Is(err, signer.ErrMismatch) {
			t.Errorf("%.20q, another key: %v", body, err)
		}
	}
}

// The v1a vector, over the message of TestStandardWebhooksVector: node signs it
// so, too.
func TestEd25519Vector(t *testing.T) {
	needNode(t)
	const (
		id   = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		body = `{"test": 2432232314}`
		text = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
		want = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	)
	if got := askNode[string](t, task{Op: "sign", Key: text, ID: id, Timestamp: "1614265330", Body: []byte(body)}); got[0] != want {
		t.Errorf("node signs %q, want %q", got[0], want)
	}
	key, err := signer.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	m := signer.Message{ID: id, Time: time.Unix(1614265330, 0), Body: []byte(body)}
	if err := signer.Ed25519(key).Sign(t.Context(), h, m, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := h["webhook-signature"]; len(got) != 1 || got[0] != want {
		t.Errorf("ours signs %q, want %q", got, want)
	}
}

// newKey makes a key pair.
func newKey(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// v1aSignatures returns how many v1a signatures a request carries.
func v1aSignatures(r request) int {
	n := 0
	for _, s := range strings.Fields(r.Header.Get("webhook-signature")) {
		if strings.HasPrefix(s, "v1a,") {
			n++
		}
	}
	return n
}

// v1aCheck collects requests that node's crypto and ours must both verify, or
// must both refuse, so that node starts but once.
type v1aCheck struct {
	cases []v1aCase
}

type v1aCase struct {
	name    string
	request request
	key     ed25519.PublicKey
	want    error // of ours; node refuses where it is set
}

// add adds a good request, and what can be made of it that is not.
func (c *v1aCheck) add(t *testing.T, name string, r request, key ed25519.PublicKey) {
	t.Helper()
	c.cases = append(c.cases, v1aCase{name, r, key, nil})
	foreign, _ := newKey(t)
	c.cases = append(c.cases, v1aCase{name + ", another key", r, foreign, signer.ErrMismatch})
	for _, tampering := range append(bodyTamperings(), []tampering{
		{"another id", func(r *request) { r.edit("webhook-id", func(v string) string { return v + "x" }) }, signer.ErrMismatch},
		{"a second later", func(r *request) { r.edit("webhook-timestamp", later) }, signer.ErrMismatch},
		{"signatures altered", func(r *request) { r.edit("webhook-signature", eachV1a(flipFirstBit)) }, signer.ErrMismatch},
		// S is below the order of the group; adding to it must not give a second
		// signature that is as good (RFC 8032, section 8.4).
		{"signatures with S out of range", func(r *request) { r.edit("webhook-signature", eachV1a(addOrder)) }, signer.ErrMismatch},
		{"signatures cut", func(r *request) {
			r.edit("webhook-signature", eachV1a(func(b []byte) []byte { return b[:63] }))
		}, signer.ErrMalformed},
		{"no signature by Ed25519", func(r *request) {
			r.edit("webhook-signature", func(v string) string { return strings.ReplaceAll(v, "v1a,", "v2,") })
		}, signer.ErrMismatch},
	}...) {
		changed := r.clone()
		tampering.change(&changed)
		c.cases = append(c.cases, v1aCase{name + ", " + tampering.name, changed, key, tampering.want})
	}
}

// run asks ours first, so that this much is checked also where node is missing.
func (c *v1aCheck) run(t *testing.T) {
	t.Helper()
	var tasks []task
	for _, x := range c.cases {
		_, err := signer.Ed25519Verifier([]ed25519.PublicKey{x.key}).Verify(x.request.Header, x.request.Body)
		if !errors.Is(err, x.want) {
			t.Errorf("%s: ours gives %v, want %v", x.name, err, x.want)
		}
		text, err := signer.FormatPublicKey(x.key)
		if err != nil {
			t.Fatal(err)
		}
		tasks = append(tasks, verifyTask(x.request, text))
	}
	needNode(t)
	for i, accepted := range askNode[bool](t, tasks...) {
		if x := c.cases[i]; accepted != (x.want == nil) {
			t.Errorf("%s: node verifies it: %v", x.name, accepted)
		}
	}
}

// eachV1a applies f to each v1a signature of a list.
func eachV1a(f func([]byte) []byte) func(string) string {
	return func(list string) string {
		entries := strings.Fields(list)
		for i, entry := range entries {
			text, ok := strings.CutPrefix(entry, "v1a,")
			if !ok {
				continue
			}
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				panic(err) // never: the request was verified
			}
			entries[i] = "v1a," + base64.StdEncoding.EncodeToString(f(b))
		}
		return strings.Join(entries, " ")
	}
}

func flipFirstBit(b []byte) []byte {
	b[0] ^= 1
	return b
}

// addOrder adds the order of the group, L = 2^252 + 27742317777372353535851937790883648493
// (RFC 8032, section 5.1), to S, the little-endian second half of a signature.
func addOrder(b []byte) []byte {
	order := [32]byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10,
	}
	carry := 0
	for i, l := range order {
		sum := int(b[32+i]) + int(l) + carry
		b[32+i], carry = byte(sum), sum>>8
	}
	return b
}
