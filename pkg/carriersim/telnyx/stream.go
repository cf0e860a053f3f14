package telnyx

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	tokenHeader = "X-Telnyx-Streaming-Auth-Token"
	maxToken    = 4000
	// A message of audio is of at least one frame and at most half a minute.
	maxPayload = 30 * time.Second
	// playbackLimit is how much is buffered; Telnyx names no limit.
	playbackLimit = 5 * time.Minute
	// mp3Pause is how long a message of MP3 must wait for the one before.
	mp3Pause = time.Second
)

// The errors of a stream.
const (
	errorMalformed = 100003
	errorMedia     = 100004
	errorRate      = 100005
)

// streamFields are what every command that opens a stream may say.
type streamFields struct {
	StreamURL   string `json:"stream_url"`
	StreamTrack string `json:"stream_track"`
	StreamCodec string `json:"stream_codec"`
	Mode        string `json:"stream_bidirectional_mode"`
	Codec       string `json:"stream_bidirectional_codec"`
	TargetLegs  string `json:"stream_bidirectional_target_legs"`
}

// streamExtra is what some of them may say besides.
type streamExtra struct {
	SamplingRate *int   `json:"stream_bidirectional_sampling_rate"`
	AuthToken    string `json:"stream_auth_token"`
}

// streamOrder is a stream as it was ordered, with all defaults.
type streamOrder struct {
	url, track, target string
	mp3                bool   // what the gateway sends are whole files
	toGateway          format // what it receives
	toPhone            format // what it sends
	token              string
	params             map[string]string
}

// streamOrder checks the fields.
func (c *Carrier) streamOrder(f *streamFields, x *streamExtra) (*streamOrder, error) {
	o := &streamOrder{url: f.StreamURL, track: f.StreamTrack, target: f.TargetLegs, token: x.AuthToken}
	for _, field := range []struct {
		name    string
		value   *string
		allowed []string // the first is the default
	}{
		{"stream_track", &o.track, []string{"inbound_track", "outbound_track", "both_tracks"}},
		{"stream_bidirectional_target_legs", &o.target, []string{"opposite", "both", "self"}},
		{"stream_bidirectional_mode", &f.Mode, []string{"mp3", "rtp"}},
		{"stream_bidirectional_codec", &f.Codec, []string{codecPCMU, codecPCMA, codecL16}},
		{"stream_codec", &f.StreamCodec, []string{"default", codecPCMU, codecPCMA, codecL16}},
	} {
		if *field.value == "" {
			*field.value = field.allowed[0]
		}
		if !slices.Contains(field.allowed, *field.value) {
			return nil, invalid(codeEnum, field.name, "%q is unknown or not simulated", *field.value)
		}
	}
	u, err := url.Parse(f.StreamURL)
	if err != nil || u.Scheme != "wss" && (u.Scheme != "ws" || !carriersim.Loopback(u.Hostname())) || u.Host == "" {
		return nil, invalid(codeBadRequest, "stream_url", "%q is not a wss URL", f.StreamURL)
	}
	if len(x.AuthToken) > maxToken {
		return nil, invalid(codeRange, "stream_auth_token", "at most %d characters", maxToken)
	}
	o.mp3 = f.Mode == "mp3"
	if f.StreamCodec == "default" {
		f.StreamCodec = c.opt.Codec
	}
	o.toGateway, o.toPhone = format{f.StreamCodec, 8000}, format{f.Codec, 8000}
	if f.StreamCodec == codecL16 {
		o.toGateway.rate = 16000
	}
	if x.SamplingRate != nil {
		o.toPhone.rate = *x.SamplingRate
	}
	if !slices.Contains([]int{8000, 16000, 22050, 24000, 48000}, o.toPhone.rate) || f.Codec != codecL16 && o.toPhone.rate != 8000 {
		return nil, invalid(codeRange, "stream_bidirectional_sampling_rate", "%d with %s", o.toPhone.rate, f.Codec)
	}
	return o, nil
}

