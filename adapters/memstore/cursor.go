package memstore

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"

	"github.com/postrider/postrider/store"
)

// A cursor is a number, such as that of the last record of a page, and a
// checksum over it, the kind of the query and its filters. The seed of the
// checksum is the store's own, so a cursor of another store or another query is
// told from one of this query.
const (
	cursorDigits = 13 // of 64 bits, in base 32
	cursorLen    = 2 * cursorDigits
)

func (s *Store) cursor(kind byte, filter []any, n uint64) string {
	var b [cursorLen]byte
	return string(appendDigits(appendDigits(b[:0], n, cursorDigits), s.checksum(kind, filter, n), cursorDigits))
}

func (s *Store) checksum(kind byte, filter []any, n uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	var b [9]byte
	b[0] = kind
	binary.LittleEndian.PutUint64(b[1:], n)
	_, _ = h.Write(b[:]) // never fails
	if len(filter) > 0 {
		fmt.Fprintf(&h, "%#v", filter)
	}
	return h.Sum64()
}

// placeOf reads a cursor.
func (s *Store) placeOf(kind byte, filter []any, cursor string) (uint64, error) {
	if len(cursor) == cursorLen {
		n, ok := parseDigits(cursor[:cursorDigits])
		sum, ok2 := parseDigits(cursor[cursorDigits:])
		if ok && ok2 && sum == s.checksum(kind, filter, n) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("memstore: %w", store.ErrInvalidCursor)
}
