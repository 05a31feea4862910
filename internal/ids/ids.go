// Package ids makes identifiers: random, derived from a key, or sortable by
// time.
package ids

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

const (
	// alphabet of random ids: letters and digits, as in the ids of most APIs.
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// alphabet of sortable ids: Crockford's base 32, whose order is that of the
	// encoded bytes.
	base32 = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Random returns prefix and n random letters and digits (5.95 bits each).
func Random(prefix string, n int) string {
	return letters(prefix, n, func(b []byte) { _, _ = rand.Read(b) }) // rand.Read never fails
}

// Derived returns prefix and n letters and digits that follow from the key
// alone.
func Derived(prefix string, n int, key string) string {
	sum := sha256.Sum256([]byte(key))
	round := uint64(0)
	return letters(prefix, n, func(b []byte) {
		for len(b) > 0 {
			block := sha256.Sum256(binary.BigEndian.AppendUint64(sum[:], round))
			round++
			b = b[copy(b, block[:]):]
		}
	})
}

// letters draws from fill without bias: bytes that do not fit a multiple of 62
// are thrown away.
func letters(prefix string, n int, fill func([]byte)) string {
	out := make([]byte, 0, 96)
	out = append(out, prefix...)
	var buf [32]byte
	for n > 0 {
		fill(buf[:])
		for _, b := range buf {
			if n > 0 && b < 62*4 {
				out = append(out, base62[b%62])
				n--
			}
		}
	}
	return string(out)
}

// SortableLen is the length of a sortable id without its prefix.
const SortableLen = 26

// Sortable returns prefix and 26 characters: 48 bits of milliseconds, then 80
// random bits. Ids made later sort later, so that they append to an index.
func Sortable(prefix string, now time.Time) string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return sortable(prefix, now, random)
}

// SortableDerived is Sortable without a clock: all bits follow from the key.
func SortableDerived(prefix, key string) string {
	sum := sha256.Sum256([]byte(key))
	return sortable(prefix, time.UnixMilli(int64(binary.BigEndian.Uint64(sum[:8])>>16)), [10]byte(sum[8:18]))
}

func sortable(prefix string, now time.Time, random [10]byte) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16) // #nosec G115 -- after 1970
	copy(id[6:], random[:])
	out := make([]byte, 0, 96)
	out = append(out, prefix...)
	// 128 bits as 26 digits of 5 bits, the first of which holds only 3.
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for shift := 125; shift >= 0; shift -= 5 {
		var digit uint64
		switch {
		case shift >= 64:
			digit = hi >> (shift - 64)
		case shift > 59:
			digit = hi<<(64-shift) | lo>>shift
		default:
			digit = lo >> shift
		}
		out = append(out, base32[digit&31])
	}
	return string(out)
}
