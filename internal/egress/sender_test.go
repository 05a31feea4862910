package egress

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A Sender gives every request the whole time-out, also after one that used it
// up, and tells its own deadline from the end of the context.
func TestSenderGivesEachRequestItsOwnDeadline(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/hang" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}))
	defer srv.Close()
	defer close(release)
	rt := NewTransport(Options{AllowPrivate: true})
	defer rt.CloseIdleConnections()
	request := func(path string) Request {
		u, err := CheckURL(srv.URL+path, true)
		if err != nil {
			t.Fatal(err)
		}
		return Request{URL: u, Header: http.Header{}, Body: []byte("x")}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := NewSender(ctx)
	defer s.Close()
	const timeout = 250 * time.Millisecond
	lim := Limits{Timeout: timeout}
	for round := range 3 {
		for range 20 { // longer in all than one time-out would last
			if res := s.Do(ctx, rt, request("/"), Limits{Timeout: 5 * time.Second}); res.Err != nil || res.Status != 200 {
				t.Fatalf("round %d: %d, %v", round, res.Status, res.Err)
			}
		}
		began := time.Now()
		res := s.Do(ctx, rt, request("/hang"), lim)
		if took := time.Since(began); res.Class != ClassTimeout || took < timeout || took > timeout+5*time.Second {
			t.Fatalf("round %d: %q after %v: %v", round, res.Class, took, res.Err)
		}
	}
	// Another context than its own is not kept.
	other, cancelOther := context.WithCancel(context.Background())
	cancelOther()
	if res := s.Do(other, rt, request("/"), lim); res.Class != ClassCanceled {
		t.Errorf("under a context that has ended: %q, %v", res.Class, res.Err)
	}
	if res := s.Do(ctx, rt, request("/"), lim); res.Err != nil {
		t.Errorf("after that: %v", res.Err)
	}
	cancel()
	if res := s.Do(ctx, rt, request("/"), lim); res.Class != ClassCanceled {
		t.Errorf("after its own context has ended: %q, %v", res.Class, res.Err)
	}
	var none *Sender
	if res := none.Do(context.Background(), rt, request("/"), lim); res.Err != nil {
		t.Errorf("a nil Sender: %v", res.Err)
	}
}
