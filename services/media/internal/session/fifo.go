package session

// fifo is a queue in a ring that grows as needed and is given back when a long
// queue has run empty. Its zero value is ready for use.
type fifo[E any] struct {
	ring []E
	head int // index of the oldest
	size int
}

// idleRing is how many elements may be kept for an empty queue.
const idleRing = 8 << 10

func (f *fifo[E]) len() int { return f.size }

// push appends elements.
func (f *fifo[E]) push(elements ...E) {
	f.grow(f.size + len(elements))
	tail := (f.head + f.size) % len(f.ring)
	n := copy(f.ring[tail:], elements)
	copy(f.ring, elements[n:])
	f.size += len(elements)
}

// front is the oldest element, to be changed in place. There must be one.
func (f *fifo[E]) front() *E { return &f.ring[f.head] }

// back is the newest element, to be changed in place. There must be one.
func (f *fifo[E]) back() *E { return &f.ring[(f.head+f.size-1)%len(f.ring)] }

// take moves the oldest len(to) elements into to. There must be as many.
func (f *fifo[E]) take(to []E) {
	n := copy(to, f.ring[f.head:])
	copy(to[n:], f.ring)
	f.drop(len(to))
}

// drop forgets the oldest n elements. There must be as many.
func (f *fifo[E]) drop(n int) {
	f.size -= n
	switch {
	case f.size > 0:
		f.head = (f.head + n) % len(f.ring)
	case len(f.ring) > idleRing:
		*f = fifo[E]{}
	default:
		f.head = 0
	}
}

func (f *fifo[E]) grow(size int) {
	if size <= len(f.ring) && len(f.ring) > 0 {
		return
	}
	room := max(len(f.ring), 16)
	for room < size {
		room *= 2
	}
	ring := make([]E, room)
	n := copy(ring, f.ring[f.head:])
	copy(ring[n:], f.ring[:f.head])
	f.ring, f.head = ring, 0
}
