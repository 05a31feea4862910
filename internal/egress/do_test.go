package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDo(t *testing.T) {
	type seen struct {
		method, uri, host string
		header            http.Header
		body              []byte
		length            int64
	}
	requests := make(chan seen, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r.Method, r.RequestURI, r.Host, r.Header, body, r.ContentLength}
		h := w.Header()
		h["Date"] = nil
		h.Set("Content-Type", "text/plain")
		h.Set("Retry-After", "120")
		h.Set("X-B", "2")
		h.Add("X-A", "1")
		h.Add("X-A", "0")
		h.Set("Set-Cookie", "session=secret")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "busy\r\n\x00")
	}))
	defer srv.Close()
	rt := localTransport(t, Options{})
	u := mustParse(t, srv.URL+"/hook?a=1%2f2")
	for _, size := range []int{0, 1, 1024, 5000, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		header := http.Header{"Content-Type": {"application/json"}, "X-Sig": {"abc"}}
		res := Do(context.Background(), rt, Request{URL: u, Header: header, Body: body}, Limits{})
		if res.Err != nil || res.Class != ClassNone {
			t.Fatal(res.Err)
		}
		got := <-requests
		if got.method != "POST" || got.uri != "/hook?a=1%2f2" || got.host != u.Host {
			t.Errorf("sent %s %s to %s", got.method, got.uri, got.host)
		}
		if !bytes.Equal(got.body, body) || got.length != int64(size) {
			t.Errorf("sent %d bytes with Content-Length %d, want %d", len(got.body), got.length, size)
		}
		if got.header.Get("X-Sig") != "abc" || got.header.Get("Accept-Encoding") != "" || got.header.Get("Cookie") != "" {
			t.Errorf("sent header %v", got.header)
		}
		if res.Status != 503 || string(res.Body) != "busy\n\uFFFD" || res.Truncated || res.RetryAfter != "120" || res.Proto != "HTTP/1.1" {
			t.Errorf("got %+v", res)
		}
		want := []Header{{"Content-Length", "7"}, {"Content-Type", "text/plain"}, {"Retry-After", "120"}, {"X-A", "1"}, {"X-A", "0"}, {"X-B", "2"}}
		if !slices.Equal(res.Header, want) || res.HeaderTruncated {
			t.Errorf("header %v, want %v", res.Header, want)
		}
		if res.RemoteAddr.String() != u.Host {
			t.Errorf("RemoteAddr %s, want %s", res.RemoteAddr, u.Host)
		}
		if len(header) != 2 {
			t.Errorf("Do changed the caller's header: %v", header)
		}
	}
}

// Responses within MaxBody + MaxDrain keep their connection, longer ones lose it.
func TestDoBodyLimits(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var size int
		_, _ = fmt.Sscan(r.URL.Query().Get("size"), &size)
		if !r.URL.Query().Has("chunked") {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		io.WriteString(w, strings.Repeat("é", size/2)+strings.Repeat("x", size%2))
	}))
	defer srv.Close()
	tests := []struct {
		name        string
		size        int
		lim         Limits
		kept        int
		truncated   bool
		reusedAfter bool
	}{
		{"empty", 0, Limits{}, 0, false, true},
		{"small", 10, Limits{}, 10, false, true},
		{"exactly the default", DefaultMaxBody, Limits{}, DefaultMaxBody, false, true},
		{"one over", DefaultMaxBody + 1, Limits{}, DefaultMaxBody, true, true},
		{"drained to the end", DefaultMaxBody + DefaultMaxDrain, Limits{}, DefaultMaxBody, true, true},
		{"over the drain", DefaultMaxBody + DefaultMaxDrain + 8192, Limits{}, DefaultMaxBody, true, false},
		{"huge", 5 << 20, Limits{}, DefaultMaxBody, true, false},
		{"cut in a character", 10, Limits{MaxBody: 5}, 4, true, true},
		{"cut in the only character", 2, Limits{MaxBody: 1}, 0, true, true},
		{"nothing kept", 10, Limits{MaxBody: -1}, 0, true, true},
		{"nothing kept of nothing", 0, Limits{MaxBody: -1}, 0, false, true},
		{"nothing drained", 10, Limits{MaxBody: 4, MaxDrain: -1}, 4, true, false},
		{"everything drained", 10_000_000, Limits{MaxDrain: math.MaxInt64}, DefaultMaxBody, true, true},
		{"more than the default", 100_000, Limits{MaxBody: 99_998}, 99_998, true, true},
	}
	for _, tt := range tests {
		for _, mode := range []string{"", "&chunked"} {
			t.Run(tt.name+mode, func(t *testing.T) {
				rt := localTransport(t, Options{})
				u := fmt.Sprintf("%s/?size=%d%s", srv.URL, tt.size, mode)
				res := post(t, rt, u, tt.lim)
				if res.Err != nil || res.Status != 200 {
					t.Fatalf("status %d, error %v", res.Status, res.Err)
				}
				if len(res.Body) != tt.kept || res.Truncated != tt.truncated {
					t.Errorf("kept %d bytes, truncated %v; want %d, %v", len(res.Body), res.Truncated, tt.kept, tt.truncated)
				}
				if tt.kept == 0 && res.Body != nil {
					t.Error("an empty body is not nil")
				}
				if again := post(t, rt, srv.URL, Limits{}); again.Reused != tt.reusedAfter {
					t.Errorf("connection reused afterwards: %v, want %v", again.Reused, tt.reusedAfter)
				}
			})
		}
	}
}

