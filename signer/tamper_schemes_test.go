package signer_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// subjects lists every scheme that verifies, with the tampers that it alone
// knows.
func subjects(t testing.TB) []subject {
	key, newKey := privateKey(t, vectorKey), keyOf(2)
	standard := subject{
		name: "StandardWebhooks", signer: signer.StandardWebhooks(),
		verifier: func(o ...signer.VerifyOption) signer.Verifier { return signer.StandardWebhooks(o...) },
		header:   "webhook-signature", mark: "v1,", encoding: signer.Base64,
	}
	standard.tampers = join(secretTampers(t, standard), standardSecretTampers(t), standardTampers(t, standard), timeTampers(t, standard))
	v1a := subject{
		name: "Ed25519", signer: signer.Ed25519(key),
		verifier: ed25519Receiver(publicOf(key)...),
		header:   "webhook-signature", mark: "v1a,", encoding: signer.Base64,
	}
	v1a.tampers = join(keyTampers(key, newKey), standardTampers(t, v1a), timeTampers(t, v1a))
	stripe := subject{
		name: "Stripe", signer: signer.Stripe(),
		verifier: func(o ...signer.VerifyOption) signer.Verifier { return signer.Stripe(o...) },
		header:   "Stripe-Signature", mark: "v1=", encoding: signer.Hex,
	}
	stripe.tampers = join(secretTampers(t, stripe), stripeTampers(), timeTampers(t, stripe))
	all := []subject{standard, v1a, stripe}
	for _, s := range []subject{
		{name: "GitHub", signer: signer.GitHub(), header: "X-Hub-Signature-256", mark: "sha256=", encoding: signer.Hex},
		{name: "HMAC hex", signer: signer.HMAC("X-DigiVault-Signature", signer.Hex), header: "X-DigiVault-Signature", encoding: signer.Hex},
		{name: "HMAC base64", signer: signer.HMAC("x-signature", signer.Base64), header: "x-signature", encoding: signer.Base64},
	} {
		s.verifier = func(...signer.VerifyOption) signer.Verifier { return s.signer.(signer.Verifier) }
		s.tampers = join(secretTampers(t, s), bodyHMACTampers(t, s))
		all = append(all, s)
	}
	return all
}

func join(lists ...[]tamper) (all []tamper) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func ed25519Receiver(keys ...ed25519.PublicKey) func(...signer.VerifyOption) signer.Verifier {
	return func(o ...signer.VerifyOption) signer.Verifier { return signer.Ed25519Verifier(keys, o...) }
}

// resign replaces the headers by those of a message signed with the right key.
func (s subject) resign(t testing.TB, r *request, m signer.Message) {
	r.header = sign(t, s.signer, m, []signer.Secret{secret(t, vectorSecret)}, nil)
}

// secretTampers hold for schemes with shared secrets. What is wrong with the
// receiver's secrets wins over everything that is wrong with the request.
func secretTampers(t testing.TB, s subject) []tamper {
	first, second, third := secret(t, vectorSecret), secret(t, secondSecret), secret(t, unknownSecret)
	give := func(label string, want error, secrets ...signer.Secret) tamper {
		return tamper{"secret " + label, func(r *request) { r.secrets = secrets }, want}
	}
	return []tamper{
		give("missing", signer.ErrNoSecret),
		give("zero", signer.ErrNoSecret, signer.Secret{}),
		give("right and zero", signer.ErrNoSecret, first, signer.Secret{}),
		give("another", signer.ErrMismatch, second),
		give("two others", signer.ErrMismatch, second, third),
		{"secret missing, no header", func(r *request) { r.secrets, r.header = nil, nil }, signer.ErrNoSecret},
		{"secret zero, body changed", func(r *request) { r.secrets, r.body = make([]signer.Secret, 1), nil }, signer.ErrNoSecret},
		{"secret another, header twice", func(r *request) {
			r.secrets = []signer.Secret{second}
			r.header[s.header] = append(r.header[s.header], "x")
		}, signer.ErrMalformed},
		{"signed with another secret", func(r *request) {
			r.header = sign(t, s.signer, vectorMessage(), []signer.Secret{second}, nil)
		}, signer.ErrMismatch},
		{"signed over another body", func(r *request) {
			m := vectorMessage()
			m.Body = []byte(`{"test": 2432232315}`)
			s.resign(t, r, m)
		}, signer.ErrMismatch},
	}
}

