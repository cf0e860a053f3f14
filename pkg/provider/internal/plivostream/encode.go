package plivostream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/jsonstream"
)

// maxAudio is the most audio that one message may carry, in bytes: 16 KB of
// base64.
const maxAudio = 12 << 10

// Encode implements provider.Codec. Audio that is said between a clear and its
// confirmation is held back where the carrier would drop it; the next command
// writes it, the zero command nothing else. A mark between the two is not set
// at the carrier: whoever set it returns it.
func (c *Codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	if c.stream == "" {
		switch cmd.Kind {
		case media.CommandAudio, media.CommandMark, media.CommandClear, media.CommandDTMF:
			return out, errors.New("the stream has not started")
		}
		return out, nil
	}
	if c.over {
		return out, nil // the carrier takes nothing behind a stop
	}
	if cmd.Kind == media.CommandClear {
		c.voice.drop()
	}
	waits := c.waits()
	if !waits {
		out = c.voice.release(out)
	}
	switch cmd.Kind {
	case media.CommandAudio:
		if waits {
			c.voice.hold(cmd.Audio)
			return out, nil
		}
		return c.voice.say(cmd.Audio, out), nil
	case media.CommandMark:
		if waits {
			return out, nil
		}
		c.marks.Set(cmd.Name)
		return append(out, c.message("checkpoint", `,"name":`+quote(cmd.Name))), nil
	case media.CommandClear:
		c.marks.Clear()
		c.clears, c.since = c.clears+1, c.now()
		return append(out, c.message("clearAudio", "")), nil
	case media.CommandDTMF:
		if c.dialect.Digits {
			out = append(out, media.Message{Data: []byte(`{"event":"sendDTMF","dtmf":` + quote(cmd.Digits) + `}`)})
		}
	case media.CommandStop:
		if c.dialect.Stop {
			c.over = true
			out = append(out, c.message("stop", ""))
		}
	}
	return out, nil
}

// waits reports whether a clear has to be confirmed before anything is said.
func (c *Codec) waits() bool {
	if c.clears > 0 && (c.now().Sub(c.since) >= c.dialect.Wait || c.out.Duration(len(c.voice.held)) >= c.dialect.Wait) {
		c.clears = 0
	}
	return c.clears > 0
}

func (c *Codec) message(event, tail string) media.Message {
	return media.Message{Data: []byte(`{"event":"` + event + `","streamId":` + quote(c.stream) + tail + `}`)}
}

// voice writes audio.
type voice struct {
	writer jsonstream.Writer
	frame  int
	swaps  bool
	turned []byte
	held   []byte
}

func (v *voice) prepare(f media.Format, swaps bool) {
	v.frame, v.swaps = f.FrameBytes(), swaps && f.Encoding == media.L16
	v.writer.Head = `{"event":"playAudio","media":{"contentType":"` + nameOf(f) + `","sampleRate":` + strconv.Itoa(f.Rate) + `,"payload":"`
	v.writer.Tail = `"}}`
}

// say appends the messages that carry audio. There is more than one only where
// the carrier takes no longer one.
func (v *voice) say(audio []byte, out []media.Message) []media.Message {
	if v.swaps {
		v.turned = append(v.turned[:0], audio...)
		swap(v.turned)
		audio = v.turned
	}
	for len(audio) > maxAudio {
		out = append(out, media.Message{Data: bytes.Clone(v.writer.Audio(audio[:maxAudio]))})
		audio = audio[maxAudio:]
	}
	if len(audio) > 0 {
		out = append(out, media.Message{Data: v.writer.Audio(audio)})
	}
	return out
}

func (v *voice) hold(audio []byte) { v.held = append(v.held, audio...) }

func (v *voice) drop() { v.held = v.held[:0] }

// release appends what was held back, in frames.
func (v *voice) release(out []media.Message) []media.Message {
	for held := v.held; len(held) > 0; {
		n := min(v.frame, len(held))
		for _, m := range v.say(held[:n], nil) {
			out = append(out, media.Message{Data: bytes.Clone(m.Data)})
		}
		held = held[n:]
	}
	v.drop()
	return out
}

// swap turns the byte order of 16-bit samples in place.
func swap(audio []byte) {
	for i := 0; i+1 < len(audio); i += 2 {
		audio[i], audio[i+1] = audio[i+1], audio[i]
	}
}

func quote(s string) string {
	q, _ := json.Marshal(s) // a string always can be
	return string(q)
}