func TestDoHeaderLimits(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		for i := range 40 {
			w.Header().Set(fmt.Sprintf("X-%02d", i), strings.Repeat("v", 100))
		}
		w.WriteHeader(204)
	}))
	defer srv.Close()
	rt := localTransport(t, Options{})
	for _, tt := range []struct {
		lim       Limits
		kept      int
		truncated bool
	}{
		{Limits{}, DefaultMaxHeaders, true},
		{Limits{MaxHeaders: 40}, DefaultMaxHeaderKept / 104, true},
		{Limits{MaxHeaders: 40, MaxHeaderKept: 40 * 104}, 40, false},
		{Limits{MaxHeaders: 3}, 3, true},
		{Limits{MaxHeaders: -1}, 0, true},
		{Limits{MaxHeaderKept: -1}, 0, true},
	} {
		res := post(t, rt, srv.URL, tt.lim)
		if len(res.Header) != tt.kept || res.HeaderTruncated != tt.truncated {
			t.Errorf("%+v: kept %d, truncated %v; want %d, %v", tt.lim, len(res.Header), res.HeaderTruncated, tt.kept, tt.truncated)
		}
		for i, f := range res.Header { // the first by name, not any
			if want := fmt.Sprintf("X-%02d", i); f.Name != want {
				t.Errorf("%+v: field %d is %s, want %s", tt.lim, i, f.Name, want)
			}
		}
	}
}

// A redirect is an answer like any other: following it would send the event to
// where nobody registered an endpoint.
func TestDoFollowsNoRedirect(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("the redirect to %s was followed", r.URL.Path)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	res := post(t, localTransport(t, Options{}), srv.URL+"/", Limits{})
	if res.Err != nil || res.Status != http.StatusTemporaryRedirect || !slices.Contains(res.Header, Header{"Location", "/elsewhere"}) {
		t.Errorf("got %+v", res)
	}
}

func TestDoTimings(t *testing.T) {
	ca := newAuthority(t)
	s := serveRaw(t, ca.server(t, nil), answerOK)
	_, port, _ := net.SplitHostPort(s.addr)
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true
	})
	rt := localTransport(t, Options{RootCAs: ca.pool, Resolver: resolver})
	u := "https://example.com:" + port + "/"

	first := post(t, rt, u, Limits{})
	tm := first.Timings
	if first.Err != nil || first.Reused {
		t.Fatalf("reused %v, error %v", first.Reused, first.Err)
	}
	if tm.DNS <= 0 || tm.Connect <= 0 || tm.TLS <= 0 || tm.FirstByte < tm.DNS+tm.Connect+tm.TLS || tm.Total < tm.FirstByte {
		t.Errorf("new connection: %+v", tm)
	}
	second := post(t, rt, u, Limits{})
	tm = second.Timings
	if second.Err != nil || !second.Reused || second.RemoteAddr != first.RemoteAddr {
		t.Fatalf("reused %v, error %v", second.Reused, second.Err)
	}
	if tm.DNS != 0 || tm.Connect != 0 || tm.TLS != 0 || tm.FirstByte <= 0 || tm.Total < tm.FirstByte {
		t.Errorf("reused connection: %+v", tm)
	}
}

func TestDoNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	resolver := fakeDNS(t, func(name string) ([]netip.Addr, bool) {
		return nil, strings.HasPrefix(name, "missing")
	})
	for _, tt := range []struct {
		url     string
		timeout time.Duration
		class   Class
		text    string
	}{
		{"http://" + closed + "/", patience, ClassConnect, "connection refused"},
		{"http://missing.example.com/secret?token=hunter2", patience, ClassDNS, "lookup missing.example.com: no such host"},
		{"http://silent.example.com/", brief, ClassTimeout, "name not resolved within 300ms"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			res := post(t, localTransport(t, Options{Resolver: resolver}), tt.url, Limits{Timeout: tt.timeout})
			if res.Class != tt.class || !strings.Contains(res.Err.Error(), tt.text) {
				t.Errorf("class %q, error %q; want %q, %q", res.Class, res.Err, tt.class, tt.text)
			}
			if res.Status != 0 || res.RemoteAddr.IsValid() || res.Timings.Total > patience/2 {
				t.Errorf("got %+v", res)
			}
		})
	}
}

// The caller's end is not the receiver's fault, and the other way round.
func TestDoCanceled(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 10)
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		buf := make([]byte, 1)
		if _, err := c.Read(buf); err == nil {
			arrived <- struct{}{}
		}
		untilClosed(c)
	})
	rt := localTransport(t, Options{})
	req := Request{URL: mustParse(t, "http://"+s.addr+"/"), Body: []byte("x")}
	shutdown := errors.New("shutting down")

	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(shutdown)
		res := Do(ctx, rt, req, Limits{})
		if res.Class != ClassCanceled || res.RemoteAddr.IsValid() || !strings.Contains(res.Err.Error(), "shutting down") {
			t.Errorf("class %q, error %v", res.Class, res.Err)
		}
	})
	t.Run("during", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() { <-arrived; cancel(shutdown) }()
		res := Do(ctx, rt, req, Limits{})
		if res.Class != ClassCanceled || !res.RemoteAddr.IsValid() || res.Err.Error() != "no response: shutting down" {
			t.Errorf("class %q, error %v", res.Class, res.Err)
		}
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), brief)
		defer cancel()
		res := Do(ctx, rt, req, Limits{Timeout: patience})
		if res.Class != ClassCanceled || !errors.Is(res.Err, context.DeadlineExceeded) {
			t.Errorf("class %q, error %v", res.Class, res.Err)
		}
	})
	t.Run("the attempt's deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		res := Do(ctx, rt, req, Limits{Timeout: brief})
		if res.Class != ClassTimeout || res.Err.Error() != "no response within 300ms" || !errors.Is(res.Err, context.DeadlineExceeded) {
			t.Errorf("class %q, error %v", res.Class, res.Err)
		}
	})
}

// late is a context whose deadline has passed, but which has not noticed yet.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

// A socket's deadline, derived from the caller's, may fire before the context.
func TestDoCallersDeadlineFirstSeenBySocket(t *testing.T) {
	rt := roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, os.ErrDeadlineExceeded })
	req := Request{URL: mustParse(t, "https://example.com/")}
	if res := Do(late{context.Background()}, rt, req, Limits{}); res.Class != ClassCanceled {
		t.Errorf("class %q (%v), want canceled", res.Class, res.Err)
	}
	if res := Do(context.Background(), rt, req, Limits{}); res.Class != ClassTimeout {
		t.Errorf("class %q (%v), want timeout", res.Class, res.Err)
	}
}