// standardSecretTampers: the key is the base64 of the secret, 24 to 64 bytes.
func standardSecretTampers(t testing.TB) []tamper {
	var tampers []tamper
	for label, text := range map[string]string{
		"not base64": "whsec_it is a secret", "unpadded": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk",
		"of 23 bytes": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", "of 66 bytes": "whsec_" + strings.Repeat("A", 88),
		"prefix alone": "whsec_", "in the URL alphabet": "whsec_" + strings.Repeat("-_", 16), "private key": vectorKey,
	} {
		secrets := []signer.Secret{secret(t, vectorSecret), secret(t, text)}
		tampers = append(tampers, tamper{"secret " + label, func(r *request) { r.secrets = secrets }, signer.ErrNoSecret})
	}
	return append(tampers, tamper{"signed with the literal secret", func(r *request) {
		sum := oracleHMAC([]byte(vectorSecret), []byte(vectorID+".1614265330."+vectorBody))
		r.header["webhook-signature"] = []string{"v1," + oracleBase64(sum)}
	}, signer.ErrMismatch})
}

// keyTampers are secretTampers for key pairs.
func keyTampers(key, other ed25519.PrivateKey) []tamper {
	trust := func(label string, want error, keys ...ed25519.PublicKey) tamper {
		return tamper{"key " + label, func(r *request) { r.verifier = ed25519Receiver(keys...) }, want}
	}
	right := publicOf(key)[0]
	return []tamper{
		trust("missing", signer.ErrNoSecret),
		trust("nil", signer.ErrNoSecret, nil),
		trust("right and short", signer.ErrNoSecret, right, right[:31]),
		trust("zero", signer.ErrNoSecret, make(ed25519.PublicKey, 32)),
		trust("another", signer.ErrMismatch, publicOf(other)...),
		trust("private half", signer.ErrMismatch, ed25519.PublicKey(key.Seed())),
		{"key missing, no header", func(r *request) { r.verifier, r.header = ed25519Receiver(), nil }, signer.ErrNoSecret},
		{"five signatures", func(r *request) {
			v := r.header["webhook-signature"][0]
			r.header["webhook-signature"] = []string{strings.Repeat(v+" ", 4) + v}
		}, signer.ErrMalformed},
		{"signed with another key", func(r *request) {
			content := []byte(vectorID + ".1614265330." + vectorBody)
			r.header["webhook-signature"] = []string{"v1a," + oracleBase64(ed25519.Sign(other, content))}
		}, signer.ErrMismatch},
	}
}

