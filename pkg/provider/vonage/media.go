package vonage

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// maxOrders bounds the marks and clears that are waited for. Beyond it the
// oldest is forgotten: a mark then comes back, or never does.
const maxOrders = 256

// What a media socket carries, both ways alike.
var (
	usual   = linear(16000)
	formats = []media.Format{linear(8000), usual, linear(24000)}
)

func linear(rate int) media.Format { return media.Format{Encoding: media.L16, Rate: rate} }

func speaks(f media.Format) bool { return slices.Contains(formats, f) }

const audioType = "audio/l16;rate="

func contentType(f media.Format) string { return audioType + strconv.Itoa(f.Rate) }

// codec is the codec of one media socket: raw little-endian samples in binary
// messages, JSON in texts. Vonage closes the socket on a binary message that
// is no frame of exactly 20 ms, so what is sent is cut into those.
type codec struct {
	format  media.Format
	started bool

	room []byte // what was sent last, and behind it
	held int    // as many bytes that make no frame yet

	orders []order // sent and not confirmed, in order
}

// order is a mark or a clear that Vonage has to confirm.
type order struct {
	mark  string
	state orderState
}

type orderState uint8

const (
	waiting orderState = iota
	lost               // to a clear, and reported so
	clearing
)

// newCodec makes the codec of a media socket. The rate is the one that the
// instruction asked for: audio may come before the text that repeats it.
func newCodec(c provider.CodecConfig) provider.Codec {
	if !speaks(c.Want) {
		c.Want = usual
	}
	return &codec{format: c.Want}
}

// message is a text from Vonage.
type message struct {
	Event       string          `json:"event"`
	ContentType string          `json:"content-type"`
	Digit       text            `json:"digit"`
	Duration    text            `json:"duration"` // ms
	Payload     json.RawMessage `json:"payload"`
}

// mark is the payload of a notification of ours.
type mark struct {
	Mark *string `json:"mark"`
}

// Decode implements provider.Codec.
func (c *codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if msg.Binary {
		if audio := whole(msg.Data); len(audio) > 0 {
			out = append(out, media.Event{Kind: media.EventAudio, Audio: audio})
		}
		return out, nil
	}
	var m message
	if err := json.Unmarshal(msg.Data, &m); err != nil {
		return append(out, warning("text is no JSON object with an event")), nil
	}
	switch m.Event {
	case "websocket:connected":
		return c.connected(&m, msg.Data, out)
	case "websocket:dtmf":
		return append(out, pressed(&m)), nil
	case "websocket:notify":
		var p mark
		if json.Unmarshal(m.Payload, &p) == nil && p.Mark != nil && c.reached(*p.Mark) {
			out = append(out, media.Event{Kind: media.EventMark, Name: *p.Mark})
		}
	case "websocket:cleared":
		out = c.cleared(out)
	}
	return out, nil
}

// connected starts the stream. What the instruction gave the socket stands
// beside the message's own members.
func (c *codec) connected(m *message, doc []byte, out []media.Event) ([]media.Event, error) {
	if c.started {
		return append(out, warning("second websocket:connected")), nil
	}
	if m.ContentType != "" {
		text, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(m.ContentType, " ", "")), audioType)
		rate, err := strconv.Atoi(text)
		if !ok || err != nil || !speaks(linear(rate)) {
			return out, fmt.Errorf("socket announces %.40q, want audio/l16 at 8000, 16000 or 24000 Hz", m.ContentType)
		}
		c.format = linear(rate)
	}
	var headers values
	if err := json.Unmarshal(doc, &headers); err != nil {
		return out, fmt.Errorf("websocket:connected: %w", err)
	}
	delete(headers, "event")
	delete(headers, "content-type")
	params := headers.texts()
	c.started = true
	return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{
		LegID: params[legHeader], In: c.format, Out: c.format, Params: params,
	}}), nil
}

func pressed(m *message) media.Event {
	digit := strings.ToUpper(string(m.Digit))
	if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) {
		return warning(fmt.Sprintf("dtmf digit %.8q", digit))
	}
	ms, _ := strconv.Atoi(string(m.Duration))
	return media.Event{Kind: media.EventDTMF, Digit: digit, DurationMS: ms}
}

// reached takes a mark that came back off the list, and reports whether that
// is news: whether marks survive a clear is not documented.
func (c *codec) reached(name string) bool {
	i := slices.Index(c.orders, order{name, waiting})
	fresh := i >= 0
	if !fresh {
		i = slices.Index(c.orders, order{name, lost})
	}
	if i < 0 {
		return true // forgotten, or not ours
	}
	c.orders = slices.Delete(c.orders, i, i+1)
	return fresh
}

// cleared takes the confirmation of a clear. The marks before it that have not
// come back until now went with the audio.
func (c *codec) cleared(out []media.Event) []media.Event {
	i := slices.Index(c.orders, order{state: clearing})
	for k := range max(i, 0) {
		if o := &c.orders[k]; o.state == waiting {
			o.state = lost
			out = append(out, media.Event{Kind: media.EventMark, Name: o.mark, Cleared: true})
		}
	}
	if i >= 0 {
		c.orders = slices.Delete(c.orders, i, i+1)
	}
	return append(out, media.Event{Kind: media.EventCleared})
}

// expect adds an order to those to be confirmed.
func (c *codec) expect(o order) {
	if len(c.orders) == maxOrders {
		c.orders = slices.Delete(c.orders, 0, 1)
	}
	c.orders = append(c.orders, o)
}

// Encode implements provider.Codec. The protocol has no message for keys, for
// an answer or for the end of a stream.
func (c *codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	switch cmd.Kind {
	case media.CommandAudio, media.CommandMark, media.CommandClear:
		if !c.started {
			return out, errors.New("the stream has not started")
		}
	}
	c.room = append(c.room[:0], c.room[len(c.room)-c.held:]...)
	switch cmd.Kind {
	case media.CommandAudio:
		c.room = append(c.room, whole(cmd.Audio)...)
		out = c.frames(out)
	case media.CommandMark: // it must not overtake the audio before it
		c.fill()
		out = append(c.frames(out), media.Message{Data: notification(cmd.Name)})
		c.expect(order{cmd.Name, waiting})
	case media.CommandClear:
		c.room, c.held = c.room[:0], 0
		out = append(out, media.Message{Data: []byte(`{"action":"clear"}`)})
		c.expect(order{state: clearing})
	case media.CommandStop:
		c.fill()
		out = c.frames(out)
	}
	return out, nil
}

// frames appends what makes whole frames, and holds back the rest.
func (c *codec) frames(out []media.Message) []media.Message {
	size, at := c.format.FrameBytes(), 0
	for ; at+size <= len(c.room); at += size {
		out = append(out, media.Message{Binary: true, Data: c.room[at : at+size]})
	}
	c.held = len(c.room) - at
	return out
}

// fill makes a frame of what was held back, with silence behind it.
func (c *codec) fill() {
	if c.held > 0 {
		c.room = append(c.room, make([]byte, c.format.FrameBytes()-c.held)...)
	}
}

// whole cuts off half a sample.
func whole(audio []byte) []byte { return audio[:len(audio)&^1] }

func notification(name string) []byte {
	doc, _ := json.Marshal(map[string]any{"action": "notify", "payload": mark{&name}}) // texts always can be
	return doc
}

func warning(reason string) media.Event {
	return media.Event{Kind: media.EventWarning, Reason: reason}
}
