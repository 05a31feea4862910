package memstore

import (
	"math"
	"time"
)

// Times that a store compares are nanoseconds since 1970. Zero means none.
const forever = math.MaxInt64

// nanos clamps t into what nanoseconds since 1970 can hold.
func nanos(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec < 0:
		return 1
	case sec >= forever/int64(time.Second):
		return forever
	}
	return max(t.UnixNano(), 1)
}

func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// after adds a duration, which counts as 0 below 0, without overflow.
func after(now int64, d time.Duration) int64 {
	if d <= 0 {
		return now
	}
	if int64(d) > forever-now {
		return forever
	}
	return now + int64(d)
}

// now reads the store's clock. It never goes backwards.
func (s *Store) now() int64 {
	s.last = max(s.last, nanos(s.clock()))
	return s.last
}

// tick is now, but later than every tick before. Events and endpoints are
// listed by (CreatedAt, ID); with distinct times the order of the lists is the
// order of insertion, and no list has to be sorted.
func (s *Store) tick() int64 {
	s.lastTick = max(s.now(), s.lastTick+1)
	s.last = s.lastTick
	return s.lastTick
}

// moment is a point in time by the host's word, of any year.
type moment struct {
	sec  int64
	nsec int32
}

func momentOf(t time.Time) moment { return moment{t.Unix(), int32(t.Nanosecond())} }

// time returns the moment in UTC; the zero time comes back as the zero time.
func (m moment) time() time.Time { return time.Unix(m.sec, int64(m.nsec)).UTC() }

// wall is t as it is kept: in UTC and without a monotonic reading.
func wall(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
