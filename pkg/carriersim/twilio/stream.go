package twilio

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// playbackLimit is how much audio Twilio buffers of a stream (error 31931).
const playbackLimit = 10 * time.Minute

// stream is a bidirectional Media Stream. It is the sink of what the person
// says; what they hear comes from its playout.
type stream struct {
	s       *session
	sid     string
	name    string
	socket  *carriersim.Socket
	playout *carriersim.Playout

	mu       sync.Mutex
	sequence int // of messages
	chunk    int // of audio
	flooded  bool
}

// runConnect runs <Connect><Stream>: it holds the call until the gateway closes
// the socket, then asks the action URL or goes on.
func (s *session) runConnect(ctx context.Context, e *element, _ bool) outcome {
	s.answer()
	if len(e.Children) != 1 || e.Children[0].Name != "Stream" {
		s.Warn("12200 <Connect> without exactly one <Stream>")
		return goOn
	}
	e.Children[0].Text = ""
	s.check(&e.Children[0], "url name track statusCallback statusCallbackMethod connectorName")
	s.connect(ctx, &e.Children[0])
	return s.after(ctx, e, nil)
}

func (s *session) connect(ctx context.Context, e *element) {
	st := &stream{s: s, sid: newSID("MZ")}
	st.name = e.attr("name", st.sid)
	target, ok := s.streamURL(e)
	if !ok {
		return
	}
	st.playout = carriersim.NewPlayout(s.Rate(), playbackLimit, st.markPlayed)
	ready := make(chan struct{}) // the socket is in its place
	socket, err := s.c.OpenSocket(ctx, s.Leg, target, http.Header{
		signatureHeader: {sign(s.c.opt.AuthToken, target, nil)},
	}, nil, func(binary bool, data []byte) {
		<-ready
		st.receive(binary, data)
	})
	if err != nil {
		if ctx.Err() == nil {
			s.Note("stream failed %v", err)
			st.notify(e, "stream-error", url.Values{"StreamError": {"31920 " + err.Error()}})
		}
		return
	}
	st.socket = socket
	close(ready)
	st.open(s.parameters(e))
	s.Note("stream started %s", target)
	st.notify(e, "stream-started", nil)
	disconnect := s.Connect(st.playout, st)
	s.OnKey(st.press)
	select {
	case <-socket.Done():
		s.Note("stream stopped by gateway: %v", socket.Err())
	case <-ctx.Done():
		s.Note("stream stopped by carrier")
	}
	s.OnKey(nil)
	disconnect()
	st.stop()
	st.notify(e, "stream-stopped", nil)
}

// streamURL returns where to connect: without a query, which Twilio drops, and
// not without TLS, unless it is this machine.
func (s *session) streamURL(e *element) (string, bool) {
	target, query, hasQuery := strings.Cut(e.attr("url", ""), "?")
	if hasQuery {
		s.Warn("query %q of the stream's URL is dropped", query)
	}
	u, err := url.Parse(target)
	switch {
	case err == nil && u.Scheme == "wss" && u.Host != "":
	case err == nil && u.Scheme == "ws" && carriersim.Loopback(u.Hostname()):
	default:
		s.Note("stream failed: url %q is not wss", target)
		return "", false
	}
	if track := e.attr("track", "inbound_track"); track != "inbound_track" {
		s.Warn("track %q of a bidirectional stream", track)
	}
	return target, true
}

// parameters are the custom parameters of a stream.
func (s *session) parameters(e *element) map[string]string {
	params := map[string]string{}
	for i := range e.Children {
		p := &e.Children[i]
		if p.Name != "Parameter" {
			s.Warn("12200 <%s> in <Stream>", p.Name)
			continue
		}
		name, value := p.attr("name", ""), p.attr("value", "")
		if len(name)+len(value) > 500 {
			s.Warn("parameter %s is longer than 500 characters", name)
		}
		params[name] = value
	}
	return params
}

func (st *stream) notify(e *element, event string, more url.Values) {
	if target := e.attr("statusCallback", ""); target != "" {
		st.s.Notify(st.s.webhook(carriersim.KindStream, event, e.attr("statusCallbackMethod", http.MethodPost), target, with(url.Values{
			"AccountSid": {st.s.c.opt.AccountSID}, "CallSid": {st.s.ID()}, "StreamSid": {st.sid},
			"StreamName": {st.name}, "StreamEvent": {event},
			"Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05.000Z")},
		}, more)))
	}
}

// open sends the two messages before the audio.
func (st *stream) open(params map[string]string) {
	st.socket.Send(false, []byte(`{"event":"connected","protocol":"Call","version":"1.0.0"}`))
	type format struct {
		Encoding   string `json:"encoding"`
		SampleRate int    `json:"sampleRate"`
		Channels   int    `json:"channels"`
	}
	st.send("start", "start", struct {
		AccountSID string            `json:"accountSid"`
		StreamSID  string            `json:"streamSid"`
		CallSID    string            `json:"callSid"`
		Tracks     []string          `json:"tracks"`
		Format     format            `json:"mediaFormat"`
		Params     map[string]string `json:"customParameters"`
	}{st.s.c.opt.AccountSID, st.sid, st.s.ID(), []string{"inbound"}, format{"audio/x-mulaw", st.s.Rate(), 1}, params})
}

// send writes one message with the next sequence number. body goes under key.
func (st *stream) send(event, key string, body any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sequence++
	doc, err := json.Marshal(map[string]any{
		"event": event, "sequenceNumber": strconv.Itoa(st.sequence), "streamSid": st.sid, key: body,
	})
	if err == nil { // always: the bodies are plain strings and numbers
		st.socket.Send(false, doc)
	}
}

// Said implements carriersim.Sink: it sends a frame to the gateway.
func (st *stream) Said(frame []int16) {
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
	msg = append(msg, st.sid...)
	msg = append(msg, `"}`...)
	st.socket.Send(false, msg)
}

func (st *stream) press(digit string) {
	st.send("dtmf", "dtmf", map[string]string{"track": "inbound_track", "digit": digit})
}

func (st *stream) markPlayed(name string, cleared bool) {
	if cleared {
		st.s.Note("mark %s cleared", name)
	} else {
		st.s.Note("mark %s", name)
	}
	st.send("mark", "mark", map[string]string{"name": name})
}

// stop ends the stream from the carrier's side.
func (st *stream) stop() {
	st.send("stop", "stop", map[string]string{"accountSid": st.s.c.opt.AccountSID, "callSid": st.s.ID()})
	st.socket.Close()
}

// receive takes a message of the gateway's.
func (st *stream) receive(binary bool, data []byte) {
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
		st.s.Warn("31951 invalid message: %v", err)
		return
	}
	if msg.StreamSID != st.sid {
		st.s.Warn("31951 %s names stream %q", msg.Event, msg.StreamSID)
		return
	}
	switch msg.Event {
	case "media":
		pcm := make([]int16, len(msg.Media.Payload))
		g711.DecodeULaw(pcm, msg.Media.Payload)
		if st.playout.Write(pcm) > 0 && !st.flooded {
			st.flooded = true
			st.s.Warn("31931 more than 10 minutes of audio are buffered")
		}
	case "mark":
		if msg.Mark.Name == "" {
			st.s.Warn("31951 mark without a name")
			return
		}
		st.playout.Mark(msg.Mark.Name)
	case "clear":
		st.s.Note("clear")
		st.playout.Clear()
	default:
		st.s.Warn("31951 unknown event %q", msg.Event)
	}
}
