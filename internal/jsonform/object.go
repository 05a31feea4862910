package jsonform

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
)

// A member is a key and its value in an object that is being written in the
// JavaScript form. Offsets are into dst unless said otherwise.
type member struct {
	start, keyEnd int // the key, with its quotes
	end           int // end of the value
	offset        int // of the key in src
	rank          uint64
}

// Ranks order the members: array indices by their value, then the others in
// the order given.
const firstName = 1 << 32

// arrange closes the object whose members are e.members[first:]: it refuses a
// repeated key and puts the members in the order in which JavaScript lists
// them. Keys have been written in the JavaScript form before, where equal
// strings have equal bytes.
func (e *encoder) arrange(first int) *Error {
	members := e.members[first:]
	e.members = e.members[:first]
	if len(members) < 2 {
		return nil
	}
	e.flush(e.pos)
	if i := e.repeated(members); i >= 0 {
		return e.failKey(members[i].offset)
	}
	sorted := true
	var last uint64
	for i := range members {
		m := &members[i]
		m.rank = firstName + uint64(i)
		if index, ok := arrayIndex(e.dst[m.start+1 : m.keyEnd-1]); ok {
			m.rank = index
		}
		sorted = sorted && last <= m.rank
		last = m.rank
	}
	if sorted {
		return nil
	}
	body := e.dst[members[0].start:]
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.rank, b.rank) })
	e.scratch = e.scratch[:0]
	for i, m := range members {
		if i > 0 {
			e.scratch = append(e.scratch, ',')
		}
		e.scratch = append(e.scratch, e.dst[m.start:m.end]...)
	}
	copy(body, e.scratch)
	return nil
}

// arrayIndex reports whether key is the canonical decimal form of an array
// index, an integer from 0 to 2^32-2 (ECMA-262, section 6.1.7), and which.
func arrayIndex(key []byte) (uint64, bool) {
	const maxIndex = 1<<32 - 2
	if len(key) == 0 || len(key) > len("4294967294") || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range key {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= maxIndex
}

// Up to this many members are compared in pairs, which costs less than
// hashing them.
const maxPairs = 16

// seed is random, so that nobody can prepare keys that collide.
var seed = maphash.MakeSeed()

// repeated returns the first member whose key occurs before it, or -1.
func (e *encoder) repeated(members []member) int {
	key := func(i int) []byte { return e.dst[members[i].start:members[i].keyEnd] }
	if len(members) <= maxPairs {
		for i := 1; i < len(members); i++ {
			for j := range i {
				if bytes.Equal(key(i), key(j)) {
					return i
				}
			}
		}
		return -1
	}
	// An open-addressed hash table, at most half full. A slot holds a
	// member's number plus one.
	size := 4 * maxPairs
	for size < 2*len(members) {
		size *= 2
	}
	e.slots = slices.Grow(e.slots[:0], size)[:size]
	clear(e.slots)
	for i := range members {
		at := int(maphash.Bytes(seed, key(i))) & (size - 1)
		for e.slots[at] != 0 {
			if bytes.Equal(key(i), key(int(e.slots[at]-1))) {
				return i
			}
			at = (at + 1) & (size - 1)
		}
		e.slots[at] = int32(i + 1)
	}
	return -1
}
