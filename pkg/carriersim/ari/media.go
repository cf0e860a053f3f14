package ari

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	closedByCommand = 1000 // tech_cause after HANGUP
	closedByGateway = 1001 // and after anything else at the gateway's end
	// longestFrame is the payload up to which a message is read: 65,535 bytes with
	// its header.
	longestFrame = 65535 - 8
	// How often a section of websocket_client.conf tries to connect, and how long
	// it waits between.
	clientTries = 2
	clientPause = 200 * time.Millisecond
)

// media is the socket of a media channel.
type media struct {
	c          *Carrier
	ch         *channel
	server     bool   // the gateway connects
	connection string // id, or section of websocket_client.conf
	format     format
	formatName string
	options    mediaOptions
	app        string
	args       []string
	queue      *queue

	used      bool // by a connection; guarded by the PBX's lock
	connected chan struct{}
	answered  chan struct{} // closed by ANSWER, or from the start
	socket    atomic.Pointer[carriersim.Socket]
	leg       atomic.Pointer[carriersim.Leg] // whose sound it carries, or carried last

	mu        sync.Mutex
	up, down  *resample.Resampler // to the phones' rate, and back
	direction string
	played    bool // the frame before was sound to the phones
	heard     bool // and from them
}

// serveMedia lets the gateway connect. It asks for no password.
func (c *Carrier) serveMedia(w http.ResponseWriter, r *http.Request) {
	protocols := websocket.Subprotocols(r)
	c.mu.Lock()
	m := c.media[r.PathValue("id")]
	status := 0
	switch {
	case m == nil:
		status = http.StatusNotFound
	case r.Header.Get("Upgrade") == "":
		status = http.StatusUpgradeRequired
	case len(protocols) > 0 && !slices.Contains(protocols, "media"):
		status = http.StatusBadRequest
	case m.used:
		status = http.StatusConflict
	default:
		m.used = true
	}
	c.mu.Unlock()
	if status != 0 {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		w.Write([]byte("<html><body><h1>" + http.StatusText(status) + "</h1></body></html>"))
		return
	}
	conn, err := upgrade(w, r, protocols)
	if err != nil {
		return // the upgrader has answered
	}
	conn.SetReadLimit(longestFrame)
	ready := make(chan struct{})
	m.use(c.UseSocket(nil, conn, m.receiver(ready)), ready)
}

// receiver takes messages once the greeting was sent.
func (m *media) receiver(ready <-chan struct{}) func(binary bool, data []byte) {
	return func(binary bool, data []byte) {
		<-ready
		m.receive(binary, data)
	}
}

// use begins to talk on a socket.
func (m *media) use(socket *carriersim.Socket, ready chan struct{}) {
	m.socket.Store(socket)
	m.greet()
	close(ready)
	close(m.connected)
	m.c.Go(func(ctx context.Context) {
		select {
		case <-m.ch.hungUp:
		case <-ctx.Done():
		}
		socket.Close()
	})
}

// dial connects to the gateway. The parameters of v() stay with the section: a
// call without any is given those of the call before it.
func (m *media) dial(ctx context.Context) error {
	section := m.c.opt.Clients[m.connection]
	m.c.mu.Lock()
	if m.options.query == "" {
		m.options.query = m.c.leaked[m.connection]
	}
	m.c.leaked[m.connection] = m.options.query
	m.c.mu.Unlock()
	target, header := section.URI, http.Header{}
	if m.options.query != "" {
		mark := "?"
		if strings.Contains(target, "?") {
			mark = "&"
		}
		target += mark + m.options.query
	}
	if section.Username != "" {
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(section.Username+":"+section.Password)))
	}
	var err error
	for try := range clientTries {
		if try > 0 && carriersim.Sleep(ctx, clientPause) != nil {
			break
		}
		ready := make(chan struct{})
		var socket *carriersim.Socket
		if socket, err = m.c.OpenSocket(ctx, nil, target, header, []string{"media"}, m.receiver(ready)); err == nil {
			m.use(socket, ready)
			return nil
		}
	}
	return err
}

// run is the life of a media channel.
func (m *media) run(ctx context.Context) {
	defer m.ch.destroy()
	if m.connect(ctx) {
		m.pace(ctx, m.socket.Load())
	}
}

// enter is the answer of a media channel, after which it is in Stasis.
func (m *media) enter() {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	if m.ch.end != nil {
		return
	}
	if !m.server {
		m.ch.dialed("")
	}
	m.ch.move(stateUp)
	m.ch.dialed("ANSWER")
	if !m.ch.enter(m.app, m.args) {
		m.ch.request(hungUpByPBX, ending{cause: causeNormal}, nil)
	}
}

// connect waits for the gateway, or goes to it.
func (m *media) connect(ctx context.Context) bool {
	if !m.server {
		if m.dial(ctx) != nil {
			m.fail(ending{cause: causeNoRoute}, nil)
			return false
		}
		return true
	}
	timer := time.NewTimer(m.c.opt.MediaWait)
	defer timer.Stop()
	select {
	case <-m.connected:
		return true
	case <-timer.C:
		m.fail(ending{cause: causeNoAnswer}, nil)
	case <-m.ch.hungUp:
	case <-ctx.Done():
	}
	return false
}

// fail ends the channel from within.
func (m *media) fail(e ending, fields map[string]any) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	m.ch.request(hungUpByPBX, e, fields)
}

// pace answers, and plays the queue where no phone does, until the end.
func (m *media) pace(ctx context.Context, socket *carriersim.Socket) {
	ticker := time.NewTicker(audio.FrameDuration)
	defer ticker.Stop()
	answered := m.answered
	for {
		select {
		case <-answered:
			answered = nil
			m.enter()
		case <-ticker.C:
			if mixer := m.ch.mixer.Load(); mixer == nil || !mixer.led() {
				m.play(nil)
			}
		case <-socket.Done():
			e := ending{causeFailure, closedByGateway}
			if closed := (*websocket.CloseError)(nil); errors.As(socket.Err(), &closed) && closed.Code != websocket.CloseAbnormalClosure {
				e.cause = causeNormal
			}
			m.fail(e, m.c.withTech(map[string]any{"cause": e.cause}, e.tech))
			return
		case <-m.ch.hungUp:
			return
		case <-ctx.Done():
			return
		}
	}
}

// serve tells whose sound the socket carries.
func (m *media) serve(leg *carriersim.Leg) {
	if m.leg.Swap(leg) != leg {
		leg.Note("stream started %s", m.ch.name)
		leg.Attach(m.socket.Load())
	}
}

// play appends the sound of one frame towards the phones, nothing where there is
// none.
func (m *media) play(dst []int16) []int16 {
	frame := m.queue.next()
	m.mu.Lock()
	defer m.mu.Unlock()
	if frame == nil && !m.played {
		return dst
	}
	m.played = frame != nil
	return m.up.Process(dst, m.format.samples(frame))
}

// hear sends the sound of one frame from the phones. One frame after the last
// sound is sent as well.
func (m *media) hear(frame []int16, sound bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !sound && !m.heard && !m.c.opt.Comfort || m.direction == "out" {
		return
	}
	m.heard = sound
	m.socket.Load().Send(true, m.format.bytes(m.down.Process(nil, frame)))
}
