package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// session is what a transcript came to.
type session struct {
	want    media.Format // asked for, zero when nothing was
	start   *media.Start
	closed  bool // the socket was closed
	stopped bool // the codec reported the end of the stream
	err     error

	heard    []sound // of all tracks, in the order of the events
	arrived  []piece // as the carrier sent it
	digits   []string
	digitMS  []int
	marks    []echo
	cleared  int
	warnings []string

	written  [][]byte // audio of ours, one entry a message
	marksOut []string // names of marks set
	clears   int
}

// echo is a mark that came back.
type echo struct {
	name    string
	cleared bool
}

// sound is one audio event.
type sound struct {
	track string
	data  []byte
	chunk string // the carrier's number of the message it came from
}

// piece is one audio message of the carrier.
type piece struct {
	track, chunk string
	data         []byte
	used         bool // an event came of it
}

// arrive notes the audio in a carrier's message before the codec reads it.
func (s *session) arrive(m media.Message) {
	audio := audioOf(m)
	if audio == nil {
		return
	}
	w, _ := readText(m)
	s.arrived = append(s.arrived, piece{track: trackName(w.Media.Track), chunk: scalar(w.Media.Chunk), data: bytes.Clone(audio)})
}

// take adds an event. legID is the leg for which the socket was opened, ""
// when it was opened for any.
func (s *session) take(e media.Event, legID string) {
	switch e.Kind {
	case media.EventStarted:
		s.started(e.Start, legID)
	case media.EventAudio:
		s.hear(e)
	case media.EventDTMF:
		s.digits, s.digitMS = append(s.digits, strings.Clone(e.Digit)), append(s.digitMS, e.DurationMS)
	case media.EventMark:
		s.marks = append(s.marks, echo{strings.Clone(e.Name), e.Cleared})
	case media.EventCleared:
		s.cleared++
	case media.EventStopped:
		s.stopped = true
	case media.EventWarning:
		s.warnings = append(s.warnings, strings.Clone(e.Reason))
	}
}

// started keeps the announcement. A leg that the socket was not opened for is
// refused here as the media node refuses it.
func (s *session) started(start *media.Start, legID string) {
	if start == nil {
		s.err = errors.New("EventStarted without a Start")
		return
	}
	s.start = keep(start)
	if legID != "" && start.LegID != "" && start.LegID != legID {
		s.err = errors.New("the stream is of another leg")
	}
}

// keep copies an announcement: what events borrow is gone after the next
// message.
func keep(start *media.Start) *media.Start {
	doc, err := json.Marshal(start)
	if err != nil {
		return start
	}
	var own media.Start
	if json.Unmarshal(doc, &own) != nil {
		return start
	}
	return &own
}

func (s *session) hear(e media.Event) {
	h := sound{track: strings.Clone(trackName(e.Track)), data: bytes.Clone(e.Audio)}
	for i, p := range s.arrived {
		if !p.used && p.track == h.track && (bytes.Equal(p.data, h.data) || bytes.Equal(swapped(p.data), h.data)) {
			s.arrived[i].used, h.chunk = true, p.chunk
			break
		}
	}
	s.heard = append(s.heard, h)
}

// sent notes a command that was carried out and what it put on the wire.
func (s *session) sent(cmd media.Command, messages []media.Message) {
	switch {
	case cmd.Kind == media.CommandMark:
		s.marksOut = append(s.marksOut, cmd.Name)
	case cmd.Kind == media.CommandClear && len(messages) > 0:
		s.clears++
	}
	for _, m := range messages {
		if audio := audioOf(m); audio != nil {
			s.written = append(s.written, bytes.Clone(audio))
		}
	}
}

// trackName gives the track that goes to the agent the name it has in files.
func trackName(track string) string {
	if track == "" {
		return inboundTrack
	}
	return track
}

const inboundTrack = "inbound"

// in is the format in which the carrier speaks, zero before the start.
func (s *session) in() media.Format {
	if s.start == nil {
		return media.Format{}
	}
	return s.start.In
}

// out is the format in which the carrier is spoken to.
func (s *session) out() media.Format {
	switch {
	case s.start != nil && s.start.Out.Valid():
		return s.start.Out
	case s.want.Valid():
		return s.want
	}
	return media.Format{Encoding: media.ULaw, Rate: 8000}
}

// voice is the inbound audio, frame by frame.
func (s *session) voice() [][]byte {
	var frames [][]byte
	for _, h := range s.heard {
		if h.track == inboundTrack {
			frames = append(frames, h.data)
		}
	}
	return frames
}

func (s *session) bytesByTrack() map[string]int {
	n := map[string]int{}
	for _, h := range s.heard {
		n[h.track] += len(h.data)
	}
	return n
}

// chunks are the carrier's numbers of one track's audio, in the order in which
// it came out of the codec.
func (s *session) chunks(track string) []string {
	list := []string{}
	for _, h := range s.heard {
		if h.track == track {
			list = append(list, h.chunk)
		}
	}
	return list
}

// dropped counts the carrier's audio messages of which no event came.
func (s *session) dropped() int {
	n := 0
	for _, p := range s.arrived {
		if !p.used {
			n++
		}
	}
	return n
}

// markNames are the names of the echoes that which accepts.
func (s *session) markNames(which func(cleared bool) bool) []string {
	names := []string{}
	for _, m := range s.marks {
		if which(m.cleared) {
			names = append(names, m.name)
		}
	}
	return names
}

// pending counts the marks that were set and never came back.
func (s *session) pending() int {
	left := slices.Clone(s.marksOut)
	for _, m := range s.marks {
		if i := slices.Index(left, m.name); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return len(left)
}

// endedBy is the word for what came first: the carrier's stop, or the close.
func (s *session) endedBy() string {
	switch {
	case s.stopped:
		return "stop"
	case s.closed:
		return "close"
	}
	return ""
}
