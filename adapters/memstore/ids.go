package memstore

import (
	"crypto/rand"
	"strings"
)

// A delivery id is "dlv_", ten characters that tell stores apart, and the
// number of the delivery as ten digits of base 32. So the order of ids is the
// order of insertion, and the number, with it the row, is found without a map.
const (
	idScheme = "dlv_"
	saltLen  = 10
	digits   = 10
	idLen    = len(idScheme) + saltLen + digits
)

// alphabet is ascending, so that digits compare as the numbers do.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var digitOf = func() (table [256]uint8) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range len(alphabet) {
		table[alphabet[i]] = uint8(i)
	}
	return table
}()

// newIDPrefix returns what all delivery ids of a store begin with.
func newIDPrefix() string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	for i := range salt {
		salt[i] = alphabet[salt[i]%32]
	}
	return idScheme + string(salt)
}

func (s *Store) appendID(b []byte, n uint64) []byte {
	b = append(b, s.idPrefix...)
	return appendDigits(b, n, digits)
}

func appendDigits(b []byte, n uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, alphabet[n>>(5*i)%32])
	}
	return b
}

func (s *Store) deliveryID(n uint64) string {
	var b [idLen]byte
	return string(s.appendID(b[:0], n))
}

// number returns the number of a delivery id, 0 if this store did not make it.
func (s *Store) number(id string) uint64 {
	if len(id) != idLen || id[:len(s.idPrefix)] != s.idPrefix {
		return 0
	}
	n, _ := parseDigits(id[len(s.idPrefix):])
	return n
}

func parseDigits(digits string) (n uint64, ok bool) {
	for i := range len(digits) {
		d := digitOf[digits[i]]
		if d == 0xff {
			return 0, false
		}
		n = n<<5 | uint64(d)
	}
	return n, true
}

// idBatch cuts the ids of many deliveries out of one string.
type idBatch struct {
	store *Store
	text  strings.Builder
	taken int
}

// expect makes room for n ids.
func (b *idBatch) expect(n int) { b.text.Grow(n * idLen) }

func (b *idBatch) add(n uint64) {
	var id [idLen]byte
	b.text.Write(b.store.appendID(id[:0], n))
}

// next returns the ids in the order in which they were added.
func (b *idBatch) next() string {
	id := b.text.String()[b.taken:][:idLen]
	b.taken += idLen
	return id
}
