package gormstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/postrider/postrider/store"
)

// A cursor is a place in a list, and a checksum over it, the kind of the list,
// its filters and the id of the tables: that of another store or another query is
// told from one of this query. Any process on the same tables reads it, also when
// another server has taken over.
const checksumLen = 8

var cursorText = base64.RawURLEncoding.Strict()

func (s *Store) cursor(kind string, filter []any, place []byte) string {
	return cursorText.EncodeToString(append(bytes.Clone(place), s.checksum(kind, filter, place)...))
}

func (s *Store) checksum(kind string, filter []any, place []byte) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%#v\n%s", s.tablesID(), kind, filter, place))
	return sum[:checksumLen]
}

// placeOf reads a cursor.
func (s *Store) placeOf(kind string, filter []any, cursor string) ([]byte, error) {
	b, err := cursorText.DecodeString(cursor)
	if err != nil || len(b) < checksumLen {
		return nil, store.ErrInvalidCursor
	}
	place, sum := b[:len(b)-checksumLen], b[len(b)-checksumLen:]
	if !bytes.Equal(sum, s.checksum(kind, filter, place)) {
		return nil, store.ErrInvalidCursor
	}
	return place, nil
}

// numberPlace is the place of a numbered record.
func numberPlace(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } // #nosec G115 -- and back

func placeNumber(place []byte) (int64, error) {
	if len(place) != 8 {
		return 0, store.ErrInvalidCursor
	}
	return int64(binary.BigEndian.Uint64(place)), nil // #nosec G115 -- as above
}
