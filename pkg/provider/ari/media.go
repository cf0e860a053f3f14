package ari

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// formats are the formats that can be handled, by Asterisk's names.
var formats = map[string]media.Format{
	"ulaw":   {Encoding: media.ULaw, Rate: 8000},
	"alaw":   {Encoding: media.ALaw, Rate: 8000},
	"slin":   {Encoding: media.L16, Rate: 8000},
	"slin16": {Encoding: media.L16, Rate: 16000},
	"slin24": {Encoding: media.L16, Rate: 24000},
	"slin48": {Encoding: media.L16, Rate: 48000},
}

// codec is the codec of one socket of chan_websocket. Texts are messages of
// control, in JSON or as plain words, whichever the first one is written in;
// binary messages are audio.
//
// Audio goes out in whole frames: Asterisk throws the rest of a message away.
// A text of more than 128 bytes is dropped there, so marks travel under short
// names. A flush eats marks without a word and is not confirmed; a question for
// the status behind it is answered in its place, and that is the confirmation.
type codec struct {
	ids     ids
	mute    bool // Asterisk takes no audio of ours
	started bool
	plain   bool // texts are words
	marking bool // the version knows marks
	frame   int  // bytes
	silence byte
	held    []byte // what fills no frame yet
	marks   marks
}

func newCodec(c provider.CodecConfig) provider.Codec {
	d := open(c.Config)
	return &codec{ids: d.ids, mute: d.direction == onlyIn}
}

// signal is a text of Asterisk.
type signal struct {
	Event        string `json:"event"`
	ConnectionID string `json:"connection_id"`
	Channel      string `json:"channel"`
	ChannelID    string `json:"channel_id"`
	Format       string `json:"format"`
	FrameBytes   int    `json:"optimal_frame_size"`
	PTime        int    `json:"ptime"`
	Digit        string `json:"digit"`
	Correlation  string `json:"correlation_id"`
	ErrorText    string `json:"error_text"`
	QueueFull    bool   `json:"queue_full"`
}

// Decode implements provider.Codec.
func (c *codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	switch {
	case msg.Binary && !c.started:
		return append(out, warning("audio before MEDIA_START")), nil
	case msg.Binary && len(msg.Data) == 0:
		return out, nil
	case msg.Binary:
		return append(out, media.Event{Kind: media.EventAudio, Audio: msg.Data}), nil
	}
	s, plain, err := read(msg.Data)
	if err != nil {
		return append(out, warning("text cannot be read")), nil
	}
	switch s.Event {
	case "MEDIA_START":
		return c.start(&s, plain, out)
	case "MEDIA_XOFF", "MEDIA_XON":
		return append(out, media.Event{Kind: media.EventFlow, Paused: s.Event == "MEDIA_XOFF"}), nil
	case "DTMF_END":
		digit := strings.ToUpper(s.Digit)
		if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) {
			return append(out, warning(fmt.Sprintf("dtmf digit %.8q", digit))), nil
		}
		return append(out, media.Event{Kind: media.EventDTMF, Digit: digit}), nil
	case "MEDIA_MARK_PROCESSED":
		return append(out, media.Event{Kind: media.EventMark, Name: c.marks.returned(s.Correlation)}), nil
	case "STATUS":
		return c.status(&s, out), nil
	case "ERROR":
		return append(out, warning(fmt.Sprintf("asterisk: %.200s", s.ErrorText))), nil
	}
	return out, nil // MEDIA_BUFFERING_COMPLETED, QUEUE_DRAINED, and whatever may be added
}

func warning(reason string) media.Event {
	return media.Event{Kind: media.EventWarning, Reason: reason}
}

// read reads a text in either form.
func read(text []byte) (s signal, plain bool, err error) {
	if len(text) > 0 && text[0] == '{' {
		err = json.Unmarshal(text, &s)
		return s, false, err
	}
	return words(string(text)), true, nil
}

// words reads a text of the form WORD key:value key:value. A value ends at a
// space, but that of error_text, which is the last.
func words(text string) (s signal) {
	word, rest, _ := strings.Cut(text, " ")
	s.Event = word
	if word == "MEDIA_MARK_PROCESSED" || word == "MEDIA_BUFFERING_COMPLETED" {
		s.Correlation = rest
		return s
	}
	rest, s.ErrorText, _ = strings.Cut(rest, "error_text:")
	for _, pair := range strings.Fields(rest) {
		key, value, _ := strings.Cut(pair, ":")
		switch key {
		case "connection_id":
			s.ConnectionID = value
		case "channel":
			s.Channel = value
		case "channel_id":
			s.ChannelID = value
		case "format":
			s.Format = value
		case "optimal_frame_size":
			s.FrameBytes, _ = strconv.Atoi(value) // 0 is refused later
		case "ptime":
			s.PTime, _ = strconv.Atoi(value)
		case "digit":
			s.Digit = value
		case "queue_full":
			s.QueueFull = value == "true" || value == "1"
		}
	}
	return s
}

// maxFrame is the longest frame that fits into a message.
const maxFrame = 60000

