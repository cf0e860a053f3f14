package telnyx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/jsonstream"
)

// streamFormat is what a trunk's streams carry unless a call asks otherwise.
func streamFormat(c provider.Config) media.Format {
	f, err := media.ParseFormat(c.String(fieldStreamFormat))
	if err != nil {
		return ulaw
	}
	return f
}

// wanted is the format to ask Telnyx for: what the call asks for, or the
// trunk's own; zero for one that Telnyx does not have. Whoever asks for the
// provider's usual format asks for nothing special. The command that starts a
// stream and the codec of its socket must agree on it.
func wanted(asked, own media.Format) media.Format {
	if asked.Rate == 0 && asked.Encoding != media.L16 {
		asked.Rate = ulaw.Rate // G.711 has no other
	}
	if asked.Encoding == "" || asked == ulaw {
		return own
	}
	if !asked.Valid() {
		return media.Format{}
	}
	return asked
}

// codecName is Telnyx' name of an encoding.
func codecName(f media.Format) string {
	switch f.Encoding {
	case media.ALaw:
		return "PCMA"
	case media.L16:
		return "L16"
	}
	return "PCMU"
}

// announced reads the format of a start. One that nobody here can decode is
// given by Telnyx' name, and is not valid.
func announced(encoding string, rate int) media.Format {
	switch strings.ToUpper(encoding) {
	case "PCMU":
		return ulaw
	case "PCMA":
		return alaw
	case "L16":
		return media.Format{Encoding: media.L16, Rate: rate}
	case "G722":
		rate = 2 * rate // what is announced is the clock of RTP
	}
	return media.Format{Encoding: media.Encoding(strings.ToLower(encoding)), Rate: rate}
}

// codec is the codec of one socket
// (https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming).
// Telnyx can hand a token to the socket, but not when an answer starts the
// stream: none is used, as the socket's address is a capability by itself.
type codec struct {
	out     media.Format // ours, as it was asked for; the carrier's is announced
	swap    bool         // its 16-bit samples are big-endian
	swapIn  bool
	states  stateKey
	reader  jsonstream.Reader
	tracks  [2]track // inbound, outbound
	voice   voice
	marks   jsonstream.Marks
	started bool
}

func newCodec(c provider.CodecConfig) provider.Codec {
	return &codec{
		out:    cmp.Or(wanted(c.Want, streamFormat(c.Config)), ulaw),
		swap:   c.Config.String(fieldByteOrder) != littleEndian,
		states: newStateKey(c.Config.String(fieldAPIKey)),
	}
}

// Decode implements provider.Codec. Telnyx numbers the messages of each track,
// and does not promise to send them in order.
func (c *codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if msg.Binary {
		return append(out, warning("binary message")), nil
	}
	m, err := c.reader.Read(msg.Data)
	switch {
	case errors.Is(err, jsonstream.ErrSyntax):
		return append(out, warning(err.Error())), nil
	case m.Event != jsonstream.EventMedia:
		return c.decodeEvent(m.Event, msg.Data, out)
	case !c.started:
		return append(out, warning("media before start")), nil
	case err != nil:
		return append(out, warning(err.Error())), nil
	case len(m.Audio) == 0:
		return out, nil
	}
	if c.swapIn {
		m.Audio = m.Audio[:len(m.Audio)/2*2]
		swapBytes(m.Audio)
	}
	t := &c.tracks[0]
	if m.Track == "inbound" {
		m.Track = ""
	}
	if m.Track != "" {
		t = &c.tracks[1]
	}
	return t.add(m.Chunk, media.Event{Kind: media.EventAudio, Audio: m.Audio, Track: m.Track}, out), nil
}

// message is one other than media.
type message struct {
	StreamID word  `json:"stream_id"`
	Start    start `json:"start"`
	DTMF     struct {
		Digit word `json:"digit"`
	} `json:"dtmf"`
	Mark struct {
		Name word `json:"name"`
	} `json:"mark"`
	Payload struct { // of an error
		Code   word `json:"code"`
		Title  word `json:"title"`
		Detail word `json:"detail"`
	} `json:"payload"`
}

type start struct {
	UserID        word            `json:"user_id"`
	CallControlID word            `json:"call_control_id"`
	CallSessionID word            `json:"call_session_id"`
	ClientState   word            `json:"client_state"`
	Parameters    map[string]word `json:"custom_parameters"`
	Format        struct {
		Encoding   string `json:"encoding"`
		SampleRate int    `json:"sample_rate"`
		Channels   int    `json:"channels"`
	} `json:"media_format"`
}

func (c *codec) decodeEvent(name string, doc []byte, out []media.Event) ([]media.Event, error) {
	switch name {
	case "start", "dtmf", "mark", "stop", "error":
	default: // connected, and whatever Telnyx may add
		return out, nil
	}
	var m message
	if err := json.Unmarshal(doc, &m); err != nil {
		if name == "start" {
			return out, fmt.Errorf("start: %w", err)
		}
		return append(out, warning(name+" cannot be read")), nil
	}
	switch name {
	case "start":
		return c.start(&m, out)
	case "dtmf":
		digit := strings.ToUpper(string(m.DTMF.Digit))
		if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) {
			return append(out, warning(fmt.Sprintf("dtmf digit %.8q", digit))), nil
		}
		return append(out, media.Event{Kind: media.EventDTMF, Digit: digit}), nil
	case "mark":
		return append(out, c.marks.Returned(string(m.Mark.Name))), nil
	case "error":
		p := m.Payload
		return append(out, warning(fmt.Sprintf("telnyx: %.60s (%.20s): %.200s", p.Title, p.Code, p.Detail))), nil
	}
	for i := range c.tracks {
		out = c.tracks[i].flush(out)
	}
	return append(out, media.Event{Kind: media.EventStopped, Reason: "stop"}), nil
}

