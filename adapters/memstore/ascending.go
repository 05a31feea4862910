package memstore

import "slices"

// ascending is a set of numbers to which only larger ones are added: an index
// over a part of a slab. Any number can be removed.
type ascending struct {
	blocks [][]uint64 // none is empty
	n      int
}

// blockSize bounds what a removal has to move.
const blockSize = 256

func (a *ascending) add(n uint64) {
	a.n++
	if last := len(a.blocks) - 1; last >= 0 && len(a.blocks[last]) < blockSize {
		a.blocks[last] = append(a.blocks[last], n)
		return
	}
	var block []uint64
	if len(a.blocks) > 0 {
		block = make([]uint64, 0, blockSize)
	}
	a.blocks = append(a.blocks, append(block, n))
}

// block returns the index of the last block that begins below before, or -1.
func (a *ascending) block(before uint64) int {
	i, _ := slices.BinarySearchFunc(a.blocks, before, func(b []uint64, n uint64) int {
		if b[0] < n {
			return -1
		}
		return 1
	})
	return i - 1
}

// below returns a run of the numbers below before that ends with the largest
// of them; empty if there are none. It is valid until the next change.
func (a *ascending) below(before uint64) []uint64 {
	i := a.block(before)
	if i < 0 {
		return nil
	}
	end, _ := slices.BinarySearch(a.blocks[i], before)
	return a.blocks[i][:end]
}

// find returns the smallest number in [from, to).
func (a *ascending) find(from, to uint64) (uint64, bool) {
	run := a.below(to)
	if len(run) == 0 || run[len(run)-1] < from {
		return 0, false
	}
	i, _ := slices.BinarySearch(run, from)
	return run[i], true
}

func (a *ascending) remove(n uint64) {
	i := a.block(n + 1)
	if i < 0 {
		return
	}
	block := a.blocks[i]
	j, ok := slices.BinarySearch(block, n)
	if !ok {
		return
	}
	a.n--
	switch {
	case len(block) == 1 && i == 0:
		a.blocks[0] = nil
		a.blocks = a.blocks[1:]
		if len(a.blocks) == 0 {
			a.blocks = nil
		}
		return
	case len(block) == 1:
		a.blocks = slices.Delete(a.blocks, i, i+1)
		return
	case j == 0:
		block = block[1:]
	default:
		block = slices.Delete(block, j, j+1)
	}
	// A block that lost most of its numbers gives the room back, unless it is
	// the one that grows.
	if len(block) <= cap(block)/4 && i < len(a.blocks)-1 {
		block = append([]uint64(nil), block...)
	}
	a.blocks[i] = block
}
