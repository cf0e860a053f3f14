package media_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	service "github.com/trunkline-io/trunkline/services/media"
)

const (
	org       = "default"
	account   = "AC00000000000000000000000000000001"
	authToken = "carrier-auth-token"
	leg       = "CA00000000000000000000000000000001"
)

// site is a media node over a NATS server of its own, with a trunk at Twilio,
// at an Asterisk, and at a carrier of another kind.
type site struct {
	t     *testing.T
	bus   *bus.Bus // another connection than the node's
	nats  *natsd.Server
	links trunk.Links
	addr  string
	drain context.CancelFunc
	ended chan error
	log   *safeBuffer
}

// newSite runs a node with an application named app.
func newSite(t *testing.T, app trunk.Application, change func(*service.Config)) *site {
	t.Helper()
	server := bustest.Server(t)
	keys, err := trunk.NewKeys(strings.Repeat("k", trunk.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, nats: server, bus: bustest.Connect(t, server), addr: ln.Addr().String(), ended: make(chan error, 1), log: &safeBuffer{}}
	s.links = trunk.Links{Keys: keys, Media: "ws://" + s.addr}
	app.Org, app.Name = org, "app"
	for _, line := range []trunk.Trunk{
		{Name: "main", Provider: "twilio", Config: map[string]any{"account_sid": account, "auth_token": authToken}},
		{Name: "pbx", Provider: "ari", Config: map[string]any{"ari_url": "http://127.0.0.1:1", "username": "u", "password": "p", "app": pbxApp}},
		{Name: "toy", Provider: "toy"},
	} {
		line.Org = org
		sealed, err := keys.SealSecrets(line, trunk.Trunk{})
		if err != nil {
			t.Fatal(err)
		}
		s.put(subject.BucketTrunks, subject.TrunkKey(org, line.Name), sealed)
	}
	s.put(subject.BucketApplications, subject.ApplicationKey(org, "app"), app)

	s.run("node-1", ln, change)
	return s
}

// run runs the site's node.
func (s *site) run(name string, ln net.Listener, change func(*service.Config)) {
	s.t.Helper()
	cfg := service.Config{Links: s.links, Node: name, Lead: 120 * time.Millisecond, MaxCalls: 10,
		StartLimit: 10 * time.Second, DrainLimit: time.Minute, Listener: ln}
	if change != nil {
		change(&cfg)
	}
	ready := make(chan struct{})
	cfg.Ready = func(string) { close(ready) }
	log := logrus.New()
	log.SetOutput(s.log)
	ctx, drain := context.WithCancel(s.t.Context())
	s.drain = drain
	node := bustest.Connect(s.t, s.nats)
	go func() { s.ended <- service.Run(ctx, cfg, node, log) }()
	s.t.Cleanup(func() {
		drain()
		if err := <-s.ended; err != nil {
			s.t.Errorf("%s ended with %v", name, err)
		}
		s.ended <- nil
		if s.t.Failed() {
			s.t.Log(s.log.String())
		}
	})
	select {
	case <-ready:
	case err := <-s.ended:
		s.ended <- nil
		s.t.Fatal(err)
	}
}

// another is a second node of the site.
func (s *site) another(name string) *site {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	other := *s
	other.addr, other.ended, other.log = ln.Addr().String(), make(chan error, 1), &safeBuffer{}
	other.run(name, ln, nil)
	return &other
}

func (s *site) put(bucket, key string, value any) {
	s.t.Helper()
	k, err := s.bus.Bucket(s.t.Context(), bucket)
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := json.Marshal(value)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := k.Put(s.t.Context(), key, doc); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) record(callID string, f event.Fact) {
	s.t.Helper()
	e := event.New("/test", org, callID, f)
	e.Trunk, e.Provider, e.Leg = "main", "twilio", leg
	if _, _, err := s.bus.Record(s.t.Context(), e); err != nil {
		s.t.Fatal(err)
	}
}

// with is the site for a part of its test.
func (s *site) with(t *testing.T) *site {
	part := *s
	part.t = t
	return &part
}

// ring records an inbound call that the application's agent has taken.
func (s *site) ring(callID string) {
	s.t.Helper()
	s.record(callID, event.CallReceived{From: "+14155550199", To: "+14155550101", Application: "app", Variables: map[string]string{"tier": "gold"}})
	s.record(callID, event.AgentBound{Application: "app", StreamID: stream(callID)})
}

func stream(callID string) string { return "S" + callID }

func path(callID string) trunk.StreamPath {
	return trunk.StreamPath{Org: org, Trunk: "main", Call: callID, Stream: stream(callID)}
}

func (s *site) url(callID string) string {
	return s.links.Stream(path(callID), time.Now().Add(time.Minute))
}

// fact waits for a fact of a call.
func (s *site) fact(callID string, like event.Fact) *event.Event {
	s.t.Helper()
	found := errors.New("found")
	var e *event.Event
	err := s.bus.Tail(s.t.Context(), bus.Span{Filters: subject.EventsOfType(org, callID, like.Type())}, nil, func(got *event.Event) error {
		e = got
		return found
	})
	if !errors.Is(err, found) {
		s.t.Fatalf("no %s of call %s: %v", like.Type(), callID, err)
	}
	return e
}

// given takes the next order of a type that a node has given.
func (s *site) given(typ string) (taken *bus.Order) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	err := s.bus.Work(ctx, bus.Queue{Name: "test", Types: []string{typ}, Parallel: 1, AckWait: time.Minute},
		func(_ context.Context, o *bus.Order) error {
			taken = o
			cancel()
			return nil
		})
	if err != nil || taken == nil {
		s.t.Fatalf("no order %s: %v", typ, err)
	}
	return taken
}

