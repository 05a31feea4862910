package egress

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// BenchmarkDo compares Do, with its deadline, timings, guard and bounded,
// sanitised response, with what a plain program does: NewRequest and Client.Do
// under a timeout. Both use the same transport; the server's cost is in both.
func BenchmarkDo(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write([]byte(`{"ok":true}`))
	}))
	defer srv.Close()
	rt := NewTransport(Options{AllowPrivate: true})
	defer rt.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 1024)
	header := http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"bench/1"},
		"Webhook-Id":        {"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
		"Webhook-Timestamp": {"1674087231"},
		"Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	}
	u, err := url.Parse(srv.URL)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()

	viaDo := func() error {
		res := Do(ctx, rt, Request{URL: u, Header: header, Body: body}, Limits{Timeout: 10 * time.Second})
		return res.Err
	}
	client := &http.Client{Transport: rt}
	viaClient := func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, bytes.NewReader(body))
		if err != nil {
			return err
		}
		for k, v := range header {
			req.Header[k] = v
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	for _, v := range []struct {
		name string
		f    func() error
	}{{"Do", viaDo}, {"ClientDo", viaClient}} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.f(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(v.name+"Parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := v.f(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
