// Package mediastream speaks the protocol of Twilio Media Streams, which other
// carriers have taken over: JSON texts, G.711 mu-law at 8000 Hz in base64.
//
// The carrier sends connected, start, media, dtmf, mark and stop; Trunkline
// sends media, mark and clear. A clear is not confirmed, but makes the carrier
// return every mark that was still in the queue.
package mediastream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/jsonstream"
)

// Format is what the protocol carries, both ways.
var Format = media.Format{Encoding: media.ULaw, Rate: 8000}

// Start is the carrier's announcement of a stream. Some carriers leave fields
// empty.
type Start struct {
	StreamSID   string   `json:"streamSid"`
	AccountSID  string   `json:"accountSid"`
	CallSID     string   `json:"callSid"`
	Session     string   `json:"session"` // this and the next three: Cloudonix
	From        string   `json:"from"`
	To          string   `json:"to"`
	Context     string   `json:"context"`
	Tracks      []string `json:"tracks"`
	MediaFormat struct {
		Encoding   string `json:"encoding"`
		SampleRate int    `json:"sampleRate"`
		Channels   int    `json:"channels"`
	} `json:"mediaFormat"`
	CustomParameters map[string]string `json:"customParameters"`
}

// event is a message other than media.
type event struct {
	StreamSID string `json:"streamSid"`
	Start     Start  `json:"start"`
	DTMF      struct {
		Digit string `json:"digit"`
	} `json:"dtmf"`
	Mark struct {
		Name string `json:"name"`
	} `json:"mark"`
}

// Dialect is how one carrier uses the protocol.
type Dialect struct {
	// Announce completes what a start means: above all the leg, by the id that
	// the carrier has for it in REST. An error means that the stream is none of
	// the carrier's; it does not start then.
	Announce func(s *Start, to *media.Start) error
	// NoMarks says that nobody knows whether the carrier returns marks, so
	// that it is sent none.
	NoMarks bool
}

// Codec is the codec of one socket.
type Codec struct {
	dialect Dialect
	reader  jsonstream.Reader
	audio   jsonstream.Writer
	stream  string // "" before the start
	marks   jsonstream.Marks
}

// New makes a codec. leg tells by which id the carrier names the leg for REST.
func New(leg func(*Start) string) *Codec {
	return Dialect{Announce: func(s *Start, to *media.Start) error {
		to.LegID = leg(s)
		return nil
	}}.New()
}

// New makes a codec of the dialect.
func (d Dialect) New() *Codec { return &Codec{dialect: d} }

// Decode implements provider.Codec.
func (c *Codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if msg.Binary {
		return append(out, warning("binary message")), nil
	}
	m, err := c.reader.Read(msg.Data)
	if errors.Is(err, jsonstream.ErrSyntax) {
		return append(out, warning(err.Error())), nil
	}
	switch m.Event {
	case jsonstream.EventMedia, "dtmf", "mark":
		if c.stream == "" {
			return out, fmt.Errorf("%s before start", m.Event)
		}
	case "start", "stop":
	default: // connected, and whatever the carrier may add
		return out, nil
	}
	if m.Event != jsonstream.EventMedia {
		return c.decodeEvent(m.Event, msg.Data, out)
	}
	if err != nil {
		return append(out, warning(err.Error())), nil
	}
	if len(m.Audio) == 0 {
		return out, nil
	}
	if m.Track == "inbound" {
		m.Track = ""
	}
	return append(out, media.Event{Kind: media.EventAudio, Audio: m.Audio, Track: m.Track}), nil
}

func (c *Codec) decodeEvent(name string, doc []byte, out []media.Event) ([]media.Event, error) {
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
		digit := strings.ToUpper(e.DTMF.Digit)
		if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) {
			return append(out, warning(fmt.Sprintf("dtmf digit %.8q", e.DTMF.Digit))), nil
		}
		return append(out, media.Event{Kind: media.EventDTMF, Digit: digit}), nil
	case "mark":
		return append(out, c.marks.Returned(e.Mark.Name)), nil
	}
	return append(out, media.Event{Kind: media.EventStopped, Reason: "stop"}), nil
}

func (c *Codec) start(e *event, out []media.Event) ([]media.Event, error) {
	s := &e.Start
	if s.StreamSID == "" {
		s.StreamSID = e.StreamSID
	}
	f := s.MediaFormat
	switch {
	case c.stream != "":
		return append(out, warning("second start")), nil
	case s.StreamSID == "":
		return out, errors.New("start names no stream")
	case f.Encoding != "" && f.Encoding != "audio/x-mulaw", f.SampleRate != 0 && f.SampleRate != Format.Rate, f.Channels > 1:
		return out, fmt.Errorf("start announces %.40q at %d Hz in %d channels, want audio/x-mulaw at 8000 Hz in one", f.Encoding, f.SampleRate, f.Channels)
	}
	start := &media.Start{
		StreamID: s.StreamSID, AccountID: s.AccountSID, In: Format, Out: Format,
		Tracks: s.Tracks, Params: s.CustomParameters,
	}
	if err := c.dialect.Announce(s, start); err != nil {
		return append(out, warning("start: "+err.Error())), nil
	}
	c.stream = s.StreamSID
	c.audio.Head = `{"event":"media","streamSid":` + quote(c.stream) + `,"media":{"payload":"`
	c.audio.Tail = `"}}`
	return append(out, media.Event{Kind: media.EventStarted, Start: start}), nil
}

// Encode implements provider.Codec. The protocol has no message for keys, for
// an answer or for the end of a stream.
func (c *Codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	switch cmd.Kind {
	case media.CommandAudio, media.CommandMark, media.CommandClear:
		if c.stream == "" {
			return out, errors.New("the stream has not started")
		}
	}
	switch cmd.Kind {
	case media.CommandAudio:
		if len(cmd.Audio) > 0 {
			out = append(out, media.Message{Data: c.audio.Audio(cmd.Audio)})
		}
	case media.CommandMark:
		if c.dialect.NoMarks {
			return out, nil
		}
		c.marks.Set(cmd.Name)
		out = append(out, c.message("mark", `,"mark":{"name":`+quote(cmd.Name)+`}`))
	case media.CommandClear:
		c.marks.Clear()
		out = append(out, c.message("clear", ""))
	}
	return out, nil
}

func (c *Codec) message(event, tail string) media.Message {
	return media.Message{Data: []byte(`{"event":"` + event + `","streamSid":` + quote(c.stream) + tail + `}`)}
}

func quote(s string) string {
	q, _ := json.Marshal(s) // a string always can be
	return string(q)
}

func warning(reason string) media.Event {
	return media.Event{Kind: media.EventWarning, Reason: reason}
}
