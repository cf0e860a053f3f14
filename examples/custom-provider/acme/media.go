package acme

import (
	"encoding/json"
	"errors"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// codec speaks Acme's media protocol: binary messages are PCM16 little-endian
// at 16 kHz, text messages are JSON.
type codec struct{ started bool }

type message struct {
	Type    string `json:"type"` // start, digit, mark, stop; to Acme: mark, clear
	Account string `json:"account,omitempty"`
	Leg     string `json:"leg,omitempty"`
	Stream  string `json:"stream,omitempty"`
	Digit   string `json:"digit,omitempty"`
	Name    string `json:"name,omitempty"`
}

// Decode implements provider.Codec.
func (c *codec) Decode(msg media.Message, out []media.Event) ([]media.Event, error) {
	if msg.Binary {
		switch {
		case !c.started:
			return out, errors.New("audio before start")
		case len(msg.Data)%2 != 0:
			return append(out, media.Event{Kind: media.EventWarning, Reason: "half a sample"}), nil
		}
		return append(out, media.Event{Kind: media.EventAudio, Audio: msg.Data}), nil
	}
	var m message
	if json.Unmarshal(msg.Data, &m) != nil { // one bad message ends no call
		return append(out, media.Event{Kind: media.EventWarning, Reason: "message cannot be read"}), nil //nolint:nilerr // told in the event
	}
	switch m.Type {
	case "start":
		c.started = true
		return append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{
			StreamID: m.Stream, LegID: m.Leg, AccountID: m.Account, In: spec.Format, Out: spec.Format}}), nil
	case "digit":
		return append(out, media.Event{Kind: media.EventDTMF, Digit: m.Digit}), nil
	case "mark":
		return append(out, media.Event{Kind: media.EventMark, Name: m.Name}), nil
	case "stop":
		return append(out, media.Event{Kind: media.EventStopped, Reason: "stop"}), nil
	}
	return out, nil
}

// Encode implements provider.Codec.
func (c *codec) Encode(cmd media.Command, out []media.Message) ([]media.Message, error) {
	var m message
	switch cmd.Kind {
	case media.CommandAudio:
		return append(out, media.Message{Binary: true, Data: cmd.Audio}), nil
	case media.CommandMark:
		m = message{Type: "mark", Name: cmd.Name}
	case media.CommandClear:
		m = message{Type: "clear"}
	default:
		return out, nil // Acme has nothing like it
	}
	doc, err := json.Marshal(m)
	return append(out, media.Message{Data: doc}), err
}

var _ provider.Codec = (*codec)(nil)
