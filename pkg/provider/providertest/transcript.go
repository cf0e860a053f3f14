package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// frame is one line of a transcript.
type frame struct {
	From    string          `json:"from"` // carrier, server, engine or clock
	Text    *string         `json:"text"`
	Binary  *string         `json:"binary"` // base64
	Close   *closing        `json:"close"`
	Open    bool            `json:"open"` // a new socket for the same call
	Command *order          `json:"command"`
	Advance json.RawMessage `json:"advance_ms"`
}

type closing struct {
	Code int `json:"code"`
}

// message is what the frame puts on the wire, nil when it puts nothing.
func (f frame) message() (*media.Message, error) {
	switch {
	case f.Text != nil:
		return &media.Message{Data: []byte(*f.Text)}, nil
	case f.Binary != nil:
		data, err := base64.StdEncoding.DecodeString(*f.Binary)
		return &media.Message{Binary: true, Data: data}, err
	}
	return nil, nil
}

// frames reads the lines of a media case.
func (c Case) frames() ([]frame, error) {
	doc, err := json.Marshal(c.Value("messages"))
	if err != nil {
		return nil, err
	}
	var list []frame
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	err = dec.Decode(&list)
	return list, err
}

// checkTranscript plays a transcript through one codec and compares what came
// of it.
func (s *sheet) checkTranscript(c Case) (o outcome) {
	frames, err := c.frames()
	if err != nil {
		o.addf("messages: %v", err)
		return o
	}
	account, err := s.account(c)
	if err != nil {
		o.addf("open: %v", err)
		return o
	}
	p := &player{o: &o, now: c.now(), account: account, adapter: s.adapter, session: session{want: wanted(frames)}}
	p.config = provider.CodecConfig{
		Want: p.session.want, LegID: scalar(c.expect()["expected_call_id"]), Header: upgradeHeader(c),
		Now: func() time.Time { return p.now },
	}
	if !p.open() {
		return o
	}
	for i, f := range frames {
		if err := p.play(f); err != nil {
			o.addf("frame %d, from %s: %v", i+1, f.From, err)
			return o
		}
	}
	if len(p.written) > 0 {
		o.addf("wrote %d messages more than recorded: %s", len(p.written), p.written[0].Data)
	}
	if input, format := c.input(p.session.out()); input != nil {
		if err := p.feed(input, format, s.opening); err != nil {
			o.addf("input: %v", err)
		}
	}
	o.join(s.compareSession(c, &p.session))
	return o
}

func upgradeHeader(c Case) (h provider.Header) {
	lines, _ := c.Value("upgrade_headers").(map[string]any)
	for _, name := range sortedKeys(lines) {
		h = append(h, provider.Field{Name: name, Value: scalar(lines[name])})
	}
	return h
}

// player plays frames through a codec.
type player struct {
	o       *outcome
	account *provider.Account
	adapter Adapter
	config  provider.CodecConfig
	codec   provider.Codec
	session session
	now     time.Time       // of the codec's clock
	written []media.Message // by the codec, and not yet found in the transcript
}

func (p *player) open() bool {
	p.codec = p.account.NewCodec(p.config)
	if p.codec == nil {
		p.o.addf("the provider has no codec")
	}
	return p.codec != nil
}

func (p *player) play(f frame) error {
	m, err := f.message()
	if err != nil {
		return err
	}
	switch {
	case f.From == "carrier" && f.Open:
		p.open()
	case f.Close != nil:
		p.session.closed = true
	case f.From == "carrier" && m != nil:
		p.hear(*m)
	case f.From == "server" && m != nil:
		return p.say(f, *m)
	case f.From == "engine" && f.Command != nil:
		return p.hold(f.Command)
	case f.From == "clock":
		ms, err := strconv.Atoi(string(f.Advance))
		p.now = p.now.Add(time.Duration(ms) * time.Millisecond)
		return err
	default:
		return errors.New("no such frame is known")
	}
	return nil
}

// hear gives a message to the codec. Nothing is read any more after an error:
// the socket is closed then.
func (p *player) hear(m media.Message) {
	if p.session.err != nil {
		return
	}
	p.session.arrive(m)
	events, err := p.codec.Decode(m, nil)
	for _, e := range events {
		p.session.take(e, p.config.LegID)
	}
	if err != nil {
		p.session.err = err
	}
}

