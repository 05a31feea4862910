package redisstore

import "encoding/binary"

// A delivery is the index-th of event number of a shard; the number is the time
// of the event's creation in microseconds. Its id is these three as digits, so
// that whoever holds an id knows where to look.
type place struct {
	shard  int
	number int64
	index  int
}

const (
	idScheme     = "dlv_"
	shardDigits  = 2
	numberDigits = 11
	indexDigits  = 4
	idLen        = len(idScheme) + shardDigits + numberDigits + indexDigits

	// maxIndex is what the two bytes of an index can name.
	maxFanOut = 65535
	// maxShards is what the digits of a shard can name.
	maxShards = 1024
	// fieldLen is the length of a delivery's name within its shard.
	numberLen = 7
	fieldLen  = numberLen + 2
)

// alphabet is ascending, so that ids compare as the places do.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var digitOf = func() (table [256]uint8) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range len(alphabet) {
		table[alphabet[i]] = uint8(i) // #nosec G115 -- below 32
	}
	return table
}()

func (p place) id() string {
	var b [idLen]byte
	copy(b[:], idScheme)
	at := len(idScheme)
	for _, part := range [...]struct {
		value uint64
		width int
	}{
		{uint64(p.shard), shardDigits}, {uint64(p.number), numberDigits}, {uint64(p.index), indexDigits}, // #nosec G115 -- never negative
	} {
		for i := part.width - 1; i >= 0; i-- {
			b[at] = alphabet[part.value>>(5*i)%32]
			at++
		}
	}
	return string(b[:])
}

// parseID reads a delivery's id; false if no store with so many shards made it.
func parseID(id string, shards int) (place, bool) {
	if len(id) != idLen || id[:len(idScheme)] != idScheme {
		return place{}, false
	}
	var values [3]uint64
	at := len(idScheme)
	for part, width := range [...]int{shardDigits, numberDigits, indexDigits} {
		for range width {
			d := digitOf[id[at]]
			if d == 0xff {
				return place{}, false
			}
			values[part] = values[part]<<5 | uint64(d)
			at++
		}
	}
	if values[0] >= uint64(shards) || values[1] > maxMicros || values[2] > maxFanOut { // #nosec G115 -- a small number
		return place{}, false
	}
	return place{int(values[0]), int64(values[1]), int(values[2])}, true // #nosec G115 -- bounded above
}

// field is the delivery's name in the hashes of its shard.
func (p place) field() string {
	var b [fieldLen]byte
	putNumber(b[:], p.number)
	binary.BigEndian.PutUint16(b[numberLen:], uint16(p.index)) // #nosec G115 -- two bytes by construction
	return string(b[:])
}

func placeOf(shard int, field string) place {
	return place{shard, numberOf(field), int(field[numberLen])<<8 | int(field[numberLen+1])}
}

// putNumber writes 7 bytes.
func putNumber(b []byte, n int64) {
	for i := numberLen - 1; i >= 0; i-- {
		b[i] = byte(n) // #nosec G115 -- the lowest byte
		n >>= 8
	}
}

// numberOf reads 7 bytes.
func numberOf(b string) (n int64) {
	for i := range numberLen {
		n = n<<8 | int64(b[i])
	}
	return n
}

func numberText(n int64) string {
	var b [numberLen]byte
	putNumber(b[:], n)
	return string(b[:])
}