// standardTampers spoil the id and the list, and splice messages.
func standardTampers(t testing.TB, s subject) []tamper {
	id := func(label, text string, want error) tamper {
		return tamper{"id " + label, func(r *request) { r.header["webhook-id"] = []string{text} }, want}
	}
	list := func(label string, want error, f func(v string) string) tamper {
		return tamper{"list " + label, func(r *request) {
			r.header["webhook-signature"] = []string{f(r.header["webhook-signature"][0])}
		}, want}
	}
	version := strings.TrimSuffix(s.mark, ",")
	return []tamper{
		id("of another message", "msg_other", signer.ErrMismatch),
		id("in another case", strings.ToUpper(vectorID), signer.ErrMismatch),
		id("cut", vectorID[:10], signer.ErrMismatch),
		id("with a dot", "msg.1", signer.ErrMalformed),
		id("a dot", ".", signer.ErrMalformed),
		id("of 257 bytes", strings.Repeat("x", 257), signer.ErrMalformed),
		list("without version", signer.ErrMalformed, func(v string) string { return strings.TrimPrefix(v, s.mark) }),
		list("with empty version", signer.ErrMalformed, func(v string) string { return strings.TrimPrefix(v, version) }),
		list("with version in upper case", signer.ErrMismatch, strings.ToUpper),
		list("with an unknown version", signer.ErrMismatch, func(v string) string { return strings.Replace(v, s.mark, "v2,", 1) }),
		list("with a similar version", signer.ErrMismatch, func(v string) string { return strings.Replace(v, s.mark, version+"b,", 1) }),
		list("with = for the comma", signer.ErrMalformed, func(v string) string { return strings.Replace(v, ",", "=", 1) }),
		list("with a space after the comma", signer.ErrMalformed, func(v string) string { return strings.Replace(v, ",", ", ", 1) }),
		list("with two spaces", signer.ErrMalformed, func(v string) string { return v + "  " + v }),
		list("separated by a comma", signer.ErrMalformed, func(v string) string { return v + "," + v }),
		list("separated by a tab", signer.ErrMalformed, func(v string) string { return v + "\t" + v }),
		list("with a malformed second", signer.ErrMalformed, func(v string) string { return v + " " + s.mark + "AAAA" }),
		list("with a malformed first", signer.ErrMalformed, func(v string) string { return s.mark + "AAAA " + v }),
		list("with a wordless entry", signer.ErrMalformed, func(v string) string { return v + " v9" }),
		list("of 17", signer.ErrMalformed, func(v string) string { return v + strings.Repeat(" v9,x", 16) }),
		{"boundary moved into the id", func(r *request) {
			// The signed bytes stay the same; only the dots are read otherwise.
			m := vectorMessage()
			m.Body = []byte("1614265331." + vectorBody)
			s.resign(t, r, m)
			r.header["webhook-id"] = []string{vectorID + ".1614265330"}
			r.header["webhook-timestamp"] = []string{"1614265331"}
		}, signer.ErrMalformed},
		{"boundary moved into the timestamp", func(r *request) {
			m := vectorMessage()
			m.Body = []byte("0." + vectorBody)
			s.resign(t, r, m)
			r.header["webhook-timestamp"] = []string{"1614265330.0"}
		}, signer.ErrMalformed},
		{"id of one message, rest of another", func(r *request) {
			m := vectorMessage()
			m.ID = "msg_other"
			s.resign(t, r, m)
			r.header["webhook-id"] = []string{vectorID}
		}, signer.ErrMismatch},
		{"signature of another message", func(r *request) {
			m := vectorMessage()
			m.Time = m.Time.Add(time.Second)
			other := sign(t, s.signer, m, r.secrets, nil)
			r.header["webhook-signature"] = other["webhook-signature"]
		}, signer.ErrMismatch},
	}
}

// stripeTampers spoil the one header of Stripe.
func stripeTampers() []tamper {
	value := func(label string, want error, f func(v string) string) tamper {
		return tamper{"value " + label, func(r *request) {
			r.header["Stripe-Signature"] = []string{f(r.header["Stripe-Signature"][0])}
		}, want}
	}
	replace := func(old, text string) func(string) string {
		return func(v string) string { return strings.Replace(v, old, text, 1) }
	}
	return []tamper{
		value("without t", signer.ErrMalformed, replace("t=1614265330,", "")),
		value("with two t", signer.ErrMalformed, replace("t=1614265330", "t=1614265330,t=1614265330")),
		value("with a later t", signer.ErrMalformed, func(v string) string { return v + ",t=1614265331" }),
		value("with empty t", signer.ErrMalformed, replace("t=1614265330", "t=")),
		value("with T", signer.ErrMalformed, replace("t=", "T=")),
		value("without v1", signer.ErrMismatch, func(string) string { return "t=1614265330" }),
		value("with v0 alone", signer.ErrMismatch, replace("v1=", "v0=")),
		value("with V1", signer.ErrMismatch, replace("v1=", "V1=")),
		value("with a space", signer.ErrMalformed, replace(",v1", ", v1")),
		value("with a semicolon", signer.ErrMalformed, replace(",v1", ";v1")),
		value("with an empty element", signer.ErrMalformed, replace(",v1", ",,v1")),
		value("with a comma at the end", signer.ErrMalformed, func(v string) string { return v + "," }),
		value("with a nameless element", signer.ErrMalformed, func(v string) string { return v + ",=x" }),
		value("with an element without =", signer.ErrMalformed, func(v string) string { return v + ",v0" }),
		value("with a malformed second v1", signer.ErrMalformed, func(v string) string { return v + ",v1=00" }),
		value("of 18 elements", signer.ErrMalformed, func(v string) string { return v + strings.Repeat(",v0=x", 16) }),
	}
}