// noFact fails where a fact is recorded.
func (s *site) noFact(callID string, f event.Fact) {
	s.t.Helper()
	if e, err := s.bus.Fact(s.t.Context(), org, callID, f.Type(), f.Key()); !errors.Is(err, bus.ErrNotFound) {
		s.t.Errorf("%s is recorded: %+v, %v", f.Type(), e, err)
	}
}

func (s *site) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(resp.Body)
	return resp.StatusCode, body.String()
}

// handshake is the header with which Twilio opens a socket.
func handshake(url string) http.Header {
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(url))
	return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
}

// carrier is Twilio's end of a media socket.
type carrier struct {
	t    *testing.T
	conn *websocket.Conn
	seq  int
}

// message is what a node sends to a carrier.
type message struct {
	Event     string `json:"event"`
	StreamSID string `json:"streamSid"`
	Media     struct {
		Payload []byte `json:"payload"`
	} `json:"media"`
	Mark struct {
		Name string `json:"name"`
	} `json:"mark"`
}

// open opens the socket of a call, as Twilio would.
func (s *site) open(callID string) *carrier {
	s.t.Helper()
	url := s.url(callID)
	conn, resp, err := websocket.DefaultDialer.Dial(url, handshake(url))
	if err != nil {
		s.t.Fatalf("%v, response %+v", err, resp)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &carrier{t: s.t, conn: conn}
}

// answer opens the socket of a call and announces the stream.
func (s *site) answer(callID string) *carrier {
	s.t.Helper()
	c := s.open(callID)
	c.start(leg)
	return c
}

func (c *carrier) send(doc string) {
	c.t.Helper()
	c.seq++
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(strings.ReplaceAll(doc, "$SEQ", fmt.Sprint(c.seq)))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *carrier) start(leg string) {
	c.t.Helper()
	c.send(`{"event":"connected","protocol":"Call","version":"1.0.0"}`)
	c.send(`{"event":"start","sequenceNumber":"$SEQ","start":{"accountSid":"` + account + `","streamSid":"MZ1","callSid":"` + leg +
		`","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":"MZ1"}`)
}

func (c *carrier) speak(ulaw []byte) {
	c.t.Helper()
	for len(ulaw) > 0 {
		n := min(160, len(ulaw))
		c.send(`{"event":"media","sequenceNumber":"$SEQ","media":{"track":"inbound","chunk":"$SEQ","timestamp":"5","payload":"` +
			base64.StdEncoding.EncodeToString(ulaw[:n]) + `"},"streamSid":"MZ1"}`)
		ulaw = ulaw[n:]
	}
}

func (c *carrier) press(digit string) {
	c.t.Helper()
	c.send(`{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"$SEQ","dtmf":{"track":"inbound_track","digit":"` + digit + `"}}`)
}

func (c *carrier) returnMark(name string) {
	c.t.Helper()
	c.send(`{"event":"mark","sequenceNumber":"$SEQ","streamSid":"MZ1","mark":{"name":"` + name + `"}}`)
}

func (c *carrier) stop() {
	c.t.Helper()
	c.send(`{"event":"stop","sequenceNumber":"$SEQ","stop":{"accountSid":"` + account + `","callSid":"` + leg + `"},"streamSid":"MZ1"}`)
}

// next is the node's next message. Audio must be a frame of exactly 20 ms.
func (c *carrier) next() message {
	c.t.Helper()
	_, doc, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(doc, &m); err != nil {
		c.t.Fatalf("%v in %s", err, doc)
	}
	if m.StreamSID != "MZ1" || m.Event == "media" && len(m.Media.Payload) != 160 {
		c.t.Fatalf("the node sent %s", doc)
	}
	return m
}

// hear reads n frames, and nothing else.
func (c *carrier) hear(n int) []byte {
	c.t.Helper()
	var ulaw []byte
	for range n {
		m := c.next()
		if m.Event != "media" {
			c.t.Fatalf("after %d bytes of audio came %s", len(ulaw), m.Event)
		}
		ulaw = append(ulaw, m.Media.Payload...)
	}
	return ulaw
}

// closed reads up to the close, which must have a code.
func (c *carrier) closed(code int) {
	c.t.Helper()
	for {
		_, _, err := c.conn.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, code) {
			c.t.Errorf("the socket ended with %v, want close code %d", err, code)
		}
		return
	}
}