// roundTripFunc is a RoundTripper of a host.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// readFunc is a body of a host's RoundTripper.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestDoHostRoundTripper(t *testing.T) {
	const rawURL = "https://user.example.com/hook/s3cret?token=hunter2"
	u := mustParse(t, rawURL)
	answer := func(r *http.Response) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return r, nil }
	}
	body := func(f readFunc) *http.Response {
		return &http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(f)}
	}
	failing := func(err error) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	sentinel := errors.New("out of \x1b[31mred\u202e ink")
	for _, tt := range []struct {
		name   string
		rt     http.RoundTripper
		status int
		class  Class
		text   string
	}{
		{"panic", roundTripFunc(func(*http.Request) (*http.Response, error) { panic("at the\ndisco") }), 0, ClassPanic, "panic: at the\uFFFDdisco"},
		{"panic in the body", answer(body(func([]byte) (int, error) { panic("late") })), 200, ClassPanic, "panic: late"},
		{"panic with the URL", roundTripFunc(func(r *http.Request) (*http.Response, error) {
			panic(&url.Error{Op: "Post", URL: r.URL.String(), Err: sentinel})
		}), 0, ClassPanic, "panic: Post \"[url]\": out of \uFFFD[31mred\uFFFD ink"},
		{"nothing", answer(nil), 0, ClassOther, "RoundTripper returned neither a response nor an error"},
		{"no RoundTripper", nil, 0, ClassOther, "no RoundTripper or no URL"},
		{"no body", answer(&http.Response{StatusCode: 200}), 200, ClassNone, ""},
		{"endless nothing", answer(body(func([]byte) (int, error) { return 0, nil })), 200, ClassBody, "multiple Read calls return no data or error"},
		{"broken body", answer(body(func([]byte) (int, error) { return 0, sentinel })), 200, ClassBody, "out of \uFFFD[31mred\uFFFD ink"},
		{"own error", failing(sentinel), 0, ClassOther, "out of \uFFFD[31mred\uFFFD ink"},
		{"url.Error", failing(&url.Error{Op: "Post", URL: rawURL, Err: sentinel}), 0, ClassOther, "out of \uFFFD[31mred\uFFFD ink"},
		{"wrapped url.Error", failing(fmt.Errorf("relay: %w", &url.Error{Op: "Post", URL: rawURL, Err: sentinel})), 0, ClassOther, "out of \uFFFD[31mred\uFFFD ink"},
		{"the URL in a text", failing(errors.New("cannot post to " + rawURL)), 0, ClassOther, "cannot post to [url]"},
		{"the path in a text", failing(errors.New(u.RequestURI() + " failed")), 0, ClassOther, "[url] failed"},
		{"long text", failing(errors.New(strings.Repeat("é", 1000))), 0, ClassOther, strings.Repeat("é", 256)},
		{"informational status", answer(&http.Response{StatusCode: 102, Body: http.NoBody}), 0, ClassProtocol, "unexpected status 102"},
		{"deadline of its own", failing(context.DeadlineExceeded), 0, ClassTimeout, "context deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := Do(context.Background(), tt.rt, Request{URL: u, Body: []byte("x")}, Limits{})
			if res.Status != tt.status || res.Class != tt.class {
				t.Errorf("status %d, class %q; want %d, %q", res.Status, res.Class, tt.status, tt.class)
			}
			switch {
			case tt.text == "" && res.Err != nil, tt.text != "" && (res.Err == nil || res.Err.Error() != tt.text):
				t.Errorf("error %q, want %q", res.Err, tt.text)
			case res.Err != nil && strings.Contains(res.Err.Error(), "hunter2"):
				t.Errorf("the error has the URL's query: %s", res.Err)
			}
			var typed *Error
			if res.Err != nil && (!errors.As(res.Err, &typed) || typed.Class != tt.class) {
				t.Errorf("error is %T", res.Err)
			}
		})
	}
	if res := Do(context.Background(), failing(sentinel), Request{URL: u}, Limits{}); !errors.Is(res.Err, sentinel) {
		t.Error("the cause is not in the chain")
	}
	if res := Do(context.Background(), failing(sentinel), Request{}, Limits{}); res.Class != ClassOther {
		t.Errorf("without a URL: %+v", res)
	}
}
