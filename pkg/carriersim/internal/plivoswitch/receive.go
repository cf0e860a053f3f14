package plivoswitch

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// message is one of the gateway's.
type message struct {
	Event    string `json:"event"`
	StreamID string `json:"streamId"`
	Name     string `json:"name"`
	DTMF     string `json:"dtmf"`
	Media    struct {
		ContentType string `json:"contentType"`
		SampleRate  int    `json:"sampleRate"`
		Payload     string `json:"payload"`
	} `json:"media"`
}

// receive takes a message of the gateway's. After stop there is nothing more to
// be said.
func (st *stream) receive(binary bool, data []byte) {
	var msg message
	if err := json.Unmarshal(data, &msg); err != nil || binary || len(data) > maxMessage {
		st.s.Warn("message of %d bytes is dropped: %v", len(data), err)
		return
	}
	if st.wasStopped() {
		st.s.Warn("%s after stop", msg.Event)
		return
	}
	own := msg.StreamID == st.id
	switch stops := st.s.c.m.Stream.Stops; {
	case msg.Event == "playAudio" && (own || msg.StreamID == ""):
		st.play(&msg)
	case msg.Event == "checkpoint" && own && msg.Name != "":
		st.playout.Mark(msg.Name)
	case msg.Event == "clearAudio" && own:
		st.clear()
	case msg.Event == "sendDTMF" && !stops:
		st.dial(msg.DTMF)
	case msg.Event == "stop" && stops && own:
		st.mu.Lock()
		st.stopping = true
		close(st.stopped)
		st.mu.Unlock()
	default:
		st.s.Warn("message %q of stream %q, name %q, means nothing here", msg.Event, msg.StreamID, msg.Name)
	}
}

func (st *stream) dial(digits string) {
	if digits == "" || !keys.MatchString(digits) {
		st.s.Warn("digits %q", digits)
		return
	}
	st.s.HearKeys(digits)
}

// clear drops what waits to be played. Where it takes a while, what comes
// meanwhile is dropped with it.
func (st *stream) clear() {
	st.s.Note("clear")
	after := st.s.c.m.Stream.ClearAfter
	if after == 0 {
		st.cleared()
		return
	}
	st.s.c.Go(func(context.Context) {
		if carriersim.Sleep(st.s.Context(), after) == nil {
			st.cleared()
		}
	})
}

// play queues audio.
func (st *stream) play(msg *message) {
	f := format{msg.Media.ContentType, msg.Media.SampleRate}
	if f != st.order.format && (!st.s.c.m.Stream.AnyFormat || !st.s.c.m.Stream.offers(f)) {
		st.s.Warn("audio in %s at %d Hz is dropped, the stream has %s at %d Hz", f.encoding, f.rate, st.order.format.encoding, st.order.format.rate)
		return
	}
	if !st.order.both {
		st.s.Warn("audio for a stream that is not bidirectional")
		return
	}
	codes, err := base64.StdEncoding.DecodeString(msg.Media.Payload)
	if err != nil || len(msg.Media.Payload) > maxPayload || f.l16() && len(codes)%audio.BytesPerSample != 0 {
		st.s.Warn("audio of %d characters is dropped: %v", len(msg.Media.Payload), err)
		return
	}
	pcm := make([]int16, len(codes))
	if f.l16() {
		pcm = pcm[:audio.DecodeLE(pcm, codes)]
	} else {
		pcm = pcm[:g711.DecodeULaw(pcm, codes)]
	}
	if st.outRate != f.rate {
		st.out, _ = resample.New(f.rate, st.s.Rate()) // as in newStream
		st.outRate = f.rate
	}
	if dropped := st.playout.Write(st.out.Process(nil, pcm)); dropped > 0 {
		st.s.Warn("playback buffer is full: %d samples are dropped", dropped)
	}
	st.report()
}

// report tells the status callback how full the playback buffer is, when that
// reaches another degree. It has to sink below the first before one is told
// again.
func (st *stream) report() {
	percent := 100 * st.playout.Waiting() / audio.Samples(playbackLimit, st.s.Rate())
	degree := 0
	for degree < len(degrees) && percent >= degrees[degree] {
		degree++
	}
	if degree > st.degree {
		st.tell("DegradedStream", nil)
		st.degree = degree
	} else if degree == 0 {
		st.degree = 0
	}
}
