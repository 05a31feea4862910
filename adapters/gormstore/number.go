package gormstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
)

// The number of an event or a delivery is its creation time in nanoseconds
// since 1970, made unique: the milliseconds are the database's time, the digits
// below come from a counter. So one column is identity, order of insertion,
// order of every list and time of creation, and a table can be partitioned by
// it.
//
// The deliveries that Insert makes for an event are numbered right after it,
// and the event knows how many they are (span), so that they are found without
// an index. Deliveries that come later, or find no room there, carry the number
// of their event in the column apart.

const (
	// perMilli is how many numbers there are in a millisecond.
	perMilli = 1_000_000
	// block is how many of them a process reserves at once, and blocks how many
	// blocks there are.
	block  = 1000
	blocks = perMilli / block
)

// deliveryPrefix begins every delivery id; thirteen digits of base 32 follow, so
// that the order of ids is that of the numbers.
const (
	deliveryPrefix = "dlv_"
	deliveryDigits = 13
	// digits ascend, so that they compare as the numbers do.
	digits = "0123456789abcdefghjkmnpqrstvwxyz"
)

var digitOf = func() (table [256]uint8) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range len(digits) {
		table[digits[i]] = uint8(i)
	}
	return table
}()

// deliveryID returns the id of the delivery with that number.
func deliveryID(n int64) string {
	var b [len(deliveryPrefix) + deliveryDigits]byte
	copy(b[:], deliveryPrefix)
	for i := len(b) - 1; i >= len(deliveryPrefix); i-- {
		b[i] = digits[n&31]
		n >>= 5
	}
	return string(b[:])
}

// deliveryNumber returns the number of a delivery id, 0 if it is none.
func deliveryNumber(id string) int64 {
	if len(id) != len(deliveryPrefix)+deliveryDigits || id[:len(deliveryPrefix)] != deliveryPrefix {
		return 0
	}
	var n uint64
	for i := len(deliveryPrefix); i < len(id); i++ {
		d := digitOf[id[i]]
		if d == 0xff || n>>58 != 0 { // the next digit would not fit into 63 bits
			return 0
		}
		n = n<<5 | uint64(d)
	}
	return int64(n) // #nosec G115 -- 63 bits
}

// lows hands out the digits below a millisecond, a process's share of them at a
// time. The zero value is empty.
type lows struct {
	mu        sync.Mutex
	next, end int64
	// turn is the next block of those that this process takes by chance, unless it
	// has to draw one.
	turn  int64
	drawn bool
}

// take returns the first of n numbers in a row, n at most block. reserve returns
// the number of a block, 0 to 999, that no other process has been given lately.
func (l *lows) take(ctx context.Context, n int, reserve func(context.Context) (int64, error)) (int64, error) {
	if n > block {
		return 0, fmt.Errorf("gormstore: %d numbers in a row; there are at most %d", n, block)
	}
	l.mu.Lock()
	if l.end-l.next >= int64(n) {
		first := l.next
		l.next += int64(n)
		l.mu.Unlock()
		return first, nil
	}
	l.mu.Unlock()
	// Not under the lock: the connection may be waited for, and who holds it may
	// wait for numbers.
	b, err := reserve(ctx)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	first := b * block
	l.next, l.end = first+int64(n), first+block
	return first, nil
}

// byChance returns the number of a block where there is no sequence of them: the
// first one is drawn, and those after it follow. A batch has one millisecond and
// can take a hundred blocks, of which two would be the same if each was drawn.
func (l *lows) byChance() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.drawn {
		l.turn, l.drawn = rand.Int64N(blocks), true // #nosec G404 -- no secret
	}
	b := l.turn
	l.turn = (b + 1) % blocks
	return b
}

// drop gives up what is left of a block, some of which is taken, and draws the
// next one: those that follow may be taken as well.
func (l *lows) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next, l.drawn = l.end, false
}
