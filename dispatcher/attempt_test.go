package dispatcher_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// Of an answer as much is recorded as the host wants to keep, and nothing if that is
// nothing.
func TestAnswersAreKeptUpToTheLimit(t *testing.T) {
	const answer = "thank you"
	rc := &receiver{answer: func(*http.Request, int) (*http.Response, error) {
		r := respond(200)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(answer)), int64(len(answer))
		return r, nil
	}}
	for _, c := range []struct {
		what string
		opts []dispatcher.Option
		want string
	}{
		{"by default", nil, answer},
		{"5 bytes", []dispatcher.Option{dispatcher.WithMaxResponseBody(5)}, answer[:5]},
		{"no bytes", []dispatcher.Option{dispatcher.WithMaxResponseBody(0)}, ""},
		{"less", []dispatcher.Option{dispatcher.WithMaxResponseBody(-5)}, ""},
	} {
		e := newEngine(t, memstore.New(), rc, c.opts...)
		ep := register(t, e, dispatcher.EndpointConfig{})
		a, err := e.SendTest(t.Context(), ep.ID, "invoice.paid")
		if err != nil || string(a.ResponseBody) != c.want || a.Truncated != (c.want != answer) {
			t.Errorf("%s: kept %q, truncated %v, %v", c.what, a.ResponseBody, a.Truncated, err)
		}
	}
}
