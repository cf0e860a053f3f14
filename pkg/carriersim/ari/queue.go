package ari

import (
	"bytes"
	"sync"
)

// The levels of the queue, in frames.
const (
	queueFull = 1000
	levelXOFF = 900
	levelXON  = 800
)

// The events of a queue.
const (
	eventXOFF      = "MEDIA_XOFF"
	eventXON       = "MEDIA_XON"
	eventMark      = "MEDIA_MARK_PROCESSED"
	eventCompleted = "MEDIA_BUFFERING_COMPLETED"
	eventDrained   = "QUEUE_DRAINED"
)

// queue is what a media socket plays: frames, and among them what shall be told
// when its turn comes.
type queue struct {
	frame int                                // bytes
	tell  func(event, id string, about bool) // about: the event is about an id; must not block
	lost  func(what string)                  // what is thrown away without a word

	mu      sync.Mutex
	items   []item
	length  int    // of the frames among the items
	rest    []byte // while buffering: what is not a frame yet
	bulk    bool   // buffering
	paused  bool
	full    bool // an XOFF was sent
	drained bool // its next end shall be told
}

// item is a frame, or else an event with an id.
type item struct {
	frame     []byte
	event, id string
}

// write takes a message of sound. It is cut into frames. Unless the gateway has
// asked for buffering, what is left over is thrown away; and so is the whole
// message where the queue is full before it.
func (q *queue) write(data []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length >= queueFull {
		q.lost("the queue is full")
		return
	}
	if q.bulk {
		data = append(q.rest, data...)
	}
	for len(data) >= q.frame {
		q.items = append(q.items, item{frame: data[:q.frame]})
		q.length++
		data = data[q.frame:]
	}
	switch {
	case q.bulk:
		q.rest = bytes.Clone(data)
	case len(data) > 0:
		q.lost("the message is no whole number of frames")
	}
	if q.length >= levelXOFF && !q.full {
		q.full = true
		q.tell(eventXOFF, "", false)
	}
}

// next takes a frame for 20 ms, nil where there is none. What stands before it
// is told first.
func (q *queue) next() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full && q.length < levelXON {
		q.full = false
		q.tell(eventXON, "", false)
	}
	if q.paused {
		return nil
	}
	if len(q.items) == 0 && q.drained {
		q.drained = false
		q.tell(eventDrained, "", false)
	}
	for len(q.items) > 0 {
		first := q.items[0]
		q.items = q.items[1:]
		if first.frame != nil {
			q.length--
			return first.frame
		}
		q.tell(first.event, first.id, true)
	}
	q.items = nil // lets go of the memory
	return nil
}

// mark has an event told when all before it was played.
func (q *queue) mark(event, id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, item{event: event, id: id})
}

// buffer starts to cut messages of any size into frames, or stops: what is left
// over becomes a short frame.
func (q *queue) buffer(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !on && len(q.rest) > 0 {
		q.items = append(q.items, item{frame: q.rest})
		q.length++
	}
	q.bulk, q.rest = on, nil
}

// flush empties the queue and ends buffering. It returns the ids of the marks
// that were in it, of which nobody hears any more.
func (q *queue) flush() (marks []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		if i.event == eventMark {
			marks = append(marks, i.id)
		}
	}
	q.items, q.length, q.bulk, q.rest = nil, 0, false, nil
	return marks
}

func (q *queue) pause(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = on
}

func (q *queue) reportDrained() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drained = true
}

// queueStatus is what GET_STATUS answers with.
type queueStatus struct {
	length             int
	full, bulk, paused bool
}

func (q *queue) status() queueStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	return queueStatus{q.length, q.full, q.bulk, q.paused}
}
