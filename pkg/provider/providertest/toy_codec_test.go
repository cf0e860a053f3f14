package providertest

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// toyCodec speaks the toy's media protocol.
type toyCodec struct {
	fault   string
	want    media.Format
	started bool
	waiting []string // marks
	clears  bool     // a clear is not confirmed yet
}

type toyFrame struct {
	Event  string `json:"event"`
	Stream string `json:"stream,omitempty"`
	Leg    string `json:"leg,omitempty"`
	Format string `json:"format,omitempty"`
	Name   string `json:"name,omitempty"`
	Digit  string `json:"digit,omitempty"`
	Media  *struct {
		Track   string `json:"track,omitempty"`
		Payload []byte `json:"payload"`
	} `json:"media,omitempty"`
	Mark *struct {
		Name string `json:"name"`
	} `json:"mark,omitempty"`
}

func (c *toyCodec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if c.fault == "codec-panics" && bytes.Contains(msg.Data, []byte("null")) {
		panic("null")
	}
	if c.fault == "overwrites" {
		out = out[:0]
	}
	var f toyFrame
	if err := json.Unmarshal(msg.Data, &f); err != nil {
		return append(out, media.Event{Kind: media.EventWarning, Reason: "no JSON"}), nil
	}
	switch {
	case f.Event == "start" && !c.started:
		format, err := media.ParseFormat(f.Format)
		if err != nil {
			return out, err
		}
		c.started = true
		return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{StreamID: f.Stream, LegID: f.Leg, In: format, Out: format}}), nil
	case f.Event == "media" && !c.started:
		return out, errors.New("media before start")
	case f.Event == "media" && f.Media != nil:
		return append(out, media.Event{Kind: media.EventAudio, Audio: f.Media.Payload}), nil
	case f.Event == "dtmf" && (len(f.Digit) == 1 && bytes.Contains([]byte("0123456789*#ABCD"), []byte(f.Digit))):
		return append(out, media.Event{Kind: media.EventDTMF, Digit: f.Digit}), nil
	case c.fault == "bad-digit":
		return append(out, media.Event{Kind: media.EventDTMF, Digit: "no digit"}), nil
	case f.Event == "mark" && f.Mark != nil:
		return append(out, media.Event{Kind: media.EventMark, Name: f.Mark.Name, Cleared: c.clears}), nil
	case f.Event == "cleared":
		c.clears = false
		return append(out, media.Event{Kind: media.EventCleared}), nil
	case f.Event == "stop":
		return append(out, media.Event{Kind: media.EventStopped, Reason: "stop"}), nil
	}
	return out, nil
}

func (c *toyCodec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	if !c.started {
		return out, errors.New("not started")
	}
	var f toyFrame
	switch cmd.Kind {
	case media.CommandAudio:
		if c.clears && c.fault != "held-audio" || c.fault == "swallows" && len(cmd.Audio) < c.want.FrameBytes() || len(cmd.Audio) == 0 {
			return out, nil // nothing is said before a clear is confirmed
		}
		f.Event = "media"
		f.Media = &struct {
			Track   string `json:"track,omitempty"`
			Payload []byte `json:"payload"`
		}{Payload: cmd.Audio}
	case media.CommandMark:
		f.Event = "mark"
		f.Mark = &struct {
			Name string `json:"name"`
		}{cmd.Name}
		c.waiting = append(c.waiting, cmd.Name)
	case media.CommandClear:
		f.Event = "clear"
		c.clears = true
	case media.CommandStop:
		f.Event = "stop"
	default:
		return out, nil
	}
	doc, err := json.Marshal(f)
	if err != nil {
		return out, err
	}
	return append(out, media.Message{Data: doc}), nil
}