// start reads the announcement. A format that nobody here can handle is given
// by Asterisk's name, and is not valid.
func (c *codec) start(s *signal, plain bool, out []media.Event) ([]media.Event, error) {
	if c.started {
		return append(out, warning("second MEDIA_START")), nil
	}
	f, known := formats[s.Format]
	if !known {
		f = media.Format{Encoding: media.Encoding(s.Format), Rate: 8000}
	}
	if s.FrameBytes < 0 || s.FrameBytes > maxFrame || known && (s.FrameBytes == 0 || s.FrameBytes%f.SampleBytes() != 0) {
		return out, fmt.Errorf("MEDIA_START: frames of %d bytes of %.20q", s.FrameBytes, s.Format)
	}
	c.started, c.plain, c.frame, c.silence = true, plain, s.FrameBytes, silenceOf(f)
	c.marking = s.ChannelID != "" // both are of the same version
	leg, ours := c.ids.callerOf(s.ChannelID)
	if !ours {
		leg = s.ChannelID // and so no leg of a call: Asterisk may hand our parameters to somebody else's channel
	}
	d := map[string]string{}
	for name, value := range map[string]string{"connection_id": s.ConnectionID, "channel": s.Channel, "channel_id": s.ChannelID, "format": s.Format} {
		if value != "" {
			d[name] = value
		}
	}
	return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{
		StreamID: cmp.Or(s.ChannelID, s.ConnectionID, s.Channel), LegID: leg, In: f, Out: f, Detail: d,
	}}), nil
}

func silenceOf(f media.Format) byte {
	switch f.Encoding {
	case media.ULaw:
		return 0xFF
	case media.ALaw:
		return 0xD5
	}
	return 0
}

// status confirms a flush, if there was one before the question.
func (c *codec) status(s *signal, out []media.Event) []media.Event {
	if s.QueueFull {
		out = append(out, warning("asterisk: the queue is full, audio is dropped"))
	}
	names, flushed := c.marks.flushed()
	if !flushed {
		return out
	}
	for _, name := range names {
		out = append(out, media.Event{Kind: media.EventMark, Name: name, Cleared: true})
	}
	return append(out, media.Event{Kind: media.EventCleared})
}

// Texts of ours. None is longer than 128 bytes.
const (
	flushMedia = "FLUSH_MEDIA"
	getStatus  = "GET_STATUS"
	markMedia  = "MARK_MEDIA"
	hangUp     = "HANGUP"
	answer     = "ANSWER"
)

// Encode implements provider.Codec. Keys are not pressed on the socket.
func (c *codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	switch cmd.Kind {
	case media.CommandAudio, media.CommandMark, media.CommandClear, media.CommandStop, media.CommandAnswer:
		if !c.started {
			return out, errors.New("the stream has not started")
		}
	}
	switch cmd.Kind {
	case media.CommandAudio:
		return c.say(cmd.Audio, out), nil
	case media.CommandMark:
		if !c.marking || c.mute {
			return out, nil
		}
		out = c.fill(out)
		return append(out, c.text(markMedia, c.marks.set(cmd.Name))), nil
	case media.CommandClear:
		c.held = c.held[:0]
		if c.mute {
			return out, nil
		}
		c.marks.flush()
		return append(out, c.text(flushMedia, ""), c.text(getStatus, "")), nil
	case media.CommandStop:
		return append(out, c.text(hangUp, "")), nil
	case media.CommandAnswer:
		return append(out, c.text(answer, "")), nil
	}
	return out, nil
}

// text writes a command. correlation needs no escapes.
func (c *codec) text(command, correlation string) media.Message {
	switch {
	case c.plain && correlation == "":
		return media.Message{Data: []byte(command)}
	case c.plain:
		return media.Message{Data: []byte(command + " " + correlation)}
	case correlation == "":
		return media.Message{Data: []byte(`{"command":"` + command + `"}`)}
	}
	return media.Message{Data: []byte(`{"command":"` + command + `","correlation_id":"` + correlation + `"}`)}
}

// say appends messages of whole frames, and holds back a rest.
func (c *codec) say(audio []byte, out []media.Message) []media.Message {
	if c.frame == 0 || c.mute {
		return out
	}
	if len(c.held) == 0 && len(audio)%c.frame == 0 {
		return c.write(audio, out)
	}
	c.held = append(c.held, audio...)
	whole := len(c.held) / c.frame * c.frame
	if whole == 0 {
		return out
	}
	said := bytes.Clone(c.held[:whole])
	c.held = append(c.held[:0], c.held[whole:]...)
	return c.write(said, out)
}

// fill appends what is held back, filled up with silence.
func (c *codec) fill(out []media.Message) []media.Message {
	if len(c.held) == 0 {
		return out
	}
	return c.say(bytes.Repeat([]byte{c.silence}, c.frame-len(c.held)), out)
}

// perMessage is how many frames go into a message: one that comes when the
// queue is full is lost whole.
const perMessage = 10

func (c *codec) write(audio []byte, out []media.Message) []media.Message {
	most := min(perMessage, maxFrame/c.frame) * c.frame
	for ; len(audio) > most; audio = audio[most:] {
		out = append(out, media.Message{Binary: true, Data: audio[:most]})
	}
	if len(audio) > 0 {
		out = append(out, media.Message{Binary: true, Data: audio})
	}
	return out
}
