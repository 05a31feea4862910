package integration

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v75/github"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
)

// tampering makes of a good request one that every receiver must refuse. What
// only ours refuse, such as another way to write the same number, is left to the
// signer's own tests.
type tampering struct {
	name   string
	change func(*request)
	want   error // of ours
}

// clone returns a copy that can be changed.
func (r request) clone() request { return request{r.Header.Clone(), slices.Clone(r.Body)} }

// edit changes the only value of a header.
func (r *request) edit(name string, f func(string) string) { r.Header.Set(name, f(r.Header.Get(name))) }

// bodyTamperings change the body alone.
func bodyTamperings() []tampering {
	body := func(name string, f func([]byte) []byte) tampering {
		return tampering{"body " + name, func(r *request) { r.Body = f(r.Body) }, signer.ErrMismatch}
	}
	return []tampering{
		body("altered", altered),
		body("cut", func(b []byte) []byte { return b[:len(b)-1] }),
		body("without its first byte", func(b []byte) []byte { return b[1:] }),
		body("extended", func(b []byte) []byte { return append(b, '\n') }),
		body("empty", func([]byte) []byte { return []byte{} }),
		body("doubled", func(b []byte) []byte { return append(b, b...) }),
	}
}

// signedTamperings change the header that holds the signature. sig is the
// signature within the header's value, other a header value that is good for
// another request, foreign one for this request by another secret.
func signedTamperings(header, sig, other, foreign string, want error) []tampering {
	replaced := func(name string, by string, want error) tampering {
		return tampering{"signature " + name, func(r *request) {
			r.edit(header, func(v string) string { return strings.Replace(v, sig, by, 1) })
		}, want}
	}
	return []tampering{
		replaced("altered at its start", flip(sig[:1])+sig[1:], signer.ErrMismatch),
		replaced("altered in its middle", sig[:20]+flip(sig[20:21])+sig[21:], signer.ErrMismatch),
		replaced("cut", sig[:len(sig)-4], signer.ErrMalformed),
		replaced("doubled", sig+sig, signer.ErrMalformed),
		replaced("empty", "", signer.ErrMalformed),
		{"header of another request", func(r *request) { r.Header.Set(header, other) }, signer.ErrMismatch},
		{"header by another secret", func(r *request) { r.Header.Set(header, foreign) }, signer.ErrMismatch},
		{"header missing", func(r *request) { r.Header.Del(header) }, signer.ErrMalformed},
		{"header empty", func(r *request) { r.Header.Set(header, "") }, signer.ErrMalformed},
		{"header of a signature alone", func(r *request) { r.Header.Set(header, sig) }, signer.ErrMalformed},
		{"header after one of another request", func(r *request) {
			r.Header[http.CanonicalHeaderKey(header)] = []string{other, r.Header.Get(header)}
		}, signer.ErrMalformed},
		{"signature in another scheme's name", func(r *request) {
			r.edit(header, func(v string) string {
				return strings.NewReplacer("sha256=", "sha512=", "v1=", "v0=", "v1,", "v2,").Replace(v)
			})
		}, want},
	}
}

// flip returns another character that hexadecimal and base64 both have.
func flip(c string) string {
	if c == "a" {
		return "b"
	}
	return "a"
}

// later adds a second to a Unix time.
func later(ts string) string {
	n, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		panic(err) // never: the engine wrote it
	}
	return strconv.FormatInt(n+1, 10)
}

// refuse holds both libraries to refuse what is made of a request that both
// accept.
func refuse(t *testing.T, good request, tamperings []tampering, theirs, ours func(request) error) {
	t.Helper()
	if err := errors.Join(theirs(good), ours(good)); err != nil {
		t.Fatalf("the request itself: %v", err)
	}
	for _, tampering := range tamperings {
		r := good.clone()
		tampering.change(&r)
		if err := theirs(r); err == nil {
			t.Errorf("%s: their library accepts it", tampering.name)
		}
		if err := ours(r); !errors.Is(err, tampering.want) {
			t.Errorf("%s: ours gives %v, want %v", tampering.name, err, tampering.want)
		}
	}
}

// signed returns the header that s makes for a request by another secret, or at
// another time.
func signed(t *testing.T, s signer.Signer, r request, at time.Time, secret signer.Secret, header string) string {
	t.Helper()
	h := http.Header{}
	m := signer.Message{ID: r.Header.Get("webhook-id"), Time: at, Body: r.Body}
	if err := s.Sign(t.Context(), h, m, []signer.Secret{secret}, nil); err != nil {
		t.Fatal(err)
	}
	return h[header][0]
}

