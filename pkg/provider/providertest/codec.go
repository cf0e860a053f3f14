package providertest

import (
	"bytes"
	"math/rand/v2"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// opened makes a codec and lets the carrier open the stream, nil when it does
// not start.
func (e *env) opened(f *failures) (provider.Codec, *media.Start) {
	codec := e.account.NewCodec(provider.CodecConfig{})
	var start *media.Start
	for _, m := range e.Opening {
		events, err := codec.Decode(m, nil)
		if err != nil {
			f.addf("open: %v", err)
			return nil, nil
		}
		for _, event := range events {
			if event.Kind == media.EventStarted && event.Start != nil {
				start = keep(event.Start)
			}
		}
	}
	if start == nil {
		f.addf("the opening starts no stream: %d messages", len(e.Opening))
		return nil, nil
	}
	return codec, start
}

// checkCodec holds that audio goes out as it was given, in frames and in
// pieces, and that nothing of a codec is shared with the next.
func checkCodec(e *env) (f failures) {
	if e.spec.NewCodec == nil {
		return nil
	}
	codec, start := e.opened(&f)
	if codec == nil {
		return f
	}
	if !start.In.Valid() || !start.Out.Valid() {
		f.addf("the stream starts with formats %s and %s, which nobody can handle", start.In, start.Out)
		return f
	}
	frame := start.Out.FrameBytes()
	e.sayAudio(&f, start.Out, frame)
	e.sayAudio(&f, start.Out, frame/2)
	e.sayAudio(&f, start.Out, 3*frame+start.Out.SampleBytes())
	e.appends(&f, codec, start.Out)
	return f
}

// sayAudio sends audio in pieces of a size and a mark, and finds it again in
// what the codec writes: whole, in order, before the mark, with nothing behind
// it but what fills up the last frame.
func (e *env) sayAudio(f *failures, format media.Format, size int) {
	codec, _ := e.opened(f)
	if codec == nil {
		return
	}
	random := rand.New(rand.NewPCG(3, uint64(size)))
	var given, found []byte
	for range 20 {
		piece := make([]byte, size)
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		given = append(given, piece...)
		found = e.encode(f, codec, media.Command{Kind: media.CommandAudio, Audio: piece}, found)
	}
	found = e.encode(f, codec, media.Command{Kind: media.CommandMark, Name: "end"}, found)
	rest, ok := bytes.CutPrefix(found, given)
	if !ok && format.Encoding == media.L16 {
		rest, ok = bytes.CutPrefix(swapped(found), given)
	}
	switch {
	case !ok:
		f.addf("audio in pieces of %d bytes: %d bytes went in, and other %d came out before the mark", size, len(given), len(found))
	case len(rest) >= format.FrameBytes():
		f.addf("audio in pieces of %d bytes: %d bytes too many came out", size, len(rest))
	}
}

func (e *env) encode(f *failures, codec provider.Codec, cmd media.Command, found []byte) []byte {
	messages, err := codec.Encode(cmd, nil)
	if err != nil {
		f.addf("encode: %v", err)
	}
	for _, m := range messages {
		found = append(found, audioOf(m)...)
	}
	return found
}

// appends holds that a codec leaves alone what stands in the slices it is given.
func (e *env) appends(f *failures, codec provider.Codec, format media.Format) {
	kept := media.Message{Data: []byte("kept")}
	messages, err := codec.Encode(media.Command{Kind: media.CommandAudio, Audio: make([]byte, format.FrameBytes())}, []media.Message{kept})
	if err != nil || len(messages) < 2 || string(messages[0].Data) != "kept" {
		f.addf("Encode does not append a frame of audio to what is there: %d messages, %v", len(messages), err)
	}
	events, err := codec.Decode(media.Message{Data: []byte("{}")}, []media.Event{{Kind: media.EventFlow}})
	if err != nil || len(events) == 0 || events[0].Kind != media.EventFlow {
		f.addf("Decode does not append to what is there: %d events, %v", len(events), err)
	}
}

// checkNoise lets a codec read what no carrier sends and do what no agent
// asks, before and after the start of the stream.
func checkNoise(e *env) (f failures) {
	if e.spec.NewCodec == nil {
		return nil
	}
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		var own failures
		codec := e.account.NewCodec(provider.CodecConfig{LegID: "leg-1"})
		if round%2 == 0 {
			codec, _ = e.opened(&own)
		}
		if codec == nil {
			return own
		}
		for range 20 {
			e.disturb(&f, codec, random)
		}
	}
	return f
}

// disturb makes one noise.
func (e *env) disturb(f *failures, codec provider.Codec, random *rand.Rand) {
	defer f.caught("codec")
	if random.IntN(3) == 0 {
		cmd := media.Command{
			Kind: media.CommandKind(random.IntN(9)), Audio: make([]byte, random.IntN(700)),
			Name: `"<` + strings.Repeat("x", random.IntN(5)), Digits: "1w#",
		}
		_, err := codec.Encode(cmd, nil)
		e.leak(f, "encode", err)
		return
	}
	text := []byte(`{"event":"media","media":{"payload":"AAAA","track":"inbound"}}`)
	if n := len(e.Opening); n > 0 && random.IntN(2) == 0 {
		text = e.Opening[random.IntN(n)].Data
	}
	m := media.Message{Binary: random.IntN(4) == 0, Data: garble(random, text)}
	events, err := codec.Decode(m, nil)
	e.leak(f, "decode", err)
	for _, event := range events {
		if event.Kind == media.EventDTMF && (len(event.Digit) != 1 || !strings.Contains("0123456789*#ABCD", event.Digit)) {
			f.addf("decode: %s makes the digit %q", m.Data, event.Digit)
		}
	}
}
