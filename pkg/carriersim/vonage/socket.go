package vonage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// buffered is how many messages of the gateway's wait to be played.
const buffered = 3072

// keyMS is how long a key is said to have been pressed.
const keyMS = 260

// socketLeg is the second leg of a call: the gateway's WebSocket. It has an id,
// events and a price of its own, and is not a Call.
type socketLeg struct {
	s            *session // who connected it
	uuid         string
	conversation string
	from         string
	to           *endpoint
	rate         int // hertz
	events       hook
	created      time.Time
	hungUp       chan struct{} // closed by a hang-up over REST

	socket  *carriersim.Socket
	playout *carriersim.Playout

	mu       sync.Mutex
	status   string
	answered time.Time
	ended    time.Time
	hanging  bool
	flooded  bool
}

func (s *session) newSocket(a *connect) *socketLeg {
	e := &a.Endpoint[0]
	k := &socketLeg{
		s: s, uuid: uuid.NewString(), conversation: s.facts().conversation, from: a.From, to: e,
		rate: contentTypes[e.ContentType], events: s.events().to(a.EventURL, a.EventMethod),
		created: time.Now(), hungUp: make(chan struct{}), status: statusStarted,
	}
	k.playout = carriersim.NewPlayout(k.rate, buffered*audio.FrameDuration, k.reached)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.legs = append(s.c.legs, k)
	return k
}

func (k *socketLeg) facts() facts {
	k.mu.Lock()
	defer k.mu.Unlock()
	return facts{
		uuid: k.uuid, conversation: k.conversation, host: k.s.order.host, status: k.status, direction: call.Outbound,
		from: addressed(k.from), to: k.to.party(), rate: socketRate,
		created: k.created, answered: k.answered, ended: k.ended,
	}
}

// Hangup ends the leg over REST. The phone goes on with its flow.
func (k *socketLeg) Hangup(string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hanging {
		return false
	}
	k.hanging = true
	close(k.hungUp)
	return true
}

// move changes the status, and is the end of the leg where it is one.
func (k *socketLeg) move(status string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status = status
	switch status {
	case statusAnswered:
		k.answered = time.Now()
	case statusCompleted, statusFailed, statusUnanswered:
		k.ended = time.Now()
	}
}

// event is the body of an event. Only the three that tell of a socket that is
// not there are sure to bring the headers along, and those have no direction.
func (k *socketLeg) event(status string) map[string]any {
	f := k.facts()
	doc := f.event(status, nil)
	switch status {
	case statusDisconnected, statusFailed, statusUnanswered:
		doc["headers"] = k.to.Headers
		delete(doc, "direction")
	}
	return doc
}

func (k *socketLeg) report(status string) {
	k.move(status)
	k.s.notifyAt(k.events, carriersim.KindStream, status, k.event(status))
}

// connectSocket holds the call until the socket is over.
func (s *session) connectSocket(ctx context.Context, a *connect) *script {
	k := s.newSocket(a)
	ear, mouth, err := k.resamplers()
	if err != nil {
		s.Warn("%v", err)
		return nil
	}
	k.report(statusStarted)
	ready := make(chan struct{}) // the socket is in its place
	socket, err := s.c.OpenSocket(ctx, s.Leg, k.to.URI, k.handshake(), nil, func(binary bool, data []byte) {
		<-ready
		k.receive(binary, data)
	})
	if err != nil {
		return k.refused(ctx, err, a.EventType == "synchronous")
	}
	k.socket = socket
	close(ready)
	k.send(with(map[string]any{}, k.to.Headers), "websocket:connected", map[string]any{"content-type": k.to.ContentType})
	k.report(statusAnswered)
	s.Note("stream started %s", k.to.URI)
	disconnect := s.Connect(ear, mouth)
	s.OnKey(k.press)
	select {
	case <-socket.Done():
	case <-k.hungUp:
	case <-ctx.Done():
	}
	s.OnKey(nil)
	disconnect()
	switch {
	case s.Context().Err() != nil, closed(k.hungUp):
		k.close()
	case closed(socket.Done()):
		return k.lost(ctx)
	default: // transferred: the socket stays behind, alone
		s.c.Go(k.linger)
	}
	return nil
}

func closed[T any](c <-chan T) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// handshake is what the upgrade request carries.
func (k *socketLeg) handshake() http.Header {
	h := http.Header{}
	switch a := k.to.Authorization; {
	case a == nil:
	case a.Type == "custom":
		h.Set(signatureHeader, a.Value)
	default:
		h.Set(signatureHeader, k.s.c.authorization(k.s.order.app, nil))
	}
	return h
}

// refused ends a leg whose socket could not be opened.
func (k *socketLeg) refused(ctx context.Context, err error, wait bool) *script {
	status := statusUnanswered // nobody is there
	var e *carriersim.SocketError
	if errors.As(err, &e) && e.Status != 0 {
		status = statusFailed // somebody is, and does not want it
	}
	if k.s.Context().Err() == nil {
		k.s.Note("stream failed %v", err)
	}
	if !wait {
		k.report(status)
		return nil
	}
	k.move(status)
	return k.s.consultAt(ctx, k.events, carriersim.KindStream, status, k.event(status))
}

