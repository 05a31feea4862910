package signer_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
)

// An oracle says what Verify must return. It is written apart from the package
// and in another way: grammars are regular expressions over the whole value,
// numbers are big, HMAC is spelled out (RFC 2104), and signatures are compared
// as text with the one that was to be expected.

func oracleSHA256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

func oracleHMAC(key, content []byte) []byte {
	if len(key) > 64 {
		key = oracleSHA256(key)
	}
	inner, outer := make([]byte, 64), make([]byte, 64)
	copy(inner, key)
	copy(outer, key)
	for i := range 64 {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return oracleSHA256(append(outer, oracleSHA256(append(inner, content...))...))
}

// oracleBase64 writes base64 by six bits at a time.
func oracleBase64(b []byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var bits, out strings.Builder
	for _, c := range b {
		for i := 7; i >= 0; i-- {
			bits.WriteByte('0' + c>>i&1)
		}
	}
	text := bits.String()
	text += strings.Repeat("0", (6-len(text)%6)%6)
	for ; text != ""; text = text[6:] {
		n, _ := new(big.Int).SetString(text[:6], 2)
		out.WriteByte(alphabet[n.Int64()])
	}
	for out.Len()%4 != 0 {
		out.WriteByte('=')
	}
	return out.String()
}

// oracleHeader returns the only value of a header, in any spelling.
func oracleHeader(h http.Header, name string) (string, bool) {
	var all []string
	for key, values := range h {
		if regexp.MustCompile(`^(?i:`+regexp.QuoteMeta(name)+`)$`).MatchString(key) && !strings.ContainsAny(key, "\u212a\u017f") {
			all = append(all, values...)
		}
	}
	if len(all) != 1 || len(all[0]) > 4096 {
		return "", false
	}
	return all[0], true
}

// oracleFresh: |now - sent| <= 5 minutes, in nanoseconds.
func oracleFresh(ts string, now time.Time) bool {
	sent, _ := new(big.Int).SetString(ts+"000000000", 10)
	clock := new(big.Int).Mul(big.NewInt(now.Unix()), big.NewInt(1e9))
	clock.Add(clock, big.NewInt(int64(now.Nanosecond())))
	return clock.Sub(clock, sent).CmpAbs(big.NewInt(300e9)) <= 0
}

var (
	oracleID      = regexp.MustCompile(`\A[!-\-/-~]{1,256}\z`)
	oracleUnix    = regexp.MustCompile(`\A(0|[1-9][0-9]{0,11})\z`)
	oracleList    = regexp.MustCompile(`\A[0-9A-Za-z]+,[!-~]+( [0-9A-Za-z]+,[!-~]+){0,15}\z`)
	oracleV1      = regexp.MustCompile(`\A[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\z`)
	oracleV1a     = regexp.MustCompile(`\A[A-Za-z0-9+/]{85}[AQgw]==\z`)
	oracleStripe  = regexp.MustCompile(`\A[0-9A-Za-z]+=[!-+\--~]+(,[0-9A-Za-z]+=[!-+\--~]+){0,16}\z`)
	oracleHex     = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
	oracleMaxUnix = big.NewInt(253402300799)
)

func oracleTimestamp(ts string) bool {
	if !oracleUnix.MatchString(ts) {
		return false
	}
	n, _ := new(big.Int).SetString(ts, 10)
	return n.Cmp(oracleMaxUnix) <= 0
}

// oracleStandard decides over the three headers. expected lists the signatures
// that are right for a content.
func oracleStandard(h http.Header, body []byte, now time.Time, version string, valid *regexp.Regexp, most int, expected func(content []byte) []string) error {
	id, ok1 := oracleHeader(h, "webhook-id")
	ts, ok2 := oracleHeader(h, "webhook-timestamp")
	list, ok3 := oracleHeader(h, "webhook-signature")
	if !ok1 || !ok2 || !ok3 || !oracleID.MatchString(id) || !oracleTimestamp(ts) || !oracleList.MatchString(list) {
		return signer.ErrMalformed
	}
	content := []byte(id + "." + ts + "." + string(body))
	found, known := false, 0
	for _, entry := range strings.Fields(list) {
		text, ok := strings.CutPrefix(entry, version+",")
		if !ok {
			continue
		}
		if known++; !valid.MatchString(text) || known > most {
			return signer.ErrMalformed
		}
		for _, want := range expected(content) {
			found = found || text == want
		}
	}
	switch {
	case !found:
		return signer.ErrMismatch
	case !oracleFresh(ts, now):
		return signer.ErrStale
	}
	return nil
}

func oracleStandardHMAC(h http.Header, body []byte, now time.Time, keys ...[]byte) error {
	return oracleStandard(h, body, now, "v1", oracleV1, 16, func(content []byte) (all []string) {
		for _, key := range keys {
			all = append(all, oracleBase64(oracleHMAC(key, content)))
		}
		return all
	})
}

// oracleEd25519 relies on Ed25519 being deterministic (RFC 8032): the holder of a
// key makes one signature for a content, and it compares with that.
func oracleEd25519(h http.Header, body []byte, now time.Time, keys ...ed25519.PrivateKey) error {
	return oracleStandard(h, body, now, "v1a", oracleV1a, 4, func(content []byte) (all []string) {
		for _, key := range keys {
			all = append(all, oracleBase64(ed25519.Sign(key, content)))
		}
		return all
	})
}

func oracleStripeHMAC(h http.Header, body []byte, now time.Time, keys ...[]byte) error {
	value, ok := oracleHeader(h, "stripe-signature")
	if !ok || !oracleStripe.MatchString(value) {
		return signer.ErrMalformed
	}
	all := "," + value + ","
	stamps := regexp.MustCompile(`,t=([^,]+)`).FindAllStringSubmatch(all, -1)
	if len(stamps) != 1 || !oracleTimestamp(stamps[0][1]) {
		return signer.ErrMalformed
	}
	ts, found := stamps[0][1], false
	for _, v1 := range regexp.MustCompile(`,v1=([^,]+)`).FindAllStringSubmatch(all, -1) {
		if !oracleHex.MatchString(v1[1]) {
			return signer.ErrMalformed
		}
		for _, key := range keys {
			found = found || v1[1] == hex.EncodeToString(oracleHMAC(key, []byte(ts+"."+string(body))))
		}
	}
	switch {
	case !found:
		return signer.ErrMismatch
	case !oracleFresh(ts, now):
		return signer.ErrStale
	}
	return nil
}

// oracleBody is for one header with one signature over the body.
func oracleBody(h http.Header, body []byte, name, prefix string, enc signer.Encoding, keys ...[]byte) error {
	value, ok := oracleHeader(h, name)
	grammar := oracleV1
	if enc == signer.Hex {
		grammar = oracleHex
	}
	if !ok || !strings.HasPrefix(value, prefix) || !grammar.MatchString(value[len(prefix):]) {
		return signer.ErrMalformed
	}
	for _, key := range keys {
		sum := oracleHMAC(key, body)
		if value == prefix+oracleBase64(sum) || value == prefix+hex.EncodeToString(sum) {
			return nil
		}
	}
	return signer.ErrMismatch
}
