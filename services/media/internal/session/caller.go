package session

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// callerPump carries the other side's voice to the agent:
//
//	socket → codec → ulaw → pcm → resample → agent
//
// The socket and the codec are the session's; this is the rest. Where the
// agent takes the carrier's own format, samples pass untouched.
type callerPump struct {
	from, to media.Format
	rate     *rateChanger
	toAgent  func(data []byte) // borrowed

	passing sync.Mutex // held while audio goes to the agent
	linear  []int16
	out     []byte
	heard   atomic.Int64 // nanoseconds of audio

	// Of a carrier that sends nothing in a pause, see fill.
	sparse  bool
	last    time.Time // when audio came
	until   time.Time // when the audio that went to the agent is over
	pause   bool      // nothing came for a while
	silence []byte    // a frame
}

// pauseAfter is how late audio has to be to be a pause. Less is the network's,
// and so much of what it loses, or of clocks that differ, is made good in the
// next pause.
const pauseAfter = 100 * time.Millisecond

func newCallerPump(from, to media.Format, toAgent func([]byte)) (*callerPump, error) {
	rate, err := newRateChanger(from.Rate, to.Rate)
	if err != nil {
		return nil, fmt.Errorf("caller: %w", err)
	}
	return &callerPump{from: from, to: to, rate: rate, toAgent: toAgent}, nil
}

// take handles one piece of the carrier's audio, of any size.
func (p *callerPump) take(now time.Time, data []byte) {
	p.passing.Lock()
	defer p.passing.Unlock()
	p.pause, p.last = false, now
	switch late := now.Sub(p.until); {
	case late > pauseAfter:
		p.until = now.Add(-pauseAfter)
	case late < -pauseAfter:
		p.until = now.Add(pauseAfter)
	}
	p.pass(data)
}

// fill gives the agent the silence that a sparse carrier keeps to itself, so
// that a pause is as long as it is and ends a turn in time. It is called once a
// frame.
func (p *callerPump) fill(now time.Time) {
	p.passing.Lock()
	defer p.passing.Unlock()
	if p.silence == nil {
		p.silence = make([]byte, p.from.FrameBytes())
		fillSilence(p.from.Encoding, p.silence)
	}
	if p.last.IsZero() {
		p.last, p.until = now, now
	}
	p.pause = p.pause || now.Sub(p.last) >= pauseAfter
	for p.pause && now.Sub(p.until) >= media.Frame {
		p.pass(p.silence)
	}
}

// pass carries audio to the agent.
func (p *callerPump) pass(data []byte) {
	d := p.from.Duration(len(data))
	p.heard.Add(int64(d))
	p.until = p.until.Add(d)
	if p.from == p.to {
		p.toAgent(data)
		return
	}
	p.linear = linear(p.from.Encoding, p.linear, data)
	rated := p.rate.convert(p.linear)
	p.out = encoded(p.to.Encoding, p.out, rated)
	p.toAgent(p.out)
}

// String shows the steps and how much went through them.
func (p *callerPump) String() string {
	return fmt.Sprintf("%s (%s)", steps(p.from, p.to), round(time.Duration(p.heard.Load())))
}

// steps shows how one format becomes another.
func steps(from, to media.Format) string {
	switch {
	case from == to:
		return from.String()
	case from.Rate == to.Rate:
		return fmt.Sprintf("%s → pcm → %s", from, to)
	}
	return fmt.Sprintf("%s → pcm → %d Hz → %s", from, to.Rate, to)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
