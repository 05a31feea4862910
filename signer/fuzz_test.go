package signer_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// The fuzz targets hold Verify to the oracle of its scheme: the same class of
// error for every request, and the right message for every good one. So that
// the fuzzer gets past the signature, "{1}" and "{2}" in a value stand for the
// right signature by the first and the second secret, "{x}" for that of a secret
// the receiver does not have.

// fuzzStart is the receiver's clock before the fuzzed offset.
const fuzzStart = vectorUnix

var fuzzSecrets = [3]string{vectorSecret, secondSecret, unknownSecret}

// fuzzKeys are the key bytes of fuzzSecrets in Standard Webhooks.
var fuzzKeys = [3]string{
	"31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0",
	"0b6155b0140886bb1c0a195020c57e6f9b1262ca686fba03",
	"7468697320736563726574206973206e6f7420796f757273",
}

// fill replaces the placeholders in value.
func fill(value string, signature func(i int) string) string {
	if len(value) > 1<<16 {
		return value
	}
	return strings.NewReplacer("{1}", signature(0), "{2}", signature(1), "{x}", signature(2)).Replace(value)
}

// extra adds a header to h, often the same in another spelling.
func extra(h http.Header, name, value string) {
	if name != "" {
		h[name] = append(h[name], value)
	}
}

