package signer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/postrider/postrider/signer"
)

// answer serves r through mw and returns the status, the text, and what the next
// handler saw.
func answer(mw func(http.Handler) http.Handler, r *http.Request) (status int, text string, seen *http.Request, body string) {
	w := httptest.NewRecorder()
	mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		seen, body = r, string(b)
	})).ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String()), seen, body
}

func post(h http.Header, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hook", body)
	for name, values := range h {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	return r
}

func TestMiddlewareAccepts(t *testing.T) {
	one := secret(t, vectorSecret)
	v := signer.StandardWebhooks(at(vectorUnix))
	h := sign(t, v, vectorMessage(), []signer.Secret{one}, nil)
	type key struct{}
	r := post(h, io.NopCloser(strings.NewReader(vectorBody))) // unknown length
	r = r.WithContext(context.WithValue(r.Context(), key{}, "kept"))
	r.ContentLength = -1
	original := r.Body
	status, _, seen, body := answer(signer.Middleware(v, signer.Secrets(one)), r)
	if status != http.StatusOK || body != vectorBody {
		t.Fatalf("status %d, body %q", status, body)
	}
	m, ok := signer.MessageFromContext(seen.Context())
	if !ok || m.ID != vectorID || m.Time != time.Unix(vectorUnix, 0).UTC() || string(m.Body) != vectorBody {
		t.Errorf("message %+v, %v", m, ok)
	}
	if seen.ContentLength != int64(len(vectorBody)) || seen.Context().Value(key{}) != "kept" {
		t.Errorf("length %d, context value %v", seen.ContentLength, seen.Context().Value(key{}))
	}
	if r.Body != original || r.ContentLength != -1 {
		t.Error("the caller's request was changed")
	}
	if _, ok := signer.MessageFromContext(r.Context()); ok {
		t.Error("a message in the context before verification")
	}
}

// TestMiddlewareAnswers lists the answers, and that nothing refused reaches the
// handler.
func TestMiddlewareAnswers(t *testing.T) {
	one, other := secret(t, vectorSecret), secret(t, secondSecret)
	v := signer.StandardWebhooks(at(vectorUnix))
	good := sign(t, v, vectorMessage(), []signer.Secret{one}, nil)
	empty := vectorMessage()
	empty.Body = nil
	bodiless := sign(t, v, empty, []signer.Secret{one}, nil)
	boom := errors.New("boom")
	source := signer.Secrets(one)
	size := int64(len(vectorBody))
	full := func() io.Reader { return strings.NewReader(vectorBody) }
	key := keyOf(1)
	for _, tt := range []struct {
		name    string
		verify  signer.Verifier
		secrets signer.SecretFunc
		opts    []signer.MiddlewareOption
		header  http.Header
		body    io.Reader
		status  int
		text    string
		want    error
	}{
		{"good", v, source, nil, good, full(), 200, "", nil},
		{"good, at the limit", v, source, opt(signer.WithBodyLimit(size)), good, full(), 200, "", nil},
		{"good, at the limit, unknown length", v, source, opt(signer.WithBodyLimit(size)), good, io.MultiReader(full()), 200, "", nil},
		{"good, no body", v, source, nil, bodiless, nil, 200, "", nil},
		{"good, no secrets needed", signer.Ed25519Verifier(publicOf(key), at(vectorUnix)), nil, nil, sign(t, signer.Ed25519(key), vectorMessage(), nil, nil), full(), 200, "", nil},
		{"no headers", v, source, nil, nil, full(), 400, "malformed webhook signature", signer.ErrMalformed},
		{"body cut off", v, source, nil, good, iotest.ErrReader(boom), 400, "webhook body unreadable", boom},
		{"body of another", v, source, nil, good, strings.NewReader("{}"), 401, "webhook signature does not match", signer.ErrMismatch},
		{"another secret", v, signer.Secrets(other), nil, good, full(), 401, "webhook signature does not match", signer.ErrMismatch},
		{"stale", signer.StandardWebhooks(), source, nil, good, full(), 401, "webhook timestamp outside the tolerance", signer.ErrStale},
		{"over the limit", v, source, opt(signer.WithBodyLimit(size - 1)), good, full(), 413, "webhook body too large", new(http.MaxBytesError)},
		{"over the limit, unknown length", v, source, opt(signer.WithBodyLimit(size - 1)), good, io.MultiReader(full()), 413, "webhook body too large", new(http.MaxBytesError)},
		{"over the default limit", v, source, nil, good, bytes.NewReader(make([]byte, 1<<20+1)), 413, "webhook body too large", new(http.MaxBytesError)},
		{"at the default limit", v, source, nil, good, bytes.NewReader(make([]byte, 1<<20)), 401, "webhook signature does not match", signer.ErrMismatch},
		{"unknown sender", v, failing(fmt.Errorf("no such path: %w", signer.ErrNoSecret)), nil, good, full(), 401, "unknown webhook sender", signer.ErrNoSecret},
		{"lookup fails", v, failing(boom), nil, good, full(), 500, "webhook cannot be verified", boom},
		{"no secret", v, signer.Secrets(), nil, good, full(), 500, "webhook cannot be verified", signer.ErrNoSecret},
		{"no secrets", v, nil, nil, good, full(), 500, "webhook cannot be verified", signer.ErrNoSecret},
		{"zero secret", v, signer.Secrets(signer.Secret{}), nil, good, full(), 500, "webhook cannot be verified", signer.ErrNoSecret},
		{"no verifier", nil, source, nil, good, full(), 500, "webhook cannot be verified", new(signer.FieldError)},
		{"verifier built wrongly", signer.HMAC("", signer.Hex), source, nil, good, full(), 500, "webhook cannot be verified", new(signer.FieldError)},
		{"no limit", v, source, opt(signer.WithBodyLimit(0)), good, full(), 500, "webhook cannot be verified", new(signer.FieldError)},
		{"nil option", v, source, opt(nil), good, full(), 500, "webhook cannot be verified", new(signer.FieldError)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told []error
			opts := append(tt.opts, signer.WithOnReject(func(r *http.Request, err error) {
				if r.URL.Path != "/hook" {
					t.Errorf("told about %v", r.URL)
				}
				told = append(told, err)
			}))
			status, text, seen, _ := answer(signer.Middleware(tt.verify, tt.secrets, opts...), post(tt.header, tt.body))
			if status != tt.status || text != tt.text {
				t.Errorf("answer %d %q, want %d %q", status, text, tt.status, tt.text)
			}
			if (seen != nil) != (tt.status == 200) {
				t.Errorf("reached the handler: %v", seen != nil)
			}
			if tt.want == nil {
				if len(told) != 0 {
					t.Errorf("told %v", told)
				}
				return
			}
			if len(told) != 1 || !sameKind(told[0], tt.want) {
				t.Errorf("told %v, want %v", told, tt.want)
			}
		})
	}
}

