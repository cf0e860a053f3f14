package session

import (
	"fmt"
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

	linear []int16
	out    []byte
	heard  atomic.Int64 // nanoseconds of audio
}

func newCallerPump(from, to media.Format, toAgent func([]byte)) (*callerPump, error) {
	rate, err := newRateChanger(from.Rate, to.Rate)
	if err != nil {
		return nil, fmt.Errorf("caller: %w", err)
	}
	return &callerPump{from: from, to: to, rate: rate, toAgent: toAgent}, nil
}

// take handles one piece of the carrier's audio, of any size.
func (p *callerPump) take(data []byte) {
	p.heard.Add(int64(p.from.Duration(len(data))))
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
