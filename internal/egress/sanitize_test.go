package egress

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, tt := range []struct {
		rule, in string
		limit    int
		text     string
		body     string
	}{
		{"clean", "plain, ünï¢ödé 😀 \uFFFD", 100, "plain, ünï¢ödé 😀 \uFFFD", "plain, ünï¢ödé 😀 \uFFFD"},
		{"empty", "", 100, "", ""},
		{"NUL and C0", "a\x00b\x1b[31m\x08", 100, "a�b�[31m�", "a�b�[31m�"},
		{"DEL and C1", "a\x7fb\u0085c\u009b", 100, "a�b�c�", "a�b�c�"},
		{"line breaks and tabs", "a\tb\nc", 100, "a�b�c", "a\tb\nc"},
		{"CR", "a\r\nb\rc\r", 100, "a��b�c�", "a\nb\nc\n"},
		{"line separators", "a\u2028b\u2029", 100, "a�b�", "a�b�"},
		{"bidirectional overrides", "a\u202eb\u2066c\u2069", 100, "a�b�c�", "a�b�c�"},
		{"zero width joiner stays", "👩\u200d🚀", 100, "👩\u200d🚀", "👩\u200d🚀"},
		{"invalid UTF-8", "a\xffb\xc3", 100, "a�b�", "a�b�"},
		{"surrogate, overlong, too large", "\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80", 100, "��� �� ����", "��� �� ����"},
		{"cut", "abcdef", 3, "abc", "abc"},
		{"cut between characters", "aéé", 4, "aé", "aé"},
		{"cut before a replacement", "ab\x00", 4, "ab", "ab"},
		{"nothing fits", "é", 1, "", ""},
		{"limit 0", "abc", 0, "", ""},
		{"limit below 0", "a\x00", -1, "", ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if got := Text(tt.in, tt.limit); got != tt.text {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.text)
			}
			in := []byte(tt.in)
			if got := Bytes(in, tt.limit); string(got) != tt.body {
				t.Errorf("Bytes(%q) = %q, want %q", tt.in, got, tt.body)
			}
			if string(in) != tt.in {
				t.Errorf("Bytes changed its argument to %q", in)
			}
		})
	}
}

func TestTextDoesNotAllocateWhenClean(t *testing.T) {
	s := strings.Repeat("clean tëxt ", 50)
	b := []byte(s)
	n := testing.AllocsPerRun(100, func() {
		if len(Text(s, 100)) == 0 || len(Bytes(b, 100)) == 0 {
			t.Fatal("empty")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a\x00", "é\xc3", "\r\n\r", "\u202e\u2028"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		text, body := Text(s, limit), Bytes([]byte(s), limit)
		if len(text) > max(0, limit) || len(body) > max(0, limit) {
			t.Errorf("%q: %q and %q are longer than %d", s, text, body, limit)
		}
		if !utf8.ValidString(text) || !utf8.Valid(body) || strings.ContainsAny(text, "\x00\r\n\t\x1b\x7f\u202e") || bytes.ContainsAny(body, "\x00\r\x1b\x7f\u202e") {
			t.Errorf("%q: %q and %q are not fit to be stored", s, text, body)
		}
		if Text(text, limit) != text || !bytes.Equal(Bytes(body, limit), body) {
			t.Errorf("%q: cleaning twice makes a difference", s)
		}
	})
}
