package egress

import (
	"net/http"
	"strings"
	"time"
)

// MaxRetryAfter is the longest delay that [RetryAfter] returns.
const MaxRetryAfter = 365 * 24 * time.Hour

// RetryAfter parses the value of a Retry-After field (RFC 9110, section 10.2.3):
// a number of seconds or an HTTP-date, which is compared with now. A negative
// number or a date in the past is a delay of 0. Longer delays than
// [MaxRetryAfter] are cut to it, so that adding one to a time cannot overflow.
// ok is false if value is neither.
func RetryAfter(value string, now time.Time) (delay time.Duration, ok bool) {
	digits, negative := strings.CutPrefix(value, "-")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		if negative {
			return 0, true // not in the grammar, but the meaning is plain
		}
		var seconds int64
		for _, c := range digits {
			seconds = seconds*10 + int64(c-'0')
			if seconds >= int64(MaxRetryAfter/time.Second) {
				return MaxRetryAfter, true
			}
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	// The obsolete RFC 850 format has two digits for the year. RFC 9110, section
	// 5.6.7: what appears to be more than 50 years ahead is the past.
	if strings.Contains(value, "-") && date.After(now.AddDate(50, 0, 0)) {
		return 0, true
	}
	return min(max(0, date.Sub(now)), MaxRetryAfter), true
}
