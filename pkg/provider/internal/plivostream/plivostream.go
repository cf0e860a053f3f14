// Package plivostream speaks the media protocol of Plivo, which other carriers
// have taken over: JSON texts with audio in base64, mu-law at 8000 Hz or 16-bit
// samples. Sources: https://www.plivo.com/docs/voice/xml/stream and
// https://docs.vobiz.ai/xml/stream.
//
// The carrier sends start, media, dtmf, playedStream and clearedAudio, and
// promises no stop: the close of the socket is the end. Trunkline sends
// playAudio, checkpoint and clearAudio.
package plivostream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/jsonstream"
)

// Dialect is where the carriers differ.
type Dialect struct {
	// Speak are the formats in which the carrier takes audio whatever the
	// stream's own is; where there are none, only the stream's own.
	Speak []media.Format
	// Digits: it presses keys. Stop: it ends the stream when told to.
	Digits, Stop bool
	// Wait is how long it may take to confirm a clear where it drops what is
	// said before it has; 0 where it does not.
	Wait time.Duration
	// SwapIn and SwapOut turn 16-bit samples, which are big-endian there.
	SwapIn, SwapOut bool
}

// chunkTime is how long the audio of one message lasts.
const chunkTime = media.Frame

// Codec is the codec of one socket.
type Codec struct {
	dialect Dialect
	want    media.Format
	now     func() time.Time

	reader  jsonstream.Reader
	stream  string // "" before the start
	in, out media.Format
	tracks  [2]track // inbound, outbound

	voice  voice
	marks  jsonstream.Marks
	clears int       // sent and not confirmed
	since  time.Time // of the last of them
	over   bool      // Trunkline ended the stream
}

// track is what is remembered of one direction's audio between messages.
type track struct {
	chunk int64 // number of the last message
	odd   []byte
	whole []byte
}

// New makes a codec. want is the format that was asked of the carrier; now is
// the clock, time.Now when nil.
func New(d Dialect, want media.Format, now func() time.Time) *Codec {
	if now == nil {
		now = time.Now
	}
	return &Codec{dialect: d, want: want, now: now}
}

// event is a message other than media. The carriers write some numbers as
// texts, and some texts as numbers.
type event struct {
	StreamID text `json:"streamId"`
	Name     text `json:"name"`
	Reason   text `json:"reason"`
	Start    struct {
		CallID      text     `json:"callId"`
		StreamID    text     `json:"streamId"`
		AccountID   text     `json:"accountId"`
		Tracks      []string `json:"tracks"`
		MediaFormat struct {
			Encoding   string `json:"encoding"`
			SampleRate text   `json:"sampleRate"`
		} `json:"mediaFormat"`
	} `json:"start"`
	DTMF struct {
		Digit text `json:"digit"`
	} `json:"dtmf"`
	ExtraHeaders json.RawMessage `json:"extra_headers"`
}

// Decode implements provider.Codec.
func (c *Codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if msg.Binary {
		return append(out, warning("binary message")), nil
	}
	m, err := c.reader.Read(msg.Data)
	switch {
	case errors.Is(err, jsonstream.ErrSyntax) && json.Valid(msg.Data):
		return out, nil // null, a list, an object without an event
	case errors.Is(err, jsonstream.ErrSyntax):
		return append(out, warning(err.Error())), nil
	case m.Event != jsonstream.EventMedia:
		return c.decodeEvent(m.Event, msg.Data, out)
	case c.stream == "":
		return out, errors.New("media before start")
	}
	t := &c.tracks[0]
	if m.Track == "inbound" {
		m.Track = ""
	}
	if m.Track != "" {
		t = &c.tracks[1]
	}
	if lost := t.lost(m.Chunk); lost > 0 {
		out = append(out, warning(fmt.Sprintf("%d ms of audio are missing", int64(chunkTime/time.Millisecond)*lost)))
	}
	if err != nil {
		return append(out, warning(err.Error())), nil
	}
	if audio := c.samples(t, m.Audio); len(audio) > 0 {
		out = append(out, media.Event{Kind: media.EventAudio, Audio: audio, Track: m.Track})
	}
	return out, nil
}

