package memstore

import (
	"strings"

	"github.com/postrider/postrider/store"
)

// row is a delivery. It holds no pointers, so that the collector does not look
// at the rows, however many there are.
type row struct {
	event uint64
	token int64
	// settled has a bit for each settled token below 64, see [rowTable.settled].
	settled uint64
	// Times in nanoseconds; delivered is 0 until the first success.
	visible, created, updated, delivered int64
	// prev and next link the fresh rows of a lane; prev is the place in the
	// heap of a timed one.
	prev, next uint64

	lane        uint32
	attempts    uint32
	tries       uint32
	expiries    uint32
	interrupted uint32
	status      int32
	reason      uint32

	state   store.State // 0: no such delivery
	place   place
	claimed bool
}

// place tells in which structure of its lane a row is queued.
type place uint8

const (
	nowhere place = iota // not pending
	fresh
	timed
)

// rowTable holds the deliveries by their numbers, which start at 1.
type rowTable struct {
	slab[row]
	// end is the number of the latest row.
	end uint64
	// logs hold the encoded attempts of the rows that have any.
	logs slab[[]byte]
	// late holds, for the few rows with tokens of 64 and above, the bits that
	// row.settled has no room for.
	late    map[uint64][]uint64
	reasons codes
}

func (t *rowTable) init() {
	t.late = make(map[uint64][]uint64)
	t.reasons.init()
}

// get returns the row n, nil if there is none.
func (t *rowTable) get(n uint64) *row {
	if r := t.at(n); r != nil && r.state != 0 {
		return r
	}
	return nil
}

func (t *rowTable) setReason(r *row, reason store.Code) {
	if t.reasons.list[r.reason].code != reason {
		t.reasons.release(r.reason)
		r.reason = t.reasons.hold(reason)
	}
}

func (t *rowTable) reason(r *row) store.Code { return t.reasons.list[r.reason].code }

// log returns the encoded attempts of a row. They are never overwritten, so
// they may be read without the lock.
func (t *rowTable) log(n uint64, r *row) []byte {
	if r.attempts == 0 {
		return nil
	}
	return *t.logs.at(n)
}

// isSettled tells whether a token of a row was settled. Tokens rise by one, so
// a bit for each is enough to know it of every token there ever was.
func (t *rowTable) isSettled(n uint64, r *row, token int64) bool {
	switch {
	case token < 0:
		return false
	case token < 64:
		return r.settled>>token&1 == 1
	}
	words, i := t.late[n], token/64-1
	return i < int64(len(words)) && words[i]>>(token%64)&1 == 1
}

func (t *rowTable) setSettled(n uint64, r *row, token int64) {
	if token < 64 {
		r.settled |= 1 << token
		return
	}
	words, i := t.late[n], int(token/64-1)
	for len(words) <= i {
		words = append(words, 0)
	}
	words[i] |= 1 << (token % 64)
	t.late[n] = words
}

// remove forgets a row with its attempts.
func (t *rowTable) remove(n uint64, r *row) {
	if r.attempts > 0 {
		t.logs.drop(n)
	}
	if r.token >= 64 {
		delete(t.late, n)
	}
	t.reasons.release(r.reason)
	t.drop(n)
}

// codes keeps each distinct reason once, as long as a row has it.
type codes struct {
	list  []heldCode // 0 is the empty reason
	index map[store.Code]uint32
	free  []uint32
}

type heldCode struct {
	code store.Code
	rows int
}

func (c *codes) init() {
	c.list = make([]heldCode, 1, 16)
	c.index = make(map[store.Code]uint32)
}

func (c *codes) hold(code store.Code) uint32 {
	if code == "" {
		return 0
	}
	i, ok := c.index[code]
	if !ok {
		code = store.Code(strings.Clone(string(code)))
		if last := len(c.free) - 1; last >= 0 {
			i, c.free = c.free[last], c.free[:last]
			c.list[i] = heldCode{code: code}
		} else {
			i = uint32(len(c.list))
			c.list = append(c.list, heldCode{code: code})
		}
		c.index[code] = i
	}
	c.list[i].rows++
	return i
}

func (c *codes) release(i uint32) {
	if i == 0 {
		return
	}
	if c.list[i].rows--; c.list[i].rows == 0 {
		delete(c.index, c.list[i].code)
		c.list[i] = heldCode{}
		c.free = append(c.free, i)
	}
}
