package redisstore

import (
	"encoding/binary"
	"errors"
	"time"
)

// Records are bytes: numbers are varints, texts are preceded by their length,
// lists and byte strings by their length plus one, where 0 stands for nil.

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(v))+1), v...)
}

// appendTime keeps a time exactly, of whatever year.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond())) // #nosec G115 -- never negative
}

// errCorrupt: what was read is no record of this library.
var errCorrupt = errors.New("redisstore: a record in Redis cannot be read: damaged, or written by a newer version")

// reader reads what the functions above wrote. Once something is wrong it
// returns zero values, and says so at the end.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) err() error {
	if r.bad {
		return errCorrupt
	}
	return nil
}

func (r *reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) uvarint() (n uint64) {
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1) // #nosec G115 -- zigzag
}

func (r *reader) text() string { return r.take(r.uvarint()) }

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	s := r.take(n - 1)
	return append(make([]byte, 0, len(s)), s...)
}

func (r *reader) time() time.Time {
	sec := r.varint()
	return time.Unix(sec, int64(r.uvarint())).UTC() // #nosec G115 -- below 1e9
}

// count reads the length of a list, and whether it is nil. No element is shorter
// than a byte, so a length that could not be is refused before room is made.
func (r *reader) count() (n int, some bool) {
	u := r.uvarint()
	if u == 0 {
		return 0, false
	}
	if u-1 > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return 0, false
	}
	return int(u - 1), true // #nosec G115 -- bounded by the record
}

// fixed reads a number of so many bytes.
func (r *reader) fixed(bytes uint64) (n int64) {
	s := r.take(bytes)
	for i := range len(s) {
		n = n<<8 | int64(s[i])
	}
	return n
}