// timeTampers hold for schemes with a timestamp. Being stale comes last: it is
// reported only of an authentic request.
func timeTampers(t testing.TB, s subject) []tamper {
	const header = "webhook-timestamp"
	setText := func(r *request, text string) {
		if _, ok := r.header[header]; ok {
			r.header[header] = []string{text}
			return
		}
		r.header[s.header] = []string{strings.Replace(r.header[s.header][0], "t=1614265330", "t="+text, 1)}
	}
	text := func(v string, want error) tamper {
		return tamper{"timestamp " + fmt.Sprintf("%.30q", v), func(r *request) { setText(r, v) }, want}
	}
	sent := func(label string, unix int64) tamper {
		return tamper{"sent " + label, func(r *request) {
			m := vectorMessage()
			m.Time = time.Unix(unix, 0)
			s.resign(t, r, m)
		}, signer.ErrStale}
	}
	received := func(label string, d time.Duration) tamper {
		return tamper{"received " + label, func(r *request) { r.now = r.now.Add(d) }, signer.ErrStale}
	}
	tampers := []tamper{
		text("1614265331", signer.ErrMismatch),
		text("1614265329", signer.ErrMismatch),
		text("0", signer.ErrMismatch), // not stale: whoever wrote it could not sign
		text("9999999999", signer.ErrMismatch),
		text("253402300799", signer.ErrMismatch),
		sent("in 1970", 0),
		sent("301 s ago", vectorUnix-301),
		sent("in 301 s", vectorUnix+301),
		sent("in the year 9999", 253402300799),
		received("5 m and 1 ns later", 5*time.Minute+1),
		received("5 m and 1 ns earlier", -5*time.Minute-1),
		received("a day later", 24*time.Hour),
		received("centuries later", 1<<62),
		{"stale and body changed", func(r *request) { r.now, r.body = r.now.Add(time.Hour), nil }, signer.ErrMismatch},
		{"stale and header twice", func(r *request) {
			r.now = r.now.Add(time.Hour)
			r.header[s.header] = append(r.header[s.header], "x")
		}, signer.ErrMalformed},
	}
	for _, v := range []string{
		"+1614265330", "-1614265330", "01614265330", "00", "1614265330.0", "1614265330 ", "1614265330,0", "1_614_265_330",
		"0x60379b32", "1.614265330e9", "1614265330s", "2021-02-25T15:02:10Z", "253402300800", "18446744075323816946",
		"１６１４２６５３３０", "NaN",
	} {
		if s.name == "Stripe" && strings.Contains(v, ",") {
			continue // another element, not another number
		}
		tampers = append(tampers, text(v, signer.ErrMalformed))
	}
	return tampers
}

// bodyHMACTampers are for one header with one signature.
func bodyHMACTampers(t testing.TB, s subject) []tamper {
	prefix := func(label, text string) tamper {
		return tamper{"prefix " + label, func(r *request) {
			r.header[s.header] = []string{text + s.encoded(r.header)}
		}, signer.ErrMalformed}
	}
	tampers := []tamper{
		prefix("of SHA-1", "sha1="), prefix("in upper case", "SHA256="), prefix("with a colon", "sha256:"),
		prefix("twice", "sha256=sha256="), prefix("of Standard Webhooks", "v1,"), prefix("of Stripe", "t=1614265330,v1="),
		{"two signatures in one value", func(r *request) {
			v := r.header[s.header][0]
			r.header[s.header] = []string{v + "," + v}
		}, signer.ErrMalformed},
		{"two signatures with a space", func(r *request) {
			v := r.header[s.header][0]
			r.header[s.header] = []string{v + " " + v}
		}, signer.ErrMalformed},
		{"signed with the decoded secret", func(r *request) {
			h := sign(t, signer.StandardWebhooks(), vectorMessage(), r.secrets, nil)
			_, text, _ := strings.Cut(h["webhook-signature"][0], ",")
			s.replace(r, s.encode(s.decode(text)))
		}, signer.ErrMismatch},
		{"unkeyed digest", func(r *request) {
			s.replace(r, s.encode(oracleSHA256(r.body)))
		}, signer.ErrMismatch},
		{"another header's scheme", func(r *request) {
			r.header = http.Header{"X-Hub-Signature": {"sha1=" + hex.EncodeToString(make([]byte, 20))}}
		}, signer.ErrMalformed},
	}
	if s.mark == "" {
		return tampers
	}
	return append(tampers, tamper{"prefix missing", func(r *request) {
		r.header[s.header] = []string{s.encoded(r.header)}
	}, signer.ErrMalformed})
}
