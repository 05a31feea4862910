package redisstore

import (
	"math"
	"time"
)

// Times in Redis are whole microseconds since 1970, because a Lua number holds
// 53 bits exactly. Zero means none.
const maxMicros = 1<<53 - 1

// micros clamps t into what the scripts can reckon with: 1970 to 2255.
func micros(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec < 0:
		return 1
	case sec >= maxMicros/1_000_000:
		return maxMicros
	}
	return max(t.UnixMicro(), 1)
}

// microsUp rounds up, so that a bound keeps its meaning for whole microseconds.
func microsUp(t time.Time) int64 {
	m := micros(t)
	if t.Nanosecond()%1000 != 0 && m < maxMicros {
		m++
	}
	return m
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// span is a duration in microseconds, rounded up: a lease or a delay is never
// shorter than asked for.
func span(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	us := int64(d) / 1000
	if d%1000 != 0 {
		us++
	}
	return min(us, math.MaxInt64/2000)
}

// wall is t as it is kept: in UTC and without a monotonic reading.
func wall(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
