package session

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/services/media/internal/pace"
)

// dryLead is the lead at which a carrier is about to run dry. The ambient loop
// is kept that far ahead where nobody speaks, as speech has to queue behind it.
const dryLead = 2 * media.Frame

// agentPump carries the agent's voice to the other side:
//
//	agent → re-frame → mix(ambient) → resample → ulaw → pacer → codec → socket
//
// The queue in front of it takes what the agent says when it says it; step is
// run by one goroutine and does whatever is due. The codec and the socket are
// behind send. Where the carrier takes the agent's own format and nothing is
// mixed in, samples pass untouched.
type agentPump struct {
	from, to media.Format
	queue    *queue
	ambient  *mix.Loop // nil for none
	gain     mix.Gain
	rate     *rateChanger
	lead     time.Duration // how far the carrier may be ahead of its playing
	playout  *pace.Playout

	// send carries out a command at the carrier and tells how many messages
	// that took: none where the carrier has no such thing. Its error ends the
	// stream.
	send   func(media.Command) (messages int, err error)
	signal func(media.Signal)
	keys   func(digits string) // presses them where the media socket takes none

	frame  []byte  // 20 ms in the agent's format
	linear []int16 // 20 ms
	out    []byte
	marks  []dueMark // that the carrier cannot return

	paused atomic.Bool  // the carrier asks to hold back
	busy   atomic.Bool  // there is something to do at the next tick
	sent   atomic.Int64 // nanoseconds of audio
	ahead  atomic.Int64 // the lead after the last step, in nanoseconds
}

// dueMark is a mark and the time when what is before it will have been played.
type dueMark struct {
	name string
	due  time.Time
}

func newAgentPump(from, to media.Format, lead time.Duration) (*agentPump, error) {
	rate, err := newRateChanger(from.Rate, to.Rate)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	return &agentPump{
		from: from, to: to, queue: &queue{format: from}, rate: rate, lead: lead,
		playout: pace.NewPlayout(lead), frame: make([]byte, from.FrameBytes()), linear: make([]int16, audio.SamplesPerFrame(from.Rate)),
	}, nil
}

// step does what is due: clears and keys first, then as many frames as the
// carrier may be ahead.
func (p *agentPump) step(now time.Time) error {
	clears, digits := p.queue.orders()
	for _, c := range clears {
		if err := p.clear(now, c); err != nil {
			return err
		}
	}
	for _, d := range digits {
		if err := p.press(d); err != nil {
			return err
		}
	}
	for {
		more, err := p.next(now)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	p.returnMarks(now)
	p.ahead.Store(int64(p.playout.Lead(now)))
	_, waits := p.queue.queued()
	p.busy.Store(waits || p.ambient != nil || len(p.marks) > 0)
	return nil
}

// next sends one frame or mark, and reports whether there may be more to send.
func (p *agentPump) next(now time.Time) (bool, error) {
	lead := p.playout.Lead(now)
	room := lead+media.Frame <= p.lead && !p.paused.Load()
	piece := p.queue.next(now, p.frame, room, lead <= dryLead)
	switch {
	case piece.kind == markPiece:
		return true, p.mark(piece.mark)
	case piece.kind == nothing && (p.ambient == nil || !room || lead+media.Frame > dryLead):
		return false, nil
	}
	if lead == 0 {
		p.rate.restart()
	}
	out := p.render(piece)
	if _, err := p.send(media.Command{Kind: media.CommandAudio, Audio: out}); err != nil {
		return false, err
	}
	p.sent.Add(int64(media.Frame))
	p.playout.Sent(now, p.from.Duration(piece.speech))
	return true, nil
}

// render makes 20 ms in the carrier's format of a piece, or of none.
func (p *agentPump) render(of piece) []byte {
	if of.kind == speechPiece && p.from == p.to && p.ambient == nil {
		fillSilence(p.from.Encoding, p.frame[of.speech:])
		return p.frame
	}
	var filled int
	if of.kind == speechPiece {
		filled = len(linear(p.from.Encoding, p.linear[:0], p.frame[:of.speech]))
	} else {
		filled = copy(p.linear, of.prompt)
	}
	clear(p.linear[filled:])
	if p.ambient != nil {
		p.ambient.Mix(p.linear, p.gain)
	}
	p.out = encoded(p.to.Encoding, p.out, p.rate.convert(p.linear))
	return p.out
}

// clear makes the carrier drop what it has not played, and tells the agent what
// was heard and what was dropped, here and there. A carrier that cannot clear
// plays the little it has to the end.
func (p *agentPump) clear(now time.Time, dropped clearing) error {
	messages, err := p.send(media.Command{Kind: media.CommandClear})
	if err != nil {
		return err
	}
	heard := p.playout.Heard(now)
	p.returnMarks(now)
	if messages > 0 {
		dropped.speech += p.playout.Clear(now)
		for _, m := range p.marks {
			p.signal(media.Signal{Mark: &media.Mark{Name: m.name, Cleared: true}})
		}
		p.marks = p.marks[:0]
	}
	for _, name := range dropped.marks {
		p.signal(media.Signal{Mark: &media.Mark{Name: name, Cleared: true}})
	}
	p.signal(media.Signal{Cleared: &media.Cleared{HeardMS: heard.Milliseconds(), DroppedMS: dropped.speech.Milliseconds()}})
	return nil
}

// mark sets a mark behind what was sent so far. Where the carrier has no marks
// it is returned by the clock.
func (p *agentPump) mark(name string) error {
	messages, err := p.send(media.Command{Kind: media.CommandMark, Name: name})
	if err == nil && messages == 0 {
		p.marks = append(p.marks, dueMark{name, p.playout.End()})
	}
	return err
}

func (p *agentPump) returnMarks(now time.Time) {
	for len(p.marks) > 0 && !p.marks[0].due.After(now) {
		p.signal(media.Signal{Mark: &media.Mark{Name: p.marks[0].name}})
		p.marks = append(p.marks[:0], p.marks[1:]...)
	}
}

// press presses keys on the media socket or, where that takes none, by keys.
func (p *agentPump) press(digits string) error {
	messages, err := p.send(media.Command{Kind: media.CommandDTMF, Digits: digits})
	if err == nil && messages == 0 {
		p.keys(digits)
	}
	return err
}

// String shows the steps, what waits between them, and how much went through.
func (p *agentPump) String() string {
	mixed := ""
	if p.ambient != nil {
		mixed = " + ambient"
	}
	queued, _ := p.queue.queued()
	return fmt.Sprintf("%s queued → 20ms%s → %s → %s of %s ahead (%s)", round(queued), mixed, steps(p.from, p.to),
		round(time.Duration(p.ahead.Load())), p.lead, round(time.Duration(p.sent.Load())))
}
