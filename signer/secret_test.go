package signer_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/postrider/postrider/signer"
)

func TestNewSecret(t *testing.T) {
	for _, tt := range []struct{ name, text, reason string }{
		{"one byte", "x", ""},
		{"longest", strings.Repeat("x", 1024), ""},
		{"spaces inside", "It's a Secret to Everybody", ""},
		{"letters of anywhere", "пароль-密码", ""},
		{"empty", "", "is empty"},
		{"too long", strings.Repeat("x", 1025), "is longer than 1024 bytes"},
		{"line break at the end", vectorSecret + "\n", "begins or ends with a space or line break"},
		{"space at the start", " " + vectorSecret, "begins or ends with a space or line break"},
		{"no-break space at the end", vectorSecret + "\u00a0", "begins or ends with a space or line break"},
		{"line break inside", "a\nb", "contains a control or invisible character"},
		{"NUL", "a\x00b", "contains a control or invisible character"},
		{"DEL", "a\x7fb", "contains a control or invisible character"},
		{"C1 control", "a\u0085b", "contains a control or invisible character"},
		{"byte order mark", "\ufeff" + vectorSecret, "contains a control or invisible character"},
		{"zero-width space", "a\u200bb", "contains a control or invisible character"},
		{"bad UTF-8", "a\xffb", "is not valid UTF-8"},
		{"what a Secret prints as", "[redacted]", "is a redaction placeholder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := signer.NewSecret(tt.text)
			if tt.reason == "" {
				if err != nil || s.Reveal() != tt.text || s.IsZero() {
					t.Errorf("%v, revealed %q", err, s.Reveal())
				}
				return
			}
			var field *signer.FieldError
			if !errors.As(err, &field) || field.Field != "secret" || field.Reason != tt.reason {
				t.Errorf("got %v, want %q", err, tt.reason)
			}
			if !s.IsZero() || s.Reveal() != "" {
				t.Error("a refused secret is not zero")
			}
		})
	}
}

func TestGenerateSecret(t *testing.T) {
	form := regexp.MustCompile(`^whsec_[A-Za-z0-9+/]{43}=$`) // 32 bytes
	seen := map[string]bool{}
	for range 100 {
		s := signer.GenerateSecret()
		if text := s.Reveal(); !form.MatchString(text) || seen[text] {
			t.Fatalf("generated %q", text)
		} else {
			seen[text] = true
		}
		for _, scheme := range []signer.Signer{signer.StandardWebhooks(), signer.Stripe(), signer.GitHub()} {
			if err := signer.CheckSecret(scheme, s); err != nil {
				t.Errorf("%v: %v", scheme, err)
			}
		}
	}
}

func TestSecretEqual(t *testing.T) {
	a, b, other := secret(t, vectorSecret), secret(t, vectorSecret), secret(t, secondSecret)
	prefix, zero := secret(t, vectorSecret[:20]), signer.Secret{}
	for _, tt := range []struct {
		a, b signer.Secret
		want bool
	}{
		{a, a, true}, {a, b, true}, {a, other, false}, {a, prefix, false}, {a, zero, false}, {zero, a, false}, {zero, zero, true},
	} {
		if tt.a.Equal(tt.b) != tt.want {
			t.Errorf("Equal is %v", !tt.want)
		}
	}
}

// holders put a Secret and what holds one in all places that printers treat
// differently.
func holders(t testing.TB) map[string]any {
	s := secret(t, vectorSecret)
	// Keyed state must not be visible either.
	sign(t, signer.StandardWebhooks(), vectorMessage(), []signer.Secret{s}, nil)
	sign(t, signer.Stripe(), vectorMessage(), []signer.Secret{s}, nil)
	key := privateKey(t, vectorKey)
	formatted, err := signer.FormatPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	type exported struct{ S signer.Secret }
	type unexported struct{ s signer.Secret }
	type pointer struct{ s *signer.Secret }
	type embedded struct{ signer.Secret }
	type deep struct{ m map[string][]any }
	return map[string]any{
		"value": s, "pointer": &s, "field": exported{s}, "unexported field": unexported{s}, "pointer to unexported": &unexported{s},
		"pointer field": pointer{&s}, "embedded": embedded{s}, "slice": []signer.Secret{s}, "array": [1]signer.Secret{s},
		"map": map[string]signer.Secret{"k": s}, "deep": deep{map[string][]any{"k": {unexported{s}, &s}}},
		"private key": unexported{formatted}, "ed25519": signer.Ed25519(key), "dual": signer.StandardWebhooksDual(key),
		"all": signer.All(signer.Ed25519(key)), "source": signer.Secrets(s),
	}
}

