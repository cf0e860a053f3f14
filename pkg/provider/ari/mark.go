package ari

import "strconv"

// maxMarks bounds the marks that are waited for. Beyond it the oldest is
// forgotten.
const maxMarks = 256

// marks remembers the marks that were set and have not come back, under the
// short names by which they travel.
type marks struct {
	last    int // number of the last one
	waiting []mark
	flushes []int // for every flush that is not confirmed, the last mark before it
}

type mark struct {
	number int
	name   string
}

// set notes a mark and returns the name under which it travels.
func (m *marks) set(name string) string {
	if len(m.waiting) == maxMarks {
		m.waiting = append(m.waiting[:0], m.waiting[1:]...)
	}
	m.last++
	m.waiting = append(m.waiting, mark{m.last, name})
	return "m" + strconv.Itoa(m.last)
}

// returned is the name of a mark that came back. One of nobody's keeps its own.
func (m *marks) returned(short string) string {
	for i, k := range m.waiting {
		if short == "m"+strconv.Itoa(k.number) {
			m.waiting = append(m.waiting[:i], m.waiting[i+1:]...)
			return k.name
		}
	}
	return short
}

// flush notes that the queue is emptied, with the marks in it.
func (m *marks) flush() {
	if len(m.flushes) == maxMarks { // nobody confirms
		m.flushes = m.flushes[1:]
	}
	m.flushes = append(m.flushes, m.last)
}

// flushed takes out the marks that the oldest flush ate. ok is false when there
// was none.
func (m *marks) flushed() (names []string, ok bool) {
	if len(m.flushes) == 0 {
		return nil, false
	}
	before := m.flushes[0]
	m.flushes = m.flushes[1:]
	rest := m.waiting[:0]
	for _, k := range m.waiting {
		if k.number <= before {
			names = append(names, k.name)
		} else {
			rest = append(rest, k)
		}
	}
	m.waiting = rest
	return names, true
}