// compare holds v to the oracle's want; id and ts are those of a good request.
func compare(t *testing.T, v signer.Verifier, h http.Header, body []byte, want error, id, ts string, secrets ...signer.Secret) {
	t.Helper()
	got, err := v.Verify(h, body, secrets...)
	if want != nil || err != nil {
		if !errors.Is(err, want) || want == nil {
			t.Errorf("Verify: %v, oracle: %v, headers %q, body %q", err, want, h, body)
		}
		if got.ID != "" || got.Body != nil || !got.Time.IsZero() {
			t.Errorf("refused, but returned %+v", got)
		}
		return
	}
	var sent time.Time
	if ts != "" {
		sec, err := strconv.ParseInt(ts, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sent = time.Unix(sec, 0)
	}
	if got.ID != id || !got.Time.Equal(sent) || string(got.Body) != string(body) {
		t.Errorf("returned %+v", got)
	}
}

func fuzzSetup(f *testing.F) (secrets []signer.Secret, literal, decoded [][]byte) {
	for i, text := range fuzzSecrets {
		secrets, literal = append(secrets, secret(f, text)), append(literal, []byte(text))
		key, err := hex.DecodeString(fuzzKeys[i])
		if err != nil {
			f.Fatal(err)
		}
		decoded = append(decoded, key)
	}
	return secrets, literal, decoded
}

// seedStandard adds one request of each kind.
func seedStandard(f *testing.F, version string) {
	for _, list := range []string{
		"V,{1}", "V,{2} V,{1}", "V,{x}", "V,{x} V,{2} w,%", "V,{1}{2}", "w,x", "V,{1} ", "V,{1} V,{1} V,{1} V,{1} V,{1}", "", "V", "V,AAAA",
		strings.Repeat("w,x ", 15) + "V,{1}", strings.Repeat("w,x ", 16) + "V,{1}", vectorV1, vectorV1a,
	} {
		f.Add(vectorID, "1614265330", strings.ReplaceAll(list, "V", version), "", "", []byte(vectorBody), int64(0), true)
	}
	for _, ts := range []string{"0", "01", "+1", "1614265630", "1614265631", "1614265030", "1614265029", "253402300799", "253402300800", "1 "} {
		f.Add(vectorID, ts, version+",{1}", "", "", []byte(vectorBody), int64(0), true)
	}
	for _, id := range []string{"", "a.b", "a b", "ä", "\x7f", strings.Repeat("x", 256), strings.Repeat("x", 257)} {
		f.Add(id, "1614265330", version+",{1}", "X-Other", "x", []byte{}, int64(1), false)
	}
	for _, name := range []string{"webhook-id", "Webhook-Id", "WEBHOOK-TIMESTAMP", "webhooK-id", "webhook\u212a-id", "webhoo\u212a-id"} {
		f.Add(vectorID, "1614265330", version+",{1}", name, "x", []byte(vectorBody), int64(300e9), true)
	}
	f.Add(vectorID, "1614265330", version+",{2}", "", "", []byte(vectorBody), int64(300e9+1), false)
}

func FuzzVerifyStandardWebhooks(f *testing.F) {
	secrets, _, keys := fuzzSetup(f)
	seedStandard(f, "v1")
	f.Fuzz(func(t *testing.T, id, ts, list, name, value string, body []byte, skew int64, both bool) {
		n := 1
		if both {
			n = 2
		}
		content := []byte(id + "." + ts + "." + string(body))
		h := http.Header{"webhook-id": {id}, "webhook-timestamp": {ts}, "webhook-signature": {fill(list, func(i int) string {
			return oracleBase64(oracleHMAC(keys[i], content))
		})}}
		extra(h, name, value)
		now := time.Unix(fuzzStart, skew)
		v := signer.StandardWebhooks(signer.WithClock(func() time.Time { return now }))
		compare(t, v, h, body, oracleStandardHMAC(h, body, now, keys[:n]...), id, ts, secrets[:n]...)
	})
}

func FuzzVerifyEd25519(f *testing.F) {
	keys := []ed25519.PrivateKey{privateKey(f, vectorKey), keyOf(1), keyOf(2)}
	seedStandard(f, "v1a")
	f.Fuzz(func(t *testing.T, id, ts, list, name, value string, body []byte, skew int64, both bool) {
		n := 1
		if both {
			n = 2
		}
		content := []byte(id + "." + ts + "." + string(body))
		h := http.Header{"webhook-id": {id}, "webhook-timestamp": {ts}, "webhook-signature": {fill(list, func(i int) string {
			return oracleBase64(ed25519.Sign(keys[i], content))
		})}}
		extra(h, name, value)
		now := time.Unix(fuzzStart, skew)
		v := signer.Ed25519Verifier(publicOf(keys[:n]...), signer.WithClock(func() time.Time { return now }))
		compare(t, v, h, body, oracleEd25519(h, body, now, keys[:n]...), id, ts)
	})
}

func FuzzVerifyStripe(f *testing.F) {
	secrets, keys, _ := fuzzSetup(f)
	for _, value := range []string{
		"t=T,v1={1}", "t=T,v1={2},v1={1}", "v1={1},t=T", "t=T,v1={x}", "t=T,v0={1}", "t=T", "v1={1}", "t=T,t=T,v1={1}", "t=T,v1={1},v0=",
		"t=T,v1={1},a=b=c", "t=T, v1={1}", "t=T,,v1={1}", "t=T,v1={1},", "t=T,v1=00", "t=T" + strings.Repeat(",v1={1}", 16),
		"t=T" + strings.Repeat(",v1={1}", 17), "t=T,v1={1},=x", "", "T=T,v1={1}",
	} {
		f.Add("1614265330", value, "", "", []byte(vectorBody), int64(0), true)
	}
	for _, ts := range []string{"0", "01", "+1", "", "1614265631", "1614265029", "253402300799", "253402300800"} {
		f.Add(ts, "t=T,v1={1}", "STRIPE-signature-", "x", []byte{}, int64(-1), false)
	}
	f.Add("1614265330", "t=T,v1={1}", "stripe-signature", "x", []byte{}, int64(-300e9), false)
	f.Fuzz(func(t *testing.T, ts, value, name, other string, body []byte, skew int64, both bool) {
		n := 1
		if both {
			n = 2
		}
		value = strings.ReplaceAll(value, "T", ts)
		h := http.Header{"Stripe-Signature": {fill(value, func(i int) string {
			return hex.EncodeToString(oracleHMAC(keys[i], []byte(ts+"."+string(body))))
		})}}
		extra(h, name, other)
		now := time.Unix(fuzzStart, skew)
		v := signer.Stripe(signer.WithClock(func() time.Time { return now }))
		var sent string // the value may hold another t than ts
		if t := regexp.MustCompile(`(?:^|,)t=([0-9]+)`).FindStringSubmatch(h["Stripe-Signature"][0]); t != nil {
			sent = t[1]
		}
		compare(t, v, h, body, oracleStripeHMAC(h, body, now, keys[:n]...), "", sent, secrets[:n]...)
	})
}

// fuzzBody fuzzes a scheme of one header with one signature.
func fuzzBody(f *testing.F, s signer.Scheme, prefix string, enc signer.Encoding) {
	secrets, keys, _ := fuzzSetup(f)
	header := s.Headers()[0]
	for _, value := range []string{"P{1}", "P{2}", "P{x}", "{1}", "PP{1}", "P{1} ", " P{1}", "P{1},P{2}", "", "P", "P{1}\n", "Pdeadbeef", "P{1}{1}"} {
		f.Add(strings.ReplaceAll(value, "P", prefix), "", "", []byte(vectorBody), true)
		f.Add(strings.ReplaceAll(value, "P", prefix), strings.ToLower(header), "x", []byte{}, false)
		f.Add(strings.ReplaceAll(value, "P", prefix), header+"x", "x", []byte{0xff}, false)
	}
	f.Fuzz(func(t *testing.T, value, name, other string, body []byte, both bool) {
		n := 1
		if both {
			n = 2
		}
		h := http.Header{header: {fill(value, func(i int) string {
			if sum := oracleHMAC(keys[i], body); enc == signer.Hex {
				return hex.EncodeToString(sum)
			}
			return oracleBase64(oracleHMAC(keys[i], body))
		})}}
		extra(h, name, other)
		compare(t, s, h, body, oracleBody(h, body, header, prefix, enc, keys[:n]...), "", "", secrets[:n]...)
	})
}

func FuzzVerifyGitHub(f *testing.F) {
	fuzzBody(f, signer.GitHub(), "sha256=", signer.Hex)
}

func FuzzVerifyHMACHex(f *testing.F) {
	fuzzBody(f, signer.HMAC("X-DigiVault-Signature", signer.Hex), "", signer.Hex)
}

func FuzzVerifyHMACBase64(f *testing.F) {
	fuzzBody(f, signer.HMAC("x-signature", signer.Base64, signer.WithPrefix("HMAC ")), "HMAC ", signer.Base64)
}

// FuzzSign: whatever Sign makes, Verify takes and the oracle agrees with; what
// Sign refuses, CheckMessageID or the time explain.
func FuzzSign(f *testing.F) {
	secrets, _, keys := fuzzSetup(f)
	f.Add(vectorID, int64(vectorUnix), []byte(vectorBody))
	f.Add("a.b", int64(-1), []byte{})
	f.Add("x", int64(253402300800), []byte{0})
	f.Fuzz(func(t *testing.T, id string, unix int64, body []byte) {
		now := time.Unix(unix, 0)
		s := signer.StandardWebhooks(signer.WithClock(func() time.Time { return now }))
		h := http.Header{}
		err := s.Sign(t.Context(), h, signer.Message{ID: id, Time: now, Body: body}, secrets[:1], secrets[1:2])
		if usable := signer.CheckMessageID(id) == nil && unix >= 0 && unix <= 253402300799; usable != (err == nil) {
			t.Fatalf("id %q, time %d: %v", id, unix, err)
		}
		if err != nil {
			return
		}
		for i := range 2 {
			got, err := s.Verify(h, body, secrets[i])
			if err != nil || got.ID != id || !got.Time.Equal(now) || string(got.Body) != string(body) {
				t.Errorf("secret %d: %+v, %v", i, got, err)
			}
			if err := oracleStandardHMAC(h, body, now, keys[i]); err != nil {
				t.Errorf("oracle, secret %d: %v", i, err)
			}
		}
	})
}
