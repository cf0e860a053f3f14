package telnyx

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
)

// The codecs of a stream that are simulated.
const (
	codecPCMU = "PCMU"
	codecPCMA = "PCMA"
	codecL16  = "L16"
)

// format is one direction of a stream.
type format struct {
	codec string
	rate  int // hertz
}

// encode appends sound to b as the codec has it. L16 is big-endian, unless it is
// turned around.
func (f format) encode(b []byte, pcm []int16, little bool) []byte {
	if f.codec != codecL16 {
		at := len(b)
		b = append(b, make([]byte, len(pcm))...)
		if f.codec == codecPCMA {
			g711.EncodeALaw(b[at:], pcm)
		} else {
			g711.EncodeULaw(b[at:], pcm)
		}
		return b
	}
	at := len(b)
	b = append(b, make([]byte, len(pcm)*audio.BytesPerSample)...)
	audio.EncodeLE(b[at:], pcm)
	if !little {
		audio.SwapBytes(b[at:])
	}
	return b
}

func (f format) decode(b []byte, little bool) []int16 {
	pcm := make([]int16, len(b))
	switch f.codec {
	case codecPCMU:
		g711.DecodeULaw(pcm, b)
		return pcm
	case codecPCMA:
		g711.DecodeALaw(pcm, b)
		return pcm
	}
	b = bytes.Clone(b[:len(b)&^1])
	if !little {
		audio.SwapBytes(b)
	}
	return pcm[:audio.DecodeLE(pcm, b)]
}

// file decodes a whole MP3 file, of which one a second may come.
func (st *stream) file(payload []byte) []int16 {
	pcm, rate, err := mp3.Decode(bytes.NewReader(payload))
	if err != nil {
		st.s.Warn("stream_bidirectional_mode is mp3, audio is dropped: %v", err)
		return nil
	}
	if time.Since(st.lastMP3) < mp3Pause {
		st.complain(errorRate, "rate_limit_reached", "At most one file a second.")
		return nil
	}
	st.lastMP3 = time.Now()
	if pcm, err = resample.All(pcm, rate, st.s.Rate()); err != nil {
		st.s.Warn("%v", err)
		return nil
	}
	return pcm
}

// track is one direction of the sound on a leg, on its way to the gateway.
type track struct {
	st    *stream
	name  string
	down  *resample.Resampler
	pcm   []int16
	chunk int
	held  []byte // a message that shall come late
}

// trackPair is what a stream sends; either may be missing.
type trackPair struct{ inbound, outbound *track }

func (st *stream) tracks() (pair trackPair, err error) {
	for name, place := range map[string]**track{"inbound": &pair.inbound, "outbound": &pair.outbound} {
		if st.order.track != name+"_track" && st.order.track != "both_tracks" {
			continue
		}
		down, err := resample.New(st.s.Rate(), st.order.toGateway.rate)
		if err != nil {
			return pair, err
		}
		*place = &track{st: st, name: name, down: down}
	}
	return pair, nil
}

// Said implements carriersim.Sink: it sends a frame to the gateway.
func (t *track) Said(frame []int16) {
	st := t.st
	t.pcm = t.down.Process(t.pcm[:0], frame)
	payload := st.order.toGateway.encode(nil, t.pcm, st.s.c.opt.LittleEndian)
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.live {
		return
	}
	st.sequence++
	t.chunk++
	msg := make([]byte, 0, 256+len(payload)*2)
	msg = append(msg, `{"event":"media","sequence_number":"`...)
	msg = strconv.AppendInt(msg, int64(st.sequence), 10)
	msg = append(msg, `","media":{"track":"`...)
	msg = append(msg, t.name...)
	msg = append(msg, `","chunk":"`...)
	msg = strconv.AppendInt(msg, int64(t.chunk), 10)
	msg = append(msg, `","timestamp":"`...)
	msg = strconv.AppendInt(msg, int64(t.chunk)*audio.FrameDuration.Milliseconds(), 10)
	msg = append(msg, `","payload":"`...)
	msg = base64.StdEncoding.AppendEncode(msg, payload)
	msg = append(msg, `"},"stream_id":"`...)
	msg = append(msg, st.id...)
	msg = append(msg, `"}`...)
	if n := st.s.c.opt.SwapEvery; n > 0 && t.held == nil && t.chunk%n == 0 {
		t.held = msg
		return
	}
	st.socket.Send(false, msg)
	if t.held != nil {
		st.socket.Send(false, t.held)
		t.held = nil
	}
}
