package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// sinkClient tells a sink what to do and asks what it saw. Its connections are
// its own, so that they do not warm a contender's.
type sinkClient struct {
	base   string
	client *http.Client
}

func newSinkClient(base string) *sinkClient {
	return &sinkClient{base: base, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1},
		Timeout:   30 * time.Second,
	}}
}

// endpointURL is the address of an endpoint.
func endpointURL(base string, n int) string { return fmt.Sprintf("%s/%d", base, n) }

// configure sets the sink's behaviour and forgets what it saw.
func (c *sinkClient) configure(ctx context.Context, cfg sinkConfig) error {
	body, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("configure sink: %w", err)
	}
	return c.do(ctx, http.MethodPost, "configure", body, nil)
}

// report asks what the sink saw, with every receipt if it was told to record.
func (c *sinkClient) report(ctx context.Context, receipts bool) (sinkReport, error) {
	name := "report"
	if receipts {
		name += "?receipts"
	}
	var rep sinkReport
	err := c.do(ctx, http.MethodGet, name, nil, &rep)
	return rep, err
}

func (c *sinkClient) do(ctx context.Context, method, name string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+controlPrefix+name, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("sink %s: %w", name, err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("sink %s: %w", name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return fmt.Errorf("sink %s: %s: %s", name, resp.Status, text)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("sink %s: %w", name, err)
	}
	return nil
}

// expect compares what the sink received with what was sent.
func (c *sinkClient) expect(ctx context.Context, deliveries int) error {
	rep, err := c.report(ctx, false)
	if err != nil {
		return err
	}
	if rep.Received != int64(deliveries) {
		return fmt.Errorf("sink received %d requests instead of %d", rep.Received, deliveries)
	}
	if rep.Forged > 0 {
		return fmt.Errorf("sink found %d of %d checked signatures wrong", rep.Forged, rep.Forged+rep.Verified)
	}
	return nil
}
