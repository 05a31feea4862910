package dispatcher

// ring is a queue. The zero value is empty.
type ring[T any] struct {
	items []T
	head  int
	n     int
}

func (q *ring[T]) len() int { return q.n }

// first returns the next item of a queue that is not empty.
func (q *ring[T]) first() T { return q.items[q.head] }

func (q *ring[T]) push(v T) {
	q.grow()
	q.items[(q.head+q.n)%len(q.items)] = v
	q.n++
}

func (q *ring[T]) pushFront(v T) {
	q.grow()
	q.head = (q.head + len(q.items) - 1) % len(q.items)
	q.items[q.head] = v
	q.n++
}

func (q *ring[T]) grow() {
	if q.n == len(q.items) {
		grown := make([]T, max(16, 2*q.n))
		for i := range q.n {
			grown[i] = q.items[(q.head+i)%len(q.items)]
		}
		q.items, q.head = grown, 0
	}
}

// pop takes the next item of a queue that is not empty.
func (q *ring[T]) pop() T {
	v := q.items[q.head]
	var none T
	q.items[q.head] = none
	q.head = (q.head + 1) % len(q.items)
	q.n--
	return v
}
