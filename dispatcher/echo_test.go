package dispatcher_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/dispatcher"
)

// The values of an endpoint's headers are sealed. A receiver that prints them,
// which many do with requests that they cannot make sense of, does not bring them
// into the record of the attempt.
func TestEchoesOfCredentialsAreNotRecorded(t *testing.T) {
	const token, key = "c2VjcmV0L3RvY2Vu", `a "quoted" credential`
	headers := map[string]string{"Authorization": "Bearer " + token, "X-Api-Key": key, "Accept": "application/json"}
	plain := func(body string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			resp := respond(500, "Content-Type", "application/json", "X-Echo", "got "+headers["Authorization"])
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			return resp, nil
		}
	}
	slashes := strings.ReplaceAll(token, "/", `\/`)
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		want   string // of body and error
	}{
		"dump": {func(r *http.Request) (*http.Response, error) {
			var b bytes.Buffer
			if err := r.Header.Write(&b); err != nil {
				return nil, err
			}
			return plain(b.String())(r)
		}, "X-Api-Key: [redacted]"},
		"JSON": {func(r *http.Request) (*http.Response, error) {
			b, err := json.Marshal(r.Header)
			if err != nil {
				return nil, err
			}
			return plain(string(b))(r)
		}, `"X-Api-Key":["[redacted]"]`},
		"token alone":         {plain("bad token " + token + ", sorry"), "bad token [redacted], sorry"},
		"escaped slashes":     {plain(`{"token":"` + slashes + `"}`), `{"token":"[redacted]"}`},
		"cut by the limit":    {plain(strings.Repeat("x", 1024-10) + token), "xx[redacted]"},
		"nothing of the kind": {plain("Bearer? application/json"), "Bearer? application/json"},
		"error": {func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("sent %s: %w", headers["Authorization"], errors.New("refused"))
		}, "sent [redacted]: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rc := &receiver{answer: func(r *http.Request, _ int) (*http.Response, error) { return c.answer(r) }}
				e := newEngine(t, memstore.New(), rc, dispatcher.WithMaxResponseBody(1024))
				defer start(t, e)()
				register(t, e, dispatcher.EndpointConfig{Headers: headers})
				rcpt := publish(t, e, dispatcher.Event{})
				elapse(time.Second)
				attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
				if err != nil || len(attempts) != 1 {
					t.Fatal(attempts, err)
				}
				a := attempts[0]
				shown := fmt.Sprintf("%s %s %v", a.ResponseBody, a.Error, a.ResponseHeader)
				for _, secret := range []string{token[:8], slashes[:8], key, `quoted`} {
					if strings.Contains(shown, secret) {
						t.Errorf("%q is recorded: %s", secret, shown)
					}
				}
				if !strings.Contains(shown, c.want) {
					t.Errorf("%q is not in %q", c.want, shown)
				}
				if a.Status != 0 && !strings.Contains(shown, "{Content-Type application/json}") {
					t.Errorf("header %v", a.ResponseHeader)
				}
				if len(a.ResponseBody) > 1024 {
					t.Errorf("the body has %d bytes", len(a.ResponseBody))
				}
			})
		})
	}
}

// Nor does it bring in what it takes out of them.
func TestEchoesOfParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &receiver{answer: func(r *http.Request, _ int) (*http.Response, error) {
			user, password, ok := r.BasicAuth()
			cookie, err := r.Cookie("session")
			if !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
			resp := respond(500, "X-Login", user+":"+password)
			body := fmt.Sprintf("password=%s session=%s", password, cookie.Value)
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			return resp, nil
		}}
		e := newEngine(t, memstore.New(), rc)
		defer start(t, e)()
		login := base64.StdEncoding.EncodeToString([]byte("user:open sesame"))
		register(t, e, dispatcher.EndpointConfig{Headers: map[string]string{"authorization": "Basic " + login, "cookie": "session=0123456789; lang=en"}})
		rcpt := publish(t, e, dispatcher.Event{})
		elapse(time.Second)
		attempts, err := e.Attempts(t.Context(), rcpt.Deliveries[0].ID)
		if err != nil || len(attempts) != 1 {
			t.Fatal(attempts, err)
		}
		if a := attempts[0]; string(a.ResponseBody) != "password=[redacted] session=[redacted]" || a.ResponseHeader[0].Value != "[redacted]" {
			t.Errorf("%s, %v", a.ResponseBody, a.ResponseHeader)
		}
	})
}
