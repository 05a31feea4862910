package memstore

// slab keeps records under rising numbers in chunks, so that a million of them
// are a few thousand objects to the collector, and none at all to scan if T
// holds no pointers. A chunk is freed when its last record is dropped. The
// address of a record does not change.
type slab[T any] struct {
	base  uint64 // the number of the first page
	pages []*slabPage[T]
}

const (
	chunkBits = 7 // records of a chunk
	pageBits  = 8 // chunks of a page
	chunkSize = 1 << chunkBits
	pageSize  = 1 << pageBits
)

type slabPage[T any] struct {
	live   int
	chunks [pageSize]*slabChunk[T]
}

type slabChunk[T any] struct {
	live  int
	items [chunkSize]T
}

// at returns the record n, or nil if no record of its chunk is in use. The
// record itself has to tell whether it is.
func (s *slab[T]) at(n uint64) *T {
	p := n>>(chunkBits+pageBits) - s.base
	if p >= uint64(len(s.pages)) || s.pages[p] == nil {
		return nil
	}
	c := s.pages[p].chunks[n>>chunkBits%pageSize]
	if c == nil {
		return nil
	}
	return &c.items[n%chunkSize]
}

// take makes the record n, which must not be in use.
func (s *slab[T]) take(n uint64) *T {
	number := n >> (chunkBits + pageBits)
	switch {
	case len(s.pages) == 0:
		s.base = number
	case number < s.base: // logs are taken in any order
		grown := make([]*slabPage[T], uint64(len(s.pages))+s.base-number)
		copy(grown[s.base-number:], s.pages)
		s.pages, s.base = grown, number
	}
	p := number - s.base
	for p >= uint64(len(s.pages)) {
		s.pages = append(s.pages, nil)
	}
	if s.pages[p] == nil {
		s.pages[p] = new(slabPage[T])
	}
	page := s.pages[p]
	c := n >> chunkBits % pageSize
	if page.chunks[c] == nil {
		page.chunks[c] = new(slabChunk[T])
		page.live++
	}
	page.chunks[c].live++
	return &page.chunks[c].items[n%chunkSize]
}

// drop empties the record n, which must be in use.
func (s *slab[T]) drop(n uint64) {
	page := s.pages[n>>(chunkBits+pageBits)-s.base]
	c := page.chunks[n>>chunkBits%pageSize]
	var zero T
	c.items[n%chunkSize] = zero
	if c.live--; c.live > 0 {
		return
	}
	page.chunks[n>>chunkBits%pageSize] = nil
	if page.live--; page.live > 0 {
		return
	}
	s.pages[n>>(chunkBits+pageBits)-s.base] = nil
	for len(s.pages) > 0 && s.pages[0] == nil {
		s.pages = s.pages[1:]
		s.base++
	}
}

// below returns the numbers of the last chunk with records below before: at
// least its first and up to before, ok is false if there is no such chunk.
func (s *slab[T]) below(before uint64) (from, to uint64, ok bool) {
	if before == 0 || len(s.pages) == 0 {
		return 0, 0, false
	}
	n := before - 1
	end := (s.base + uint64(len(s.pages))) << (chunkBits + pageBits)
	n = min(n, end-1)
	for n>>(chunkBits+pageBits) >= s.base {
		page := s.pages[n>>(chunkBits+pageBits)-s.base]
		first := n >> (chunkBits + pageBits) << (chunkBits + pageBits)
		if page != nil {
			for {
				start := n >> chunkBits << chunkBits
				if page.chunks[n>>chunkBits%pageSize] != nil {
					return start, n + 1, true
				}
				if start == first {
					break
				}
				n = start - 1
			}
		}
		if first == 0 {
			break
		}
		n = first - 1
	}
	return 0, 0, false
}
