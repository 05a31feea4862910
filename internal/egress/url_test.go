package egress

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCheckURL(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"https://example.com", "https://example.com"},
		{"https://example.com/", "https://example.com/"},
		{"HTTPS://EXAMPLE.com/Path", "https://example.com/Path"},
		{"https://example.com:8443/a/b;c=1,2/?q=%C3%A9&r[]=1&s=~!$'()*+,;:@/?", "https://example.com:8443/a/b;c=1,2/?q=%C3%A9&r[]=1&s=~!$'()*+,;:@/?"},
		{"https://example.com?q=1", "https://example.com?q=1"},
		{"https://example.com/?", "https://example.com/?"},
		{"https://example.com/a%2fb%2F", "https://example.com/a%2fb%2F"},
		{"https://example.com//double/../dots/./", "https://example.com//double/../dots/./"},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"https://my_service.internal/", "https://my_service.internal/"},
		{"https://localhost/", "https://localhost/"},
		{"https://example.com./", "https://example.com./"},
		{"https://1.2.3.4:1/", "https://1.2.3.4:1/"},
		{"https://[2606:4700::1111]:65535/", "https://[2606:4700::1111]:65535/"},
		{"https://[::FFFF:127.0.0.1]/", "https://[::ffff:127.0.0.1]/"},
		{"https://4.example/", "https://4.example/"},
		{"https://example.com/" + strings.Repeat("a", MaxURL-20), "https://example.com/" + strings.Repeat("a", MaxURL-20)},
	} {
		u, err := CheckURL(tt.raw, false)
		if err != nil {
			t.Errorf("%.80s: %v", tt.raw, err)
		} else if u.String() != tt.want {
			t.Errorf("%.80s became %s", tt.raw, u)
		}
	}
	if u, err := CheckURL("http://example.com/", true); err != nil || u.Scheme != "http" {
		t.Errorf("plain HTTP was allowed: %v %v", u, err)
	}
}

func TestCheckURLRefuses(t *testing.T) {
	for _, tt := range []struct{ raw, reason string }{
		{"", "must not be empty"},
		{"https://example.com/" + strings.Repeat("a", MaxURL-19), "is longer than 2048 bytes"},
		{"http://example.com/", "must begin with https://"},
		{"ftp://example.com/", "must begin with https://"},
		{"javascript:alert(1)", "must begin with https://"},
		{"file:///etc/passwd", "must begin with https://"},
		{"//example.com/", "must begin with https://"},
		{"example.com/hook", "must begin with https://"},
		{"/hook", "must begin with https://"},
		{"example.com:443/hook", "must begin with https://"},
		{"https:example.com", "must begin with https://"},
		{"https://", "has no host"},
		{"https:///hook", "has no host"},
		{"https://:443/", "has no host"},
		{"https://user:pass@example.com/", "user name or password"},
		{"https://user@example.com/", "user name or password"},
		{"https://@example.com/", "user name or password"},
		{"https://example.com/#top", "fragment"},
		{"https://example.com/#", "fragment"},
		{" https://example.com/", "space or control character at byte 0"},
		{"https://example.com/a b", "space or control character at byte 21"},
		{"https://example.com/?a b", "space or control character"},
		{"https://example.com/\r\nHost: evil", "space or control character"},
		{"https://example.com/\x00", "space or control character"},
		{"https://example.com/\x7f", "space or control character"},
		{"https://bücher.example/", "Punycode"},
		{"https://example.com/é", "percent-encode it"},
		{"https://example.com/?q=é", "percent-encode it"},
		{"https://example.com/\xff", "not ASCII"},
		{"https://example.com/{id}", "contains '{', which must be percent-encoded"},
		{`https://example.com/?q="`, "must be percent-encoded"},
		{`https://example.com\@evil.com/`, "must be percent-encoded"},
		{"https://example.com/%zz", "% that is not followed"},
		{"https://example.com/?q=100%", "% that is not followed"},
		{"https://example.com/?q=%4", "% that is not followed"},
		{"https://ex%41mple.com/", "percent-encoding in the host"},
		{"https://ex%C3%A9.com/", "letters, digits, hyphen and underscore"},
		{"https://example.com:0/", "port from 1 to 65535"},
		{"https://example.com:65536/", "port from 1 to 65535"},
		{"https://example.com:/", "port from 1 to 65535"},
		{"https://example.com:0443/", "port from 1 to 65535"},
		{"https://example.com:99999999999999999999/", "port from 1 to 65535"},
		{"https://example.com:http/", "malformed"},
		{"https://example.com:-1/", "malformed"},
		{"https://[::1/", "malformed"},
		{"https://[1.2.3.4]/", "malformed"},
		{"https://[:::1]/", "malformed"},
		{"https://[]/", ""}, // url.Parse or the check for a host, depending on the Go version
		{"https://[::1]x/", "malformed"},
		{"https://[fe80::1%25eth0]/", "IPv6 zone"},
		{"https://2130706433/", "not in standard notation"},
		{"https://0x7f000001/", "not in standard notation"},
		{"https://0177.0.0.1/", "not in standard notation"},
		{"https://127.1/", "not in standard notation"},
		{"https://127.0.0.1./", "not in standard notation"},
		{"https://1.2.3.4.5/", "not in standard notation"},
		{"https://256.1.1.1/", "not in standard notation"},
		{"https://a..b/", "empty or longer than 63"},
		{"https://.example.com/", "empty or longer than 63"},
		{"https://./", "empty or longer than 63"},
		{"https://" + strings.Repeat("a", 64) + ".com/", "empty or longer than 63"},
		{"https://" + strings.Repeat("a.", 127) + "com/", "more than 253 bytes"},
		{"https://-a.com/", "begins or ends with a hyphen"},
		{"https://a-.com/", "begins or ends with a hyphen"},
		{"https://ex!mple.com/", "letters, digits, hyphen and underscore"},
		{"https://*.example.com/", "letters, digits, hyphen and underscore"},
	} {
		u, err := CheckURL(tt.raw, false)
		var field *FieldError
		switch {
		case err == nil:
			t.Errorf("%.80q accepted as %s", tt.raw, u)
		case !errors.As(err, &field) || field.Field != "url":
			t.Errorf("%.80q: %T %v", tt.raw, err, err)
		case !strings.Contains(field.Reason, tt.reason):
			t.Errorf("%.80q: %q, want %q", tt.raw, field.Reason, tt.reason)
		case len(tt.raw) > 20 && strings.Contains(err.Error(), tt.raw), strings.Contains(err.Error(), "pass@"):
			t.Errorf("%.80q: the error repeats the URL: %v", tt.raw, err)
		}
	}
	if _, err := CheckURL("ftp://example.com/", true); err == nil || !strings.Contains(err.Error(), "https:// or http://") {
		t.Errorf("got %v", err)
	}
}

