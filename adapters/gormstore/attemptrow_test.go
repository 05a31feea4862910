package gormstore

import (
	"database/sql"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// read reads an attempt back from what is stored of it.
func read(t *testing.T, a *store.Attempt) store.Attempt {
	t.Helper()
	r := attemptRow{Attempt: store.Attempt{Number: a.Number, Status: a.Status, Error: a.Error}, code: string(a.Code), duration: int64(a.Duration)}
	if !a.StartedAt.IsZero() {
		r.started = sql.NullInt64{Int64: a.StartedAt.UnixMicro(), Valid: true}
	}
	if a.Truncated {
		r.truncated = 1
	}
	r.body = sql.Null[[]byte]{V: a.ResponseBody, Valid: a.ResponseBody != nil}
	r.detail = appendDetail(nil, a)
	got, err := r.attempt("dlv_1")
	if err != nil {
		t.Fatalf("%s: %v", r.detail, err)
	}
	return got
}

func TestAttemptRow(t *testing.T) {
	for _, a := range []store.Attempt{
		{},
		{RequestHeader: []store.Header{}, ResponseBody: []byte{}},
		{ResponseHeader: []store.Header{{}, {Name: "A"}}, Timings: store.Timings{Reused: true}},
		{
			Number: 3, StartedAt: time.Date(2021, 3, 4, 5, 6, 7, 89_000, time.UTC), Duration: 1, URL: "https://example.com/ü?q=\"\\\x01\n\u2028</script>",
			RemoteAddr: "[::1]:443", Status: 503, Truncated: true, Code: "http_status", Error: "e", ResponseBody: []byte{0, 0xff},
			RequestHeader: []store.Header{{Name: "X-A", Value: "1"}, {Name: "X-A", Value: ""}}, ResponseHeader: []store.Header{{Name: "B", Value: "🐎"}},
			Timings: store.Timings{DNS: 1, Connect: 2 * time.Millisecond, TLS: 3 * time.Second, FirstByte: 4 * time.Minute, Reused: true},
		},
	} {
		want := a
		want.DeliveryID = "dlv_1"
		if got := read(t, &a); !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, want %+v", got, want)
		}
	}
}

// What a database does not take, or JSON does not, is replaced and not lost.
func TestAttemptRowCleans(t *testing.T) {
	got := read(t, &store.Attempt{URL: "a\x00b\xffc", RequestHeader: []store.Header{{Name: "n\xfe", Value: "\x00"}}})
	if got.URL != "a\uFFFDb\uFFFDc" || got.RequestHeader[0] != (store.Header{Name: "n\uFFFD", Value: "\uFFFD"}) {
		t.Errorf("read %+v", got)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "ü\u2028\xff", strings.Repeat("\"", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil || got != clean(s) {
			t.Errorf("%q reads as %q, %v; want %q", s, got, err, clean(s))
		}
	})
}

func TestAppendDetailAllocates(t *testing.T) {
	a := store.Attempt{URL: "https://example.com", RequestHeader: []store.Header{{Name: "Content-Type", Value: "application/json"}}, Timings: store.Timings{FirstByte: 5}}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = appendDetail(b[:0], &a) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
