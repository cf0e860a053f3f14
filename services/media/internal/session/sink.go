package session

import (
	"fmt"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// maxMark is the longest name of a mark, in bytes.
const maxMark = 128

// The session is the agent.Sink of its link.

// Speech queues a piece of the agent's voice.
func (s *session) Speech(data []byte) {
	if !s.agent.queue.say(time.Now(), data) {
		s.warn(warnOverflow, fmt.Sprintf("the agent is more than %s ahead; what it says now is dropped", maxQueued))
		return
	}
	s.act()
}

// Control carries out an order of the agent's.
func (s *session) Control(c media.Control) {
	switch {
	case c.Clear != nil:
		if !s.agent.queue.clear() {
			s.warn(warnOverflow, "clears come faster than they can be carried out")
		}
	case c.Mark != nil:
		s.mark(c.Mark.Name)
	case c.Play != nil:
		s.play(c.Play.Prompt)
	case c.DTMF != nil:
		if !s.agent.queue.press(c.DTMF.Digits) {
			s.warn(warnOverflow, "keys come faster than they can be pressed")
		}
	}
	s.act()
}

// Malformed counts a control that cannot be read.
func (s *session) Malformed(err error) { s.warn(warnControl, err.Error()) }

// Gone ends the stream, so that the carrier's markup goes on.
func (s *session) Gone(err error) {
	e := &ending{reason: reasonAgent, code: socket.Normal}
	if code := socket.Code(err); code != socket.Normal {
		e.detail = err.Error()
	}
	s.end(e)
}

func (s *session) mark(name string) {
	switch {
	case name == "" || len(name) > maxMark:
		s.warn(warnControl, fmt.Sprintf("a mark's name has %d bytes, want 1 to %d", len(name), maxMark))
	case !s.agent.queue.mark(name):
		s.warn(warnOverflow, "too many marks wait")
		s.signal(media.Signal{Mark: &media.Mark{Name: name, Cleared: true}})
	}
}

func (s *session) play(name string) {
	pcm, err := s.node.Prompts.Prompt(name, s.call.Application.Format.Rate)
	switch {
	case err != nil:
		s.warn(warnPrompt, err.Error())
	case !s.agent.queue.play(pcm):
		s.warn(warnOverflow, "too many prompts wait")
	}
}

// press has keys pressed over REST.
func (s *session) press(digits string) {
	if !s.call.Trunk.Account.Can(provider.CanSendDTMF) {
		s.warn(warnDigits, "the carrier takes no keys")
		return
	}
	select {
	case s.keys <- digits:
	default:
		s.warn(warnOverflow, "keys come faster than they can be pressed")
	}
}

// tellAgent is where the caller pump ends.
func (s *session) tellAgent(data []byte) {
	if err := s.link.Audio(data); err != nil {
		s.warn(warnAgent, err.Error())
	}
}

// signal tells the agent something beside the audio.
func (s *session) signal(sig media.Signal) {
	if err := s.link.Signal(sig); err != nil {
		s.warn(warnAgent, err.Error())
	}
}

// warn counts something that ends no stream. The first of each kind is logged.
func (s *session) warn(kind warning, reason string) {
	s.node.Metrics.warnings.WithLabelValues(string(kind)).Inc()
	s.warning.Lock()
	first := !s.warned[kind]
	s.warned[kind] = true
	s.warning.Unlock()
	if first {
		s.log.WithField("leg_id", s.leg).WithField("kind", string(kind)).Warn(reason)
	}
}
