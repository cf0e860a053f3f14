package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/services/media/internal/agent"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// session is one socket of one stream.
type session struct {
	node  *Node
	call  Call
	id    string // of this socket; a stream that reconnects has several
	since time.Time
	conn  *socket.Conn
	log   *logrus.Entry

	ctx  context.Context
	end  context.CancelCauseFunc
	done chan struct{} // closed when nothing of the session is left

	// The codec is the reader's for decoding and the writer's for encoding.
	coding   sync.Mutex
	codec    provider.Codec
	events   []media.Event // the reader's
	sending  sync.Mutex    // held from encoding to writing
	messages []media.Message

	// What the carrier announces, set before the pumps run.
	start  *media.Start
	leg    string
	rest   []media.Event // that came together with the start
	caller *callerPump
	agent  *agentPump
	link   agent.Link
	talks  atomic.Bool // the agent has been told of the call

	stepping sync.Mutex    // held by who sends what is due
	speaking bool          // from the writer's begin to its end, when nobody sends; under stepping
	wake     chan struct{} // holds one token when the writer has something to do

	facts  chan event.Fact // for the keeper
	keys   chan string     // to be pressed over REST, for the keeper
	digits int             // received, the reader's

	warning sync.Mutex
	warned  map[warning]bool
}

// run is a session from its socket's opening to its end.
func (s *session) run() {
	hung := make(chan struct{})
	context.AfterFunc(s.ctx, func() {
		defer close(hung)
		s.hangUp()
	})
	defer func() {
		s.end(errOver)
		<-hung
	}()
	first, err := s.open()
	if err != nil {
		s.end(err)
		s.node.Metrics.stopped.WithLabelValues("refused").Inc()
		s.log.WithField("leg_id", s.leg).WithError(why(s.ctx)).Warn("stream is refused")
		return
	}
	defer s.node.forget(s)
	if err := s.connect(first); err != nil {
		s.end(err)
	} else {
		s.converse()
	}
	s.finish()
}

// converse runs the pumps until the stream is over.
func (s *session) converse() {
	var others sync.WaitGroup
	others.Go(s.speak)
	others.Go(s.keep)
	s.end(s.listen())
	others.Wait()
}

// listen is the way in: it reads the socket until that or the stream ends.
func (s *session) listen() error {
	for i := range s.rest {
		if err := s.hear(&s.rest[i]); err != nil {
			return err
		}
	}
	for {
		events, err := s.read()
		if err != nil {
			return err
		}
		for i := range events {
			if err := s.hear(&events[i]); err != nil {
				return err
			}
		}
	}
}

// read waits for the carrier's next message and decodes it. Its error is an
// *ending.
func (s *session) read() ([]media.Event, error) {
	m, err := s.conn.Read()
	if err != nil {
		return nil, lost(err)
	}
	s.coding.Lock()
	defer s.coding.Unlock()
	s.events, err = s.codec.Decode(m, s.events[:0])
	if err != nil {
		return nil, broken(err)
	}
	return s.events, nil
}

// hear takes one event of the carrier's. Its error is an *ending.
func (s *session) hear(e *media.Event) error {
	switch e.Kind {
	case media.EventAudio:
		if e.Track == "" { // other tracks are what the other side hears
			s.node.Metrics.framesIn.Inc()
			s.caller.take(time.Now(), e.Audio)
		}
	case media.EventDTMF:
		s.dtmf(e)
	case media.EventMark:
		s.signal(media.Signal{Mark: &media.Mark{Name: e.Name, Cleared: e.Cleared}})
	case media.EventCleared: // what the codec held back meanwhile may go now
		if _, err := s.send(media.Command{}); err != nil {
			return lost(err)
		}
	case media.EventFlow:
		s.agent.paused.Store(e.Paused)
		s.poke()
	case media.EventStopped:
		return stopped(e.Reason)
	case media.EventWarning:
		s.warn(warnCodec, e.Reason)
	}
	return nil
}

