package session

import (
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// The bounds of what an agent may have queued. What exceeds them is dropped as
// it comes: what is queued already goes on to be heard, without a gap in it.
const (
	maxQueued = time.Minute
	maxItems  = 1024 // marks, prompts, and stretches of speech between them
	maxOrders = 64   // clears and digits that wait for the writer
)

// restPatience is how long a rest of speech that fills no frame waits for more.
// An agent that speaks in real time, in pieces of whatever size, is not quiet
// for as long.
const restPatience = 3 * media.Frame

// queue holds what an agent wants to be heard, in order: speech, prompts and
// marks. Agents publish pieces of any size; it gives out frames of 20 ms. It is
// safe for concurrent use.
type queue struct {
	format media.Format

	mu     sync.Mutex
	items  fifo[item]
	speech fifo[byte] // the bytes of all stretches of speech among items
	said   time.Time  // when the newest of them came
	clears []clearing
	digits []string
}

// item is one of: a stretch of speech (bytes > 0), a prompt, a mark.
type item struct {
	bytes  int
	prompt []int16 // shared, what is left of it
	mark   string
}

// clearing is what one clear dropped here, before anything was told to the
// carrier.
type clearing struct {
	speech time.Duration
	marks  []string
}

// pieceKind says what a piece is.
type pieceKind uint8

const (
	nothing pieceKind = iota
	speechPiece
	promptPiece
	markPiece
)

// piece is what is to be done next.
type piece struct {
	kind   pieceKind
	speech int     // bytes of the frame that are speech
	prompt []int16 // up to a frame of a prompt
	mark   string
}

// say queues speech. It reports false where that does not fit.
func (q *queue) say(now time.Time, data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(data) == 0 {
		return true
	}
	if q.format.Duration(q.speech.len()+len(data)) > maxQueued {
		return false
	}
	if q.items.len() > 0 && q.items.back().bytes > 0 {
		q.items.back().bytes += len(data)
	} else if !q.add(item{bytes: len(data)}) {
		return false
	}
	q.speech.push(data...)
	q.said = now
	return true
}

// play queues a prompt. It reports false where that does not fit.
func (q *queue) play(pcm []int16) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(pcm) == 0 || q.add(item{prompt: pcm})
}

// mark queues a mark. It reports false where that does not fit.
func (q *queue) mark(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.add(item{mark: name})
}

func (q *queue) add(i item) bool {
	if q.items.len() >= maxItems {
		return false
	}
	q.items.push(i)
	return true
}

// press asks for digits, at once. It reports false where too many wait.
func (q *queue) press(digits string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.digits) >= maxOrders {
		return false
	}
	q.digits = append(q.digits, digits)
	return true
}

// clear drops everything and remembers what it was. It reports false where too
// many clears wait to be carried out; everything is dropped all the same.
func (q *queue) clear() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := clearing{speech: q.format.Duration(q.speech.len())}
	for ; q.items.len() > 0; q.items.drop(1) {
		if i := q.items.front(); i.bytes == 0 && i.prompt == nil {
			c.marks = append(c.marks, i.mark)
		}
		*q.items.front() = item{}
	}
	q.speech = fifo[byte]{}
	if len(q.clears) >= maxOrders {
		last := &q.clears[len(q.clears)-1]
		last.speech += c.speech
		last.marks = append(last.marks, c.marks...)
		return false
	}
	q.clears = append(q.clears, c)
	return true
}

// orders takes the clears and digits that wait.
func (q *queue) orders() (clears []clearing, digits []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	clears, digits = q.clears, q.digits
	q.clears, q.digits = nil, nil
	return clears, digits
}

// next takes what comes next; speech is copied into frame, which has room for
// 20 ms. Without room at the carrier only marks are given. A rest of speech that
// fills no frame is given when something of another kind follows, or when the
// carrier runs dry and the agent is quiet.
func (q *queue) next(now time.Time, frame []byte, room, dry bool) piece {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len() == 0 {
		return piece{}
	}
	i := q.items.front()
	switch {
	case i.bytes == 0 && i.prompt == nil:
		p := piece{kind: markPiece, mark: i.mark}
		q.done()
		return p
	case !room:
		return piece{}
	case i.prompt != nil:
		n := min(q.format.Rate/int(time.Second/media.Frame), len(i.prompt))
		p := piece{kind: promptPiece, prompt: i.prompt[:n]}
		if i.prompt = i.prompt[n:]; len(i.prompt) == 0 {
			q.done()
		}
		return p
	}
	if waits := !dry || now.Sub(q.said) < restPatience; i.bytes < len(frame) && q.items.len() == 1 && waits {
		return piece{}
	}
	n := min(i.bytes, len(frame))
	q.speech.take(frame[:n])
	if i.bytes -= n; i.bytes == 0 {
		q.done()
	}
	// Half a sample at the end of a stretch is nothing that can be played.
	return piece{kind: speechPiece, speech: n / q.format.SampleBytes() * q.format.SampleBytes()}
}

// done forgets the first item, and what it holds.
func (q *queue) done() {
	*q.items.front() = item{}
	q.items.drop(1)
}

// queued is how much speech waits, and whether anything does.
func (q *queue) queued() (speech time.Duration, waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.format.Duration(q.speech.len()), q.items.len() > 0
}