func opt(o signer.MiddlewareOption) []signer.MiddlewareOption { return []signer.MiddlewareOption{o} }

func failing(err error) signer.SecretFunc {
	return func(*http.Request) ([]signer.Secret, error) { return nil, err }
}

// sameKind is errors.Is for values and errors.As for typed errors.
func sameKind(err, want error) bool {
	switch want.(type) {
	case *http.MaxBytesError:
		var e *http.MaxBytesError
		return errors.As(err, &e)
	case *signer.FieldError:
		var e *signer.FieldError
		return errors.As(err, &e)
	}
	return errors.Is(err, want)
}

// TestMiddlewareReadsNothing: a body that says it is too large is not read.
func TestMiddlewareReadsNothing(t *testing.T) {
	v := signer.GitHub()
	read := errors.New("the body was read")
	r := post(nil, iotest.ErrReader(read))
	r.ContentLength = 1<<20 + 1
	status, _, _, _ := answer(signer.Middleware(v, signer.Secrets(secret(t, vectorSecret))), r)
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
}

// TestMiddlewareNil: a nil handler is a fault to be told, and a request without
// any body is a request with an empty one.
func TestMiddlewareNil(t *testing.T) {
	one := secret(t, vectorSecret)
	v := signer.StandardWebhooks(at(vectorUnix))
	m := vectorMessage()
	m.Body = nil
	r := post(sign(t, v, m, []signer.Secret{one}, nil), nil)
	r.Body = nil
	if status, _, seen, body := answer(signer.Middleware(v, signer.Secrets(one)), r); status != http.StatusOK || seen == nil || body != "" {
		t.Errorf("nil body: status %d", status)
	}
	w := httptest.NewRecorder()
	signer.Middleware(v, signer.Secrets(one))(nil).ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("nil handler: status %d", w.Code)
	}
}