func (s *session) cmdStreamingStart(body []byte) error {
	var q struct {
		common
		streamFields
		streamExtra
		Params []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"custom_parameters"`
		EnableDialogflow any `json:"enable_dialogflow"`
		DialogflowConfig any `json:"dialogflow_config"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	o, err := s.c.streamOrder(&q.streamFields, &q.streamExtra)
	if err != nil {
		return err
	}
	o.params = map[string]string{}
	for _, p := range q.Params {
		o.params[p.Name] = p.Value
	}
	return s.openStream(o)
}

func (s *session) cmdStreamingStop(body []byte) error {
	var q struct {
		common
		StreamID string `json:"stream_id"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream == nil || q.StreamID != "" && q.StreamID != s.stream.id {
		return &apiError{http.StatusUnprocessableEntity, codeNotStreaming, "Media streaming is not in use", "/call_control_id"}
	}
	s.stream.halt()
	return nil
}

// stream is the media stream of a leg, of which there is one at most.
type stream struct {
	s       *session
	id      string
	order   *streamOrder
	socket  *carriersim.Socket
	playout *carriersim.Playout
	stopped chan struct{} // closed by a command
	halt    func()

	// Touched by the reader alone.
	up      *resample.Resampler
	lastMP3 time.Time

	mu       sync.Mutex
	live     bool // the start was sent
	sequence int
	unroute  func()
}

// openStream opens a stream, of which the webhooks tell the rest.
func (s *session) openStream(o *streamOrder) error {
	up, err := resample.New(o.toPhone.rate, s.Rate())
	if err != nil {
		return invalid(codeRange, "stream_bidirectional_sampling_rate", "%v", err)
	}
	st := &stream{s: s, id: strings.ToUpper(uuid.NewString()), order: o, stopped: make(chan struct{}), up: up}
	st.halt = sync.OnceFunc(func() { close(st.stopped) })
	st.playout = carriersim.NewPlayout(s.Rate(), playbackLimit, st.reached)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return errEnded
	case s.stream != nil:
		return &apiError{http.StatusUnprocessableEntity, codeStreaming, "This command is not allowed while media streaming is in use", "/call_control_id"}
	}
	s.stream = st
	s.streams.Go(st.run)
	return nil
}

// run is the life of a stream. It is opened at once, and starts with the answer.
func (st *stream) run() {
	s := st.s
	defer func() {
		s.mu.Lock()
		s.stream = nil
		s.mu.Unlock()
	}()
	header := http.Header{}
	if st.order.token != "" {
		header.Set(tokenHeader, st.order.token)
	}
	ready := make(chan struct{}) // the socket is in its place
	socket, err := s.c.OpenSocket(s.Context(), s.Leg, st.order.url, header, nil, func(binary bool, data []byte) {
		<-ready
		st.receive(binary, data)
	})
	if err != nil {
		st.failed(err)
		return
	}
	st.socket = socket
	close(ready)
	defer socket.Close()
	hello := map[string]any{"event": "connected", "version": "1.0.0"}
	if st.order.token != "" {
		hello["connected"] = map[string]string{strings.ToLower(tokenHeader): st.order.token}
	}
	st.write(hello)
	select {
	case <-s.answered:
	case <-socket.Done():
		s.Note("stream stopped by gateway before it started: %v", socket.Err())
		return
	case <-st.stopped:
		return
	case <-s.Context().Done():
		return
	}
	st.play()
}

// failed tells that there is no stream. The call goes on without a sound.
func (st *stream) failed(err error) {
	if st.s.Context().Err() != nil {
		return
	}
	st.s.Note("stream failed %v", err)
	st.s.tell(carriersim.KindStream, "streaming.failed", with(st.s.ids(), map[string]any{
		"failure_reason": "connection_failed", "stream_id": st.id, "stream_type": "websocket",
		"stream_params": map[string]any{"stream_url": st.order.url, "track": st.order.track},
	}))
}

// play runs the stream from the start to the stop.
func (st *stream) play() {
	s := st.s
	tracks, err := st.tracks()
	if err != nil {
		st.failed(err)
		return
	}
	st.start()
	st.tell("streaming.started")
	s.Note("stream started %s", st.order.url)
	if tracks.inbound != nil {
		defer s.mixer.listen(tracks.inbound)()
	}
	if tracks.outbound != nil {
		defer s.mixer.tap(tracks.outbound)()
	}
	st.route()
	defer st.route() // away
	select {
	case <-st.socket.Done():
		s.Note("stream stopped by gateway: %v", st.socket.Err())
	case <-st.stopped:
		s.Note("stream stopped by command")
	case <-s.Context().Done():
		s.Note("stream stopped by carrier")
	}
	st.stop()
	st.tell("streaming.stopped")
}

// tell sends an event of the stream. The documentation's samples have no more
// than these two fields.
func (st *stream) tell(event string) {
	st.s.tell(carriersim.KindStream, event, map[string]any{"call_control_id": st.s.hookID, "stream_url": st.order.url})
}

func (st *stream) start() {
	s := st.s
	in := st.order.toGateway
	st.mu.Lock()
	st.live = true
	st.mu.Unlock()
	st.send("start", "start", map[string]any{
		"user_id": s.c.userID, "call_control_id": s.hookID, "call_session_id": s.sessionID, "from": s.From(), "to": s.To(),
		"tags": []any{}, "client_state": s.clientState(), "custom_parameters": st.order.params,
		"media_format": map[string]any{"encoding": in.codec, "sample_rate": in.rate, "channels": 1},
	}, nil)
}

func (st *stream) stop() {
	st.send("stop", "stop", map[string]any{"user_id": st.s.c.userID, "call_control_id": st.s.hookID}, nil)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.live = false
}

func (st *stream) write(doc map[string]any) {
	if text, err := json.Marshal(doc); err == nil {
		st.socket.Send(false, text)
	}
}

// send writes one message with the next sequence number, while the stream lives.
// body goes under key.
func (st *stream) send(event, key string, body any, more map[string]any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.live {
		return
	}
	st.sequence++
	st.write(with(map[string]any{
		"event": event, "sequence_number": strconv.Itoa(st.sequence), "stream_id": st.id, key: body,
	}, more))
}

func (st *stream) press(digit string) {
	st.send("dtmf", "dtmf", map[string]string{"digit": digit}, map[string]any{"occurred_at": stamp(time.Now())})
}

// reached is a mark whose turn has come, or that a clear has overtaken.
func (st *stream) reached(name string, cleared bool) {
	if cleared {
		st.s.Note("mark %s cleared", name)
	} else {
		st.s.Note("mark %s", name)
	}
	st.send("mark", "mark", map[string]string{"name": name}, nil)
}

// complain sends an error, after which the stream goes on.
func (st *stream) complain(code int, title, detail string) {
	st.s.Warn("%d %s: %s", code, title, detail)
	st.write(map[string]any{
		"event": "error", "stream_id": st.id, "payload": map[string]any{"code": code, "title": title, "detail": detail},
	})
}

// receive takes a message of the gateway's.
func (st *stream) receive(binary bool, data []byte) {
	var msg struct {
		Event string `json:"event"`
		Media struct {
			Payload string `json:"payload"`
		} `json:"media"`
		Mark struct {
			Name string `json:"name"`
		} `json:"mark"`
	}
	if err := json.Unmarshal(data, &msg); err != nil || binary {
		st.complain(errorMalformed, "malformed_frame", "The received frame was not formed correctly.")
		return
	}
	switch msg.Event {
	case "media":
		payload, err := base64.StdEncoding.DecodeString(msg.Media.Payload)
		if err != nil {
			st.complain(errorMedia, "invalid_media", "The payload is not base64.")
			return
		}
		st.hear(payload)
	case "mark":
		st.playout.Mark(msg.Mark.Name)
	case "clear":
		st.s.Note("clear")
		st.playout.Clear()
	default:
		st.complain(errorMalformed, "malformed_frame", "Unknown event "+strconv.Quote(msg.Event)+".")
	}
}

// hear takes audio: of the codec, or a whole file in the mode that is the
// default, where anything else is dropped without a word to the gateway.
func (st *stream) hear(payload []byte) {
	var pcm []int16
	if st.order.mp3 {
		if pcm = st.file(payload); pcm == nil {
			return
		}
	} else {
		raw := st.order.toPhone.decode(payload, st.s.c.opt.LittleEndian)
		if d := audio.Duration(len(raw), st.order.toPhone.rate); d < audio.FrameDuration || d > maxPayload {
			st.complain(errorMedia, "invalid_media", "The payload lasts "+d.String()+".")
			return
		}
		pcm = st.up.Process(nil, raw)
	}
	if st.playout.Write(pcm) > 0 {
		st.complain(errorRate, "rate_limit_reached", "Too much audio is waiting.")
	}
}