// say holds that the codec writes a recorded message. A message that has no
// command of its own is the rest of what the last one made, or its command
// follows from its text.
func (p *player) say(f frame, want media.Message) error {
	cmd, err := p.command(f, want)
	if f.Command == nil && len(p.written) == 0 { // it may be what was held back
		if err := p.do(media.Command{}); err != nil {
			return err
		}
	}
	if f.Command != nil || len(p.written) == 0 {
		if err != nil {
			return err
		}
		if err := p.do(cmd); err != nil {
			return err
		}
	}
	if len(p.written) == 0 {
		return fmt.Errorf("the codec wrote nothing, want %s", want.Data)
	}
	got := p.written[0]
	p.written = p.written[1:]
	return sameMessage(got, want, p.adapter.Optional)
}

// command is the one recorded with the message, or follows from the message.
// Recorded samples are little-endian, those of the wire perhaps not.
func (p *player) command(f frame, m media.Message) (media.Command, error) {
	if f.Command != nil {
		return f.Command.command()
	}
	cmd, err := commandOf(m)
	if p.adapter.BigEndian && p.session.out().Encoding == media.L16 {
		cmd.Audio = swapped(cmd.Audio)
	}
	return cmd, err
}

// hold gives a command that must put nothing on the wire.
func (p *player) hold(o *order) error {
	cmd, err := o.command()
	if err != nil {
		return err
	}
	before := len(p.written)
	if err := p.do(cmd); err != nil {
		return err
	}
	if n := len(p.written) - before; n > 0 {
		return fmt.Errorf("wrote %d messages, want none: %s", n, p.written[before].Data)
	}
	return nil
}

// do carries out a command and keeps what the codec wrote.
func (p *player) do(cmd media.Command) error {
	messages, err := p.codec.Encode(cmd, nil)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	p.session.sent(cmd, messages)
	for _, m := range messages {
		p.written = append(p.written, media.Message{Binary: m.Binary, Data: bytes.Clone(m.Data)})
	}
	return nil
}

// feed sends input in frames, then a mark, which must not overtake the rest of
// a frame. A case without frames of its own starts as the file's others do.
func (p *player) feed(input []byte, format media.Format, opening []media.Message) error {
	if p.session.start == nil {
		for _, m := range opening {
			p.hear(m)
		}
	}
	for size := format.FrameBytes(); len(input) > 0; {
		n := min(size, len(input))
		if err := p.do(media.Command{Kind: media.CommandAudio, Audio: input[:n]}); err != nil {
			return err
		}
		input = input[n:]
	}
	return p.do(media.Command{Kind: media.CommandMark, Name: "end-of-input"})
}

// sameMessage compares messages: binary ones by bytes, texts as JSON values.
func sameMessage(got, want media.Message, optional []string) error {
	if got.Binary != want.Binary {
		return fmt.Errorf("wrote binary: %v, want %v", got.Binary, want.Binary)
	}
	if got.Binary {
		if !bytes.Equal(got.Data, want.Data) {
			return fmt.Errorf("wrote %d bytes %x, want %d bytes %x", len(got.Data), got.Data, len(want.Data), want.Data)
		}
		return nil
	}
	var a, b any
	if err := decodeJSON(got.Data, &a); err != nil {
		return fmt.Errorf("wrote %s: %w", got.Data, err)
	}
	if err := decodeJSON(want.Data, &b); err != nil {
		return err
	}
	x, isObject := a.(map[string]any)
	y, _ := b.(map[string]any)
	for _, key := range optional {
		if _, wanted := y[key]; isObject && !wanted {
			delete(x, key)
		}
	}
	if diff := cmp.Diff(b, a); diff != "" {
		return fmt.Errorf("wrote another message (-want +got):\n%s", diff)
	}
	return nil
}

// findOpening returns the carrier's messages up to the announcement of a
// stream, from the first transcript that has one.
func (s *sheet) findOpening() []media.Message {
	for _, c := range s.cases[sectionMedia] {
		frames, err := c.frames()
		if err != nil || s.spec.NewCodec == nil {
			continue
		}
		codec := s.spec.NewCodec(provider.CodecConfig{Want: s.spec.Format})
		var opening []media.Message
		for _, f := range frames {
			m, err := f.message()
			if err != nil || m == nil || f.From != "carrier" {
				break
			}
			opening = append(opening, *m)
			events, err := codec.Decode(*m, nil)
			if err != nil {
				break
			}
			for _, e := range events {
				if e.Kind == media.EventStarted {
					return opening
				}
			}
		}
	}
	return nil
}
