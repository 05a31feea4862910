//go:build unix

package crash

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func accepted() *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}
}

// answerEarly says that all is well while the request is on its way.
func answerEarly(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		later := r.Clone(context.Background())
		later.Body = io.NopCloser(bytes.NewReader(body))
		go func() { _, _ = next.RoundTrip(later) }()
		return accepted(), nil
	})
}

func answerUnsent(next http.RoundTripper) http.RoundTripper {
	var mu sync.Mutex
	n := 0
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		n++
		skip := n%10 == 0
		mu.Unlock()
		if skip {
			return accepted(), nil
		}
		return next.RoundTrip(r)
	})
}

func sendTwice(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if _, err := next.RoundTrip(r); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return next.RoundTrip(r)
	})
}