// lost counts the messages that are missing before the one of a number.
func (t *track) lost(chunk int64) (n int64) {
	if t.chunk > 0 && chunk > t.chunk+1 {
		n = chunk - t.chunk - 1
	}
	if chunk > 0 {
		t.chunk = chunk
	}
	return n
}

// samples gives whole samples in Trunkline's byte order. Half a sample at the
// end of a message is kept for the next.
func (c *Codec) samples(t *track, audio []byte) []byte {
	if c.in.Encoding != media.L16 {
		return audio
	}
	if len(t.odd) > 0 || len(audio)%2 > 0 {
		t.whole = append(append(t.whole[:0], t.odd...), audio...)
		even := len(t.whole) / 2 * 2
		t.odd = append(t.odd[:0], t.whole[even:]...)
		audio = t.whole[:even]
	}
	if c.dialect.SwapIn {
		swap(audio)
	}
	return audio
}

func (c *Codec) decodeEvent(name string, doc []byte, out []media.Event) ([]media.Event, error) {
	switch name {
	case "start", "dtmf", "playedStream", "clearedAudio", "playFailed", "error", "stop":
	default: // whatever the carrier may add
		return out, nil
	}
	var e event
	if err := json.Unmarshal(doc, &e); err != nil {
		if name == "start" {
			return out, fmt.Errorf("start: %w", err)
		}
		return append(out, warning(name+" cannot be read")), nil
	}
	switch name {
	case "start":
		return c.start(&e, out)
	case "dtmf":
		digit := strings.ToUpper(string(e.DTMF.Digit))
		if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) {
			return append(out, warning(fmt.Sprintf("dtmf digit %.8q", string(e.DTMF.Digit)))), nil
		}
		return append(out, media.Event{Kind: media.EventDTMF, Digit: digit}), nil
	case "playedStream":
		return append(out, c.played(string(e.Name))), nil
	case "clearedAudio":
		return c.confirmed(out), nil
	case "stop":
		return append(out, media.Event{Kind: media.EventStopped, Reason: "stop"}), nil
	}
	return append(out, warning(name+": "+string(e.Reason))), nil
}

func (c *Codec) start(e *event, out []media.Event) ([]media.Event, error) {
	s := &e.Start
	if s.StreamID == "" {
		s.StreamID = e.StreamID
	}
	switch {
	case c.stream != "":
		return append(out, warning("second start")), nil
	case s.StreamID == "":
		return out, errors.New("start names no stream")
	}
	in, err := format(s.MediaFormat.Encoding, string(s.MediaFormat.SampleRate), c.want)
	if err != nil {
		return out, err
	}
	c.stream, c.in, c.out = string(s.StreamID), in, in
	if slices.Contains(c.dialect.Speak, c.want) {
		c.out = c.want
	}
	c.voice.prepare(c.out, c.dialect.SwapOut)
	return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{
		StreamID: c.stream, LegID: string(s.CallID), AccountID: string(s.AccountID),
		In: c.in, Out: c.out, Tracks: s.Tracks, Params: params(e.ExtraHeaders),
	}}), nil
}

// played is the event of a mark that came back: it was heard, whatever was
// cleared meanwhile.
func (c *Codec) played(name string) media.Event {
	e := c.marks.Returned(name)
	e.Cleared = false
	return e
}

// confirmed settles the marks that a clear has dropped: they do not come back.
func (c *Codec) confirmed(out []media.Event) []media.Event {
	for _, name := range c.marks.Dropped() {
		out = append(out, media.Event{Kind: media.EventMark, Name: name, Cleared: true})
	}
	c.clears = max(c.clears-1, 0)
	return append(out, media.Event{Kind: media.EventCleared})
}

func warning(reason string) media.Event {
	return media.Event{Kind: media.EventWarning, Reason: reason}
}

// text reads a text, or a number as the text that it is written with.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(doc []byte) error {
	if bytes.Equal(doc, []byte("null")) {
		return nil
	}
	if len(doc) > 0 && doc[0] == '"' {
		return json.Unmarshal(doc, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(doc, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}
