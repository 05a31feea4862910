package egress

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCheckHeader(t *testing.T) {
	for _, h := range [][2]string{
		{"Authorization", "Bearer abc"}, {"x-api-key", "k"}, {"User-Agent", "Acme/1.0 (+https://acme.example)"},
		{"Cookie", "a=b; c=d"}, {"!#$%&'*+-.^_`|~09azAZ", "v"}, {"X-Tab", "a\tb"}, {"Idempotency", "k"}, {"Webhook", "x"}, {"Proxy", "x"},
		{strings.Repeat("n", MaxHeaderName), strings.Repeat("v", MaxHeaderValue)},
	} {
		if err := CheckHeader(h[0], h[1], "X-Signature"); err != nil {
			t.Errorf("%.40s refused: %v", h[0], err)
		}
	}
	for _, tt := range []struct{ name, value, field, reason string }{
		{"", "v", "header name", "must not be empty"},
		{strings.Repeat("n", MaxHeaderName+1), "v", "header name", "is longer than 128 bytes"},
		{"X Y", "v", "header name", "must consist of"},
		{"X:", "v", "header name", "must consist of"},
		{":authority", "v", "header name", "must consist of"},
		{"X\r\nY", "v", "header name", "must consist of"},
		{"X-é", "v", "header name", "must consist of"},
		{"X(Y)", "v", "header name", "must consist of"},
		{"X-A", "", "header value", "must not be empty"},
		{"X-A", strings.Repeat("v", MaxHeaderValue+1), "header value", "is longer than 4096 bytes"},
		{"X-A", " v", "header value", "begin or end"},
		{"X-A", "v\t", "header value", "begin or end"},
		{"X-A", "a\r\nX-B: b", "header value", "line break"},
		{"X-A", "a\nb", "header value", "line break"},
		{"X-A", "a\x00b", "header value", "control character"},
		{"X-A", "a\x7fb", "header value", "control character"},
		{"X-A", "é", "header value", "ASCII"},
		{"X-A", "\xff", "header value", "ASCII"},

		{"X-SIGNATURE", "v", "header name", "set with each delivery"},
		{"Ce-Id", "v", "header name", "set with each delivery"},
	} {
		checkRefused(t, tt.name, tt.value, tt.field, tt.reason)
	}
	for _, name := range []string{
		"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade",
		"HTTP2-Settings", "TE", "Trailer", "Expect", "Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding",
		"Proxy-Authorization", "Proxy-Connection", "Webhook-Id", "Webhook-Signature", "Webhook-Anything",
	} {
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			checkRefused(t, n, "v", "header name", "is reserved")
		}
	}
}

func checkRefused(t *testing.T, name, value, field, reason string) {
	t.Helper()
	err := CheckHeader(name, value, "X-Signature", "ce-id")
	var fe *FieldError
	if !errors.As(err, &fe) || fe.Field != field || !strings.Contains(fe.Reason, reason) {
		t.Errorf("%.40q: %.40q: %v, want %s: …%s…", name, value, err, field, reason)
	} else if len(value) > 3 && strings.Contains(err.Error(), value) {
		t.Errorf("the error has the value: %v", err)
	}
}

// What CheckHeader accepts, net/http sends unchanged and exactly once.
func FuzzCheckHeader(f *testing.F) {
	for _, h := range [][2]string{
		{"X-A", "b"}, {"user-agent", "x"}, {"cookie", "a=b; c"}, {"X-A", "a\r\nb: c"}, {"range", "\t"}, {"x_y", "a  b"}, {"host", "x"}, {"Pragma", "no-cache"}, {"Date", "now"},
	} {
		f.Add(h[0], h[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if CheckHeader(name, value) != nil {
			return
		}
		h := http.Header{}
		h.Set(name, value)
		w, rt := newWire()
		u := mustParse(t, "http://example.com/")
		res := Do(context.Background(), rt, Request{URL: u, Header: h, Body: []byte("x")}, Limits{Timeout: 10 * time.Second})
		if res.Err != nil {
			t.Fatalf("%q: %q: %v", name, value, res.Err)
		}
		r := <-w.request
		if r == nil {
			t.Fatalf("%q: %q: the request cannot be read: %q", name, value, w.raw.String())
		}
		line := "\r\n" + http.CanonicalHeaderKey(name) + ": " + value + "\r\n"
		if n := strings.Count(w.raw.String(), line); n != 1 {
			t.Errorf("%q: %q: %d times in %q", name, value, n, w.raw.String())
		}
		if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("%q: %q: received as %q", name, value, got)
		}
		if r.Host != "example.com" || r.ContentLength != 1 || len(r.TransferEncoding) != 0 {
			t.Errorf("%q: %q: changed the request: %q", name, value, w.raw.String())
		}
	})
}