// TestMiddlewareLookup: secrets may depend on the request.
func TestMiddlewareLookup(t *testing.T) {
	v := signer.GitHub()
	of := map[string]signer.Secret{"/a": secret(t, "the secret of a"), "/b": secret(t, "the secret of b")}
	mw := signer.Middleware(v, func(r *http.Request) ([]signer.Secret, error) {
		s, ok := of[r.URL.Path]
		if !ok {
			return nil, signer.ErrNoSecret
		}
		return []signer.Secret{s}, nil
	})
	h := sign(t, v, vectorMessage(), []signer.Secret{of["/a"]}, nil)
	for path, want := range map[string]int{"/a": 200, "/b": 401, "/c": 401} {
		r := post(h, strings.NewReader(vectorBody))
		r.URL.Path = path
		if status, _, _, _ := answer(mw, r); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

// TestOverTheWire: the exact spelling reaches an HTTP/1 receiver, whose headers
// net/http canonicalises again, and the request verifies.
func TestOverTheWire(t *testing.T) {
	one := secret(t, vectorSecret)
	s := signer.All(signer.StandardWebhooks(), signer.HMAC("X-DigiVault-Signature", signer.Hex), signer.GitHub(), signer.Stripe())
	m := signer.Message{ID: "msg_1", Time: time.Now(), Body: []byte(vectorBody)}
	for _, v := range []signer.Scheme{signer.StandardWebhooks(), signer.HMAC("X-DigiVault-Signature", signer.Hex), signer.GitHub(), signer.Stripe()} {
		var got signer.Message
		server := httptest.NewServer(signer.Middleware(v, signer.Secrets(one))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got, _ = signer.MessageFromContext(r.Context())
		})))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sign(t.Context(), r.Header, m, []signer.Secret{one}, nil); err != nil {
			t.Fatal(err)
		}
		var wire bytes.Buffer
		if err := r.Header.Write(&wire); err != nil {
			t.Fatal(err)
		}
		for _, name := range s.Headers() {
			if !strings.Contains(wire.String(), name+": ") {
				t.Errorf("%s is not on the wire as it is spelled", name)
			}
		}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		server.Close()
		if resp.StatusCode != http.StatusOK || string(got.Body) != vectorBody {
			t.Errorf("%v: status %d, body %q", v, resp.StatusCode, got.Body)
		}
	}
}

// TestOversizeOverTheWire: an oversize request over a real connection is
// answered, and the connection is not kept for the rest of its body.
func TestOversizeOverTheWire(t *testing.T) {
	one := secret(t, vectorSecret)
	server := httptest.NewServer(signer.Middleware(signer.GitHub(), signer.Secrets(one), signer.WithBodyLimit(10))(http.NotFoundHandler()))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, io.MultiReader(strings.NewReader(strings.Repeat("x", 1000))))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("status %d, close %v", resp.StatusCode, resp.Close)
	}
}
