package egress

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"0", 0, true},
		{"120", 2 * time.Minute, true},
		{"007", 7 * time.Second, true},
		{"-1", 0, true},
		{"-99999999999999999999999", 0, true},
		{"31535999", MaxRetryAfter - time.Second, true},
		{"31536000", MaxRetryAfter, true},
		{"9223372036854775807", MaxRetryAfter, true},
		{"99999999999999999999999999", MaxRetryAfter, true},
		{"00000000000000000000000000000000000001", time.Second, true},

		{"Thu, 29 Feb 2024 12:00:30 GMT", 30 * time.Second, true},
		{"Thu, 29 Feb 2024 12:00:00 GMT", 0, true},
		{"Wed, 28 Feb 2024 12:00:00 GMT", 0, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", MaxRetryAfter, true},
		{"Thursday, 29-Feb-24 12:01:00 GMT", time.Minute, true},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 0, true}, // 1994
		{"Thu Feb 29 12:00:10 2024", 10 * time.Second, true},

		{"", 0, false},
		{"-", 0, false},
		{"--1", 0, false},
		{"+1", 0, false},
		{"1.5", 0, false},
		{"1e3", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"0x10", 0, false},
		{"١٢", 0, false}, // Arabic digits
		{"soon", 0, false},
		{"Thu, 30 Feb 2024 12:00:30 GMT", 0, false},
		{"Thu, 29 Feb 2024 12:00:30 CET", 0, false},
		{"2024-02-29T12:00:30Z", 0, false},
	} {
		if got, ok := RetryAfter(tt.value, now); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %s, %v; want %s, %v", tt.value, got, ok, tt.want, tt.ok)
		}
	}
	// RFC 9110, section 5.6.7: with two digits for the year, more than 50 years
	// ahead means the past. Only an old clock can tell: time reads 68 as 2068.
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, ok := RetryAfter("Sunday, 01-Jan-68 00:00:00 GMT", old); got != 0 || !ok {
		t.Errorf("%s, %v; want 0, true", got, ok)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "120", "99999999999999999999", "Thu, 29 Feb 2024 12:00:30 GMT", "Thursday, 29-Feb-24 12:01:00 GMT", "Thu Feb 29 12:00:10 2024"} {
		f.Add(s, int64(1709208000))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		now := time.Unix(unix%(1<<36), 0)
		d, ok := RetryAfter(s, now)
		if d < 0 || d > MaxRetryAfter || !ok && d != 0 {
			t.Errorf("%q at %s: %s, %v", s, now, d, ok)
		}
		if ok && now.Add(d).Before(now) {
			t.Errorf("%q at %s: adding %s overflows", s, now, d)
		}
	})
}