func TestGitHubTampered(t *testing.T) {
	const header = "X-Hub-Signature-256"
	s, secret := newSender(t, dispatcher.WithSigner(signer.GitHub()))
	r := s.deliver(dispatcher.Event{Type: "push", Payload: "this one"})
	other := s.deliver(dispatcher.Event{Type: "push", Payload: "another"}).Header.Get(header)
	foreign := signed(t, signer.GitHub(), r, time.Now(), signer.GenerateSecret(), header)
	sig := strings.TrimPrefix(r.Header.Get(header), "sha256=")
	raw, err := hex.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	tamperings := append(bodyTamperings(), signedTamperings(header, sig, other, foreign, signer.ErrMalformed)...)
	tamperings = append(tamperings,
		tampering{"signature named sha1", func(r *request) { r.Header.Set(header, "sha1="+sig) }, signer.ErrMalformed},
		tampering{"signature named sha1, of its length", func(r *request) { r.Header.Set(header, "sha1="+sig[:40]) }, signer.ErrMalformed},
		tampering{"signature in base64", func(r *request) {
			r.Header.Set(header, "sha256="+base64.StdEncoding.EncodeToString(raw))
		}, signer.ErrMalformed})
	refuse(t, r, tamperings,
		func(r request) error {
			_, err := github.ValidatePayload(r.copy(), []byte(secret.Reveal()))
			return err
		},
		func(r request) error {
			_, err := signer.GitHub().Verify(r.Header, r.Body, secret)
			return err
		})
}

func TestStripeTampered(t *testing.T) {
	const header = "Stripe-Signature"
	s, secret := newSender(t, dispatcher.WithSigner(signer.Stripe()))
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: "this one"})
	other := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: "another"}).Header.Get(header)
	foreign := signed(t, signer.Stripe(), r, time.Now(), signer.GenerateSecret(), header)
	old := signed(t, signer.Stripe(), r, time.Now().Add(-time.Hour), secret, header)
	stamp, sig, ok := strings.Cut(r.Header.Get(header), ",v1=")
	if !ok {
		t.Fatalf("the header is %q", r.Header.Get(header))
	}
	ts := strings.TrimPrefix(stamp, "t=")
	tamperings := append(bodyTamperings(), signedTamperings(header, sig, other, foreign, signer.ErrMismatch)...)
	for _, x := range []struct {
		name, value string
		want        error
	}{
		{"a second later", "t=" + later(ts) + ",v1=" + sig, signer.ErrMismatch},
		{"an hour old", old, signer.ErrStale},
		{"without t", "v1=" + sig, signer.ErrMalformed},
		{"with an empty t", "t=,v1=" + sig, signer.ErrMalformed},
		{"with a t in words", "t=now,v1=" + sig, signer.ErrMalformed},
		{"with a t of milliseconds", "t=" + ts + "000,v1=" + sig, signer.ErrMalformed},
		{"with another t after its own", stamp + ",t=" + later(ts) + ",v1=" + sig, signer.ErrMalformed},
		{"without v1", stamp, signer.ErrMismatch},
		{"with a semicolon", stamp + ";v1=" + sig, signer.ErrMalformed},
	} {
		tamperings = append(tamperings, tampering{"header " + x.name, func(r *request) { r.Header.Set(header, x.value) }, x.want})
	}
	refuse(t, r, tamperings,
		func(r request) error {
			return webhook.ValidatePayload(r.Body, r.Header.Get(header), secret.Reveal())
		},
		func(r request) error {
			_, err := signer.Stripe().Verify(r.Header, r.Body, secret)
			return err
		})
}

func TestStandardWebhooksTampered(t *testing.T) {
	const header = "webhook-signature"
	s, secret := newSender(t)
	r := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: "this one"})
	another := s.deliver(dispatcher.Event{Type: "invoice.paid", Payload: "another"})
	foreign := signed(t, signer.StandardWebhooks(), r, time.Now(), signer.GenerateSecret(), header)
	sig := strings.TrimPrefix(r.Header.Get(header), "v1,")
	at := func(d time.Duration) func(*request) {
		sent := time.Now().Add(d)
		value := signed(t, signer.StandardWebhooks(), r, sent, secret, header)
		return func(r *request) {
			r.Header.Set("webhook-timestamp", strconv.FormatInt(sent.Unix(), 10))
			r.Header.Set(header, value)
		}
	}
	set := func(name, value string) func(*request) {
		return func(r *request) { r.Header.Set(name, value) }
	}
	tamperings := append(bodyTamperings(), signedTamperings(header, sig, another.Header.Get(header), foreign, signer.ErrMismatch)...)
	tamperings = append(tamperings,
		tampering{"the id of another request", set("webhook-id", another.Header.Get("webhook-id")), signer.ErrMismatch},
		tampering{"another case of the id", func(r *request) { r.edit("webhook-id", strings.ToUpper) }, signer.ErrMismatch},
		tampering{"a second later", func(r *request) { r.edit("webhook-timestamp", later) }, signer.ErrMismatch},
		tampering{"an hour old", at(-time.Hour), signer.ErrStale},
		tampering{"an hour early", at(time.Hour), signer.ErrStale},
		tampering{"a signature of the other kind", set(header, "v1a,"+sig), signer.ErrMismatch},
		tampering{"a time in words", set("webhook-timestamp", "now"), signer.ErrMalformed},
		tampering{"no id", func(r *request) { r.Header.Del("webhook-id") }, signer.ErrMalformed},
		tampering{"no time", func(r *request) { r.Header.Del("webhook-timestamp") }, signer.ErrMalformed})
	theirs := reference(t, secret)
	refuse(t, r, tamperings,
		func(r request) error { return theirs.Verify(r.Body, r.Header) },
		func(r request) error {
			_, err := signer.StandardWebhooks().Verify(r.Header, r.Body, secret)
			return err
		})
}