// start reads the announcement of the stream. Telnyx sends in the codec of the
// leg where it cannot convert, and takes what was asked for.
func (c *codec) start(m *message, out []media.Event) ([]media.Event, error) {
	s := &m.Start
	switch {
	case c.started:
		return append(out, warning("second start")), nil
	case m.StreamID == "":
		return out, errors.New("start names no stream")
	case s.Format.Channels > 1:
		return out, fmt.Errorf("start announces %d channels, want one", s.Format.Channels)
	}
	in := c.out
	detail := map[string]string{}
	if s.Format.Encoding != "" {
		in = announced(s.Format.Encoding, s.Format.SampleRate)
		detail["rtp_clock"], detail["audio_rate"] = strconv.Itoa(s.Format.SampleRate), strconv.Itoa(in.Rate)
	}
	c.started, c.swapIn = true, c.swap && in.Encoding == media.L16
	c.voice.prepare(c.out, c.swap)
	known, plain := c.states.decode(string(s.ClientState))
	params := known.Param
	for name, value := range s.Parameters {
		if params == nil {
			params = map[string]string{}
		}
		params[name] = string(value)
	}
	for name, value := range map[string]word{"user_id": s.UserID, "call_session_id": s.CallSessionID, "client_state": word(plain)} {
		if value != "" {
			detail[name] = string(value)
		}
	}
	return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{
		StreamID: string(m.StreamID), LegID: string(s.CallControlID),
		In: in, Out: c.out, Params: params, Detail: detail,
	}}), nil
}

// Encode implements provider.Codec. There is no message for keys, for an answer
// or for the end of a stream. Messages need not name the stream.
func (c *codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	switch cmd.Kind {
	case media.CommandAudio, media.CommandMark, media.CommandClear:
		if !c.started {
			return out, errors.New("the stream has not started")
		}
	}
	switch cmd.Kind {
	case media.CommandAudio:
		return c.voice.say(cmd.Audio, out), nil
	case media.CommandMark:
		name, err := json.Marshal(cmd.Name)
		if err != nil {
			return out, err
		}
		c.marks.Set(cmd.Name)
		out = c.voice.flush(out)
		return append(out, media.Message{Data: []byte(`{"event":"mark","mark":{"name":` + string(name) + `}}`)}), nil
	case media.CommandClear:
		c.voice.drop()
		c.marks.Clear()
		return append(out, media.Message{Data: []byte(`{"event":"clear"}`)}), nil
	}
	return out, nil
}

func warning(reason string) media.Event {
	return media.Event{Kind: media.EventWarning, Reason: reason}
}

// maxMessage is the longest that one message may play. The shortest is a frame:
// what becomes of less is undefined.
const maxMessage = 30 * time.Second

// voice writes audio in messages of whole frames.
type voice struct {
	writer  jsonstream.Writer
	frame   int // bytes
	most    int // bytes of a message
	swap    bool
	silence byte
	held    []byte // what fills no frame yet
}

func (v *voice) prepare(f media.Format, bigEndian bool) {
	v.writer.Head, v.writer.Tail = `{"event":"media","media":{"payload":"`, `"}}`
	v.frame = f.FrameBytes()
	v.most = v.frame * int(maxMessage/media.Frame)
	switch f.Encoding {
	case media.ULaw:
		v.silence = 0xFF
	case media.ALaw:
		v.silence = 0xD5
	default:
		v.swap = bigEndian
	}
}

// say appends the messages that carry audio, and holds back a rest that fills
// no frame.
func (v *voice) say(audio []byte, out []media.Message) []media.Message {
	if len(v.held) == 0 && !v.swap && len(audio)%v.frame == 0 {
		return v.write(audio, out)
	}
	v.held = append(v.held, audio...)
	whole := len(v.held) / v.frame * v.frame
	if v.swap {
		swapBytes(v.held[:whole])
	}
	out = v.write(v.held[:whole], out)
	v.held = append(v.held[:0], v.held[whole:]...)
	return out
}

// flush appends what is held back, filled up with silence.
func (v *voice) flush(out []media.Message) []media.Message {
	if len(v.held) == 0 {
		return out
	}
	return v.say(bytes.Repeat([]byte{v.silence}, v.frame-len(v.held)), out)
}

func (v *voice) drop() { v.held = v.held[:0] }

// write appends messages with whole frames. There is more than one only where
// the carrier takes no longer one.
func (v *voice) write(audio []byte, out []media.Message) []media.Message {
	for ; len(audio) > v.most; audio = audio[v.most:] {
		out = append(out, media.Message{Data: bytes.Clone(v.writer.Audio(audio[:v.most]))})
	}
	if len(audio) > 0 {
		out = append(out, media.Message{Data: v.writer.Audio(audio)})
	}
	return out
}

// swapBytes turns the byte order of 16-bit samples in place.
func swapBytes(audio []byte) {
	for i := 0; i+1 < len(audio); i += 2 {
		audio[i], audio[i+1] = audio[i+1], audio[i]
	}
}