// agent is a program at the other end, over NATS.
type agent struct {
	t       *testing.T
	line    bus.Line
	call    string
	signals chan media.Signal
	audio   chan []byte
}

// agent listens on a call, as one does that has accepted the offer.
func (s *site) agent(callID string) *agent {
	s.t.Helper()
	a := &agent{t: s.t, line: s.bus.Line(callID), call: callID, signals: make(chan media.Signal, 1000), audio: make(chan []byte, 10_000)}
	stop, err := a.line.Subscribe(subject.Caller(org, callID), func(subj string, data []byte) {
		if subj == subject.CallerAudio(org, callID) {
			a.audio <- bytes.Clone(data)
			return
		}
		var sig media.Signal
		if err := json.Unmarshal(data, &sig); err != nil {
			s.t.Errorf("signal %s: %v", data, err)
		}
		a.signals <- sig
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := a.line.Flush(ctx); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (a *agent) say(data []byte) {
	a.t.Helper()
	if err := a.line.Publish(subject.AgentAudio(org, a.call), data); err != nil {
		a.t.Fatal(err)
	}
}

func (a *agent) order(c media.Control) {
	a.t.Helper()
	doc, err := json.Marshal(c)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.line.Publish(subject.AgentControl(org, a.call), doc); err != nil {
		a.t.Fatal(err)
	}
}

func (a *agent) signal() media.Signal {
	a.t.Helper()
	select {
	case s := <-a.signals:
		return s
	case <-time.After(20 * time.Second):
		a.t.Fatal("the agent gets no signal")
		return media.Signal{}
	}
}

// started waits for the call.
func (a *agent) started() media.Started {
	a.t.Helper()
	s := a.signal()
	if s.Started == nil {
		a.t.Fatalf("the first signal is %+v, want started", s)
	}
	return *s.Started
}

// hear takes n bytes of the caller's voice.
func (a *agent) hear(n int) []byte {
	a.t.Helper()
	var pcm []byte
	for len(pcm) < n {
		select {
		case data := <-a.audio:
			pcm = append(pcm, data...)
		case <-time.After(20 * time.Second):
			a.t.Fatalf("the agent hears %d bytes, want %d", len(pcm), n)
		}
	}
	return pcm
}

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
