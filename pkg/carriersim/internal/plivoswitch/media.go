package plivoswitch

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	playbackLimit = 40 * time.Second // a guide says 60
	maxMessage    = 64 << 10
	maxPayload    = 16 << 10 // of base64
)

// degrees are the fill levels of the playback buffer that are reported, in percent.
var degrees = []int{30, 60, 90}

// format is the coding of a stream's audio. L16 is little-endian, as far as is
// known.
type format struct {
	encoding string // audio/x-mulaw or audio/x-l16
	rate     int
}

func (f format) l16() bool { return f.encoding == "audio/x-l16" }

// formatOf reads a contentType such as "audio/x-l16;rate=16000".
func (m *StreamManners) formatOf(contentType string) (format, bool) {
	encoding, rate, _ := strings.Cut(contentType, ";rate=")
	n, err := strconv.Atoi(rate)
	f := format{encoding, n}
	return f, err == nil && m.offers(f)
}

func (m *StreamManners) offers(f format) bool {
	switch f {
	case format{"audio/x-mulaw", 8000}, format{"audio/x-l16", 8000}, format{"audio/x-l16", 16000}:
		return true
	case format{"audio/x-l16", 24000}:
		return m.Wide
	}
	return false
}

// stream is one media socket. It is the sink of what the person says; what
// they hear comes from its playout.
type stream struct {
	s       *session
	order   streamOrder
	id      string
	socket  *carriersim.Socket
	playout *carriersim.Playout
	in      *resample.Resampler // from the line to the gateway

	// Of the goroutine that receives.
	out     *resample.Resampler // from outRate to the line
	outRate int
	degree  int // how many of degrees were told

	mu       sync.Mutex
	sequence int
	chunk    int
	said     []int16 // buffers of Said
	codes    []byte
	stopping bool
	stopped  chan struct{} // closed when the gateway sent stop
}

func newStream(s *session, o streamOrder) *stream {
	st := &stream{s: s, order: o, id: NewUUID(), sequence: s.c.m.Stream.FirstSequence, stopped: make(chan struct{})}
	st.playout = carriersim.NewPlayout(s.Rate(), playbackLimit, st.played)
	st.in, _ = resample.New(s.Rate(), o.format.rate) // both are rates of telephony, which it takes
	return st
}

// text marshals a string for a message that is put together by hand.
func text(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

// number takes the next sequence number. The stream is locked.
func (st *stream) number() int {
	st.sequence++
	return st.sequence - 1
}

// open sends the start message.
func (st *stream) open() {
	extra := "{}"
	if names, values := pairs(st.order.extra); len(names) > 0 && !st.s.c.m.HTTPHeaders {
		var list []string
		for i, name := range names {
			list = append(list, name+"="+values[i])
		}
		extra = strings.Join(list, ";")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.socket.Send(false, fmt.Appendf(nil, `{"sequenceNumber":%d,"event":"start","start":{"callId":%q,"streamId":%q,"accountId":%q,"tracks":["inbound"],"mediaFormat":{"encoding":%q,"sampleRate":%d}},"extra_headers":%s}`,
		st.number(), st.s.ID(), st.id, st.s.c.m.Stream.Account, st.order.format.encoding, st.order.format.rate, text(extra)))
}

// Said implements carriersim.Sink: it sends a frame to the gateway.
func (st *stream) Said(frame []int16) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.said = st.in.Process(st.said[:0], frame)
	if st.codes == nil {
		st.codes = make([]byte, 2*audio.SamplesPerFrame(st.order.format.rate))
	}
	var n int
	if st.order.format.l16() {
		n = audio.EncodeLE(st.codes, st.said)
	} else {
		n = g711.EncodeULaw(st.codes, st.said)
	}
	st.chunk++
	msg := make([]byte, 0, 256+base64.StdEncoding.EncodedLen(n))
	msg = append(msg, `{"sequenceNumber":`...)
	msg = strconv.AppendInt(msg, int64(st.number()), 10)
	msg = append(msg, `,"streamId":"`...)
	msg = append(msg, st.id...)
	msg = append(msg, `","event":"media","media":{"track":"inbound","timestamp":"`...)
	msg = strconv.AppendInt(msg, time.Now().UnixMilli(), 10)
	msg = append(msg, `","chunk":`...)
	msg = strconv.AppendInt(msg, int64(st.chunk), 10)
	msg = append(msg, `,"payload":"`...)
	msg = base64.StdEncoding.AppendEncode(msg, st.codes[:n])
	msg = append(msg, `"},"extra_headers":"{}"}`...)
	st.socket.Send(false, msg)
}

// press sends a digit. Vobiz' form of it is not documented.
func (st *stream) press(digit string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.s.c.m.Stream.Terse {
		st.socket.Send(false, fmt.Appendf(nil, `{"event":"dtmf","streamId":%q,"dtmf":{"digit":%q}}`, st.id, digit))
		return
	}
	st.socket.Send(false, fmt.Appendf(nil, `{"event":"dtmf","sequenceNumber":%d,"streamId":%q,"dtmf":{"track":"inbound","digit":%q,"timestamp":"%d"},"extra_headers":"{}"}`,
		st.number(), st.id, digit, time.Now().UnixMilli()))
}

// played answers a checkpoint, unless its audio was cleared: whether it is
// answered then is not known.
func (st *stream) played(name string, cleared bool) {
	if cleared {
		st.s.Note("mark %s cleared", name)
		return
	}
	st.s.Note("mark %s", name)
	st.tell("PlayedStream", url.Values{"Name": {name}}) // first, so that what the gateway does upon the message comes later
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.s.c.m.Stream.Terse {
		st.socket.Send(false, fmt.Appendf(nil, `{"event":"playedStream","name":%s}`, text(name)))
	} else {
		st.socket.Send(false, fmt.Appendf(nil, `{"event":"playedStream","sequenceNumber":%d,"streamId":%q,"name":%s}`, st.number(), st.id, text(name)))
	}
}

// cleared answers clearAudio.
func (st *stream) cleared() {
	st.playout.Clear()
	st.tell("ClearedAudio", nil)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.s.c.m.Stream.Terse {
		st.socket.Send(false, fmt.Appendf(nil, `{"event":"clearedAudio","streamId":%q}`, st.id))
	} else {
		st.socket.Send(false, fmt.Appendf(nil, `{"sequenceNumber":%d,"event":"clearedAudio","streamId":%q}`, st.number(), st.id))
	}
}

func (st *stream) wasStopped() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.stopping
}