// dtmf tells the agent of a digit, and the log where this is the source that
// counts.
func (s *session) dtmf(e *media.Event) {
	s.signal(media.Signal{DTMF: &media.DTMF{Digit: e.Digit, DurationMS: e.DurationMS}})
	if s.call.Trunk.Account.Spec().DigitsFrom == provider.DigitsFromWebhook {
		return
	}
	s.digits++
	select {
	case s.facts <- event.DTMFReceived{ID: fmt.Sprintf("%s-%d", s.id, s.digits), Digit: e.Digit, DurationMS: e.DurationMS}:
	default:
		s.warn(warnLog, "digits come faster than they can be recorded")
	}
}

// speak is the way out: it does what is due whenever it is woken.
func (s *session) speak() {
	s.speaks(true)
	defer s.speaks(false)
	leave := s.node.Clock.Join(s.tick)
	defer leave()
	for {
		s.stepping.Lock()
		s.step()
		s.stepping.Unlock()
		if s.caller.sparse {
			s.caller.fill(time.Now())
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		}
	}
}

func (s *session) speaks(now bool) {
	s.stepping.Lock()
	defer s.stepping.Unlock()
	s.speaking = now
}

// step does what is due. stepping is held.
func (s *session) step() {
	if err := s.agent.step(time.Now()); err != nil {
		s.end(lost(err))
		return
	}
	s.node.Metrics.observe(s.agent)
}

// act does what is due in the goroutine that made it due, which saves the
// waking of another for each frame of an agent that speaks in real time. It may
// take as long as a write to the carrier.
func (s *session) act() {
	if !s.stepping.TryLock() {
		s.poke()
		return
	}
	defer s.stepping.Unlock()
	if s.speaking {
		s.step()
	}
}

// tick is the clock's call, once a frame.
func (s *session) tick() {
	if s.agent.busy.Load() || s.caller.sparse {
		s.poke()
	}
}

// poke wakes the writer.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send carries out a command at the carrier, and tells how many messages that
// took. A command that makes no sense to the carrier takes none.
func (s *session) send(c media.Command) (int, error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.coding.Lock()
	var err error
	s.messages, err = s.codec.Encode(c, s.messages[:0])
	s.coding.Unlock()
	if err != nil {
		s.warn(warnCommand, err.Error())
		return 0, nil
	}
	for _, m := range s.messages {
		if err := s.conn.Write(m); err != nil {
			return 0, err
		}
	}
	if c.Kind == media.CommandAudio {
		s.node.Metrics.framesOut.Inc()
	}
	return len(s.messages), nil
}

// hangUp closes the carrier's socket, which lets its markup go on.
func (s *session) hangUp() {
	e := why(s.ctx)
	if e.ours() && s.talks.Load() {
		_, _ = s.send(media.Command{Kind: media.CommandStop})
	}
	s.conn.Close(e.code, "")
}

// finish tells the agent and the log that the stream is over.
func (s *session) finish() {
	e := why(s.ctx)
	s.node.Metrics.stopped.WithLabelValues(e.reason).Inc()
	in, out := time.Duration(s.caller.heard.Load()), time.Duration(s.agent.sent.Load())
	entry := s.log.WithFields(logrus.Fields{"reason": e.reason, "in_ms": in.Milliseconds(), "out_ms": out.Milliseconds()})
	if e.detail != "" {
		entry = entry.WithField("detail", e.detail)
	}
	if s.link != nil {
		defer s.link.Close()
	}
	if e.reason == reasonReplaced {
		entry.Info("socket is replaced")
		return
	}
	if s.talks.Load() {
		s.signal(media.Signal{Stopped: &media.Stopped{Reason: e.reason}})
	}
	s.record(event.StreamStopped{
		StreamID: s.call.Stream, Reason: e.reason, Detail: e.detail, InMS: in.Milliseconds(), OutMS: out.Milliseconds(),
	})
	entry.Info("stream stopped")
}

// String shows the live pipeline of both directions.
func (s *session) String() string {
	return fmt.Sprintf("caller: %[1]s → %[2]s → %[3]s | agent: %[3]s → %[4]s → %[1]s", s.call.Trunk.Provider, s.caller, s.link, s.agent)
}
