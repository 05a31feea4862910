package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// poster signs and posts, the way an engineer writes it in an afternoon, with
// enough idle connections and nothing else. It keeps no outcome and no timings,
// retries nothing and dials any address. The base and the rivals' handlers have
// it in common.
type poster struct {
	client *http.Client
	urls   []string
	keys   [][]byte
}

// newPoster makes one for the endpoints, each with a key of its own, that keeps
// a connection for each of the requests under way.
func newPoster(s setup, inFlight int) *poster {
	p := &poster{client: &http.Client{
		Transport: &http.Transport{MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight},
		Timeout:   s.AttemptTimeout,
	}}
	for n := range s.Endpoints {
		key := make([]byte, 24)
		_, _ = rand.Read(key) // never fails; see its documentation
		p.keys = append(p.keys, key)
		p.urls = append(p.urls, endpointURL(s.Sink, n))
	}
	return p
}

// post signs by Standard Webhooks v1 and sends. It returns the wall clock from
// just before the request.
func (p *poster) post(ctx context.Context, id string, endpoint int, body []byte) (time.Time, error) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, p.keys[endpoint])
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.urls[endpoint], bytes.NewReader(body))
	if err != nil {
		return time.Time{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", signature)

	at := time.Now()
	resp, err := p.client.Do(req)
	if err != nil {
		return at, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return at, err
	}
	if resp.StatusCode/100 != 2 {
		return at, fmt.Errorf("endpoint %d answered %s", endpoint, resp.Status)
	}
	return at, nil
}

func (p *poster) close() { p.client.CloseIdleConnections() }