// wire is a transport that shows what net/http sends. TLS is left out, so that
// the bytes of https requests can be seen too.
type wire struct {
	addr    string
	request chan *http.Request
	raw     strings.Builder // complete when request has been received from
}

func newWire() (*wire, *http.Transport) {
	w := &wire{request: make(chan *http.Request, 1)}
	dial := func(_ context.Context, _, addr string) (net.Conn, error) {
		w.addr = addr
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			r, _ := readRequest(bufio.NewReader(io.TeeReader(server, &w.raw)))
			w.request <- r
			io.WriteString(server, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		}()
		return client, nil
	}
	return w, &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true, DisableCompression: true}
}

// What CheckURL accepts is sent as written: to that host and port, with that
// Host field and that request target.
func FuzzCheckURL(f *testing.F) {
	for _, raw := range []string{
		"https://example.com", "http://example.com:8080/a%2Fb?c=d[]#e", "https://[::1]:1/", "https://example.com/?",
		"https://1.2.3.4//x;y?z", "http://u@h/", "https://[fe80::1%25lo]/", "https://a_b.c./%20", "HTTP://H:1?//", "https://example.com/*",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := CheckURL(raw, true)
		if err != nil {
			return
		}
		// What follows the authority, by the plainest reading of RFC 3986.
		_, rest, _ := strings.Cut(raw, "://")
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		authority, target := strings.ToLower(rest[:end]), rest[end:]
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
		addr := authority
		if u.Port() == "" {
			addr += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		}

		w, rt := newWire()
		res := Do(context.Background(), rt, Request{URL: u, Body: []byte("x")}, Limits{Timeout: 10 * time.Second})
		if res.Err != nil || res.Status != 204 {
			t.Fatalf("%q: status %d, error %v", raw, res.Status, res.Err)
		}
		r := <-w.request
		if r == nil {
			t.Fatalf("%q: the request cannot be read: %q", raw, w.raw.String())
		}
		if want := "POST " + target + " HTTP/1.1\r\n"; !strings.HasPrefix(w.raw.String(), want) {
			t.Errorf("%q: sent %q, want %q", raw, w.raw.String(), want)
		}
		if r.Host != authority {
			t.Errorf("%q: Host %q, want %q", raw, r.Host, authority)
		}
		if w.addr != addr {
			t.Errorf("%q: dialled %q, want %q", raw, w.addr, addr)
		}
	})
}
