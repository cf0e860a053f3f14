// Package mediastream is the carrier's side of the protocol of Twilio Media
// Streams, which other carriers have taken over: JSON texts over a WebSocket
// that the carrier opens, with G.711 mu-law at 8000 Hz in base64.
package mediastream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Dialect is how one carrier speaks the protocol.
type Dialect struct {
	Limit   time.Duration // how much audio is buffered for playback
	Marks   bool          // marks are known, and come back
	Invalid string        // what a warning of a bad message begins with
	Flooded string        // the warning of audio that finds no room
	// Audio looks at each piece of audio of the gateway's, in bytes; nil does not.
	Audio func(bytes int)
}

// Stream is one stream of a leg. It is the sink of what the person says; what
// they hear comes from its playout.
type Stream struct {
	Dialect
	leg     *carriersim.Leg
	id      string
	socket  *carriersim.Socket
	playout *carriersim.Playout

	mu       sync.Mutex
	sequence int // of messages
	chunk    int // of audio
	flooded  bool
}

// New makes a stream with the carrier's id.
func (d Dialect) New(leg *carriersim.Leg, id string) *Stream {
	st := &Stream{Dialect: d, leg: leg, id: id}
	st.playout = carriersim.NewPlayout(leg.Rate(), d.Limit, st.markPlayed)
	return st
}

// Open connects to the gateway and sends the two messages before the audio;
// start is the body of the second.
func (st *Stream) Open(ctx context.Context, x *carriersim.Exchange, target string, h http.Header, start any) error {
	ready := make(chan struct{}) // the socket is in its place
	socket, err := x.OpenSocket(ctx, st.leg, target, h, nil, func(binary bool, data []byte) {
		<-ready
		st.receive(binary, data)
	})
	if err != nil {
		return err
	}
	st.socket = socket
	close(ready)
	st.socket.Send(false, []byte(`{"event":"connected","protocol":"Call","version":"1.0.0"}`))
	st.send("start", "start", start)
	st.leg.Note("stream started %s", target)
	return nil
}

// Talk lets the person and the gateway talk until the gateway closes the
// socket or ctx ends, then ends the stream; stop is the body of the last
// message.
func (st *Stream) Talk(ctx context.Context, stop any) {
	disconnect := st.leg.Connect(st.playout, st)
	st.leg.OnKey(st.press)
	select {
	case <-st.socket.Done():
		st.leg.Note("stream stopped by gateway: %v", st.socket.Err())
	case <-ctx.Done():
		st.leg.Note("stream stopped by carrier")
	}
	st.leg.OnKey(nil)
	disconnect()
	st.send("stop", "stop", stop)
	st.socket.Close()
}

// send writes one message with the next sequence number. body goes under key.
func (st *Stream) send(event, key string, body any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sequence++
	doc, err := json.Marshal(map[string]any{
		"event": event, "sequenceNumber": strconv.Itoa(st.sequence), "streamSid": st.id, key: body,
	})
	if err == nil { // always: the bodies are plain strings and numbers
		st.socket.Send(false, doc)
	}
}

// Said implements carriersim.Sink: it sends a frame to the gateway.
func (st *Stream) Said(frame []int16) {
	var codes [160]byte
	n := g711.EncodeULaw(codes[:], frame)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sequence++
	st.chunk++
	msg := make([]byte, 0, 400)
	msg = append(msg, `{"event":"media","sequenceNumber":"`...)
	msg = strconv.AppendInt(msg, int64(st.sequence), 10)
	msg = append(msg, `","media":{"track":"inbound","chunk":"`...)
	msg = strconv.AppendInt(msg, int64(st.chunk), 10)
	msg = append(msg, `","timestamp":"`...)
	msg = strconv.AppendInt(msg, int64(st.chunk-1)*20, 10)
	msg = append(msg, `","payload":"`...)
	msg = base64.StdEncoding.AppendEncode(msg, codes[:n])
	msg = append(msg, `"},"streamSid":"`...)
	msg = append(msg, st.id...)
	msg = append(msg, `"}`...)
	st.socket.Send(false, msg)
}

func (st *Stream) press(digit string) {
	st.send("dtmf", "dtmf", map[string]string{"track": "inbound_track", "digit": digit})
}

func (st *Stream) markPlayed(name string, cleared bool) {
	if cleared {
		st.leg.Note("mark %s cleared", name)
	} else {
		st.leg.Note("mark %s", name)
	}
	st.send("mark", "mark", map[string]string{"name": name})
}

// receive takes a message of the gateway's.
func (st *Stream) receive(binary bool, data []byte) {
	var msg struct {
		Event     string `json:"event"`
		StreamSID string `json:"streamSid"`
		Media     struct {
			Payload []byte `json:"payload"` // base64
		} `json:"media"`
		Mark struct {
			Name string `json:"name"`
		} `json:"mark"`
	}
	if err := json.Unmarshal(data, &msg); err != nil || binary {
		st.leg.Warn("%sinvalid message: %v", st.Invalid, err)
		return
	}
	switch {
	case msg.StreamSID != st.id:
		st.leg.Warn("%s%s names stream %q", st.Invalid, msg.Event, msg.StreamSID)
	case msg.Event == "media":
		st.play(msg.Media.Payload)
	case msg.Event == "mark" && st.Marks && msg.Mark.Name == "":
		st.leg.Warn("%smark without a name", st.Invalid)
	case msg.Event == "mark" && st.Marks:
		st.playout.Mark(msg.Mark.Name)
	case msg.Event == "clear":
		st.leg.Note("clear")
		st.playout.Clear()
	default:
		st.leg.Warn("%sunknown event %q", st.Invalid, msg.Event)
	}
}

func (st *Stream) play(codes []byte) {
	if st.Audio != nil {
		st.Audio(len(codes))
	}
	pcm := make([]int16, len(codes))
	g711.DecodeULaw(pcm, codes)
	if st.playout.Write(pcm) > 0 && !st.flooded {
		st.flooded = true
		st.leg.Warn("%s", st.Flooded)
	}
}
