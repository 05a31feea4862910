package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sinkServer serves a sink that was configured through its control path.
func sinkServer(t *testing.T, c sinkConfig) *sinkClient {
	t.Helper()
	srv := httptest.NewServer(newSink())
	t.Cleanup(srv.Close)
	client := newSinkClient(srv.URL)
	if err := client.configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return client
}

// post sends a body to an endpoint and returns the status.
func post(ctx context.Context, t *testing.T, c *sinkClient, endpoint int, body string, h http.Header) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpointURL(c.base, endpoint), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range h {
		req.Header[k] = v
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

func sinkSaw(t *testing.T, c *sinkClient) sinkReport {
	t.Helper()
	rep, err := c.report(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestSinkCountsFailsAndRecords(t *testing.T) {
	c := sinkServer(t, sinkConfig{Endpoints: 3, Fail: 1, Record: true})
	for endpoint, want := range []int{200, 200, 500, 404} {
		status, err := post(t.Context(), t, c, endpoint, "{}", http.Header{"Webhook-Id": {fmt.Sprint("evt_", endpoint)}})
		if err != nil || status != want {
			t.Errorf("endpoint %d: status %d (%v) instead of %d", endpoint, status, err, want)
		}
	}
	rep := sinkSaw(t, c)
	if rep.Received != 3 || rep.Paths != 3 || rep.Failed != 1 || len(rep.Receipts) != 3 {
		t.Fatalf("report %+v", rep)
	}
	if r := rep.Receipts[1]; r.ID != "evt_1" || r.Endpoint != 1 || time.Since(time.Unix(0, r.At)).Abs() > time.Minute {
		t.Errorf("receipt %+v", r)
	}
	if err := c.expect(t.Context(), 3); err != nil {
		t.Error(err)
	}
	if err := c.expect(t.Context(), 4); err == nil {
		t.Error("a lost delivery was not seen")
	}
	if err := c.configure(t.Context(), sinkConfig{Endpoints: 1}); err != nil {
		t.Fatal(err)
	}
	if rep := sinkSaw(t, c); rep.Received != 0 || rep.Receipts != nil {
		t.Errorf("after a new configuration: %+v", rep)
	}
}

func TestSinkHangsUntilTheSenderGivesUp(t *testing.T) {
	c := sinkServer(t, sinkConfig{Endpoints: 2, Hang: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := post(ctx, t, c, 0, "{}", nil)
		done <- err
	}()
	awaitHang := func(want int64) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); sinkSaw(t, c).Hanging != want; {
			if time.Now().After(deadline) {
				t.Fatalf("not %d hanging requests in time", want)
			}
		}
	}
	awaitHang(1)
	cancel()
	if err := <-done; err == nil {
		t.Error("a hanging endpoint answered")
	}
	awaitHang(0)
	if rep := sinkSaw(t, c); rep.Received != 1 {
		t.Errorf("received %d instead of 1", rep.Received)
	}
}

// The sample of 1 checks every request; an engineer's signature passes, and one
// with another key or for another body does not.
func TestSinkVerifies(t *testing.T) {
	key := []byte("key of the endpoint")
	sign := func(key []byte, body string) http.Header {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("evt_1.1700000000." + body))
		return http.Header{
			"Webhook-Id":        {"evt_1"},
			"Webhook-Timestamp": {"1700000000"},
			"Webhook-Signature": {"v1,AAAA v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		}
	}
	for name, tc := range map[string]struct {
		header http.Header
		forged int64
	}{
		"right":        {sign(key, "{}"), 0},
		"another key":  {sign([]byte("other"), "{}"), 1},
		"another body": {sign(key, "[]"), 1},
		"none":         {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := sinkServer(t, sinkConfig{Endpoints: 1, Verify: 1, Keys: [][]byte{key}})
			if _, err := post(t.Context(), t, c, 0, "{}", tc.header); err != nil {
				t.Fatal(err)
			}
			if rep := sinkSaw(t, c); rep.Forged != tc.forged || rep.Verified != 1-tc.forged {
				t.Errorf("report %+v", rep)
			}
			if err := c.expect(t.Context(), 1); (err != nil) != (tc.forged > 0) {
				t.Errorf("expect: %v", err)
			}
		})
	}
}
