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
	"sync"
	"sync/atomic"
	"time"
)

const rawName = "raw"

// raw is the base of every ratio: a net/http loop that signs and posts, the way
// an engineer writes it in an afternoon, with enough idle connections and
// nothing else. It keeps no event, no outcome and no timings, has no time-out,
// retries nothing and dials any address.
type raw struct {
	setupInfo setup
	client    *http.Client
	urls      []string
	keys      [][]byte
}

func (r *raw) setup(_ context.Context, s setup) ([][]byte, error) {
	r.setupInfo = s
	r.client = &http.Client{Transport: &http.Transport{
		MaxIdleConns:        s.InFlight,
		MaxIdleConnsPerHost: s.InFlight,
	}}
	for n := range s.Endpoints {
		key := make([]byte, 24)
		_, _ = rand.Read(key) // never fails; see its documentation
		r.keys = append(r.keys, key)
		r.urls = append(r.urls, endpointURL(s.Sink, n))
	}
	return r.keys, nil
}

// post signs by Standard Webhooks v1 and sends. It returns the wall clock from
// just before the request.
func (r *raw) post(ctx context.Context, id string, endpoint int) (time.Time, error) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, r.keys[endpoint])
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(r.setupInfo.Payload)
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.urls[endpoint], bytes.NewReader(r.setupInfo.Payload))
	if err != nil {
		return time.Time{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", signature)

	at := time.Now()
	resp, err := r.client.Do(req)
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

// fill has nothing to do: what raw sends waits nowhere.
func (r *raw) fill(context.Context, int, int) error { return nil }

func (r *raw) drain(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.setupInfo.InFlight {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if _, err := r.post(ctx, "msg_"+strconv.Itoa(i), i%len(r.urls)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// publish is drain: without a store, to publish is to post.
func (r *raw) publish(ctx context.Context, n, _ int) error { return r.drain(ctx, n) }

func (r *raw) open(context.Context) error { return nil }

func (r *raw) send(ctx context.Context, id string, endpoint int) (time.Time, error) {
	return r.post(ctx, id, endpoint)
}

func (r *raw) close(context.Context) error {
	r.client.CloseIdleConnections()
	return nil
}