// secrets are the forms in which a secret could get out.
func leaks(t testing.TB) []string {
	key := privateKey(t, vectorKey)
	bare := strings.TrimPrefix(vectorSecret, "whsec_")
	return []string{
		bare, bare[:12], fmt.Sprintf("%x", bare[:12]), fmt.Sprintf("%X", bare[:12]), strings.Trim(fmt.Sprint([]byte(bare)[:8]), "[]"),
		strings.TrimPrefix(vectorKey, "whsk_")[:12], fmt.Sprintf("%x", []byte(key)[:8]), fmt.Sprintf("%X", []byte(key)[:8]),
		strings.Trim(fmt.Sprint([]byte(key)[:8]), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(key)[:4]), "[]byte{}"),
		strings.Trim(fmt.Sprintf("%#v", []byte(bare)[:4]), "[]byte{}"),
	}
}

// TestSecretNeverPrinted: no fmt verb and flag, no encoder and no logger shows a
// secret, wherever it is held.
func TestSecretNeverPrinted(t *testing.T) {
	hidden := leaks(t)
	check := func(t *testing.T, how, out string) {
		t.Helper()
		for _, text := range hidden {
			if strings.Contains(out, text) {
				t.Errorf("%s shows %q: %s", how, text, out)
			}
		}
	}
	for name, v := range holders(t) {
		t.Run(name, func(t *testing.T) {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsp!z" {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "# ", "+#", "40", "-40", ".3", "40.3"} {
					format := "%" + flags + string(verb)
					check(t, format, fmt.Sprintf(format, v))
				}
			}
			check(t, "Print", fmt.Sprint(v))
			check(t, "Errorf", fmt.Errorf("%v", v).Error())
			if b, err := json.Marshal(v); err == nil {
				check(t, "json", string(b))
			}
			if b, err := xml.Marshal(v); err == nil {
				check(t, "xml", string(b))
			}
			var out bytes.Buffer
			if err := gob.NewEncoder(&out).Encode(v); err != nil {
				check(t, "gob error", err.Error())
			}
			check(t, "gob", out.String())
			out.Reset()
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", v, slog.Group("g", "k", v))
			slog.New(slog.NewJSONHandler(&out, nil)).With("k", v).Info("m", "k", []any{v})
			log.New(&out, "", 0).Print(v)
			check(t, "log", out.String())
			out.Reset()
			dump(&out, reflect.ValueOf(v), 0)
			check(t, "reflection", out.String())
		})
	}
}

// TestSecretPrints: what is printed instead.
func TestSecretPrints(t *testing.T) {
	s := secret(t, vectorSecret)
	for _, v := range []signer.Secret{s, {}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20v", "%z"} {
			if got := fmt.Sprintf(format, v); got != "[redacted]" {
				t.Errorf("%s: %q", format, got)
			}
		}
		b, err := json.Marshal(struct{ S signer.Secret }{v})
		if got := string(b); err != nil || got != `{"S":"[redacted]"}` {
			t.Errorf("json: %q, %v", got, err)
		}
		text, err := v.MarshalText()
		if err != nil || string(text) != "[redacted]" || v.String() != "[redacted]" || v.GoString() != "[redacted]" || v.LogValue().String() != "[redacted]" {
			t.Errorf("text %q, %v", text, err)
		}
	}
	b, err := json.Marshal(struct {
		S signer.Secret `json:",omitzero"`
	}{})
	if got := string(b); err != nil || got != `{}` {
		t.Errorf("json omitzero: %q, %v", got, err)
	}
	// A round trip must fail and not give a secret that reads "[redacted]".
	if err := json.Unmarshal([]byte(`"[redacted]"`), &s); err == nil {
		t.Error("a Secret was decoded from JSON")
	}
}

// dump prints all that reflection reaches, as test libraries do for a diff: it
// follows pointers and reads unexported fields, and calls no method.
func dump(out *bytes.Buffer, v reflect.Value, depth int) {
	if depth > 20 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintf(out, "%s %x ", v.String(), v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			dump(out, v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			dump(out, v.Field(i), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			dump(out, it.Key(), depth+1)
			dump(out, it.Value(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			fmt.Fprintf(out, "%s %x ", b, b)
			return
		}
		for i := range v.Len() {
			dump(out, v.Index(i), depth+1)
		}
	}
}

// TestDumpReaches: the walk above would find a secret that was hidden less well.
func TestDumpReaches(t *testing.T) {
	var out bytes.Buffer
	type hidden struct{ p *struct{ text string } }
	dump(&out, reflect.ValueOf(hidden{&struct{ text string }{vectorSecret}}), 0)
	if !strings.Contains(out.String(), vectorSecret) {
		t.Error("dump does not reach an unexported string behind a pointer")
	}
}
