package dispatcher

import "time"

// flight is one attempt under way.
type flight struct {
	lane  *lane
	class class
	start time.Time
	// quick: the endpoint has been seen to answer within a moment.
	quick bool
	// took is how long the attempt took; it is set before the flight ends.
	took time.Duration
	// ended is for whoever makes the attempt.
	ended      bool
	prev, next *flight // in its flightList
}

// flightList is a list in order of start.
type flightList struct{ oldest, newest *flight }

func (l *flightList) add(f *flight) {
	f.prev, f.next = l.newest, nil
	if l.newest != nil {
		l.newest.next = f
	} else {
		l.oldest = f
	}
	l.newest = f
}

func (l *flightList) remove(f *flight) {
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		l.oldest = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	} else {
		l.newest = f.prev
	}
	f.prev, f.next = nil, nil
}

// laneHeap orders lanes by their next time.
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// Push implements heap.Interface.
func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.heap = len(*h)
	*h = append(*h, l)
}

// Pop implements heap.Interface.
func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}
