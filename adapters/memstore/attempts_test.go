package memstore

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

func someAttempts() []store.Attempt {
	return []store.Attempt{
		{StartedAt: time.Time{}},
		{
			StartedAt: time.Date(2024, 11, 21, 8, 0, 0, 123456789, time.UTC), Duration: 1234567, URL: "https://example.com/ü?q=1",
			RemoteAddr:     "[2001:db8::1]:443",
			RequestHeader:  []store.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Empty"}},
			Status:         200,
			ResponseHeader: []store.Header{{Name: "A", Value: strings.Repeat("v", 200)}, {Name: "A", Value: "again"}},
			ResponseBody:   []byte("\x00 \xff any bytes"), Truncated: true, Code: "delivered", Error: "none",
			Timings: store.Timings{DNS: 1, Connect: 2, TLS: 3, FirstByte: 4, Reused: true},
		},
		{
			StartedAt: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), Duration: math.MaxInt64, Status: math.MaxInt32,
			RequestHeader: []store.Header{}, ResponseHeader: []store.Header{}, ResponseBody: []byte{},
			Timings: store.Timings{DNS: math.MinInt64, FirstByte: -1},
		},
		{StartedAt: time.Unix(-1, 5).UTC(), Status: -7, ResponseBody: make([]byte, 70_000)},
	}
}

// What is recorded is read again to the last bit, nil and empty told apart.
func TestAttemptsRoundTrip(t *testing.T) {
	var log []byte
	want := someAttempts()
	for i := range want {
		log = appendAttempt(log, &want[i], false)
		want[i].Number, want[i].DeliveryID = i+1, "dlv"
	}
	got := decodeAttempts(log, "dlv", len(want))
	if len(got) != len(want) {
		t.Fatalf("%d attempts were read, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("attempt %d:\n%+v, want\n%+v", i+1, got[i], want[i])
		}
	}
}

func TestAttemptsWithoutBodies(t *testing.T) {
	var log []byte
	want := someAttempts()
	for i := range want {
		log = appendAttempt(log, &want[i], false)
		want[i].Number, want[i].DeliveryID, want[i].ResponseBody = i+1, "dlv", nil
	}
	if got := decodeAttempts(withoutBodies(log), "dlv", len(want)); !reflect.DeepEqual(got, want) {
		t.Errorf("without bodies:\n%+v, want\n%+v", got, want)
	}
}

// A bare record says that a body was cut off.
func TestAttemptsBare(t *testing.T) {
	for i, a := range someAttempts() {
		got := decodeAttempts(appendAttempt(nil, &a, true), "", 1)[0]
		want := a
		want.Number = 1
		want.RequestHeader, want.ResponseHeader, want.ResponseBody = nil, nil, nil
		want.Truncated = a.Truncated || len(a.ResponseBody) > 0
		if !reflect.DeepEqual(got, want) {
			t.Errorf("attempt %d, bare:\n%+v, want\n%+v", i, got, want)
		}
	}
}

func FuzzAttemptRoundTrip(f *testing.F) {
	f.Add(int64(1), int64(2), "url", "name", "value", []byte("body"), 200, true, uint8(1))
	f.Add(int64(math.MinInt64), int64(-1), "", "", "", []byte(nil), -1, false, uint8(0))
	f.Fuzz(func(t *testing.T, sec, d int64, url, name, value string, body []byte, status int, flag bool, headers uint8) {
		sec %= 1 << 50 // what a time.Time can hold
		want := store.Attempt{
			Number: 1, StartedAt: time.Unix(sec, sec&0xfffffff).UTC(), Duration: time.Duration(d), URL: url, RemoteAddr: name,
			Status: status, ResponseBody: body, Truncated: flag, Code: store.Code(value), Error: url,
			Timings: store.Timings{DNS: time.Duration(d), TLS: time.Duration(sec), Reused: !flag},
		}
		for range headers {
			want.RequestHeader = append(want.RequestHeader, store.Header{Name: name, Value: value})
		}
		log := appendAttempt(nil, &want, false)
		if got := decodeAttempts(log, "", 1); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("got\n%+v, want\n%+v", got, want)
		}
	})
}

// Records that are encoded together share memory; to add to one must not touch
// its neighbour.
func TestEncodingKeepsRecordsApart(t *testing.T) {
	var e encoding
	outcomes := make([]store.Outcome, 200)
	for i := range outcomes {
		if i%3 != 0 {
			outcomes[i].Attempt = &store.Attempt{URL: strings.Repeat("u", i), ResponseBody: make([]byte, i%7*4000)}
		}
	}
	e.encode(outcomes)
	for i := range e.records {
		_ = append(e.records[i], "overwritten by the next attempt"...)
	}
	for i, o := range outcomes {
		if o.Attempt == nil {
			continue
		}
		got := decodeAttempts(e.records[i], "", 1)
		if len(got) != 1 || got[0].URL != o.Attempt.URL || len(got[0].ResponseBody) != len(o.Attempt.ResponseBody) {
			t.Fatalf("record %d was not kept", i)
		}
	}
}
