package redisstore

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

var moment = time.Date(2021, 3, 4, 5, 6, 7, 891_234_567, time.UTC)

func TestHeadRoundTrip(t *testing.T) {
	full := store.Event{
		ID: strings.Repeat("i", 64), Tenant: "tenant-ü", Type: strings.Repeat("t", 128), ContentType: "application/json",
		Header: []store.Header{{Name: "ce-id", Value: "1"}, {Name: "x", Value: ""}}, Digest: []byte{0, 255, 1},
		Time: moment, At: moment.AddDate(9000, 0, 0), Until: time.Time{},
	}
	for name, e := range map[string]store.Event{
		"full": full, "minimal": {ID: "-", Type: "x"}, "empty digest": {ID: "a", Digest: []byte{}, Header: []store.Header{}},
	} {
		text := string(appendHead(nil, &e, 70_000, "12345678"))
		h, err := decodeHead(moment.UnixMicro(), text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := e
		want.CreatedAt = moment.Truncate(time.Microsecond)
		if !reflect.DeepEqual(h.event, want) || h.tag != "12345678" {
			t.Errorf("%s: reads as %+v, tag %q; want %+v", name, h.event, h.tag, want)
		}
		if k := int(text[1])<<16 | int(text[2])<<8 | int(text[3]); k != 70_000 {
			t.Errorf("%s: scripts read %d deliveries, want 70000", name, k)
		}
		broken(t, name, text, func(cut string) error { _, err := decodeHead(1, cut); return err })
	}
}

func TestAttemptRoundTrip(t *testing.T) {
	for name, a := range map[string]store.Attempt{
		"full": {
			StartedAt: moment, Duration: math.MaxInt64, URL: "https://example.com/?ü", RemoteAddr: "[::1]:443", Status: -5,
			RequestHeader: []store.Header{{Name: "A", Value: "b"}}, ResponseHeader: []store.Header{}, ResponseBody: []byte{0, 1, 2},
			Truncated: true, Code: "http_status", Error: "refused",
			Timings: store.Timings{DNS: 1, Connect: 2, TLS: 3, FirstByte: -4, Reused: true},
		},
		"empty body": {StartedAt: moment, ResponseBody: []byte{}},
		"nothing":    {StartedAt: time.Time{}},
	} {
		text := string(appendAttempt(nil, &a))
		got, err := decodeAttempt(text)
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%s: reads as %+v, %v; want %+v", name, got, err, a)
		}
		if len(text) > attemptSize(&a)+20 {
			t.Errorf("%s: takes %d bytes, %d were expected", name, len(text), attemptSize(&a))
		}
		broken(t, name, text[:len(text)-len(a.ResponseBody)], func(cut string) error { _, err := decodeAttempt(cut); return err })
	}
}

func TestEndpointRoundTrip(t *testing.T) {
	full := store.Endpoint{
		ID: "e", Tenant: "t", Name: "n", URL: "u", Description: "d", Patterns: []string{"*", "a.b"}, Status: store.EndpointPaused,
		StatusReason: "why", Metadata: map[string]string{"": "x", "k": ""}, Retry: []time.Duration{0, -1, time.Hour}, MaxInFlight: 7,
		Secrets: []store.SealedSecret{
			{Version: 3, Sealed: []byte{0, 255}, Phase: store.SecretRetiring, CreatedAt: moment, ExpiresAt: moment},
			{Version: 4, Phase: store.SecretActive},
		},
		Headers: []byte("h"), Revision: 1 << 40, CreatedAt: moment.Truncate(time.Microsecond), UpdatedAt: moment.Truncate(time.Microsecond).Add(time.Hour),
	}
	for name, e := range map[string]store.Endpoint{
		"full": full, "minimal": {ID: "m", Status: store.EndpointActive, CreatedAt: timeOf(1), UpdatedAt: timeOf(2), Revision: 1},
		"no retries": {ID: "m", Status: store.EndpointActive, CreatedAt: timeOf(1), UpdatedAt: timeOf(2), Revision: 1, Retry: []time.Duration{}},
	} {
		fixed := numberText(e.CreatedAt.UnixMicro()) + numberText(e.UpdatedAt.UnixMicro()) + numberText(0) + versionOf(&e)[numberLen:] + string([]byte{byte(e.Status)})
		text := fixed + string(appendEndpoint(nil, &e))
		got, err := decodeEndpoint(e.ID, text)
		if err != nil || !reflect.DeepEqual(*got, e) {
			t.Errorf("%s: reads as %+v, %v; want %+v", name, got, err, e)
		}
		broken(t, name, text, func(cut string) error { _, err := decodeEndpoint("x", cut); return err })
	}
}

// What is cut off or overwritten is an error or another record, never a panic.
func broken(t *testing.T, name, text string, decode func(string) error) {
	t.Helper()
	for n := range len(text) {
		if err := decode(text[:n]); !errors.Is(err, errCorrupt) {
			t.Errorf("%s cut to %d of %d bytes: %v, want errCorrupt", name, n, len(text), err)
		}
		for _, b := range []byte{0, 1, 127, 128, 255} {
			_ = decode(text[:n] + string([]byte{b}) + text[n+1:])
		}
	}
}

func TestShortRow(t *testing.T) {
	var d store.Delivery
	p := place{2, moment.UnixMicro(), 5}
	err := fillRow(&d, p, string([]byte{1 | rowShort, 4})+"lane and more")
	want := store.Delivery{
		ID: p.id(), EndpointID: "lane", State: store.StatePending, Token: 1,
		VisibleAt: timeOf(p.number), CreatedAt: timeOf(p.number), UpdatedAt: timeOf(p.number),
	}
	if err != nil || d != want {
		t.Errorf("reads as %+v, %v; want %+v", d, err, want)
	}
	if err := fillRow(&d, p, "\x01\x00\x00"); !errors.Is(err, errCorrupt) {
		t.Errorf("a row that is cut off: %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want int64
	}{
		{time.Unix(-5, 0), 1}, {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), maxMicros}, {time.UnixMicro(77), 77},
	} {
		if got := micros(c.t); got != c.want {
			t.Errorf("micros(%v) is %d, want %d", c.t, got, c.want)
		}
	}
	if got := microsUp(time.Unix(1, 1)); got != 1_000_001 {
		t.Errorf("a nanosecond past a second rounds up to %d", got)
	}
	for d, want := range map[time.Duration]int64{-5: 0, 0: 0, 1: 1, 1000: 1, 1001: 2, time.Second: 1e6} {
		if got := span(d); got != want {
			t.Errorf("span(%v) is %d, want %d", d, got, want)
		}
	}
	if !timeOf(0).IsZero() || timeOf(5).Location() != time.UTC {
		t.Errorf("timeOf: %v, %v", timeOf(0), timeOf(5))
	}
}