// lost ends a leg whose socket the gateway closed, or that broke. The gateway
// may say how the call goes on.
func (k *socketLeg) lost(ctx context.Context) *script {
	k.s.Note("stream stopped by gateway: %v", k.socket.Err())
	next := k.s.consultAt(ctx, k.events, carriersim.KindStream, statusDisconnected, k.event(statusDisconnected))
	k.report(statusCompleted)
	return next
}

// close ends a leg from Vonage's side.
func (k *socketLeg) close() {
	k.s.Note("stream stopped by carrier")
	k.socket.Close()
	k.report(statusCompleted)
}

// linger keeps a socket open whose partner was transferred: it hears silence and
// talks to nobody.
func (k *socketLeg) linger(ctx context.Context) {
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	frame := make([]int16, audio.SamplesPerFrame(k.rate))
	for {
		select {
		case <-tick.C:
			k.playout.Next(frame)
			k.socket.Send(true, make([]byte, len(frame)*audio.BytesPerSample))
		case <-k.socket.Done():
			k.lost(ctx)
			return
		case <-k.hungUp:
			k.close()
			return
		case <-ctx.Done():
			return
		}
	}
}

// send writes one text message: what is in doc, and above that its event.
func (k *socketLeg) send(doc map[string]any, event string, more map[string]any) {
	doc["event"] = event
	if text, err := json.Marshal(with(doc, more)); err == nil {
		k.socket.Send(false, text)
	}
}

func (k *socketLeg) press(digit string) {
	k.send(map[string]any{}, "websocket:dtmf", map[string]any{"digit": digit, "duration": keyMS})
}

// reached is a notify whose turn has come. What becomes of those that a clear
// overtakes is not documented: here they are lost.
func (k *socketLeg) reached(payload string, cleared bool) {
	if cleared {
		k.s.Note("mark %s cleared", payload)
		return
	}
	k.s.Note("mark %s", payload)
	k.send(map[string]any{}, "websocket:notify", map[string]any{"payload": json.RawMessage(payload)})
}

// receive takes a message of the gateway's.
func (k *socketLeg) receive(binary bool, data []byte) {
	if binary {
		k.hear(data)
		return
	}
	var msg struct {
		Action  string          `json:"action"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(data, &msg); err != nil {
		k.s.Warn("invalid message: %v", err)
		return
	}
	switch msg.Action {
	case "clear":
		k.s.Note("clear")
		k.playout.Clear()
		k.send(map[string]any{}, "websocket:cleared", nil)
	case "notify":
		var payload bytes.Buffer
		if json.Compact(&payload, msg.Payload) != nil {
			k.s.Warn("notify without a payload")
			return
		}
		k.playout.Mark(payload.String())
	default:
		k.s.Warn("unknown action %q", msg.Action)
	}
}

// hear takes a frame, which must be exactly one: anything else ends the socket
// with code 1006, which is to say without a word.
func (k *socketLeg) hear(data []byte) {
	want := audio.SamplesPerFrame(k.rate) * audio.BytesPerSample
	if len(data) != want {
		k.s.Warn("unexpected frame size %d, when required %d", len(data), want)
		k.socket.Cut()
		return
	}
	pcm := make([]int16, len(data)/audio.BytesPerSample)
	audio.DecodeLE(pcm, data)
	if k.playout.Write(pcm) > 0 && !k.flooded {
		k.flooded = true
		k.s.Warn("more than %d messages are buffered", buffered)
	}
}

// earpiece is what the phone hears of the socket.
type earpiece struct {
	playout *carriersim.Playout
	up      *resample.Resampler
	frame   []int16 // at the socket's rate
	wide    []int16 // at the phone's
}

// Next implements carriersim.Source.
func (e *earpiece) Next(frame []int16) {
	clear(e.frame)
	e.playout.Next(e.frame)
	e.wide = e.up.Process(e.wide[:0], e.frame)
	copy(frame, e.wide)
}

// mouthpiece is what the socket hears of the phone.
type mouthpiece struct {
	socket *socketLeg
	down   *resample.Resampler
	frame  []int16 // at the socket's rate
}

// Said implements carriersim.Sink.
func (m *mouthpiece) Said(frame []int16) {
	m.frame = m.down.Process(m.frame[:0], frame)
	data := make([]byte, len(m.frame)*audio.BytesPerSample)
	audio.EncodeLE(data, m.frame)
	m.socket.socket.Send(true, data)
}

func (k *socketLeg) resamplers() (*earpiece, *mouthpiece, error) {
	up, err := resample.New(k.rate, k.s.Rate())
	if err != nil {
		return nil, nil, err
	}
	down, err := resample.New(k.s.Rate(), k.rate)
	if err != nil {
		return nil, nil, err
	}
	return &earpiece{playout: k.playout, up: up, frame: make([]int16, audio.SamplesPerFrame(k.rate))}, &mouthpiece{socket: k, down: down}, nil
}
